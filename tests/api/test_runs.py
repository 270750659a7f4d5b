"""How does a run begin, and what does a client see of it from then on?"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service.domain.configs import RunTarget, TargetType
from service.domain.identifiers import new_id
from tests.api.live import Live, running
from tests.seeding import add_config, add_documents, invoices

# A completed run as clients know it: these names, these types.
SAMPLE = json.loads("""
{"id": "c3d4e5f6-a7b8-9012-cdef-123456789012",
 "matching_config_id": "a1b2c3d4-e5f6-7890-abcd-ef1234567890", "status": "completed",
 "triggered_by": "manual", "rows_processed": 200, "rows_matched": 183, "avg_confidence": 0.91,
 "started_at": "2024-10-02T14:00:05.000Z", "completed_at": "2024-10-02T14:02:30.000Z",
 "error": null, "created_at": "2024-10-02T14:00:00.000Z",
 "links": {"self": "/v1/matching/runs/c3d4e5f6-a7b8-9012-cdef-123456789012",
           "config": "/v1/matching/configs/a1b2c3d4-e5f6-7890-abcd-ef1234567890"},
 "results": [
   {"id": "e5f6a7b8-0000-0000-0000-000000000000", "document_id": "doc_uuid_1",
    "document_filename": "invoice-acme-2024-001.pdf", "matched_reference_row_id": "ref_row_42",
    "confidence": 0.92, "status": "pending",
    "evidence": {"vendor": {"strategy": "fuzzy", "score": 0.95},
                 "number": {"strategy": "exact", "score": 1.0}}}]}
