"""Does polling agree with the events, cost little, and find every run of a list?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.domain.identifiers import DEFAULT_COLLECTION, new_id
from service.domain.runs import TriggeredBy
from tests.api.live import IDLE, Live, running
from tests.seeding import add_config, add_documents, invoices

RUNS = "/v1/matching/runs"
BAD_QUERIES = [
    ("limit=0", "limit"),
    ("limit=501", "limit"),
    ("limit=ten", "limit"),
    ("status=done", "status"),
    ("triggered_by=cron", "triggered_by"),
    ("config_id=1", "config_id"),
    ("config_id={01890a5d-ac96-774b-bcce-b302099a8057}", "config_id"),
    ("config_id=urn:uuid:01890a5d-ac96-774b-bcce-b302099a8057", "config_id"),
    ("config_id=01890a5dac96774bbcceb302099a8057", "config_id"),
    ("cursor=", "cursor"),
    ("cursor=%00", "cursor"),
    ("cursor=WyJhIiwxLCJiIl0", "cursor"),
    ("page=1", "page"),
    ("state=queued", "state"),
    ("status=queued&status=failed", "status"),
]


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, tmp_path) as live:
        yield live


@pytest.fixture
async def idle(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A service that leaves runs in the queue."""
    async with running(database_url, tmp_path, options=IDLE) as live:
        yield live


async def walk(live: Live, path: str, **params: Any) -> tuple[list[list[Any]], set[int]]:
    """Follow `next_cursor` to the end; return the pages and the totals they told."""
    pages, totals = [], set()
    while True:
        page = await live.get(path, **params)
        pages.append(page["data"])
        totals.add(page["pagination"]["total"])
        assert page["pagination"]["has_more"] == (page["pagination"]["next_cursor"] is not None)
        if not page["pagination"]["has_more"]:
            return pages, totals
        params["cursor"] = page["pagination"]["next_cursor"]


async def queue_many(live: Live, count: int) -> list[str]:
    """Queue runs; return their ids, newest first."""
    ids = []
    for place in range(count):
        by = TriggeredBy.MANUAL if place % 3 else TriggeredBy.API
        ids.append(str((await live.world.queue(triggered_by=by)).id))
    return ids[::-1]


async def poll(live: Live, path: str, etag: str | None = None) -> httpx2.Response:
    headers = {} if etag is None else {"If-None-Match": etag}
    return await live.client.get(path, headers=headers)


async def test_progress_is_the_state_after_the_event_it_names(live: Live) -> None:
    await add_documents(live.world.database, live.world.workspace_id, invoices(400), "many")
    live.executor.hold()
    run = await live.start(collection="many")
    polled: dict[int, Any] = {}
    with live.engine.signals.subscribe(f"run:{run['id']}") as wake:
        while True:
            now = await live.get(run["links"]["progress"])
            polled[now["last_event_id"]] = now
            if now["status"] == "completed":
                break
            live.executor.step()
            await wake.wait(0.3)
    told = {event["run_seq"]: event for event in await live.events(run)}
    compared = [number for number in polled if told[number]["type"] == "run.progress"]
    assert len(compared) >= 2
    assert all(polled[number] == told[number]["progress"] for number in compared)
    assert polled[max(told)]["rows_processed"] == told[max(told)]["run"]["rows_processed"] == 400


async def test_the_run_is_the_state_after_the_event_it_names(live: Live) -> None:
    run = await live.start()
    ended = await live.wait_until_ended(run)
    ended.pop("results")
    first, *_, last = await live.events(run)
    assert (first["type"], first["run"]) == ("run.queued", run)
    assert (last["type"], last["run"]) == ("run.completed", ended)


