"""Which runs does this process carry out? It claims what waits, keeps its leases alive, lets go.

queue notice ─► claim ─► work ─► (completed | failed)
lease notice ─► renew ─► a run missing from the answer was cancelled or taken: its work stops
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import structlog

from service.domain.errors import (
    LeaseLostError,
    MatchingFailedError,
    TookTooLongError,
    UnavailableError,
)
from service.domain.identifiers import RunId, WorkerId, new_id
from service.domain.runs import Lease
from service.engine.execute import Tools, execute
from service.engine.signals import LEASES, QUEUE, run_topic, workspace_topic
from service.store import leases, run_lifecycle
from service.store.leases import Claim

log = structlog.get_logger()

RETRY_SECONDS = 1.0
LET_GO_SECONDS = 3.0
# So many heartbeats fit into a lease: two may be late before it runs out.
HEARTBEATS_PER_LEASE = 3

_UNEXPECTED = "Matching failed on an unexpected error: please report it; the log has the details."


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How many runs at once, and for how long a lease lasts without a heartbeat."""

    slots: int = 4
    lease_seconds: float = 30.0
    heartbeat_seconds: float = 10.0
    # So many runs may wait for the AI beside those that hold the slots.
    most_without_slot: int = 32

    @classmethod
    def with_lease(cls, seconds: float) -> "WorkerOptions":
        """Return the options for leases of this length."""
        return cls(lease_seconds=seconds, heartbeat_seconds=seconds / HEARTBEATS_PER_LEASE)


@dataclass(slots=True)
class _Work:
    """A run that is carried out; one that `is_ending` is neither renewed nor stopped again."""

    lease: Lease
    is_ending: bool = False
    # Whether the attempt counts against the run when it ends without having finished.
    is_at_fault: bool = False
    # Whether it holds one of the worker's slots: a run that waits for the AI needs none.
    holds_slot: bool = True


