"""Does the stream of a workspace tell of all its runs, once each, from wherever one resumes?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from service.api import watched
from service.api.context import StreamTimes
from service.domain.events import EventType
from service.engine import hub
from service.engine.event_sources import WorkspaceEvents
from service.engine.hub import EventsGoneError
from tests import story
from tests.api.live import IDLE, Live, running
from tests.sse import Block, opened

EVENTS = "/v1/events"
JSON = {"Accept": "application/json"}
FRESH = ["abc", "-1", "1.5", "9" * 18, "9" * 40]


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, tmp_path) as live:
        yield live


@pytest.fixture
async def idle(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A service whose engine leaves the runs to the test."""
    async with running(database_url, tmp_path, options=IDLE) as live:
        yield live


async def read(live: Live, count: int, path: str = EVENTS, after: object = None) -> list[Block]:
    """Return the first events of the stream, fresh or after a number."""
    headers = None if after is None else {"Last-Event-ID": str(after)}
    async with asyncio.timeout(10), opened(live.client, path, headers) as stream:
        return [await stream.next_event() for _ in range(count)]


async def listed(live: Live, **params: Any) -> list[Any]:
    """Return a page of the workspace's events."""
    reply = await live.client.get(EVENTS, params={"limit": 500, **params}, headers=JSON)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["data"])


async def test_a_fresh_stream_begins_with_the_runs_alive(idle: Live) -> None:
    ended = await story.begin(idle.world)
    await ended.end()
    first = await story.begin(idle.world, told=2)
    queued = await idle.world.queue()
    (snapshot,) = await read(idle, 1)
    assert snapshot.event == snapshot.json["type"] == "workspace.snapshot"
    assert (
        snapshot.number
        == snapshot.json["workspace_seq"]
        == (await listed(idle))[-1]["workspace_seq"]
    )
    shown = snapshot.json["runs"]
    assert [run["id"] for run in shown] == [str(first.run.id), str(queued.id)]
    assert [run["progress"]["phase"] for run in shown] == ["matching", "queued"]
    assert snapshot.json["has_more"] is False


async def test_a_snapshot_has_a_bound(idle: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "MAX_ALIVE", 2)
    ids = [str((await idle.world.queue()).id) for _ in range(3)]
    (snapshot,) = await read(idle, 1)
    assert [run["id"] for run in snapshot.json["runs"]] == ids[:2]
    assert snapshot.json["has_more"] is True


async def test_everything_that_happens_is_told_in_order(live: Live) -> None:
    rows = [{"name": "Vega", "number": "1"}]
    async with asyncio.timeout(20), opened(live.client, EVENTS) as stream:
        snapshot = await stream.next_event()
        one, other = await live.completed(), await live.completed()
        result = f"{one['links']['results']}/{one['results'][0]['id']}/review"
        await live.client.post(result, json={"status": "approved"})
        body = {"name": "More", "data": rows}
        made = await live.client.post("/v1/reference-data", json=body)
        told = await stream.until("reference_data.ready")
    assert [block.json for block in told] == await listed(live, after=snapshot.number)
    numbers = [block.number for block in told]
    assert numbers == list(range(snapshot.number + 1, snapshot.number + 1 + len(told)))
    ended = [block.json["run_id"] for block in told if block.event == "run.completed"]
    assert ended == [one["id"], other["id"]]
    assert [block.event for block in told[-2:]] == ["result.reviewed", "reference_data.ready"]
    assert told[-1].json["reference_data"]["id"] == made.json()["id"]


async def test_a_review_is_told_in_the_run_and_in_the_workspace_alike(live: Live) -> None:
    run = await live.completed()
    result = f"{run['links']['results']}/{run['results'][0]['id']}/review"
    await live.client.post(result, json={"status": "rejected"})
    (reviewed,) = await listed(live, types="result.reviewed")
    assert reviewed == (await live.events(run))[-1]


