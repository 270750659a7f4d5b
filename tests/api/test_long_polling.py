"""Does a poll that waits answer when something changes, in time, and at no cost meanwhile?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request

from service.api import polling
from service.engine.signals import SLOW_POLL_SECONDS, Signals
from service.store import runs
from service.store.database import Database
from tests import story
from tests.api.conftest import running_api
from tests.api.live import IDLE, Live, running
from tests.counting import CountingDatabase
from tests.seeding import make_world

POLLERS = 500
PREFERENCES = [
    (["wait=10"], 10),
    (["wait=1000000"], 60),
    (["WAIT=5"], 5),
    (["respond-async, wait=7"], 7),
    (["respond-async", "wait=8"], 8),
    (['wait="9"'], 9),
    (["wait = 9"], 9),
    (["wait=10; foo=bar"], 10),
    (["wait=0"], None),
    (["wait"], None),
    (["wait=-1"], None),
    (["wait=1.5"], None),
    (["wait=abc"], None),
    (["wait=9999999999"], None),
    (["handling=lenient"], None),
    ([], None),
]


def request_with(*headers: tuple[str, str]) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw})


@pytest.mark.parametrize(("lines", "seconds"), PREFERENCES)
def test_the_preference_is_read_as_the_standard_says(lines: list[str], seconds: int | None) -> None:
    prefer = [("prefer", line) for line in lines]
    assert polling.wait_seconds(request_with(("if-none-match", '"1"'), *prefer)) == seconds
    assert polling.wait_seconds(request_with(*prefer)) is None


@pytest.fixture
async def idle(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A service whose engine leaves the runs to the test."""
    async with running(database_url, tmp_path, options=IDLE) as live:
        yield live


async def poll(
    client: httpx2.AsyncClient, path: str, etag: str | None = None, wait: int | None = None
) -> httpx2.Response:
    headers = {} if etag is None else {"If-None-Match": etag}
    headers |= {} if wait is None else {"Prefer": f"wait={wait}"}
    async with asyncio.timeout(15):
        return await client.get(path, headers=headers)


async def until_waiting(signals: Signals, run_id: object, count: int = 1) -> None:
    """Return when so many wait for the run."""
    async with asyncio.timeout(10):
        while len(signals._waiting.get(f"run:{run_id}", ())) < count:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)


@pytest.mark.parametrize("link", ["", "/progress"])
async def test_a_poll_that_waits_answers_when_something_changes(idle: Live, link: str) -> None:
    begun = await story.begin(idle.world)
    path = begun.path.replace("/events", link)
    first = await poll(idle.client, path)
    async with asyncio.TaskGroup() as tasks:
        held = tasks.create_task(poll(idle.client, path, first.headers["etag"], wait=10))
        await until_waiting(idle.engine.signals, begun.run.id)
        await begun.tell()
        begun.wake(idle.engine.signals)
    reply = held.result()
    assert reply.status_code == 200
    assert reply.json()["last_event_id"] == begun.last
    assert reply.headers["etag"] != first.headers["etag"]
    assert reply.headers["preference-applied"] == "wait=10"
    assert reply.headers["retry-after"] == "0"


async def test_a_poll_of_a_run_that_is_deleted_is_answered_at_once(idle: Live) -> None:
    begun = await story.begin(idle.world)
    path = begun.path.replace("/events", "")
    assert (await idle.client.post(f"{path}/cancel")).status_code == 200
    etag = (await poll(idle.client, path)).headers["etag"]
    async with asyncio.TaskGroup() as tasks:
        held = tasks.create_task(poll(idle.client, path, etag, wait=60))
        await until_waiting(idle.engine.signals, begun.run.id)
        assert (await idle.client.delete(path)).status_code == 200
    assert held.result().status_code == 404


async def test_what_has_changed_before_is_answered_at_once(idle: Live) -> None:
    begun = await story.begin(idle.world)
    path = begun.path.replace("/events", "/progress")
    old = (await poll(idle.client, path)).headers["etag"]
    await begun.tell()
    assert (await poll(idle.client, path, old, wait=60)).status_code == 200
    assert (await poll(idle.client, path, wait=60)).status_code == 200