""")
ADDITIONS = {
    "rows_total": int,
    "dry_run": bool,
    "reference_data_version": int,
    "config_version": int,
    "warnings": list,
    "ai": type(None),
    "version": int,
    "last_event_id": int,
}
BAD_BODIES = [
    ({"document_id": ["doc_000000"]}, "/document_id", "unknown_key"),
    ({"document_ids": []}, "/document_ids", "invalid_value"),
    ({"document_ids": "doc_000000"}, "/document_ids", "wrong_type"),
    ({"document_ids": ["x" * 201]}, "/document_ids/0", "invalid_value"),
    ({"collection": ""}, "/collection", "invalid_value"),
    ({"triggered_by": "cron"}, "/triggered_by", "invalid_value"),
    ({"dry_run": "yes"}, "/dry_run", "wrong_type"),
    ([], "", "wrong_type"),
]


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, tmp_path) as live:
        yield live


def run_path(live: Live, config_id: object = None) -> str:
    return f"/v1/matching/configs/{config_id or live.world.config_id}/run"


def check_like(sample: Any, value: Any, where: str = "") -> None:
    """Hold a value to the names and JSON types of a sample; more names are welcome."""
    if isinstance(sample, dict):
        assert isinstance(value, dict), where
        for name, part in sample.items():
            assert name in value, f"{where}/{name}"
            check_like(part, value[name], f"{where}/{name}")
    elif isinstance(sample, list):
        assert isinstance(value, list), where
        assert value, where
        for place, item in enumerate(value):
            check_like(sample[0], item, f"{where}/{place}")
    else:
        assert type(value) is type(sample), f"{where}: {value!r} instead of {sample!r}"


async def test_a_run_starts_queued_without_a_body(live: Live) -> None:
    live.executor.hold()
    reply = await live.client.post(run_path(live))
    run = reply.json()
    assert reply.status_code == 202
    assert reply.headers["location"] == run["links"]["self"] == f"/v1/matching/runs/{run['id']}"
    assert (run["status"], run["triggered_by"], run["dry_run"]) == ("queued", "api", False)
    assert run["rows_processed"] is run["rows_total"] is run["rows_matched"] is None
    assert run["last_event_id"] == 1
    assert "results" not in run


async def test_a_completed_run_has_the_names_and_types_of_the_sample(live: Live) -> None:
    run = await live.completed(triggered_by="manual")
    check_like(SAMPLE, run)
    assert run["triggered_by"] == "manual"
    assert run["links"]["config"] == f"/v1/matching/configs/{live.world.config_id}"
    assert set(run["links"]) == {"self", "config", "progress", "events", "results"}
    assert {name: type(run[name]) for name in ADDITIONS} == ADDITIONS
    for moment in ("created_at", "started_at", "completed_at"):
        assert len(run[moment]) == len("2024-10-02T14:00:05.000Z")
        assert run[moment].endswith("Z")


def test_the_check_of_the_sample_tells_types_apart() -> None:
    with pytest.raises(AssertionError, match="/rows"):
        check_like({"rows": 1}, {"rows": 1.0})
    with pytest.raises(AssertionError, match="/a/0/b"):
        check_like({"a": [{"b": ""}]}, {"a": [{}]})


async def test_the_detail_shows_the_50_most_confident_once_it_ended(live: Live) -> None:
    weaker = {f"weak_{n}": {"vendor": f"Alpine {'x' * n}", "number": "n-0"} for n in range(1, 40)}
    await add_documents(live.world.database, live.world.workspace_id, weaker)
    live.executor.hold()
    run = await live.start()
    assert "results" not in await live.get(run["links"]["self"])
    live.executor.release()
    top = (await live.wait_until_ended(run))["results"]
    listed = await live.get(run["links"]["results"], limit=500)
    assert len(top) == 50 < listed["pagination"]["total"]
    assert top == listed["data"][:50]
    assert [-each["confidence"] for each in top] == sorted(-each["confidence"] for each in top)
    assert top[-1]["confidence"] < top[0]["confidence"]


async def test_named_documents_are_matched_once_each(live: Live) -> None:
    run = await live.completed(document_ids=["doc_000003", "doc_000001", "doc_000003"])
    assert [each["document_id"] for each in run["results"]] == ["doc_000001", "doc_000003"]
    assert run["rows_total"] == 2


async def test_missing_documents_are_pointed_at_where_they_were_sent(live: Live) -> None:
    named = ["doc_000001", "doc_000001", "gone", "doc_000002", "lost", "gone"]
    reply = await live.client.post(run_path(live), json={"document_ids": named})
    problems = reply.json()["errors"]
    assert reply.status_code == 400
    assert [problem["pointer"] for problem in problems] == [f"/document_ids/{n}" for n in (2, 4, 5)]
    assert all("`default`" in problem["message"] for problem in problems)
    assert "`lost`" in problems[1]["message"]


async def test_a_named_collection_goes_before_the_configs(live: Live) -> None:
    world = live.world
    for collection, count in (("may", 2), ("june", 3)):
        await add_documents(world.database, world.workspace_id, invoices(count), collection)
    target = RunTarget(type=TargetType.COLLECTION, collection="may")
    config = await add_config(world.database, world.workspace_id, world.reference_id, target=target)
    totals = {}
    for body in ({}, {"collection": "june"}):
        reply = await live.client.post(run_path(live, config), json=body)
        totals[str(body)] = (await live.wait_until_ended(reply.json()))["rows_total"]
    assert list(totals.values()) == [2, 3]
    assert (await live.completed())["rows_total"] == 20


async def test_a_document_filter_takes_the_documents_that_fit(live: Live) -> None:
    world = live.world
    target = RunTarget(type=TargetType.DOCUMENT_FILTER, field="number", equals="n-2")
    config = await add_config(world.database, world.workspace_id, world.reference_id, target=target)
    started = (await live.client.post(run_path(live, config))).json()
    run = await live.wait_until_ended(started)
    assert {each["matched_reference_row_id"] for each in run["results"]} == {"ref_2"}
    assert run["rows_total"] == 4


async def test_a_run_over_nothing_completes_with_nothing(live: Live) -> None:
    run = await live.completed(collection="empty")
    assert (run["rows_total"], run["rows_processed"], run["rows_matched"]) == (0, 0, 0)
    assert run["avg_confidence"] is None
    assert run["results"] == []


async def test_a_wrong_body_is_refused_by_name(live: Live) -> None:
    for body, pointer, code in BAD_BODIES:
        reply = await live.client.post(run_path(live), json=body)
        assert (reply.status_code, reply.json()["code"]) == (400, "validation_error")
        (problem,) = reply.json()["errors"]
        assert (problem["pointer"], problem["code"]) == (pointer, code)
    assert (await live.get("/v1/matching/runs"))["data"] == []


async def test_the_ai_pass_is_refused_up_front_without_a_key_for_it(live: Live) -> None:
    reply = await live.client.post(run_path(live), json={"ai": True})
    assert (reply.status_code, reply.json()["code"]) == (409, "ai_not_configured")
    assert (await live.get("/v1/matching/runs"))["data"] == []


async def test_an_unknown_or_foreign_config_is_not_found(live: Live) -> None:
    stranger = await live.stranger()
    replies = [
        await live.client.post(run_path(live, new_id())),
        await live.client.post(run_path(live, "none")),
        await live.client.post(run_path(live), headers=stranger),
    ]
    assert [(reply.status_code, reply.json()["code"]) for reply in replies] == [
        (404, "not_found")
    ] * 3


async def test_deleted_reference_data_is_named(live: Live) -> None:
    reference_id = live.world.reference_id
    async with live.world.database.connection() as connection:
        await connection.execute("DELETE FROM reference_data WHERE id = $1", reference_id)
    reply = await live.client.post(run_path(live))
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert str(reference_id) in reply.json()["detail"]


async def test_reference_data_that_is_not_ready_is_a_conflict(live: Live) -> None:
    async with live.world.database.connection() as connection:
        await connection.execute("UPDATE reference_data SET status = 'importing'")
    reply = await live.client.post(run_path(live))
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
    assert "importing" in reply.json()["detail"]


async def test_another_workspace_has_no_such_run(live: Live) -> None:
    run = await live.completed()
    headers = await live.stranger()
    for path in ("", "/progress", "/events", "/results"):
        reply = await live.client.get(run["links"]["self"] + path, headers=headers)
        assert (reply.status_code, reply.json()["code"]) == (404, "not_found"), path
    reply = await live.client.post(run["links"]["self"] + "/cancel", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
    assert (await live.client.get("/v1/matching/runs", headers=headers)).json()["data"] == []


async def test_cancelling_a_queued_run_ends_it_at_once(live: Live) -> None:
    live.executor.hold()
    busy = [await live.start() for _ in range(4)]
    run = await live.start()
    reply = await live.client.post(run["links"]["self"] + "/cancel")
    cancelled = reply.json()
    assert (reply.status_code, cancelled["status"]) == (200, "cancelled")
    assert cancelled["rows_processed"] is cancelled["started_at"] is None
    assert [event["type"] for event in await live.events(run)] == ["run.queued", "run.cancelled"]
    again = await live.client.post(run["links"]["self"] + "/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    live.executor.release()
    for each in busy:
        assert (await live.wait_until_ended(each))["status"] == "completed"


async def test_cancelling_a_running_run_keeps_what_is_done(live: Live) -> None:
    await add_documents(live.world.database, live.world.workspace_id, invoices(200), "many")
    live.executor.hold()
    run = await live.start(collection="many")
    live.executor.step()
    async with asyncio.timeout(10):
        with live.engine.signals.subscribe(f"run:{run['id']}") as wake:
            while not (await live.get(run["links"]["progress"]))["rows_processed"]:
                await wake.wait()
    reply = await live.client.post(run["links"]["self"] + "/cancel")
    cancelled = reply.json()
    live.executor.release()
    listed = await live.get(run["links"]["results"], limit=500)
    assert (cancelled["status"], cancelled["error"]) == ("cancelled", None)
    assert 0 < cancelled["rows_processed"] == listed["pagination"]["total"] < 200
    assert cancelled["rows_matched"] == sum(
        each["matched_reference_row_id"] is not None for each in listed["data"]
    )
    last = (await live.events(run))[-1]
    assert (last["type"], last["run"]) == ("run.cancelled", cancelled)


async def test_a_completed_run_cannot_be_cancelled(live: Live) -> None:
    run = await live.completed()
    reply = await live.client.post(run["links"]["self"] + "/cancel")
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
    assert "completed" in reply.json()["detail"]
    assert await live.get(run["links"]["self"]) == run