async def test_progress_moves_through_the_phases_and_never_back(live: Live) -> None:
    run = await live.completed()
    steps = [event["progress"] for event in await live.events(run) if "progress" in event]
    assert {step["phase"] for step in steps} == {"matching"}
    shares = [step["phase_progress"] for step in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    done = await live.get(run["links"]["progress"])
    assert (done["phase"], done["phase_progress"]) == ("done", 1)
    assert done["estimated_seconds_remaining"] == 0


@pytest.mark.parametrize("link", ["self", "progress"])
async def test_an_unchanged_run_is_not_sent_again(idle: Live, link: str) -> None:
    (run_id, *_) = await queue_many(idle, 1)
    path = f"{RUNS}/{run_id}" + ("/progress" if link == "progress" else "")
    first = await poll(idle, path)
    again = await poll(idle, path, first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert first.headers["retry-after"] == again.headers["retry-after"] == "1"
    await idle.client.post(f"{RUNS}/{run_id}/cancel")
    changed = await poll(idle, path, first.headers["etag"])
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]
    assert "retry-after" not in changed.headers


async def test_a_review_changes_the_tag_of_the_run(live: Live) -> None:
    run = await live.completed()
    before = await poll(live, run["links"]["self"])
    result = f"{run['links']['results']}/{run['results'][0]['id']}/review"
    await live.client.post(result, json={"status": "approved"})
    after = await poll(live, run["links"]["self"], before.headers["etag"])
    assert after.status_code == 200
    assert after.json()["results"][0]["status"] == "approved"


async def test_a_run_is_shown_with_results_as_old_as_its_tag(live: Live) -> None:
    run = await live.completed()
    path = run["links"]["self"]
    before = await poll(live, path)
    async with asyncio.TaskGroup() as tasks, live.world.database.transaction() as connection:
        await connection.execute("LOCK TABLE results IN ACCESS EXCLUSIVE MODE")
        reading = tasks.create_task(poll(live, path))
        await until_someone_waits(live)
        await connection.execute("UPDATE results SET status = 'approved'")
        await connection.execute("UPDATE runs SET event_seq = event_seq + 1")
    after = await poll(live, path)
    assert after.headers["etag"] != before.headers["etag"]
    assert after.json()["results"] != before.json()["results"]
    shown = {reply.headers["etag"]: reply.json() for reply in (before, after)}
    assert shown[reading.result().headers["etag"]] == reading.result().json()


async def until_someone_waits(live: Live) -> None:
    async with asyncio.timeout(10), live.world.database.connection() as connection:
        while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await connection.execute("SELECT pg_sleep(0.01)")


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 500])
async def test_pages_of_runs_add_up_to_the_whole_list(idle: Live, limit: int) -> None:
    ids = await queue_many(idle, 7)
    pages, totals = await walk(idle, RUNS, limit=limit)
    assert [run["id"] for page in pages for run in page] == ids
    assert {len(page) for page in pages[:-1]} <= {limit}
    assert len(pages) == -(-7 // limit)
    assert totals == {7}


async def test_runs_that_come_meanwhile_do_not_disturb_a_walk(idle: Live) -> None:
    ids = await queue_many(idle, 4)
    first = await idle.get(RUNS, limit=2)
    await queue_many(idle, 2)
    rest = await idle.get(RUNS, limit=2, cursor=first["pagination"]["next_cursor"])
    assert [run["id"] for run in (*first["data"], *rest["data"])] == ids
    assert rest["pagination"]["total"] == 4


async def test_runs_are_filtered(live: Live) -> None:
    world = live.world
    other = await add_config(world.database, world.workspace_id, world.reference_id)
    done = await live.completed(triggered_by="schedule")
    live.executor.hold()
    waiting = await world.queue(matching_config_id=other, collection=DEFAULT_COLLECTION)
    await live.client.post(f"{RUNS}/{waiting.id}/cancel")
    expected = {
        "status=completed": [done["id"]],
        "status=cancelled": [str(waiting.id)],
        "status=failed": [],
        f"config_id={other}": [str(waiting.id)],
        f"config_id={new_id()}": [],
        "triggered_by=schedule": [done["id"]],
        "triggered_by=schedule&status=cancelled": [],
    }
    found = {}
    for query in expected:
        page = await live.get(f"{RUNS}?{query}")
        found[query] = [run["id"] for run in page["data"]]
        assert page["pagination"]["total"] == len(found[query])
    assert found == expected


async def test_the_link_header_leads_to_the_next_page_with_its_filters(idle: Live) -> None:
    ids = await queue_many(idle, 5)
    wanted = [run_id for place, run_id in enumerate(ids[::-1]) if place % 3][::-1]
    reply = await idle.client.get(RUNS, params={"limit": 2, "triggered_by": "manual"})
    seen = [run["id"] for run in reply.json()["data"]]
    while "next" in reply.links:
        reply = await idle.client.get(reply.links["next"]["url"])
        seen += [run["id"] for run in reply.json()["data"]]
    assert seen == wanted


async def test_a_wrong_query_is_refused_by_name(idle: Live) -> None:
    for query, parameter in BAD_QUERIES:
        reply = await idle.client.get(f"{RUNS}?{query}")
        assert (reply.status_code, reply.json()["code"]) == (400, "validation_error"), query
        assert [problem["pointer"] for problem in reply.json()["errors"]] == [parameter], query


async def test_a_cursor_of_another_list_is_refused(idle: Live) -> None:
    await queue_many(idle, 3)
    cursor = (await idle.get(RUNS, limit=1))["pagination"]["next_cursor"]
    for query in ({"status": "queued"}, {"triggered_by": "api"}):
        reply = await idle.client.get(RUNS, params={**query, "cursor": cursor})
        assert reply.status_code == 400
        assert reply.json()["errors"][0]["code"] == "invalid_cursor"
    assert (await idle.get(RUNS, limit=2, cursor=cursor))["pagination"]["has_more"] is False


@pytest.mark.parametrize("path", ["", "/progress"])
async def test_a_run_takes_no_parameters_and_no_strange_id(live: Live, path: str) -> None:
    run = await live.completed()
    wrong = await live.client.get(run["links"]["self"] + path, params={"fields": "id"})
    assert wrong.status_code == 400
    for run_id in (new_id(), "1", "%00", "x" * 300):
        reply = await live.client.get(f"{RUNS}/{run_id}{path}")
        assert (reply.status_code, reply.json()["code"]) == (404, "not_found")