@pytest.mark.parametrize("by_header", [True, False])
async def test_a_resume_gives_exactly_the_later_events(idle: Live, by_header: bool) -> None:
    begun = await story.begin(idle.world, told=4)
    await begun.end()
    whole = await listed(idle)
    for seen in range(len(whole)):
        after = whole[seen]["workspace_seq"]
        path = EVENTS if by_header else f"{EVENTS}?last_event_id={after}"
        later = whole[seen + 1 :]
        told = await read(idle, len(later), path, after if by_header else None)
        assert [block.json for block in told] == later


async def test_an_id_that_says_nothing_starts_afresh(idle: Live) -> None:
    await story.begin(idle.world)
    for last_event_id in FRESH:
        (by_header,) = await read(idle, 1, after=last_event_id)
        (by_query,) = await read(idle, 1, f"{EVENTS}?last_event_id={last_event_id}")
        assert by_header.event == by_query.event == "workspace.snapshot"


async def test_chosen_types_come_with_gaps_in_the_numbers(idle: Live) -> None:
    path = f"{EVENTS}?types=run.started,run.completed"
    async with asyncio.timeout(10), opened(idle.client, path) as stream:
        assert (await stream.next_event()).event == "workspace.snapshot"
        for _ in range(2):
            begun = await story.begin(idle.world, told=3)
            await begun.end()
            begun.wake(idle.engine.signals)
        told = [await stream.next_event() for _ in range(4)]
    assert [block.event for block in told] == ["run.started", "run.completed"] * 2
    chosen = await listed(idle, types="run.completed,run.started")
    assert [block.json for block in told] == chosen
    assert [block.number for block in told] == [event["workspace_seq"] for event in chosen]
    (rest,) = await read(idle, 1, path, after=told[-2].number)
    assert rest.json == chosen[-1]


async def test_a_stream_pings_while_nothing_that_was_chosen_happens(
    database_url: str, tmp_path: Path
) -> None:
    times = StreamTimes(ping_seconds=0.1)
    async with (
        running(database_url, tmp_path, options=IDLE, stream_times=times) as live,
        opened(live.client, f"{EVENTS}?types=run.failed") as stream,
        asyncio.timeout(10),
        asyncio.TaskGroup() as tasks,
    ):
        begun = await story.begin(live.world)
        await stream.next_event()

        async def tell_for_ever() -> None:
            while True:
                await begun.tell()
                begun.wake(live.engine.signals)

        telling = tasks.create_task(tell_for_ever())
        blocks = [await anext(aiter(stream)) for _ in range(3)]
        telling.cancel()
    assert [block.comments for block in blocks] == [["ping"]] * 3


@pytest.mark.parametrize("types", ["run.done", "", "run.started,", "run.snapshot", "run.*"])
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_an_unknown_type_is_refused_with_the_known_ones(
    idle: Live, types: str, accept: str
) -> None:
    reply = await idle.client.get(EVENTS, params={"types": types}, headers={"Accept": accept})
    assert reply.status_code == 400
    (problem,) = reply.json()["errors"]
    assert problem["pointer"] == "types"
    assert all(f"`{known}`" in problem["message"] for known in EventType)


async def test_unknown_parameters_are_refused(idle: Live) -> None:
    for query in ("after=1", "run_id=1", "types=run.started&types=run.failed"):
        reply = await idle.client.get(f"{EVENTS}?{query}")
        assert (reply.status_code, reply.json()["code"]) == (400, "validation_error"), query


async def test_nothing_of_another_workspace_is_told(idle: Live) -> None:
    stranger = await idle.stranger()
    async with asyncio.timeout(10), opened(idle.client, EVENTS, stranger) as stream:
        snapshot = await stream.next_event()
        await story.begin(idle.world)
        reply = await idle.client.get(EVENTS, headers={**stranger, **JSON})
    assert (snapshot.number, snapshot.json["runs"]) == (0, [])
    assert reply.json()["data"] == []
    assert reply.json()["pagination"]["total"] == 0


