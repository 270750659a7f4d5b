"""What does a person's verdict change, who may give it, and who hears of it?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from asyncpg import RaiseError

from service.domain.errors import ConflictError
from service.domain.identifiers import ResultId, RunId, new_id
from service.domain.results import ReviewStatus
from service.store import reviews, runs
from service.store.reviews import Review
from tests.api.live import Live, running
from tests.outages import lock_waits
from tests.seeding import add_documents

DOCUMENT = {"vendor": "Alpine Metalwork", "number": "N0"}
UNCERTAIN = {"vendor": "Alpine", "number": None}
ROW = "/matched_reference_row_id"
BAD_BODIES: list[tuple[dict[str, Any], str, str]] = [
    ({}, "/status", "required"),
    ({"status": "fine"}, "/status", "invalid_value"),
    ({"status": "approved", "note": "x"}, "/note", "unknown_key"),
    ({"status": "approved", "notes": 5}, "/notes", "wrong_type"),
    ({"status": "approved", "notes": "x" * 10_001}, "/notes", "invalid_value"),
    ({"status": "approved", "matched_reference_row_id": ""}, ROW, "invalid_value"),
    ({"status": "rejected", "matched_reference_row_id": "ref_0"}, ROW, "invalid_value"),
    ({"status": "pending", "matched_reference_row_id": "ref_0"}, ROW, "invalid_value"),
]


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, tmp_path, documents=1) as live:
        await add_documents(live.world.database, live.world.workspace_id, {"sure": DOCUMENT}, "one")
        await add_documents(
            live.world.database, live.world.workspace_id, {"unsure": UNCERTAIN}, "two"
        )
        yield live


async def reviewable(live: Live, collection: str = "one") -> tuple[Any, Any]:
    """Complete a run with one result; return both."""
    run = await live.completed(collection=collection)
    (result,) = run.pop("results")
    return run, result


async def review(
    live: Live, run: Any, result: Any, etag: str | None = None, **body: Any
) -> httpx2.Response:
    headers = {} if etag is None else {"If-Match": etag}
    path = f"{run['links']['results']}/{result['id']}/review"
    return await live.client.post(path, json=body, headers=headers)


async def fetch(live: Live, run: Any, result: Any) -> httpx2.Response:
    return await live.client.get(f"{run['links']['results']}/{result['id']}")


@pytest.mark.parametrize("status", ["approved", "rejected"])
async def test_a_verdict_is_kept_with_its_notes_and_its_author(live: Live, status: str) -> None:
    run, result = await reviewable(live)
    reply = await review(live, run, result, status=status, notes="seen on paper")
    reviewed = reply.json()
    assert reply.status_code == 200
    changed = {name for name in result if result[name] != reviewed[name]}
    assert changed == {"status", "notes", "reviewed_at", "reviewed_by", "version"}
    assert (reviewed["status"], reviewed["notes"]) == (status, "seen on paper")
    assert (reviewed["reviewed_by"], reviewed["version"]) == ("reviewer", result["version"] + 1)
    stored = await fetch(live, run, result)
    assert stored.json() == reviewed
    assert stored.headers["etag"] == reply.headers["etag"]


async def test_another_candidate_can_be_chosen(live: Live) -> None:
    run, result = await reviewable(live)
    second = result["candidates"][1]
    row_id = second["reference_row_id"]
    reply = await review(live, run, result, status="approved", matched_reference_row_id=row_id)
    chosen = reply.json()
    assert (chosen["matched_reference_row_id"], chosen["resolved_by"]) == (row_id, "review")
    assert chosen["confidence"] == result["confidence"] != second["confidence"]
    # Evidence is of the matched row, and adds up to what the rules say of that row.
    assert chosen["evidence"] == second["evidence"] != result["evidence"]
    assert chosen["rule_confidence"] == second["confidence"]
    assert chosen["candidates"] == result["candidates"]
    listed = await live.get(run["links"]["results"], resolved_by="review")
    assert listed["data"] == [chosen]


async def test_a_candidate_can_be_chosen_where_the_rules_found_no_match(live: Live) -> None:
    run, result = await reviewable(live, "two")
    assert result["matched_reference_row_id"] is None
    row_id = result["candidates"][0]["reference_row_id"]
    body = {"status": "approved", "matched_reference_row_id": row_id}
    chosen = (await review(live, run, result, **body)).json()
    assert (chosen["matched_reference_row_id"], chosen["resolved_by"]) == (row_id, "review")
    assert (await live.get(run["links"]["results"], matched="true"))["data"] == [chosen]


async def test_naming_the_proposed_row_is_a_plain_approval(live: Live) -> None:
    run, result = await reviewable(live)
    row_id = result["matched_reference_row_id"]
    reply = await review(live, run, result, status="approved", matched_reference_row_id=row_id)
    assert (reply.json()["resolved_by"], reply.json()["status"]) == ("rules", "approved")


async def test_pending_undoes_everything(live: Live) -> None:
    run, result = await reviewable(live)
    row_id = result["candidates"][1]["reference_row_id"]
    body = {"status": "approved", "matched_reference_row_id": row_id, "notes": "looks right"}
    await review(live, run, result, **body)
    undone = (await review(live, run, result, status="pending")).json()
    assert undone == {**result, "version": result["version"] + 2}


async def test_a_repeated_verdict_replaces_the_one_before(live: Live) -> None:
    run, result = await reviewable(live)
    row_id = result["candidates"][1]["reference_row_id"]
    body = {"status": "approved", "matched_reference_row_id": row_id, "notes": "looks right"}
    await review(live, run, result, **body)
    rejected = (await review(live, run, result, status="rejected")).json()
    assert (rejected["status"], rejected["notes"]) == ("rejected", None)
    assert rejected["matched_reference_row_id"] == result["matched_reference_row_id"]
    assert rejected["resolved_by"] == "rules"


async def test_a_row_that_is_no_candidate_is_refused_with_the_candidates(live: Live) -> None:
    run, result = await reviewable(live)
    reply = await review(live, run, result, status="approved", matched_reference_row_id="ref_99")
    (problem,) = reply.json()["errors"]
    assert (reply.status_code, problem["pointer"]) == (400, "/matched_reference_row_id")
    for candidate in result["candidates"]:
        assert f"`{candidate['reference_row_id']}`" in problem["message"]
    assert (await fetch(live, run, result)).json() == result


async def test_reviews_change_neither_counters_nor_status_of_the_run(live: Live) -> None:
    run, result = await reviewable(live)
    row_id = result["candidates"][1]["reference_row_id"]
    await review(live, run, result, status="approved", matched_reference_row_id=row_id)
    after = await live.get(run["links"]["self"])
    after.pop("results")
    assert after == {**run, "last_event_id": run["last_event_id"] + 1}


async def test_a_review_is_told_with_the_runs_next_number(live: Live) -> None:
    run, result = await reviewable(live)
    reviewed = [
        (await review(live, run, result, status=status)).json()
        for status in ("approved", "rejected")
    ]
    told = [each for each in await live.events(run) if each["type"] == "result.reviewed"]
    assert [event["run_seq"] for event in told] == [run["last_event_id"] + n for n in (1, 2)]
    for event, each in zip(told, reviewed, strict=True):
        each.pop("candidates")
        assert event["result"] == each


async def test_an_event_has_no_evidence_beyond_its_bound(live: Live) -> None:
    long = {**DOCUMENT, "vendor": "Alpine Metalwork " * 4_000}
    await add_documents(live.world.database, live.world.workspace_id, {"long": long}, "one")
    run = await live.completed(collection="one")
    told = {}
    for result in run["results"]:
        reviewed = (await review(live, run, result, status="approved")).json()
        assert reviewed["evidence"] == result["evidence"]
    for event in await live.events(run):
        if event["type"] == "result.reviewed":
            told[event["result"]["document_id"]] = set(event["result"]["evidence"])
    assert told == {"long": set(), "sure": {"vendor", "number"}}


async def test_a_stale_version_is_refused(live: Live) -> None:
    run, result = await reviewable(live)
    seen = (await fetch(live, run, result)).headers["etag"]
    first = await review(live, run, result, seen, status="approved")
    assert first.status_code == 200
    for stale in (seen, f"W/{first.headers['etag']}", '"nonsense"'):
        late = await review(live, run, result, stale, status="rejected")
        assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert (await fetch(live, run, result)).json() == first.json()
    for fitting in (first.headers["etag"], "*"):
        assert (await review(live, run, result, fitting, status="rejected")).status_code == 200


@pytest.mark.parametrize("rivals", [2, 6])
async def test_of_reviews_of_the_same_version_exactly_one_wins(live: Live, rivals: int) -> None:
    run, result = await reviewable(live)
    seen = (await fetch(live, run, result)).headers["etag"]
    async with asyncio.TaskGroup() as tasks:
        racing = [
            tasks.create_task(review(live, run, result, seen, status="approved", notes=f"{n}"))
            for n in range(rivals)
        ]
    codes = sorted(task.result().status_code for task in racing)
    assert codes == [200, *[412] * (rivals - 1)]
    (won,) = (task.result().json() for task in racing if task.result().status_code == 200)
    assert (await fetch(live, run, result)).json() == won
    assert [e["type"] for e in await live.events(run)].count("result.reviewed") == 1


async def test_reviews_that_name_no_version_all_count(live: Live) -> None:
    run, result = await reviewable(live)
    async with asyncio.TaskGroup() as tasks:
        for number in range(5):
            etag = "*" if number % 2 else None
            tasks.create_task(review(live, run, result, etag, status="approved"))
    assert (await fetch(live, run, result)).json()["version"] == result["version"] + 5
    numbers = [event["run_seq"] for event in await live.events(run)]
    assert numbers == list(range(1, run["last_event_id"] + 6))


async def test_a_run_that_is_alive_cannot_be_reviewed(live: Live) -> None:
    run, result = await reviewable(live)
    async with live.world.database.connection() as connection:
        await connection.execute("UPDATE runs SET status = 'running' WHERE id = $1", run["id"])
    reply = await review(live, run, result, status="approved")
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
    assert "running" in reply.json()["detail"]


async def test_a_run_that_goes_on_in_the_meantime_takes_no_review(live: Live) -> None:
    run, result = await reviewable(live)
    world = live.world
    verdict = Review(
        result_id=ResultId(UUID(result["id"])),
        status=ReviewStatus.APPROVED,
        notes=None,
        choice=None,
        reviewer="late",
        if_version=None,
    )
    async with world.database.connection() as connection:
        seen = await runs.fetch(connection, world.workspace_id, RunId(UUID(run["id"])))
        assert seen is not None
        await connection.execute("UPDATE runs SET status = 'ai_resolving' WHERE id = $1", seen.id)
    with pytest.raises(ConflictError):
        async with world.database.transaction() as connection:
            await reviews.record(connection, seen, [verdict])
    assert (await fetch(live, run, result)).json() == result


async def test_the_history_keeps_every_review(live: Live) -> None:
    run, result = await reviewable(live)
    row_id = result["candidates"][1]["reference_row_id"]
    await review(live, run, result, status="rejected", notes="wrong vendor")
    await review(live, run, result, status="approved", matched_reference_row_id=row_id)
    undone = (await review(live, run, result, status="pending")).json()

    path = f"{run['links']['results']}/{result['id']}/history"
    told = await live.get(path)

    assert told["pagination"]["total"] == 3
    assert [
        (each["version"], each["status"], each["notes"], each["matched_reference_row_id"])
        for each in told["data"]
    ] == [
        (4, "pending", None, result["matched_reference_row_id"]),
        (3, "approved", None, row_id),
        (2, "rejected", "wrong vendor", result["matched_reference_row_id"]),
    ]
    assert {each["reviewed_by"] for each in told["data"]} == {"reviewer"}
    assert told["data"][2]["reviewed_at"] <= told["data"][1]["reviewed_at"]
    assert (undone["status"], undone["reviewed_by"], undone["version"]) == ("pending", None, 4)
    first = await live.get(path, limit=2)
    rest = await live.get(path, limit=2, cursor=first["pagination"]["next_cursor"])
    assert first["data"] + rest["data"] == told["data"]
    reply = await live.client.get(path, headers=await live.stranger())
    assert reply.status_code == 404


async def test_the_history_cannot_be_changed(live: Live) -> None:
    run, result = await reviewable(live)
    await review(live, run, result, status="rejected")
    async with live.world.database.connection() as connection:
        with pytest.raises(RaiseError, match="only added to"):
            await connection.execute("UPDATE result_reviews SET reviewed_by = 'someone else'")


async def test_a_dry_run_cannot_be_reviewed(live: Live) -> None:
    run = await live.completed(dry_run=True)
    assert run["dry_run"] is True
    reply = await review(live, run, run["results"][0], status="approved")
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
    assert "dry run" in reply.json()["detail"]


async def test_a_wrong_verdict_is_refused_by_name(live: Live) -> None:
    run, result = await reviewable(live)
    for body, pointer, code in BAD_BODIES:
        reply = await review(live, run, result, **body)
        (problem,) = reply.json()["errors"]
        assert reply.status_code == 400
        assert (problem["pointer"], problem["code"]) == (pointer, code)
    assert (await fetch(live, run, result)).json() == result


async def test_only_what_is_there_and_ones_own_can_be_reviewed(live: Live) -> None:
    run, result = await reviewable(live)
    other, _ = await reviewable(live)
    body = {"status": "approved"}
    path = f"{run['links']['results']}/{result['id']}/review"
    replies = [
        await live.client.post(path, json=body, headers=await live.stranger()),
        await review(live, other, result, **body),
        await review(live, run, {"id": new_id()}, **body),
        await review(live, run, {"id": "one"}, **body),
    ]
    assert {(reply.status_code, reply.json()["code"]) for reply in replies} == {(404, "not_found")}
    assert (await fetch(live, run, result)).json() == result


@pytest.mark.parametrize("path", ["/{}/review", "/review"])
async def test_a_run_that_is_deleted_meanwhile_takes_no_review(live: Live, path: str) -> None:
    run, result = await reviewable(live)
    body = {"status": "rejected"} if "{}" in path else {"filter": {}, "status": "rejected"}
    url = run["links"]["results"] + path.format(result["id"])
    async with asyncio.TaskGroup() as tasks, live.world.database.transaction() as connection:
        await connection.execute("DELETE FROM runs WHERE id = $1", run["id"])
        reviewing = tasks.create_task(live.client.post(url, json=body))
        await lock_waits(live.world.database)
    assert (reviewing.result().status_code, reviewing.result().json()["code"]) == (404, "not_found")
