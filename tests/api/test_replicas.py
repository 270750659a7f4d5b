"""Does a reader that is cut anywhere, and resumes on any replica, see each event once, in order?"""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.api import routes
from service.api.context import Services
from service.engine import hub, signals
from service.engine.signals import Signals
from service.engine.uploads import Uploads
from service.store.database import Database
from tests import raw_stream, story
from tests.api.live import key_header, served
from tests.raw_stream import RawEvent
from tests.seeding import World, make_world
from tests.story import Story

READERS = 5
MORE_EVENTS = 60
PATIENCE_SECONDS = 25.0
# Cuts fall between connections, within the first blocks, and after some of them.
LONGEST_PART = 3_000


@dataclass(frozen=True, slots=True)
class Replicas:
    """Two services over one database, and a key to both."""

    world: World
    urls: list[str]
    signals: list[Signals]
    headers: dict[str, str]

    async def part(self, chance: random.Random, path: str, seen: int) -> list[RawEvent]:
        """Read on from where one is, on either replica; cut it at a random byte, or moment."""
        count = chance.choice([1, 40, chance.randint(1, LONGEST_PART), chance.randint(1, 10**5)])
        url, headers = chance.choice(self.urls) + path, dict(self.headers)
        if chance.random() < 0.3:
            url += f"{'&' if '?' in path else '?'}last_event_id={seen}"
        else:
            headers["Last-Event-ID"] = str(seen)
        body = bytearray()
        try:
            async with (
                asyncio.timeout(chance.uniform(0.01, 0.5)),
                raw_stream.opened(url, headers) as stream,
            ):
                assert stream.status == 200
                async for part in stream.parts():
                    body += part
                    if len(body) >= count:
                        break
        except TimeoutError:
            pass
        return raw_stream.events_of(bytes(body[:count]))


@asynccontextmanager
async def running(database_url: str, directory: Path) -> AsyncIterator[Replicas]:
    async with AsyncExitStack() as stack:
        urls, lives = [], []
        world = await make_world(
            await stack.enter_async_context(Database.open(database_url, pool_size=2)), documents=1
        )
        for _ in range(2):
            database = await stack.enter_async_context(Database.open(database_url, pool_size=4))
            live = await stack.enter_async_context(signals.running(database))
            stopping = asyncio.Event()
            feeds = await stack.enter_async_context(
                hub.running(database, live, stopping, ring_size=8)
            )
            app = routes.application(None)
            app.state.services = Services(
                database=database, signals=live, hub=feeds, uploads=Uploads(directory, database)
            )
            urls.append(await stack.enter_async_context(served(app)))
            stack.callback(stopping.set)
            lives.append(live)
        yield Replicas(world, urls, lives, await key_header(world.database, world.workspace_id))


@pytest.fixture
async def replicas(database_url: str, tmp_path: Path) -> AsyncIterator[Replicas]:
    async with running(database_url, tmp_path) as replicas:
        yield replicas


async def listed(replicas: Replicas, path: str) -> list[Any]:
    """Return the events as the list has them."""
    headers = {**replicas.headers, "Accept": "application/json"}
    async with httpx2.AsyncClient(headers=headers) as client:
        join = "&" if "?" in path else "?"
        reply = await client.get(f"{replicas.urls[0]}{path}{join}limit=500")
    assert not reply.json()["pagination"]["has_more"]
    return list(reply.json()["data"])


@dataclass(slots=True)
class Goal:
    """The number of the last event, once it is known."""

    number: int | None = None


async def read_in_parts(
    replicas: Replicas, path: str, chance: random.Random, goal: Goal
) -> list[RawEvent]:
    """Read from the start to the goal, cut at random, and go on where one was."""
    found: list[RawEvent] = []
    while not found or found[-1].number != goal.number:
        found += await replicas.part(chance, path, found[-1].number if found else 0)
    return found


async def tell_on(replicas: Replicas, begun: Story, chance: random.Random) -> None:
    """Write events by and by, and tell of them on either replica, or not at all."""
    last = begun.last + MORE_EVENTS
    while begun.last < last:
        await begun.tell(min(chance.randint(1, 7), last - begun.last))
        if chance.random() < 0.9:
            begun.wake(chance.choice(replicas.signals))
        await asyncio.sleep(chance.choice([0, 0.01, 0.03]))
    await begun.end()
    begun.wake(replicas.signals[0])


def start_reading(
    replicas: Replicas, path: str, seed: int, goal: Goal, tasks: asyncio.TaskGroup
) -> list[asyncio.Task[list[RawEvent]]]:
    """Let several readers read, each cut in its own places."""
    return [
        tasks.create_task(read_in_parts(replicas, path, random.Random(f"{seed} {place}"), goal))
        for place in range(READERS)
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_readers_of_a_run_that_are_cut_at_random_see_each_event_once(
    replicas: Replicas, seed: int
) -> None:
    begun, goal = await story.begin(replicas.world), Goal(MORE_EVENTS + 3)
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
        reading = start_reading(replicas, begun.path, seed, goal, tasks)
        await tell_on(replicas, begun, random.Random(seed))
    whole = await listed(replicas, begun.path)
    assert [event["run_seq"] for event in whole] == list(range(1, MORE_EVENTS + 4))
    for task in reading:
        assert [json.loads(event.data) for event in task.result()] == whole


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("types", ["", "?types=run.started,run.completed"])
async def test_readers_of_a_workspace_that_are_cut_at_random_see_each_event_once(
    replicas: Replicas, seed: int, types: str
) -> None:
    path, goal = f"/v1/events{types}", Goal()
    stories = [await story.begin(replicas.world) for _ in range(2)]
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
        reading = start_reading(replicas, path, seed, goal, tasks)
        async with asyncio.TaskGroup() as telling:
            for place, begun in enumerate(stories):
                chance = random.Random(f"{seed} told {place}")
                telling.create_task(tell_on(replicas, begun, chance))
        whole = await listed(replicas, path)
        goal.number = whole[-1]["workspace_seq"]
    # Beside those of the two runs there is one of the reference data.
    assert len(whole) == (4 if types else 2 * (MORE_EVENTS + 3) + 1)
    for task in reading:
        assert [json.loads(event.data) for event in task.result()] == whole


async def test_a_stream_that_is_cut_at_any_byte_goes_on_without_gap_or_repeat(
    replicas: Replicas,
) -> None:
    begun = await story.begin(replicas.world, told=2)
    await begun.end()
    headers = {**replicas.headers, "Last-Event-ID": "0"}
    async with raw_stream.opened(replicas.urls[0] + begun.path, headers) as stream:
        whole = b"".join([part async for part in stream.parts()])
    blocks = [whole.index(b"\n\n", place) for place in range(0, len(whole) - 1, 97)]
    cuts = {place + step for place in blocks for step in (-1, 0, 1, 2)} | {0, 1, len(whole)}
    for cut in sorted(cuts):
        first = raw_stream.events_of(whole[:cut])
        seen = first[-1].number if first else 0
        if seen == begun.last:
            continue
        headers["Last-Event-ID"] = str(seen)
        async with raw_stream.opened(replicas.urls[1] + begun.path, headers) as stream:
            rest = b"".join([part async for part in stream.parts()])
        assert first + raw_stream.events_of(rest) == raw_stream.events_of(whole), cut