async def test_the_stream_ends_with_the_service_and_says_when_to_come_back(idle: Live) -> None:
    begun = await story.begin(idle.world)
    async with asyncio.timeout(10), opened(idle.client, EVENTS) as stream:
        await stream.next_event()
        await begun.end()
        begun.wake(idle.engine.signals)
        assert (await stream.next_event()).event == "run.completed"
        idle.engine.stopping.set()
        (goodbye,) = await stream.rest()
    assert goodbye.retry == "2000"
    assert not goodbye.is_event


async def delete(idle: Live, begun: story.Story) -> None:
    """Delete a run with its events."""
    async with idle.world.database.connection() as connection:
        await connection.execute("DELETE FROM runs WHERE id = $1", begun.run.id)


async def test_a_resume_into_what_is_gone_gets_a_snapshot_and_goes_on(idle: Live) -> None:
    kept = await story.begin(idle.world, told=1)
    gone = await story.begin(idle.world, told=2)
    numbers = [event["workspace_seq"] for event in await listed(idle)]
    await delete(idle, gone)
    for seen in (0, 1, kept.last, numbers[-2]):
        async with (
            asyncio.timeout(10),
            opened(idle.client, EVENTS, {"Last-Event-ID": str(seen)}) as stream,
        ):
            snapshot = await stream.next_event()
            await kept.tell()
            kept.wake(idle.engine.signals)
            later = await stream.next_event()
        assert snapshot.event == "workspace.snapshot", seen
        assert [run["id"] for run in snapshot.json["runs"]] == [str(kept.run.id)]
        assert later.number == snapshot.number + 1


async def test_whoever_has_seen_the_last_number_misses_nothing_of_what_is_gone(idle: Live) -> None:
    gone = await story.begin(idle.world, told=2)
    last = (await listed(idle))[-1]["workspace_seq"]
    await delete(idle, gone)
    begun = await story.begin(idle.world)
    (told,) = await read(idle, 1, after=last)
    assert (told.event, told.number) == ("run.queued", last + 1)
    assert told.json["run_id"] == str(begun.run.id)


async def test_a_feed_that_meets_a_hole_sends_its_readers_to_a_snapshot(idle: Live) -> None:
    begun = await story.begin(idle.world)
    source = WorkspaceEvents(idle.world.workspace_id)
    database, signals = idle.world.database, idle.engine.signals
    last = (await listed(idle))[-1]["workspace_seq"]
    async with (
        asyncio.timeout(10),
        hub.running(database, signals, asyncio.Event()) as feeds,
        aclosing(feeds.read(source, last)) as reading,
        asyncio.TaskGroup() as tasks,
    ):
        # From here on the feed reads when it is woken, and not before.
        await begun.tell()
        begun.wake(signals)
        assert await _first(reading)
        waiting = tasks.create_task(_first(reading))
        gone = await story.begin(idle.world, told=2)
        await delete(idle, gone)
        await begun.tell()
        begun.wake(signals)
    assert waiting.result() is None


async def _first(reading: Any) -> Any:
    """Return the first batch; None where the events are gone."""
    try:
        return await anext(reading)
    except EventsGoneError:
        return None


async def test_pages_of_events_add_up_along_their_links(idle: Live) -> None:
    for _ in range(2):
        await (await story.begin(idle.world, told=3)).end()
    for types in (None, "run.progress,run.completed"):
        params = {"limit": 3} | ({"types": types} if types else {})
        whole = await listed(idle, **({"types": types} if types else {}))
        reply = await idle.client.get(EVENTS, params=params, headers=JSON)
        found = reply.json()["data"]
        while "next" in reply.links:
            reply = await idle.client.get(reply.links["next"]["url"], headers=JSON)
            found += reply.json()["data"]
        assert found == whole
        assert reply.json()["pagination"]["has_more"] is False
        # How many of some types there have been is not known without reading all events.
        total = None if types else len(whole)
        assert reply.json()["pagination"].get("total") == total
