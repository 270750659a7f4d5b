"""Can many results be reviewed at once, and is each outcome told?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from service.api.bulk_reviews import MAX_ITEMS
from tests.api.live import Live, running
from tests.seeding import VENDORS, add_documents, invoices

DOCUMENTS = 30


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, tmp_path, documents=DOCUMENTS) as value:
        yield value


async def reviewable(live: Live, **body: Any) -> tuple[Any, list[Any]]:
    run = await live.completed(**body)
    page = await live.get(run["links"]["results"], sort="document", limit=500)
    return run, page["data"]


async def post(live: Live, run: Any, expect: int = 200, **body: Any) -> Any:
    reply = await live.client.post(f"{run['links']['results']}/review", json=body)
    assert reply.status_code == expect, reply.text
    return reply.json()


def item(result: Any, **says: Any) -> dict[str, Any]:
    return {"result_id": result["id"], "status": "approved", **says}


async def test_each_item_succeeds_or_fails_for_itself(live: Live) -> None:
    run, results = await reviewable(live)
    row_id = results[1]["candidates"][1]["reference_row_id"]
    items = [
        item(results[0], status="rejected", notes="no"),
        item(results[1], matched_reference_row_id=row_id, version=1),
        item(results[2], matched_reference_row_id="nowhere"),
        item(results[3], version=7),
        item({"id": str(uuid4())}),
    ]

    told = await post(live, run, items=items)

    assert (told["total"], told["reviewed"], told["failed"], told["remaining"]) == (5, 2, 3, 0)
    assert [each["outcome"] for each in told["outcomes"]] == ["ok", "ok", *["failed"] * 3]
    assert [each["error"]["code"] for each in told["outcomes"][2:]] == [
        "validation_error",
        "precondition_failed",
        "not_found",
    ]
    now = (await live.get(run["links"]["results"], sort="document"))["data"]
    assert (now[0]["status"], now[0]["notes"], now[0]["version"]) == ("rejected", "no", 2)
    assert (now[1]["matched_reference_row_id"], now[1]["resolved_by"]) == (row_id, "review")
    assert now[2:] == results[2:]
    events = [each for each in await live.events(run) if each["type"] == "result.reviewed"]
    assert [each["result"]["id"] for each in events] == [results[0]["id"], results[1]["id"]]
    assert [each["run_seq"] for each in events] == [
        run["last_event_id"] + 1,
        run["last_event_id"] + 2,
    ]


async def test_a_filter_is_counted_first_and_reviewed_until_nothing_remains(live: Live) -> None:
    many = DOCUMENTS + MAX_ITEMS
    await add_documents(live.world.database, live.world.workspace_id, invoices(many), "many")
    run, results = await reviewable(live, collection="many")
    await post(live, run, items=[item(results[0])])
    asked: dict[str, Any] = {"filter": {"matched": True, "min_confidence": 0.5}}
    asked["status"] = "approved"

    counted = await post(live, run, **asked, dry_run=True)
    assert (counted["total"], counted["reviewed"], counted["remaining"]) == (many - 1, 0, many - 1)
    assert (await live.get(run["links"]["results"], status="approved"))["pagination"]["total"] == 1

    first = await post(live, run, **asked, notes="sure")
    second = await post(live, run, **asked, notes="sure")

    assert (first["reviewed"], first["remaining"]) == (MAX_ITEMS, DOCUMENTS - 1)
    assert (second["reviewed"], second["remaining"]) == (DOCUMENTS - 1, 0)
    assert (await post(live, run, **asked))["total"] == 0
    approved = await live.get(run["links"]["results"], status="approved", limit=100)
    assert approved["pagination"]["total"] == many
    assert {each["notes"] for each in approved["data"]} == {None, "sure"}
    now = await live.get(run["links"]["progress"])
    assert now["last_event_id"] == run["last_event_id"] + many


async def test_a_filter_may_take_reviews_back(live: Live) -> None:
    run, results = await reviewable(live)
    await post(live, run, items=[item(each, status="rejected") for each in results])
    told = await post(live, run, filter={"status": "rejected"}, status="pending")
    assert told["reviewed"] == DOCUMENTS
    one = await post(
        live, run, filter={"document_id": results[4]["document_id"]}, status="approved"
    )
    assert [each["result_id"] for each in one["outcomes"]] == [results[4]["id"]]


async def test_a_filter_may_leave_out_what_somebody_should_look_at(live: Live) -> None:
    doubtful = {f"unsure_{n}": {"vendor": VENDORS[0], "number": "none"} for n in range(3)}
    await add_documents(live.world.database, live.world.workspace_id, doubtful, "mixed")
    await add_documents(live.world.database, live.world.workspace_id, invoices(5), "mixed")
    run, results = await reviewable(live, collection="mixed")
    told = await post(live, run, filter={"uncertain": False}, status="approved")
    certain = {each["id"] for each in results if not each["uncertain"]}
    assert {each["result_id"] for each in told["outcomes"]} == certain
    assert len(certain) == len(results) - len(doubtful)


async def test_requests_that_cross_each_other_all_count(live: Live) -> None:
    run, results = await reviewable(live)
    orders = (results, results[::-1]) * 3
    async with asyncio.TaskGroup() as tasks:
        for order in orders:
            tasks.create_task(post(live, run, items=[item(each) for each in order]))
    now = (await live.get(run["links"]["results"], limit=500))["data"]
    assert {each["version"] for each in now} == {1 + len(orders)}


BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({}, "/items"),
    ({"items": [], "dry_run": True}, "/items"),
    ({"items": [{"result_id": "x", "status": "approved"}]}, "/items/0/result_id"),
    ({"items": [{"result_id": str(uuid4())}]}, "/items/0/status"),
    ({"items": [{"result_id": str(uuid4()), "status": "approved"}] * 501}, "/items"),
    ({"filter": {}}, "/status"),
    ({"filter": {"statu": "pending"}, "status": "approved"}, "/filter/statu"),
    ({"filter": {"min_confidence": 2}, "status": "approved"}, "/filter/min_confidence"),
    ({"filter": {}, "items": [], "status": "approved"}, "/items"),
]


async def test_a_wrong_body_is_refused_by_its_place(live: Live) -> None:
    run, results = await reviewable(live)
    twice = ({"items": [item(results[0]), item(results[0])]}, "/items/1/result_id")
    mixed = ({"items": [item(results[0])], "status": "approved"}, "/status")
    for body, pointer in (*BAD_BODIES, twice, mixed):
        refused = await post(live, run, 400, **body)
        assert refused["errors"][0]["pointer"] == pointer
    assert (await live.get(run["links"]["results"], sort="document"))["data"] == results


async def test_only_an_ended_run_of_ones_own_is_reviewed(live: Live) -> None:
    run, results = await reviewable(live)
    dry = await live.completed(dry_run=True)
    assert (await post(live, dry, 409, items=[item(results[0])]))["code"] == "conflict"
    other = await live.completed()
    told = await post(live, other, items=[item(results[0])])
    assert told["outcomes"][0]["error"]["code"] == "not_found"
    path, body = f"{run['links']['results']}/review", {"items": [item(results[0])]}
    reply = await live.client.post(path, json=body, headers=await live.stranger())
    assert reply.status_code == 404