async def test_a_poll_that_waited_in_vain_is_told_so(idle: Live) -> None:
    begun = await story.begin(idle.world)
    path = begun.path.replace("/events", "")
    etag = (await poll(idle.client, path)).headers["etag"]
    reply = await poll(idle.client, path, etag, wait=1)
    assert (reply.status_code, reply.content) == (304, b"")
    assert reply.headers["etag"] == etag
    assert reply.headers["preference-applied"] == "wait=1"


async def test_a_lost_notice_costs_time_but_not_the_truth(idle: Live) -> None:
    begun = await story.begin(idle.world)
    path = begun.path.replace("/events", "/progress")
    etag = (await poll(idle.client, path)).headers["etag"]
    async with asyncio.TaskGroup() as tasks:
        held = tasks.create_task(poll(idle.client, path, etag, wait=1))
        await until_waiting(idle.engine.signals, begun.run.id)
        await begun.tell()
    assert held.result().status_code == 200
    assert held.result().json()["last_event_id"] == begun.last


async def test_a_stopping_service_lets_nobody_wait(idle: Live) -> None:
    begun = await story.begin(idle.world)
    path = begun.path.replace("/events", "")
    etag = (await poll(idle.client, path)).headers["etag"]
    async with asyncio.TaskGroup() as tasks:
        held = tasks.create_task(poll(idle.client, path, etag, wait=60))
        await until_waiting(idle.engine.signals, begun.run.id)
        idle.engine.stopping.set()
    assert held.result().status_code == 304
    assert (await poll(idle.client, path, etag, wait=60)).status_code == 304


async def test_a_client_that_leaves_waits_no_longer(idle: Live) -> None:
    begun = await story.begin(idle.world)
    path = begun.path.replace("/events", "")
    etag = (await poll(idle.client, path)).headers["etag"]
    async with asyncio.TaskGroup() as tasks:
        held = tasks.create_task(poll(idle.client, path, etag, wait=60))
        await until_waiting(idle.engine.signals, begun.run.id)
        held.cancel()
    async with asyncio.timeout(10):
        while f"run:{begun.run.id}" in idle.engine.signals._waiting:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0)


async def test_a_run_that_is_deleted_meanwhile_is_not_found(idle: Live) -> None:
    begun = await story.begin(idle.world)
    path = begun.path.replace("/events", "")
    etag = (await poll(idle.client, path)).headers["etag"]
    async with asyncio.TaskGroup() as tasks:
        held = tasks.create_task(poll(idle.client, path, etag, wait=60))
        await until_waiting(idle.engine.signals, begun.run.id)
        async with idle.world.database.connection() as connection:
            await connection.execute("DELETE FROM runs WHERE id = $1", begun.run.id)
        begun.wake(idle.engine.signals)
    assert (held.result().status_code, held.result().json()["code"]) == (404, "not_found")


async def test_five_hundred_who_wait_ask_the_database_nothing(database_url: str) -> None:
    async with (
        Database.open(database_url, pool_size=2) as database,
        running_api(database_url, database_type=CountingDatabase) as api,
    ):
        assert isinstance(api.database, CountingDatabase)
        service: Any = api.app.state.services
        run = await (await make_world(database, documents=1)).queue()
        path = f"/v1/matching/runs/{run.id}/progress"
        etag = (await poll(api.client, path)).headers["etag"]
        async with asyncio.TaskGroup() as tasks:
            held = [
                tasks.create_task(poll(api.client, path, etag, wait=60)) for _ in range(POLLERS)
            ]
            await until_waiting(service.signals, run.id, POLLERS)
            # Whoever subscribed last reads once more; from then on there is silence.
            await service.hub.runs.read(api.workspace_id, run.id)
            lent = api.database.lent
            await asyncio.sleep(SLOW_POLL_SECONDS + 0.5)
            assert api.database.lent == lent
            async with database.transaction() as connection:
                await runs.cancel(connection, api.workspace_id, run.id)
            service.signals.notify(f"run:{run.id}")
        assert {task.result().status_code for task in held} == {200}
        assert {task.result().json()["status"] for task in held} == {"cancelled"}
        # The notice, and what all of them read together.
        assert api.database.lent - lent <= 4
