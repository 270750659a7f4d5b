"""Does the hub give each reader each event once, however slow, late or cut off it is?"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

import pytest

from service.domain.errors import UnavailableError
from service.domain.events import EventType
from service.domain.identifiers import RunId
from service.engine import hub, signals
from service.engine.event_sources import RunEvents, StreamedEvent
from service.engine.hub import Hub
from service.engine.signals import SLOW_POLL_SECONDS, Signals
from service.store import events
from service.store.database import Database
from tests import story
from tests.seeding import World, make_world
from tests.story import Story

RING = 4
TRIES = 20
# What a loaded machine may take beyond what the code waits.
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Feeds:
    """A hub with a small ring, and what feeds it."""

    database: Database
    hub: Hub
    signals: Signals
    stopping: asyncio.Event


@asynccontextmanager
async def running_hub(url: str, ring_size: int = RING) -> AsyncIterator[Feeds]:
    stopping = asyncio.Event()
    async with (
        Database.open(url, pool_size=6) as database,
        signals.running(database) as live,
        hub.running(database, live, stopping, ring_size) as feeds,
    ):
        yield Feeds(database, feeds, live, stopping)


@pytest.fixture
async def feeds(database_url: str) -> AsyncIterator[Feeds]:
    async with running_hub(database_url) as feeds:
        yield feeds


@pytest.fixture
async def world(feeds: Feeds) -> World:
    return await make_world(feeds.database, documents=1)


async def read_until(feeds: Feeds, run_id: RunId, after: int, last: int) -> list[StreamedEvent]:
    """Read events up to the number `last`."""
    found: list[StreamedEvent] = []
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        aclosing(feeds.hub.read(RunEvents(run_id), after)) as batches,
    ):
        async for batch in batches:
            assert batch
            found += batch
            if found[-1].number >= last:
                break
    return found


def numbers(found: list[StreamedEvent]) -> list[int]:
    return [event.number for event in found]


async def tell(feeds: Feeds, begun: Story, count: int = 1) -> None:
    await begun.tell(count)
    begun.wake(feeds.signals)


@pytest.mark.parametrize("told", [1, RING, 3 * RING, events.PAGE_LIMIT + 2 * RING])
async def test_a_reader_from_the_start_gets_every_number_once(
    feeds: Feeds, world: World, told: int
) -> None:
    begun = await story.begin(world, told)
    found = await read_until(feeds, begun.run.id, 0, begun.last)
    assert numbers(found) == list(range(1, begun.last + 1))


async def test_an_event_is_written_as_one_block(feeds: Feeds, world: World) -> None:
    begun = await story.begin(world)
    await begun.end()
    found = await read_until(feeds, begun.run.id, 0, begun.last)
    assert found[-1].type is EventType.RUN_COMPLETED
    assert found[-1].block.startswith(b"id: 3\nevent: run.completed\ndata: {")
    assert found[-1].block.endswith(b"}\n\n")
    assert found[-1].block.count(b"\n") == 4


async def test_readers_at_the_head_share_the_same_bytes(feeds: Feeds, world: World) -> None:
    begun = await story.begin(world)
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        aclosing(feeds.hub.read(RunEvents(begun.run.id), begun.last)) as one,
        aclosing(feeds.hub.read(RunEvents(begun.run.id), begun.last)) as other,
        asyncio.TaskGroup() as tasks,
    ):
        waiting = [tasks.create_task(anext(reader)) for reader in (one, other)]
        await asyncio.sleep(0)
        await tell(feeds, begun)
    (first,), (second,) = (task.result() for task in waiting)
    assert first.block is second.block


async def test_a_reader_far_behind_the_ring_goes_on_from_the_table(
    feeds: Feeds, world: World
) -> None:
    begun = await story.begin(world)
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        aclosing(feeds.hub.read(RunEvents(begun.run.id), 0)) as slow,
    ):
        found = list(await anext(slow))
        for _ in range(3):
            await tell(feeds, begun, 2 * RING)
            # A second reader takes what is new, so that the feed has gone past the slow one.
            await read_until(feeds, begun.run.id, begun.last - 1, begun.last)
        while found[-1].number < begun.last:
            found += await anext(slow)
    assert numbers(found) == list(range(1, begun.last + 1))


@pytest.mark.parametrize("seed", range(4))
async def test_readers_that_come_and_go_at_any_pace_miss_and_repeat_nothing(
    feeds: Feeds, world: World, seed: int
) -> None:
    chance = random.Random(seed)
    begun = await story.begin(world)
    last = begun.last + 60

    async def read_in_parts() -> list[int]:
        found: list[int] = []
        while not found or found[-1] < last:
            async with aclosing(
                feeds.hub.read(RunEvents(begun.run.id), found[-1] if found else 0)
            ) as batches:
                for _ in range(chance.randint(1, 3)):
                    found += [event.number for event in await anext(batches)]
                    await asyncio.sleep(chance.choice([0, 0, 0.01, 0.05]))
                    if found[-1] >= last:
                        break
        return found

    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
        reading = [tasks.create_task(read_in_parts()) for _ in range(8)]
        while begun.last < last:
            await tell(feeds, begun, min(chance.randint(1, 9), last - begun.last))
            await asyncio.sleep(chance.choice([0, 0.005, 0.02]))
    for task in reading:
        assert task.result() == list(range(1, last + 1))


async def test_a_lost_notice_is_made_good_by_looking_now_and_then(
    feeds: Feeds, world: World
) -> None:
    begun = await story.begin(world)
    async with asyncio.timeout(SLOW_POLL_SECONDS + PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read_until(feeds, begun.run.id, begun.last, begun.last + 1))
        await begun.tell()
    assert numbers(reading.result()) == [begun.last]


_CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_CUT_LISTENER = _CUT + " AND query LIKE 'LISTEN%'"


async def tell_in_the_end(feeds: Feeds, begun: Story) -> None:
    """Write an event; a connection from the pool may turn out to be cut."""
    for _ in range(TRIES):
        with suppress(UnavailableError):
            return await tell(feeds, begun)
    raise AssertionError("the database stayed away")


async def test_a_reader_outlives_the_loss_of_the_listening_connection(
    feeds: Feeds, world: World
) -> None:
    begun = await story.begin(world)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read_until(feeds, begun.run.id, 0, begun.last + 2))
        await tell(feeds, begun)
        async with feeds.database.connection() as connection:
            assert [row[0] for row in await connection.fetch(_CUT_LISTENER)] == [True]
        await tell(feeds, begun)
    assert numbers(reading.result()) == list(range(1, begun.last + 1))


async def test_a_reader_outlives_the_loss_of_every_connection(feeds: Feeds, world: World) -> None:
    begun = await story.begin(world)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read_until(feeds, begun.run.id, begun.last, begun.last + 3))
        await asyncio.sleep(0)
        for _ in range(3):
            async with feeds.database.connection() as connection:
                await connection.execute(_CUT)
            await tell_in_the_end(feeds, begun)
    assert numbers(reading.result()) == list(range(begun.last - 2, begun.last + 1))


async def test_a_feed_ends_with_its_last_reader(feeds: Feeds, world: World) -> None:
    begun = await story.begin(world)
    await read_until(feeds, begun.run.id, 0, 1)
    async with aclosing(feeds.hub.read(RunEvents(begun.run.id), 0)) as staying:
        await anext(staying)
        await read_until(feeds, begun.run.id, 0, 1)
        assert set(feeds.hub._feeds) == {RunEvents(begun.run.id)}
    assert feeds.hub._feeds == {}


async def test_a_reader_cancelled_in_mid_wait_leaves_nothing_behind(
    feeds: Feeds, world: World
) -> None:
    begun = await story.begin(world)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read_until(feeds, begun.run.id, begun.last, 99))
        await read_until(feeds, begun.run.id, 0, 1)
        reading.cancel()
    assert feeds.hub._feeds == {}


async def test_readers_come_to_their_end_when_the_service_stops(feeds: Feeds, world: World) -> None:
    begun = await story.begin(world)
    found = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for batch in feeds.hub.read(RunEvents(begun.run.id), 0):
            found += [event.number for event in batch]
            if found[-1] == begun.last:
                feeds.stopping.set()
        assert found == [1, 2]
        assert [batch async for batch in feeds.hub.read(RunEvents(begun.run.id), 0)] == []


async def test_two_hubs_on_one_database_tell_the_same(
    feeds: Feeds, world: World, database_url: str
) -> None:
    begun = await story.begin(world)
    async with running_hub(database_url) as replica:
        async with asyncio.TaskGroup() as tasks:
            reading = [
                tasks.create_task(read_until(each, begun.run.id, 0, begun.last + 6))
                for each in (feeds, replica)
            ]
            for _ in range(3):
                await tell(feeds, begun, 2)
        here, there = (task.result() for task in reading)
    assert here == there
    assert numbers(here) == list(range(1, begun.last + 1))
