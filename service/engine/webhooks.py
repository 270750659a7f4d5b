"""Who tells the webhooks what happened? An engine sends what is due, and writes what came of it.

notice ─► enlist ─► claim ─► one task per lane: sign, post ─► outcome
             ▲                                                   │ one transaction for all that is
             └──────────────── wake ◄─ slots free again ◄────────┘ there: attempts, lanes, health

A lane's next delivery goes out when the outcome of the one before is written, so that a run's
events arrive in order. Webhooks that fail have slots of their own: they only hold up each other.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from service.domain import webhook_messages
from service.domain.errors import UnavailableError
from service.domain.identifiers import WorkerId, new_id
from service.domain.webhook_urls import BadUrlError, read_url
from service.domain.webhooks import LADDER, Attempt, DeliveryStatus, Verdict, judge
from service.engine.signals import DELIVERIES, Signals
from service.engine.webhook_posts import Access, Poster, Reply
from service.store import delivery_lanes, delivery_outcomes, delivery_retention, secret_key
from service.store.database import Database
from service.store.delivery_lanes import Claim, Lane, Parcel, Room
from service.store.delivery_outcomes import Outcome
from service.store.secret_box import SecretBox

log = structlog.get_logger()

POLL_SECONDS = 1.0
RETRY_SECONDS = 1.0
LET_GO_SECONDS = 2.0
SWEEP_SECONDS = 600.0

_UNEXPECTED = "Sending failed on an unexpected error: the service's log has the details."
_UNREADABLE = "The secret cannot be read: rotate it."


def system_clock() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """How many deliveries are under way at once, and by which clock and chance they are repeated.

    `per_webhook` holds for all processes together, up to what several claim at the same moment.
    Webhooks whose last attempt failed have `suspect_slots` of their own, and one each.
    """

    slots: int = 64
    suspect_slots: int = 16
    per_webhook: int = 8
    per_suspect: int = 1
    clock: Callable[[], datetime] = system_clock
    chance: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTools:
    """What the engine works with."""

    database: Database
    signals: Signals
    poster: Poster
    access: Access
    box: SecretBox


class DeliveryEngine:
    """Sends deliveries until it is cancelled."""

    def __init__(
        self, tools: DeliveryTools, options: DeliveryOptions, stopping: asyncio.Event
    ) -> None:
        """Take a new worker id: no lane of an earlier process is ours."""
        self.id = WorkerId(new_id())
        self._stopping = stopping
        self._is_closing = False
        self._tools = tools
        self._options = options
        # What we hold, and whether it takes a slot of those for webhooks that fail.
        self._held: dict[Lane, bool] = {}
        self._finished: list[Outcome] = []
        self._unwritten = asyncio.Event()
        self._written = asyncio.Event()

    async def run(self) -> None:
        """Send until cancelled; then give back what is under way, which others send again."""
        try:
            with self._tools.signals.subscribe(DELIVERIES) as wake:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._write(wake.set))
                    tasks.create_task(self._sweep())
                    while True:
                        for claim in await self._take():
                            self._held[claim.lane] = claim.is_suspect
                            tasks.create_task(self._deliver(claim))
                        await wake.wait(POLL_SECONDS)
        finally:
            await asyncio.shield(self._let_go())

    async def _take(self) -> list[Claim]:
        """Claim as much of what is due as there is room for; nothing once the service stops."""
        if self._is_closing or self._stopping.is_set():
            return []
        database, now = self._tools.database, self._options.clock()
        room = self._room()
        try:
            while await delivery_lanes.enlist(database, now):
                pass
            if room.healthy <= 0 and room.suspect <= 0:
                return []
            return await delivery_lanes.claim(database, self.id, room, now, self._tools.box)
        except UnavailableError as error:
            log.warning("database_away", action="claim_deliveries", reason=str(error))
            return []

    def _room(self) -> Room:
        suspects = sum(self._held.values())
        return Room(
            healthy=max(0, self._options.slots - (len(self._held) - suspects)),
            suspect=max(0, self._options.suspect_slots - suspects),
            per_webhook=self._options.per_webhook,
            per_suspect=self._options.per_suspect,
        )

    async def _deliver(self, claim: Claim) -> None:
        try:
            outcome = await self._outcome(claim)
        except Exception:  # the edge of one delivery: it fails alone, and is tried again
            log.exception("delivery_failed_unexpectedly", action="deliver")
            outcome = self._judged(claim, Reply(0, error=_UNEXPECTED), self._options.clock())
        self._finished.append(outcome)
        self._unwritten.set()

    async def _outcome(self, claim: Claim) -> Outcome:
        parcel = claim.parcel
        if parcel is None:
            return Outcome(lane=claim.lane)
        if parcel.data is None:
            dropped = Verdict(DeliveryStatus.DROPPED)
            return Outcome(lane=claim.lane, delivery_id=parcel.delivery_id, verdict=dropped)
        started_at = self._options.clock()
        return self._judged(claim, await self._post(parcel, parcel.data, started_at), started_at)

    async def _post(self, parcel: Parcel, data: str, moment: datetime) -> Reply:
        if not parcel.secrets:
            return Reply(0, error=_UNREADABLE)
        try:
            target = read_url(parcel.url, allow_http=self._tools.access.allow_http)
        except BadUrlError as error:
            return Reply(0, error=f"The URL {error}")
        body = webhook_messages.body(parcel.type, parcel.created_at, data)
        headers = webhook_messages.headers(parcel.event_id, moment, body, parcel.secrets)
        return await self._tools.poster.post(target, headers, body)

    def _judged(self, claim: Claim, reply: Reply, started_at: datetime) -> Outcome:
        parcel = claim.parcel
        if parcel is None:
            return Outcome(lane=claim.lane)
        attempt = Attempt(started_at, reply.duration_ms, reply.status_code, reply.error, reply.text)
        # A ping is tried once.
        tries = len(LADDER) if parcel.is_ping else parcel.tries
        now = self._options.clock()
        verdict = judge(attempt, tries, now, reply.retry_after, self._options.chance())
        if verdict.status is DeliveryStatus.EXHAUSTED:
            log.warning(
                "delivery_exhausted", action="deliver", webhook_id=str(claim.lane.webhook_id)
            )
        return Outcome(
            lane=claim.lane,
            delivery_id=parcel.delivery_id,
            verdict=verdict,
            attempt=attempt,
            url=parcel.url,
            counts=not parcel.is_ping,
        )

    async def _write(self, wake: Callable[[], None]) -> None:
        """Write outcomes, all that are there at a time; what cannot be written stays."""
        while True:
            await self._unwritten.wait()
            self._unwritten.clear()
            batch = list(self._finished)
            try:
                await delivery_outcomes.record(
                    self._tools.database, self.id, batch, self._options.clock()
                )
            except UnavailableError as error:
                log.warning("database_away", action="record_deliveries", reason=str(error))
                self._unwritten.set()
                await asyncio.sleep(RETRY_SECONDS)
            else:
                del self._finished[: len(batch)]
                for outcome in batch:
                    self._held.pop(outcome.lane, None)
                self._written.set()
                wake()

    async def finish(self) -> None:
        """Give what is under way a moment to end, so that it need not be sent twice."""
        self._is_closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(LET_GO_SECONDS):
                await self.quiet()

    async def quiet(self) -> None:
        """Return when nothing is under way: what was sent has its outcome written."""
        while self._held:
            self._written.clear()
            await self._written.wait()

    async def _sweep(self) -> None:
        """Delete old deliveries now and then, and say so where the key is not ours."""
        tools = self._tools
        while True:
            try:
                await delivery_retention.sweep(tools.database, self._options.clock())
                async with tools.database.connection() as connection:
                    if await secret_key.is_bound_elsewhere(connection, tools.box):
                        log.error("webhooks_wait", action="deliver", reason=secret_key.ELSEWHERE)
            except UnavailableError as error:
                log.warning("database_away", action="sweep_deliveries", reason=str(error))
            await asyncio.sleep(SWEEP_SECONDS)

    async def _let_go(self) -> None:
        """Let others have what we hold at once; where that fails the leases run out."""
        if not self._held:
            return
        with suppress(UnavailableError, TimeoutError):
            async with asyncio.timeout(LET_GO_SECONDS):
                await delivery_lanes.release(self._tools.database, self.id, list(self._held))


@asynccontextmanager
async def running(
    tools: DeliveryTools, stopping: asyncio.Event, options: DeliveryOptions | None = None
) -> AsyncIterator[DeliveryEngine]:
    """Let an engine send deliveries as long as the block lasts, or until `stopping`."""
    engine = DeliveryEngine(tools, options or DeliveryOptions(), stopping)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(engine.run())
        try:
            yield engine
        finally:
            try:
                await engine.finish()
            finally:
                task.cancel()
