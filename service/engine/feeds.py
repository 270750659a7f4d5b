"""How do the readers of one source share its newest events, and sleep until there are more?"""

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from service.domain.errors import UnavailableError
from service.engine.event_sources import Source, StreamedEvent, is_whole, read_page
from service.engine.signals import Signals
from service.store import events
from service.store.database import Database

log = structlog.get_logger()

# What a thousand readers do at once must not hold up everything else.
WOKEN_AT_ONCE = 50


class Sleeper:
    """What one reader sleeps on: it wakes when its feed has grown, and after a silence.

    The timer is set anew when it rings, not with every event.
    """

    def __init__(self, silence_seconds: float | None) -> None:
        """Ring when nothing was told for so long; None never does."""
        self._loop = asyncio.get_running_loop()
        self._seconds = silence_seconds
        self._told_at = self._loop.time()
        self._has_rung = False
        self._woken: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        if silence_seconds is not None:
            self._timer = self._loop.call_later(silence_seconds, self._ring)

    def told(self) -> None:
        """Begin the silence anew: the reader got something."""
        self._told_at = self._loop.time()
        self._has_rung = False

    async def sleep(self) -> bool:
        """Return whether it was growth that woke, not silence."""
        if self._has_rung:
            return False
        self._woken = self._loop.create_future()
        try:
            return await self._woken
        finally:
            self._woken = None

    def wake(self, has_grown: bool = True) -> None:
        """Wake the reader if it sleeps."""
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(has_grown)

    def _ring(self) -> None:
        assert self._seconds is not None
        left = self._told_at + self._seconds - self._loop.time()
        if left <= 0:
            # A reader that is awake hears of it before it sleeps again.
            self._has_rung = True
            self.wake(has_grown=False)
            left = self._seconds
        self._timer = self._loop.call_later(left, self._ring)

    def close(self) -> None:
        """Ring no more."""
        if self._timer is not None:
            self._timer.cancel()


class Feed:
    """The newest events of one source, shared by its readers."""

    def __init__(self, source: Source, head: int, ring_size: int) -> None:
        """Begin after the number `head`; keep the newest `ring_size` events."""
        self.source = source
        self.head = head
        self.readers = 0
        # Without a hole, up to the head.
        self._ring: deque[StreamedEvent] = deque(maxlen=ring_size)
        self._asleep: dict[Sleeper, None] = {}
        self._to_wake: deque[Sleeper] = deque()

    async def follow(self, database: Database, signals: Signals) -> None:
        """Read new events as notices come, until cancelled."""
        with signals.subscribe(self.source.topic) as wake:
            while True:
                try:
                    while await self._read_on(database):
                        pass
                except UnavailableError as error:
                    log.warning("database_away", action="follow", reason=str(error))
                await wake.wait(None)

    async def _read_on(self, database: Database) -> bool:
        """Read the next page; return whether there may be more."""
        page = await read_page(database, self.source, self.head)
        if page:
            if is_whole(page, self.head, self.head):
                self._ring.extend(page)
            else:
                # Whoever stands before the hole learns of it from the table.
                self._ring.clear()
            self.head = page[-1].number
            self.wake_readers()
        return len(page) == events.PAGE_LIMIT

    def since(self, number: int) -> Sequence[StreamedEvent] | None:
        """Return the events above `number`, or None when the ring does not reach back so far."""
        behind = self.head - number
        if behind <= 0:
            return ()
        if behind > len(self._ring):
            return None
        return [self._ring[place] for place in range(-behind, 0)]

    async def wait(self, sleeper: Sleeper) -> bool:
        """Return when there may be something new, or False after a silence.

        Look before waiting, with no await between.
        """
        self._asleep[sleeper] = None
        try:
            return await sleeper.sleep()
        finally:
            self._asleep.pop(sleeper, None)

    def wake_readers(self) -> None:
        """Let everyone who waits look again: a few now, the others by and by."""
        is_waking = bool(self._to_wake)
        self._to_wake.extend(self._asleep)
        self._asleep.clear()
        if not is_waking:
            self._wake_some()

    def _wake_some(self) -> None:
        for _ in range(min(WOKEN_AT_ONCE, len(self._to_wake))):
            self._to_wake.popleft().wake()
        if self._to_wake:
            asyncio.get_running_loop().call_soon(self._wake_some)
