"""Which run may send its next request? All runs of the process share one pace, fairly.

enter() ─► waiting, one place per run ─► keeper: the run served least goes first, when the pacer
                                         allows it ─► ticket
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from service.ai.buckets import Load, ToldLimits
from service.ai.pacing import Pacer, Ticket
from service.domain.identifiers import RunId

Clock = Callable[[], float]

# A run that had nothing to send makes up for a tenth of a second of the limits, which is what it
# takes between two requests: what it did not ask for is not owed to it.
MOST_OWED = 0.1 / 60


@dataclass(slots=True)
class _Waiting:
    """A request that wants to go out."""

    load: Load
    ticket: asyncio.Future[Ticket]


@dataclass(slots=True)
class _Place:
    """A run that has requests to send; `served` is the share of the limits it has used."""

    served: float
    waiting: _Waiting | None = None


class Admission:
    """The one door to the vendor; use `admission.running`."""

    def __init__(self, pacer: Pacer, clock: Clock) -> None:
        """Pace by `pacer` on the clock, in seconds."""
        self._pacer = pacer
        self._clock = clock
        self._places: dict[RunId, _Place] = {}
        # What the run that had the last turn had been served before it.
        self._served = 0.0
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def place(self, run_id: RunId) -> AsyncIterator[None]:
        """Let a run take part as long as the block lasts."""
        # A newcomer neither catches up with what others had before, nor waits for them.
        least = min((place.served for place in self._places.values()), default=0.0)
        self._places[run_id] = _Place(least)
        try:
            yield
        finally:
            del self._places[run_id]
            self._changed.set()

    async def enter(self, run_id: RunId, load: Load) -> Ticket:
        """Wait for the run's turn to send a request that should take so much.

        One at a time per run, which must hold a place. The ticket must come back by `settle`,
        `refuse`, `fail` or `drop`.
        """
        place = self._places[run_id]
        place.served = max(place.served, self._served - MOST_OWED)
        waiting = _Waiting(load, asyncio.get_running_loop().create_future())
        place.waiting = waiting
        self._changed.set()
        try:
            return await waiting.ticket
        except asyncio.CancelledError:
            # Given out in the very moment in which nobody wanted it any more.
            if not waiting.ticket.cancelled():
                self.drop()
            raise
        finally:
            place.waiting = None

    def settle(self, ticket: Ticket, real: Load, told: ToldLimits) -> None:
        """Hand a ticket back: the request was answered."""
        self._pacer.settle(ticket, real, told, self._clock())
        self._changed.set()

    def refuse(self, ticket: Ticket, advice_seconds: float | None, told: ToldLimits) -> None:
        """Hand a ticket back: the vendor refused the request for now."""
        self._pacer.refuse(ticket, advice_seconds, told, self._clock())
        self._changed.set()

    def fail(self, ticket: Ticket) -> None:
        """Hand a ticket back: the request found no answer."""
        self._pacer.fail(ticket, self._clock())
        self._changed.set()

    def drop(self) -> None:
        """Hand a ticket back whose request was given up."""
        self._pacer.drop()
        self._changed.set()

    def divide(self, workers: int) -> None:
        """Share the limits with the workers of other processes."""
        self._pacer.divide(workers)

    def failing_for(self) -> float:
        """Return for how many seconds no request was answered although several were sent."""
        return self._pacer.failing_for(self._clock())

    def has_answered_since(self, ticket: Ticket) -> bool:
        """Return whether another request was answered since this one went out."""
        return self._pacer.has_answered_since(ticket)

    async def keep(self) -> None:
        """Give out tickets until cancelled."""
        while True:
            self._changed.clear()
            delay = self._give_next()
            try:
                async with asyncio.timeout(None if math.isinf(delay) else delay):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _give_next(self) -> float:
        """Give out all tickets that are due; return in how many seconds the next one is."""
        while True:
            queue = [(each, each.waiting) for each in self._places.values() if each.waiting]
            if not queue:
                return math.inf
            place, waiting = min(queue, key=lambda each: each[0].served)
            if not waiting.ticket.cancelled():
                delay = self._pacer.delay(waiting.load, self._clock())
                if delay > 0:
                    return delay
                self._served = place.served
                place.served += self._share_of_limits(waiting.load)
                waiting.ticket.set_result(self._pacer.take(waiting.load, self._clock()))
            place.waiting = None

    def _share_of_limits(self, load: Load) -> float:
        limits = self._pacer.limits
        return max(
            1.0 / limits.requests,
            load.input_tokens / limits.input_tokens,
            load.output_tokens / limits.output_tokens,
        )


@asynccontextmanager
async def running(pacer: Pacer, clock: Clock) -> AsyncIterator[Admission]:
    """Keep the door as long as the block lasts."""
    admission = Admission(pacer, clock)
    async with asyncio.TaskGroup() as tasks:
        keeper = tasks.create_task(admission.keep())
        try:
            yield admission
        finally:
            keeper.cancel()