class Worker:
    """Claims runs and carries them out until it is cancelled."""

    def __init__(self, tools: Tools, options: WorkerOptions) -> None:
        """Take a new worker id: no lease of an earlier process is ours."""
        self.id = WorkerId(new_id())
        self._tools = tools
        self._options = options
        self._work: dict[RunId, _Work] = {}
        self._tasks: dict[RunId, asyncio.Task[None]] = {}
        self._free = asyncio.Semaphore(options.slots)

    async def run(self) -> None:
        """Work until cancelled; then stop what is under way and give its leases back."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep_leases())
                with self._tools.signals.subscribe(QUEUE) as wake:
                    while True:
                        await self._free.acquire()
                        claim = await self._claim()
                        if claim is None:
                            self._free.release()
                            await wake.wait()
                        else:
                            work = self._work[claim.run.id] = _Work(claim.lease)
                            task = tasks.create_task(self._carry_out(claim, work))
                            self._tasks[claim.run.id] = task
        finally:
            await asyncio.shield(self._give_all_back())

    async def _claim(self) -> Claim | None:
        try:
            async with self._tools.database.connection() as connection:
                return await leases.claim(
                    connection, self.id, self._options.lease_seconds, list(self._work)
                )
        except UnavailableError as error:
            log.warning("database_away", action="claim", reason=str(error))
            return None

    async def _carry_out(self, claim: Claim, work: _Work) -> None:
        run_id = claim.run.id
        log.info("run_claimed", action="claim", run_id=str(run_id), attempt=claim.lease.attempt)
        try:
            await self._execute(claim, work)
        finally:
            work.is_ending = True
            try:
                await asyncio.shield(self._let_go(work))
            finally:
                # Whatever happens, the slot is free again.
                del self._work[run_id], self._tasks[run_id]
                if work.holds_slot:
                    self._free.release()

    async def _execute(self, claim: Claim, work: _Work) -> None:
        run_id = str(claim.run.id)
        failure: str | None = None
        try:
            await execute(self._tools, claim, partial(self._leave_slot, work))
        except* LeaseLostError:
            log.info("lease_lost", action="stop", run_id=run_id)
        except* UnavailableError as group:
            # A statement that always takes too long would be begun again for ever.
            work.is_at_fault = group.subgroup(TookTooLongError) is not None
            log.warning("database_away", action="run", run_id=run_id, reason=_sentence(group))
            await asyncio.sleep(RETRY_SECONDS)
        except* MatchingFailedError as group:
            failure = _sentence(group)
        except* Exception:  # the edge of one run: its failure must not end the service
            log.exception("run_failed_unexpectedly", action="fail", run_id=run_id)
            failure = _UNEXPECTED
        if failure is not None:
            await self._fail(claim, failure)

    def _leave_slot(self, work: _Work) -> None:
        """Let another run in, unless very many wait already."""
        without = sum(not each.holds_slot for each in self._work.values())
        if work.holds_slot and without < self._options.most_without_slot:
            work.holds_slot = False
            self._free.release()

    async def _fail(self, claim: Claim, sentence: str) -> None:
        log.warning("run_failed", action="fail", run_id=str(claim.run.id), reason=sentence)
        try:
            async with leases.writing(self._tools.database, claim.lease) as connection:
                run = await run_lifecycle.fail(connection, claim.lease, sentence)
        except (LeaseLostError, UnavailableError) as error:
            log.warning("lease_lost", action="fail", run_id=str(claim.run.id), reason=str(error))
            return
        self._tools.signals.notify(run_topic(run.id), workspace_topic(run.workspace_id))

    async def _let_go(self, work: _Work) -> None:
        """End the lease if it is still ours; where that fails it runs out by itself."""
        end = leases.release if work.is_at_fault else leases.give_back
        with suppress(UnavailableError, TimeoutError):
            async with (
                asyncio.timeout(LET_GO_SECONDS),
                self._tools.database.connection() as connection,
            ):
                if await end(connection, work.lease):
                    self._tools.signals.notify(QUEUE)

    async def _give_all_back(self) -> None:
        """Give back what no task holds: the stop may have come between a claim and its work."""
        with suppress(UnavailableError, TimeoutError):
            async with (
                asyncio.timeout(LET_GO_SECONDS),
                self._tools.database.connection() as connection,
            ):
                await leases.give_all_back(connection, self.id)

    async def _keep_leases(self) -> None:
        with self._tools.signals.subscribe(LEASES) as wake:
            while True:
                await wake.wait(self._options.heartbeat_seconds)
                held = {
                    run_id: work.lease for run_id, work in self._work.items() if not work.is_ending
                }
                await self._tend(held)

    async def _tend(self, held: dict[RunId, Lease]) -> None:
        """Renew our leases, let go of runs that are ours no more, end those who stand still."""
        try:
            async with self._tools.database.connection() as connection:
                kept = await leases.renew(
                    connection, self.id, list(held.values()), self._options.lease_seconds
                )
                stalled = await leases.end_stalled(connection)
        except UnavailableError as error:
            log.warning("database_away", action="renew", reason=str(error))
            return
        for run_id in stalled:
            log.warning("writer_stalled", action="end_session", run_id=str(run_id))
        for run_id in held.keys() - kept:
            work = self._work.get(run_id)
            if work is not None and work.lease == held[run_id] and not work.is_ending:
                log.info("lease_lost", action="stop", run_id=str(run_id))
                # If the lease is still ours, the run was stuck, and may be so again.
                work.is_ending = work.is_at_fault = True
                self._tasks[run_id].cancel()


def _sentence(error: Exception) -> str:
    """Say what happened first, however deep in groups of tasks."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return str(error)


@asynccontextmanager
async def running(
    tools: Tools, options: WorkerOptions, stopping: asyncio.Event
) -> AsyncIterator[Worker]:
    """Let a worker carry out runs as long as the block lasts, or until `stopping`."""
    worker = Worker(tools, options)
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(worker.run())
        farewell = tasks.create_task(_cancel_when(stopping, work))
        try:
            yield worker
        finally:
            farewell.cancel()
            work.cancel()


async def _cancel_when(stopping: asyncio.Event, work: asyncio.Task[None]) -> None:
    """Give runs back at once, while requests under way are still answered."""
    await stopping.wait()
    work.cancel()
