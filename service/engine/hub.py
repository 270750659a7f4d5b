"""How do many readers follow the same events at the cost of one query per event?

    notice ─► feed: reads new events once, encodes them once, keeps the last RING_SIZE
                │
                ├─► reader at the head: shares those bytes
                └─► reader further behind: reads the table, a page at a time

A feed is there for each run and each workspace that somebody watches. There is no queue per
reader: a slow one falls behind in the table, not in memory.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from uuid import UUID

import structlog

from service.domain.errors import UnavailableError
from service.domain.events import EventType
from service.engine.event_sources import (
    RunEvents,
    Source,
    StreamedEvent,
    WorkspaceEvents,
    is_whole,
    read_page,
)
from service.engine.feeds import Feed, Sleeper
from service.engine.run_states import RunStates
from service.engine.signals import SLOW_POLL_SECONDS, Signals
from service.store import events
from service.store.database import Database

log = structlog.get_logger()

RING_SIZE = 256


class EventsGoneError(Exception):
    """What follows the reader's number is no longer kept: only a snapshot leads on."""


class Hub:
    """The process's feeds, one per source that somebody watches; use `hub.running`."""

    def __init__(
        self,
        database: Database,
        signals: Signals,
        tasks: asyncio.TaskGroup,
        ring_size: int = RING_SIZE,
    ) -> None:
        """Let the feeds' tasks belong to `tasks`; each keeps its newest `ring_size` events.

        `runs` reads the states that polls ask for.
        """
        self.runs = RunStates(database)
        self._database = database
        self._signals = signals
        self._tasks = tasks
        self._ring_size = ring_size
        self._feeds: dict[Source, tuple[Feed, asyncio.Task[None]]] = {}
        self._farewells: set[Callable[[], None]] = set()
        self.is_closing = False

    async def read(
        self,
        source: Source,
        after: int,
        head: int | None = None,
        silence_seconds: float | None = None,
        types: Collection[EventType] | None = None,
    ) -> AsyncGenerator[Sequence[StreamedEvent], None]:
        """Yield the events with numbers above `after`, in order, for as long as wanted.

        Each item is a batch; an empty one says that there was nothing to yield for
        `silence_seconds`. `head` is a number that an event of the source is known to have had;
        `types` None means all of them. The caller decides when the
        source has nothing more to tell; the iterator ends by itself only when the service stops.
        Raises EventsGoneError when what comes next is no longer kept, UnavailableError when the
        database is away and the reader lies behind the ring.
        """
        head = after if head is None else head
        async with self._feed(source, head) as feed:
            with closing(Sleeper(silence_seconds)) as sleeper:
                while not self.is_closing:
                    batch = feed.since(after)
                    if batch is None:
                        known = max(feed.head, head)
                        batch = page = await read_page(self._database, source, after)
                        if not is_whole(page, after, known):
                            raise EventsGoneError
                    if not batch:
                        if await feed.wait(sleeper):
                            continue
                    else:
                        after = batch[-1].number
                        batch = _chosen(batch, types)
                        if not batch:
                            continue
                    sleeper.told()
                    yield batch

    @contextmanager
    def told_of_the_end(self, farewell: Callable[[], None]) -> Iterator[None]:
        """Call `farewell` when the service stops while the block lasts, or has stopped before."""
        if self.is_closing:
            farewell()
        self._farewells.add(farewell)
        try:
            yield
        finally:
            self._farewells.discard(farewell)

    def close(self) -> None:
        """Let all readers come to their end: the service stops."""
        self.is_closing = True
        for feed, _ in self._feeds.values():
            feed.wake_readers()
        for farewell in tuple(self._farewells):
            farewell()

    async def look_now_and_then(self) -> None:
        """Find what a lost notice did not tell of, with one query for all feeds."""
        while True:
            await asyncio.sleep(SLOW_POLL_SECONDS)
            heads = {feed.source: feed.head for feed, _ in self._feeds.values()}
            if not heads:
                continue
            try:
                async with self._database.connection() as connection:
                    numbers = await events.last_numbers(
                        connection,
                        [each.run_id for each in heads if isinstance(each, RunEvents)],
                        [each.workspace_id for each in heads if isinstance(each, WorkspaceEvents)],
                    )
            except UnavailableError as error:
                log.warning("database_away", action="look", reason=str(error))
                continue
            late = [
                source.topic for source, head in heads.items() if numbers.get(_id(source), 0) > head
            ]
            self._signals.wake_here(frozenset(late))

    def stop_following(self) -> None:
        """Cancel the feeds of readers that have not left."""
        for _, task in self._feeds.values():
            task.cancel()

    @asynccontextmanager
    async def _feed(self, source: Source, head: int) -> AsyncIterator[Feed]:
        if source not in self._feeds:
            feed = Feed(source, head, self._ring_size)
            task = self._tasks.create_task(feed.follow(self._database, self._signals))
            self._feeds[source] = (feed, task)
        feed, task = self._feeds[source]
        feed.readers += 1
        try:
            yield feed
        finally:
            feed.readers -= 1
            if not feed.readers:
                task.cancel()
                del self._feeds[source]


def _chosen(
    batch: Sequence[StreamedEvent], types: Collection[EventType] | None
) -> Sequence[StreamedEvent]:
    return batch if types is None else [event for event in batch if event.type in types]


def _id(source: Source) -> UUID:
    return source.run_id if isinstance(source, RunEvents) else source.workspace_id


@asynccontextmanager
async def running(
    database: Database, signals: Signals, stopping: asyncio.Event, ring_size: int = RING_SIZE
) -> AsyncIterator[Hub]:
    """Keep a hub as long as the block lasts; its readers come to their end when `stopping`."""
    async with asyncio.TaskGroup() as tasks:
        hub = Hub(database, signals, tasks, ring_size)
        owned = [
            tasks.create_task(_close_when(stopping, hub)),
            tasks.create_task(hub.look_now_and_then()),
            tasks.create_task(hub.runs.serve()),
        ]
        try:
            yield hub
        finally:
            for task in owned:
                task.cancel()
            hub.close()
            hub.stop_following()


async def _close_when(stopping: asyncio.Event, hub: Hub) -> None:
    await stopping.wait()
    hub.close()
