"""How do many readers follow a run's events at the cost of one query per event?

    notice ─► feed: reads new events once, encodes them once, keeps the last RING_SIZE
                │
                ├─► reader at the head: shares those bytes
                └─► reader further behind: reads the table, a page at a time

There is no queue per reader: a slow one falls behind in the table, not in memory.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from service.domain.errors import UnavailableError
from service.domain.events import EVENT_OF_STATUS, Event
from service.domain.identifiers import RunId
from service.domain.runs import TERMINAL_STATUSES
from service.engine.signals import SLOW_POLL_SECONDS, Signals, run_topic
from service.store import events
from service.store.database import Database

log = structlog.get_logger()

RING_SIZE = 256
ENDINGS = frozenset(EVENT_OF_STATUS[status] for status in TERMINAL_STATUSES)


@dataclass(frozen=True, slots=True)
class StreamedEvent:
    """An event of a run as it goes over the wire: its number, and the bytes of the SSE block.

    `ends_run` is true for the event of a terminal status.
    """

    number: int
    block: bytes
    ends_run: bool


def encode(event: Event) -> StreamedEvent:
    """Write an event as an SSE block; its data is one line, since JSON escapes line ends."""
    number = event.run_seq or 0
    block = f"id: {number}\nevent: {event.type.value}\ndata: {event.data}\n\n"
    return StreamedEvent(number, block.encode(), event.type in ENDINGS)


class _Feed:
    """The newest events of one run, shared by its readers."""

    def __init__(self, run_id: RunId, head: int, ring_size: int) -> None:
        self.run_id = run_id
        self.readers = 0
        self._head = head
        self._ring: deque[StreamedEvent] = deque(maxlen=ring_size)
        self._grown = asyncio.Event()

    async def follow(self, database: Database, signals: Signals) -> None:
        """Read new events as notices come, until cancelled."""
        with signals.subscribe(run_topic(self.run_id)) as wake:
            while True:
                try:
                    while await self._read_on(database):
                        pass
                except UnavailableError as error:
                    log.warning("database_away", action="follow", reason=str(error))
                await wake.wait(SLOW_POLL_SECONDS)

    async def _read_on(self, database: Database) -> bool:
        """Read the next page; return whether there may be more."""
        page = await read_page(database, self.run_id, self._head)
        if page:
            self._ring.extend(page)
            self._head = page[-1].number
            self.wake_readers()
        return len(page) == events.PAGE_LIMIT

    def wake_readers(self) -> None:
        """Let everyone who waits look again."""
        self._grown.set()
        self._grown = asyncio.Event()

    async def wait(self) -> None:
        """Return when there may be something new; look before waiting, with no await between."""
        await self._grown.wait()

    def since(self, number: int) -> Sequence[StreamedEvent] | None:
        """Return the events above `number`, or None when the ring does not reach back so far."""
        if number >= self._head:
            return ()
        if not self._ring or self._ring[0].number > number + 1:
            return None
        return [event for event in self._ring if event.number > number]


class Hub:
    """The process's feeds, one per run that somebody watches; use `hub.running`."""

    def __init__(
        self,
        database: Database,
        signals: Signals,
        tasks: asyncio.TaskGroup,
        ring_size: int = RING_SIZE,
    ) -> None:
        """Let the feeds' tasks belong to `tasks`; each keeps its newest `ring_size` events."""
        self._database = database
        self._signals = signals
        self._tasks = tasks
        self._ring_size = ring_size
        self._feeds: dict[RunId, tuple[_Feed, asyncio.Task[None]]] = {}
        self._is_closing = False

    async def read(
        self, run_id: RunId, after: int
    ) -> AsyncGenerator[Sequence[StreamedEvent], None]:
        """Yield the run's events with numbers above `after`, in order, for as long as wanted.

        Each item is a non-empty batch. The caller decides when the run has nothing more to tell;
        the iterator ends by itself only when the service stops.
        Raises UnavailableError when the database is away and the reader lies behind the ring.
        """
        async with self._feed(run_id, after) as feed:
            while not self._is_closing:
                batch = feed.since(after)
                if batch is None:
                    batch = await read_page(self._database, run_id, after)
                if batch:
                    after = batch[-1].number
                    yield batch
                else:
                    await feed.wait()

    def close(self) -> None:
        """Let all readers come to their end: the service stops."""
        self._is_closing = True
        for feed, _ in self._feeds.values():
            feed.wake_readers()

    def stop_following(self) -> None:
        """Cancel the feeds of readers that have not left."""
        for _, task in self._feeds.values():
            task.cancel()

    @asynccontextmanager
    async def _feed(self, run_id: RunId, head: int) -> AsyncIterator[_Feed]:
        if run_id not in self._feeds:
            feed = _Feed(run_id, head, self._ring_size)
            task = self._tasks.create_task(feed.follow(self._database, self._signals))
            self._feeds[run_id] = (feed, task)
        feed, task = self._feeds[run_id]
        feed.readers += 1
        try:
            yield feed
        finally:
            feed.readers -= 1
            if not feed.readers:
                task.cancel()
                del self._feeds[run_id]


async def read_page(database: Database, run_id: RunId, after: int) -> list[StreamedEvent]:
    """Read one page of a run's events from the table, encoded."""
    async with database.connection() as connection:
        page = await events.of_run(connection, run_id, after)
    return [encode(event) for event in page]


@asynccontextmanager
async def running(
    database: Database, signals: Signals, stopping: asyncio.Event, ring_size: int = RING_SIZE
) -> AsyncIterator[Hub]:
    """Keep a hub as long as the block lasts; its readers come to their end when `stopping`."""
    async with asyncio.TaskGroup() as tasks:
        hub = Hub(database, signals, tasks, ring_size)
        farewell = tasks.create_task(_close_when(stopping, hub))
        try:
            yield hub
        finally:
            farewell.cancel()
            hub.close()
            hub.stop_following()


async def _close_when(stopping: asyncio.Event, hub: Hub) -> None:
    await stopping.wait()
    hub.close()
