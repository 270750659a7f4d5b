"""How are outcomes written and told? Results, counters and one event, in one transaction."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from service.domain.runs import Lease, Phase, Run, RunWarning
from service.engine.chunks import ChunkOutcome
from service.engine.rates import Rate
from service.engine.signals import Signals, run_topic, workspace_topic
from service.store import leases, results, run_lifecycle
from service.store.database import Connection, Database

# What is finished within this time is one transaction and one event.
COMMIT_INTERVAL_SECONDS = 0.25
# While a run is alive an event is written at least this often (API: 5 seconds).
ALIVE_INTERVAL_SECONDS = 4.0

PHASES = tuple(Phase)


class Progress:
    """Where a run stands, and the only writer of it while the lease lasts."""

    def __init__(self, database: Database, signals: Signals, lease: Lease, run: Run) -> None:
        """Go on from `run`, whose lease the caller holds."""
        self.run = run
        self._database = database
        self._signals = signals
        self._lease = lease
        self._rate = Rate()
        self._told_at = time.monotonic()
        # The keep-alive must not tell old totals after new ones.
        self._turn = asyncio.Lock()

    @property
    def seconds_since_told(self) -> float:
        """How long ago the last event was written."""
        return time.monotonic() - self._told_at

    def took(self, run: Run) -> None:
        """Go on from a state that was just committed, and wake whoever follows the run."""
        if run.last_event_id >= self.run.last_event_id:
            self.run = run
        self._told_at = time.monotonic()
        self._signals.notify(run_topic(run.id), workspace_topic(run.workspace_id))

    async def enter(self, phase: Phase) -> None:
        """Say what the run is busy with now; an heir's earlier phase does not take it back."""
        async with self._turn:
            await self._enter(max(phase, self.run.phase, key=PHASES.index))

    async def commit(self, outcomes: Sequence[ChunkOutcome]) -> None:
        """Write the outcomes, which continue where the last commit ended.

        Raises LeaseLostError, with nothing written, when the run is no longer ours.
        """
        now = time.monotonic()
        if not self._rate.has_begun:
            # Loading the reference data is not part of the rate.
            self._rate.begin(now - outcomes[0].seconds)
        processed = sum(outcome.processed for outcome in outcomes)
        self._rate.count(processed, now)
        step = run_lifecycle.Advance(
            processed=processed,
            matched=sum(outcome.matched for outcome in outcomes),
            confidence_sum=sum(outcome.confidence_sum for outcome in outcomes),
            rows_per_second=self._rate.per_second(now) or 0.0,
            warnings=merge_warnings(
                [*self.run.warnings, *(w for outcome in outcomes for w in outcome.warnings)]
            ),
        )
        async with self._turn:
            async with leases.writing(self._database, self._lease) as connection:
                await results.copy(connection, [outcome.rows for outcome in outcomes])
                advanced = await run_lifecycle.advance(connection, self._lease, step)
            self.took(advanced)

    async def write(self, change: Callable[[Connection, Lease], Awaitable[Run]]) -> None:
        """Make a change of the run and what belongs to it, in one transaction.

        Raises LeaseLostError, with nothing written, when the run is no longer ours.
        """
        async with self._turn:
            async with leases.writing(self._database, self._lease) as connection:
                changed = await change(connection, self._lease)
            self.took(changed)

    async def write_at_length(self, change: Callable[[Connection, Lease], Awaitable[Run]]) -> None:
        """Make a change that may take minutes, as `write` does, while `say_alive` goes on.

        It touches the run's row last, and leaves its phase and counters alone.
        """
        async with leases.writing(self._database, self._lease) as connection:
            changed = await change(connection, self._lease)
        self.took(changed)

    async def say_alive(self) -> None:
        """Write an event whenever the run has been silent for some seconds, until cancelled."""
        while True:
            await asyncio.sleep(max(ALIVE_INTERVAL_SECONDS - self.seconds_since_told, 0.1))
            async with self._turn:
                if self.seconds_since_told >= ALIVE_INTERVAL_SECONDS:
                    await self._enter(self.run.phase)

    async def _enter(self, phase: Phase) -> None:
        async with leases.writing(self._database, self._lease) as connection:
            # What follows the matching has a pace of its own.
            rate = self._rate.per_second(time.monotonic()) if phase is Phase.MATCHING else None
            entered = await run_lifecycle.enter_phase(connection, self._lease, phase, rate)
        self.took(entered)


def merge_warnings(warnings: Sequence[RunWarning]) -> tuple[RunWarning, ...]:
    """Add up warnings of the same code, keeping the first sample, in order of first appearance."""
    merged: dict[str, RunWarning] = {}
    for warning in warnings:
        first = merged.get(warning.code)
        merged[warning.code] = (
            RunWarning(warning.code, first.count + warning.count, first.sample)
            if first
            else warning
        )
    return tuple(merged.values())
