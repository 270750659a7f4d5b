"""Does a deleted document leave nothing of its fields behind, also where a run was reading it?"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from service.domain.identifiers import RunId
from service.engine import erasing
from service.store import erasure
from service.store.erasure import Collection
from tests.api.live import Live, running
from tests.outages import lock_waits
from tests.seeding import add_documents

SECRET = "Alpine Metalworks of Mr Wiesengrund"
FIELDS = {"vendor": SECRET, "number": "n-0", "open": "secret day"}
URL = "/v1/documents"


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, tmp_path, documents=5) as value:
        await add_documents(value.world.database, value.world.workspace_id, {"secret": FIELDS})
        yield value


async def whole_database(live: Live) -> str:
    """All that is stored, as text."""
    async with live.world.database.connection() as connection:
        tables = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
        rows = [
            await connection.fetchval(f"SELECT json_agg(t)::text FROM {table[0]} t")
            for table in tables
        ]
    return "\n".join(filter(None, rows))


async def result_of(live: Live, run: Any, document_id: str) -> Any:
    page = await live.get(run["links"]["results"], document_id=document_id)
    return page["data"][0]


async def test_a_deleted_document_is_in_no_evidence_and_no_event(live: Live) -> None:
    run = await live.completed()
    result = await result_of(live, run, "secret")
    other = await result_of(live, run, "doc_000000")
    path = f"{run['links']['results']}/{result['id']}/review"
    assert (await live.client.post(path, json={"status": "rejected"})).status_code == 200
    assert (await whole_database(live)).count("Wiesengrund") > 5

    reply = await live.client.delete(f"{URL}/secret")

    assert reply.json() == {"deleted": True, "id": "secret"}
    assert (await live.client.get(f"{URL}/secret")).status_code == 404
    assert "Wiesengrund" not in await whole_database(live)
    after = await result_of(live, run, "secret")
    assert after["evidence"].keys() == result["evidence"].keys()
    assert [each["reference_row_id"] for each in after["candidates"]] == [
        each["reference_row_id"] for each in result["candidates"]
    ]
    evidence = after["candidates"][1]["evidence"]["vendor"]
    assert evidence == {**result["candidates"][1]["evidence"]["vendor"], "document_value": None}
    assert (after["confidence"], after["status"]) == (result["confidence"], "rejected")
    assert await result_of(live, run, "doc_000000") == other
    reviewed = [each for each in await live.events(run) if each["type"] == "result.reviewed"]
    assert (reviewed[0]["result"]["id"], reviewed[0]["result"]["evidence"]) == (result["id"], {})
    assert (await live.client.delete(f"{URL}/secret")).status_code == 404


async def test_a_value_in_a_warning_goes_too(live: Live) -> None:
    mapping = {"source": "open", "target": "name", "strategy": "date_range", "weight": 1}
    body = {
        "name": "Dates",
        "reference_data_id": str(live.world.reference_id),
        "field_mappings": [mapping],
    }
    config = (await live.client.post("/v1/matching/configs", json=body)).json()
    run = (await live.client.post(f"{config['links']['self']}/run", json={})).json()
    ended = await live.wait_until_ended(run)
    assert any("secret day" in each["sample"] for each in ended["warnings"])
    await live.client.delete(f"{URL}/secret")
    assert "secret day" not in await whole_database(live)
    after = await live.get(run["links"]["self"])
    assert [each["code"] for each in after["warnings"]] == [
        each["code"] for each in ended["warnings"]
    ]


async def test_a_document_that_a_run_is_reading_leaves_nothing(live: Live) -> None:
    live.executor.hold()
    run = await live.start()
    with live.engine.signals.subscribe(f"run:{run['id']}") as wake:
        while (await live.get(run["links"]["progress"]))["phase"] != "matching":
            await wake.wait()
    # Its fields are in the hands of the worker now.
    await live.executor.has_taken.wait()
    assert (await live.client.delete(f"{URL}/secret")).status_code == 200
    live.executor.release()
    ended = await live.wait_until_ended(run)
    assert (ended["status"], ended["rows_processed"]) == ("completed", 6)
    assert "Wiesengrund" not in await whole_database(live)
    assert (await result_of(live, run, "secret"))["evidence"]["vendor"]["document_value"] is None
    assert (await result_of(live, run, "doc_000000"))["evidence"]["vendor"]["document_value"]


@pytest.mark.parametrize("path", [f"{URL}/secret", f"{URL}?collection=default"])
async def test_a_run_that_begins_while_a_document_goes_leaves_nothing(
    live: Live, path: str
) -> None:
    live.executor.hold()
    async with asyncio.TaskGroup() as tasks, live.world.database.transaction() as reader:
        # The deletion has looked for runs that are under way, and gets no further.
        await reader.execute("SELECT FROM documents FOR UPDATE")
        deleting = tasks.create_task(live.client.delete(path))
        await lock_waits(live.world.database)
        run = await live.start()
        await live.executor.has_taken.wait()
    assert deleting.result().status_code == 200
    live.executor.release()
    assert (await live.wait_until_ended(run))["rows_processed"] == 6
    assert "Wiesengrund" not in await whole_database(live)


async def test_a_deletion_that_waits_for_one_run_holds_up_no_other(live: Live) -> None:
    runs = sorted([(await live.completed())["id"] for _ in range(3)])
    database, take = live.world.database, "SELECT 1 FROM runs WHERE id = $1 FOR UPDATE NOWAIT"
    async with database.connection() as connection:
        await connection.execute("UPDATE runs SET status = 'running'")
    async with asyncio.TaskGroup() as tasks, database.transaction() as writer:
        await writer.execute(take, runs[1])
        deleting = tasks.create_task(live.client.delete(f"{URL}/secret"))
        await lock_waits(database)
        for other in (runs[0], runs[2]):
            await writer.execute(take, other)
    assert deleting.result().status_code == 200
    assert "Wiesengrund" not in await whole_database(live)


async def test_results_that_were_being_written_are_waited_for(live: Live) -> None:
    run = await live.completed()
    database = live.world.database
    async with database.connection() as connection:
        await connection.execute("UPDATE runs SET status = 'running' WHERE id = $1", run["id"])
    result = await result_of(live, run, "secret")
    async with asyncio.TaskGroup() as tasks, database.transaction() as writer:
        # As the worker does: results first, then the run's row.
        await writer.execute("DELETE FROM results WHERE document_id = 'secret'")
        await writer.execute(
            """
            INSERT INTO results (run_id, document_id, id, confidence, rule_confidence, evidence,
                                 candidates)
            VALUES ($1, 'secret', $2, 1, 1, $3, '[]')
            """,
            run["id"],
            result["id"],
            json.dumps(result["evidence"]),
        )
        await writer.execute("SELECT 1 FROM runs WHERE id = $1 FOR UPDATE", run["id"])
        deleting = tasks.create_task(live.client.delete(f"{URL}/secret"))
        await lock_waits(live.world.database)
    assert deleting.result().status_code == 200
    assert "Wiesengrund" not in await whole_database(live)


@pytest.mark.parametrize("documents", [1, 3 * erasing.BATCH_DOCUMENTS])
async def test_a_collection_goes_with_what_is_told_of_it(live: Live, documents: int) -> None:
    world = live.world
    many = {f"{n:05}": FIELDS for n in range(documents)}
    await add_documents(world.database, world.workspace_id, many, "inbox")
    run = await live.completed(collection="inbox")

    reply = await live.client.delete(URL, params={"collection": "inbox"})

    assert reply.json() == {"deleted": True, "collection": "inbox", "count": documents}
    assert (await live.get(URL, collection="inbox"))["data"] == []
    results = await live.get(run["links"]["results"])
    assert results["pagination"]["total"] == documents
    assert all(each["evidence"]["vendor"]["document_value"] is None for each in results["data"])
    # The default collection is another one.
    assert (await whole_database(live)).count("Wiesengrund") == 1
    again = await live.client.delete(URL, params={"collection": "inbox"})
    assert again.json()["count"] == 0


async def test_a_collection_goes_while_a_run_reads_it(live: Live) -> None:
    live.executor.hold()
    run = await live.start()
    await live.executor.has_taken.wait()
    assert (await live.client.delete(URL, params={"collection": "default"})).status_code == 200
    live.executor.release()
    ended = await live.wait_until_ended(run)
    assert (ended["status"], ended["rows_processed"]) == ("completed", 6)
    assert "Wiesengrund" not in await whole_database(live)


async def test_what_is_forgotten_is_not_written_again(live: Live) -> None:
    run = await live.completed()
    await live.client.delete(URL, params={"collection": "default"})
    async with live.world.database.transaction() as connection:
        before = await connection.fetch("SELECT ctid, xmin FROM results ORDER BY document_id")
        place = Collection(live.world.workspace_id, "default")
        await erasure.forget_missing(connection, place, RunId(UUID(run["id"])), (0, 6))
        after = await connection.fetch("SELECT ctid, xmin FROM results ORDER BY document_id")
    assert after == before


async def test_what_is_not_named_or_not_ones_own_stays(live: Live) -> None:
    assert (await live.client.delete(URL)).status_code == 400
    assert (await live.client.delete(f"{URL}/")).status_code == 404
    assert (await live.client.delete(f"{URL}/secret?collection=other")).status_code == 404
    stranger = await live.stranger()
    assert (await live.client.delete(f"{URL}/secret", headers=stranger)).status_code == 404
    reply = await live.client.delete(f"{URL}?collection=default", headers=stranger)
    assert reply.json()["count"] == 0
    assert (await live.get(f"{URL}/secret"))["fields"] == FIELDS
