"""Does a stream tell a run's events once each, in order, to its end, whenever one connects?"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.api.context import StreamTimes
from tests import story
from tests.api.live import IDLE, Live, running
from tests.seeding import add_documents, invoices
from tests.sse import Block, opened, read_events

READERS = 50
FRESH = ["abc", "-1", "1.5", "1e3", "0x1", "9" * 18, "9" * 40, "+1", "1 2", ""]


@pytest.fixture
async def live(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with running(database_url, tmp_path) as live:
        yield live


@pytest.fixture
async def idle(database_url: str, tmp_path: Path) -> AsyncIterator[Live]:
    """A service whose engine leaves the runs to the test."""
    async with running(database_url, tmp_path, options=IDLE) as live:
        yield live


def numbers(blocks: list[Block]) -> list[int]:
    return [block.number for block in blocks if block.is_event]


async def test_a_fresh_stream_begins_with_a_snapshot_and_ends_with_the_run(live: Live) -> None:
    live.executor.hold()
    run = await live.start()
    async with opened(live.client, run["links"]["events"]) as stream:
        first = await stream.next_event()
        live.executor.release()
        rest = await stream.rest()
    assert first.event == first.json["type"] == "run.snapshot"
    assert first.number == first.json["run_seq"] == first.json["run"]["last_event_id"]
    assert first.json["progress"]["last_event_id"] == first.number
    later = numbers(rest)
    assert later == list(range(first.number + 1, first.number + 1 + len(later)))
    assert rest[-1].event == "run.completed"


async def test_a_reader_after_the_end_gets_the_snapshot_and_the_end(live: Live) -> None:
    run = await live.completed()
    (only,) = await read_events(live.client, run["links"]["events"])
    assert only.event == "run.snapshot"
    assert only.json["run"]["status"] == "completed"
    assert only.json["progress"]["rows_processed"] == 20


async def test_events_of_the_stream_are_those_of_the_list(live: Live) -> None:
    run = await live.completed()
    result = f"{run['links']['results']}/{run['results'][0]['id']}/review"
    await live.client.post(
        result, json={"status": "rejected", "notes": "zwölf\r\n\x85\u2028\u2029Ende"}
    )
    streamed = await read_events(live.client, f"{run['links']['events']}?last_event_id=0")
    listed = await live.events(run)
    assert [block.json for block in streamed] == listed
    assert [block.event for block in streamed] == [event["type"] for event in listed]
    assert numbers(streamed) == [event["run_seq"] for event in listed]
    assert listed[-1]["result"]["notes"] == "zwölf\r\n\x85\u2028\u2029Ende"


async def test_no_cache_or_proxy_holds_a_stream_back(idle: Live) -> None:
    begun = await story.begin(idle.world)
    async with opened(idle.client, begun.path) as stream:
        headers = stream.response.headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"
    head = await idle.client.head(begun.path, headers={"Accept": "text/event-stream"})
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("by_header", [True, False])
async def test_a_resume_after_the_end_gives_exactly_the_later_events(
    idle: Live, by_header: bool
) -> None:
    begun = await story.begin(idle.world, told=8)
    await begun.end()
    for seen in range(begun.last):
        path = begun.path if by_header else f"{begun.path}?last_event_id={seen}"
        headers = {"Last-Event-ID": str(seen)} if by_header else None
        told = await read_events(idle.client, path, headers)
        assert numbers(told) == list(range(seen + 1, begun.last + 1))
        assert told[-1].event == "run.completed"


async def test_a_resume_of_a_live_run_gives_exactly_the_later_events(idle: Live) -> None:
    begun = await story.begin(idle.world, told=6)

    async def resume(seen: int) -> list[Block]:
        return await read_events(idle.client, begun.path, {"Last-Event-ID": str(seen)})

    async with asyncio.TaskGroup() as tasks:
        reading = [tasks.create_task(resume(seen)) for seen in range(begun.last + 1)]
        for _ in range(5):
            await begun.tell()
            begun.wake(idle.engine.signals)
        await begun.end()
        begun.wake(idle.engine.signals)
    for seen, task in enumerate(reading):
        assert numbers(task.result()) == list(range(seen + 1, begun.last + 1))


async def test_a_reader_cut_off_again_and_again_misses_and_repeats_nothing(live: Live) -> None:
    await add_documents(live.world.database, live.world.workspace_id, invoices(300), "many")
    run = await live.start(collection="many")
    got: list[int] = []
    while True:
        headers = {"Last-Event-ID": str(got[-1] if got else 0)}
        async with opened(live.client, run["links"]["events"], headers) as stream:
            block = await stream.next_event()
        got.append(block.number)
        if block.event == "run.completed":
            break
    assert got == [event["run_seq"] for event in await live.events(run)]


async def test_a_resume_with_nothing_left_is_told_to_stay_away(idle: Live) -> None:
    begun = await story.begin(idle.world)
    await begun.end()
    reply = await idle.client.get(begun.path, headers={"Last-Event-ID": str(begun.last)})
    assert (reply.status_code, reply.content) == (204, b"")


async def test_an_id_that_says_nothing_starts_afresh(idle: Live) -> None:
    begun = await story.begin(idle.world, told=2)
    await begun.end()
    for last_event_id in FRESH:
        headers = {"Last-Event-ID": last_event_id}
        (by_header,) = await read_events(idle.client, begun.path, headers)
        (by_query,) = await read_events(idle.client, f"{begun.path}?last_event_id={last_event_id}")
        assert by_header.event == by_query.event == "run.snapshot"
        assert by_header.number == by_query.number == begun.last


async def test_the_header_of_a_reconnect_goes_before_the_url(idle: Live) -> None:
    begun = await story.begin(idle.world, told=2)
    await begun.end()
    path = f"{begun.path}?last_event_id=1"
    told = await read_events(idle.client, path, {"Last-Event-ID": str(begun.last - 1)})
    assert numbers(told) == [begun.last]


async def test_a_stream_refuses_parameters_it_does_not_know(idle: Live) -> None:
    begun = await story.begin(idle.world)
    for query in ("after=1", "last_event_id=1&last_event_id=2", "types=run"):
        reply = await idle.client.get(f"{begun.path}?{query}")
        assert (reply.status_code, reply.json()["code"]) == (400, "validation_error")


async def test_fifty_readers_of_one_run_all_get_everything(live: Live) -> None:
    await add_documents(live.world.database, live.world.workspace_id, invoices(400), "many")
    live.executor.hold()
    run = await live.start(collection="many")
    async with asyncio.TaskGroup() as tasks:
        path = f"{run['links']['events']}?last_event_id=0"
        reading = [tasks.create_task(read_events(live.client, path)) for _ in range(READERS)]
        async with opened(live.client, run["links"]["events"]) as stream:
            await stream.next_event()
            live.executor.release()
            await stream.until("run.completed")
    listed = await live.events(run)
    for task in reading:
        assert [block.json for block in task.result()] == listed


async def test_reviews_go_on_with_higher_numbers_for_whoever_connects_again(live: Live) -> None:
    run = await live.completed()
    last = run["last_event_id"]
    for place in (0, 1):
        path = f"{run['links']['results']}/{run['results'][place]['id']}/review"
        await live.client.post(path, json={"status": "approved"})
    told = await read_events(live.client, run["links"]["events"], {"Last-Event-ID": str(last)})
    assert [(block.number, block.event) for block in told] == [
        (last + 1, "result.reviewed"),
        (last + 2, "result.reviewed"),
    ]
    (fresh,) = await read_events(live.client, run["links"]["events"])
    assert (fresh.event, fresh.number) == ("run.snapshot", last + 2)
    reply = await live.client.get(run["links"]["events"], headers={"Last-Event-ID": str(last + 2)})
    assert reply.status_code == 204


async def test_a_stopping_service_says_when_to_come_back_and_ends_cleanly(idle: Live) -> None:
    begun = await story.begin(idle.world)
    async with opened(idle.client, begun.path) as stream:
        await stream.next_event()
        idle.engine.stopping.set()
        (goodbye,) = await stream.rest()
    assert goodbye.retry == "2000"
    assert not goodbye.is_event


async def test_a_silent_stream_pings(database_url: str, tmp_path: Path) -> None:
    times = StreamTimes(ping_seconds=0.05)
    async with running(database_url, tmp_path, options=IDLE, stream_times=times) as live:
        begun = await story.begin(live.world)
        async with opened(live.client, begun.path) as stream:
            blocks = [await anext(aiter(stream)) for _ in range(4)]
    assert blocks[0].event == "run.snapshot"
    assert [block.comments for block in blocks[1:]] == [["ping"]] * 3
    assert not any(block.is_event for block in blocks[1:])
