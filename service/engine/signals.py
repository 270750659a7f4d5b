"""Who in this process waits for which topic, and how do notices from all processes reach them?

commit ─► notify(topics) ─► sender: one NOTIFY for all that is pending
                               │ PostgreSQL
wait() ◄─ wake ◄─ listener ◄───┘           (after a lost connection: everyone wakes)
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog

from service.domain.errors import UnavailableError
from service.domain.identifiers import RunId, WorkspaceId
from service.store import notices
from service.store.database import Database

log = structlog.get_logger()

RETRY_SECONDS = 0.5
# How long a lost notice can go unnoticed.
SLOW_POLL_SECONDS = 2.0

# A run waits to be claimed.
QUEUE = "queue"
# A lease may have ended, since a run was cancelled.
LEASES = "leases"
# Rows, or what belongs to a run, may have been abandoned.
CLEANING = "cleaning"
# Something may have to be sent to webhooks: each notice of a workspace's events says so too.
DELIVERIES = "deliveries"
_WORKSPACE = "workspace:"


def run_topic(run_id: RunId) -> str:
    """The topic of a run's new events and of its end."""
    return f"run:{run_id}"


def workspace_topic(workspace_id: WorkspaceId) -> str:
    """The topic of all new events of a workspace."""
    return f"{_WORKSPACE}{workspace_id}"


class Wake:
    """What a subscriber waits on; a notice that came while it was busy is not lost."""

    def __init__(self) -> None:
        """Start without a notice."""
        self._event = asyncio.Event()

    def set(self) -> None:
        """Wake the subscriber, now or when it next waits."""
        self._event.set()

    async def wait(self, seconds: float | None = SLOW_POLL_SECONDS) -> None:
        """Return at the next notice, or after `seconds`, since a notice can be lost.

        None waits for a notice however long it takes.
        """
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return
        finally:
            self._event.clear()


class Signals:
    """The process's only sender and only listener of notices."""

    def __init__(self, database: Database) -> None:
        """Use `signals.running` instead."""
        self._database = database
        self._waiting: defaultdict[str, set[Wake]] = defaultdict(set)
        self._pending: set[str] = set()
        self._unsent = asyncio.Event()

    def notify(self, *topics: str) -> None:
        """Wake whoever waits for the topics, in all processes; call it after the commit."""
        self._pending.update(topics)
        self._unsent.set()

    @contextmanager
    def subscribe(self, topic: str) -> Iterator[Wake]:
        """Lend something to wait on that wakes at each notice of the topic."""
        wake = Wake()
        self._waiting[topic].add(wake)
        try:
            yield wake
        finally:
            self._waiting[topic].discard(wake)
            if not self._waiting[topic]:
                del self._waiting[topic]

    def wake_here(self, topics: frozenset[str]) -> None:
        """Wake whoever waits for the topics in this process, as a notice does."""
        reached = set(self._waiting) if notices.EVERYTHING in topics else set(topics)
        if any(topic.startswith(_WORKSPACE) for topic in topics):
            reached.add(DELIVERIES)
        for topic in reached:
            for wake in self._waiting.get(topic, ()):
                wake.set()

    async def listen(self) -> None:
        """Deliver notices until cancelled, over as many connections as it takes."""
        while True:
            try:
                async with notices.listening(self._database.url) as incoming:
                    async for topics in incoming:
                        self.wake_here(topics)
            except UnavailableError as error:
                log.warning("notices_interrupted", action="listen", reason=str(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def send(self) -> None:
        """Send what is pending, coalesced, until cancelled; what cannot be sent stays pending."""
        while True:
            await self._unsent.wait()
            self._unsent.clear()
            topics, self._pending = self._pending, set()
            try:
                async with self._database.connection() as connection:
                    await notices.send(connection, topics)
            except UnavailableError as error:
                log.warning("notices_interrupted", action="notify", reason=str(error))
                self._pending |= topics
                self._unsent.set()
                await asyncio.sleep(RETRY_SECONDS)


@asynccontextmanager
async def running(database: Database) -> AsyncIterator[Signals]:
    """Run the sender and the listener as long as the block lasts."""
    signals = Signals(database)
    async with asyncio.TaskGroup() as tasks:
        owned = [tasks.create_task(signals.listen()), tasks.create_task(signals.send())]
        try:
            yield signals
        finally:
            for task in owned:
                task.cancel()
