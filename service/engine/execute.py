"""How is one run carried out, from where it stands to its end?

begin ─► load ─► match ─► AI pass ─► complete     each step commits what it did; an heir begins at
                                                  the last committed document and writes nothing
                                                  twice
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import structlog

from service.domain.ai import Plan
from service.domain.configs import MatchingRules, TargetType
from service.domain.documents import RunDocument
from service.domain.errors import MatchingFailedError
from service.domain.reference import ReferenceData, ReferenceDataStatus
from service.domain.runs import MAX_ATTEMPTS_WITHOUT_PROGRESS, Lease, Phase, Run, RunStatus
from service.engine import ai_step
from service.engine.ai_tools import AiTools
from service.engine.chunks import ChunkJob, ChunkOutcome, IndexMissing, match_chunk
from service.engine.executors import Executor, Lost
from service.engine.forewarnings import foresee
from service.engine.indexes import Indexes
from service.engine.isolation import CHUNK_LIMIT_SECONDS, check_failures, isolate
from service.engine.progress import COMMIT_INTERVAL_SECONDS, Progress
from service.engine.signals import Signals
from service.store import (
    configs,
    leases,
    reference,
    reference_versions,
    run_documents,
    run_lifecycle,
)
from service.store.database import Connection, Database
from service.store.leases import Claim
from service.store.run_documents import DocumentFilter
from service.store.run_lifecycle import FrozenInputs

log = structlog.get_logger()

# How often the index of a run may turn out to be damaged.
MAX_DAMAGED_INDEXES = 3
# A chunk should take about this long: short enough for live progress and a quick stop, long
# enough that handing it over costs nothing.
CHUNK_TARGET_SECONDS = 0.25
FIRST_CHUNK_SIZE = 32
MAX_CHUNK_SIZE = 2_000
# Chunks shrink so that the fields of one stay about this small; a window of them is in memory.
CHUNK_TARGET_CHARACTERS = 2_000_000


@dataclass(frozen=True, slots=True)
class Tools:
    """What carrying out runs takes; shared by all runs of the process."""

    database: Database
    signals: Signals
    executor: Executor
    indexes: Indexes
    chunk_limit_seconds: float = CHUNK_LIMIT_SECONDS
    ai_plan: Plan = Plan()  # noqa: RUF009 - frozen
    # None where no key for the AI pass is set.
    ai: AiTools | None = None


async def execute(tools: Tools, claim: Claim, leave_slot: Callable[[], None]) -> None:
    """Carry out a claimed run to its end; `leave_slot` is called when it computes no more.

    Raises (in a group) MatchingFailedError when the run cannot be carried out, LeaseLostError
    when it is no longer ours, UnavailableError when the database is away.
    """
    if claim.run.status is RunStatus.AI_RESOLVING:
        progress = Progress(tools.database, tools.signals, claim.lease, claim.run)
        async with tools.database.connection() as connection:
            rules = await run_lifecycle.fetch_rules(connection, claim.run)
        leave_slot()
        await _finish(tools, claim.lease, progress, rules)
        return
    _check_attempts(claim.run)
    begun = await _begin(tools.database, claim)
    progress = Progress(tools.database, tools.signals, claim.lease, begun.run)
    progress.took(begun.run)
    async with asyncio.TaskGroup() as tasks:
        alive = tasks.create_task(progress.say_alive())
        await _load_and_match(tools, progress, begun.inputs)
        alive.cancel()
    leave_slot()
    await _finish(tools, claim.lease, progress, begun.inputs.rules)


async def _finish(tools: Tools, lease: Lease, progress: Progress, rules: MatchingRules) -> None:
    """Let the AI pass follow the matching where the run wants one, and complete the run."""
    async with asyncio.TaskGroup() as tasks:
        alive = tasks.create_task(progress.say_alive())
        outcome = await ai_step.carry_out(tools.database, tools.ai, tools.ai_plan, progress, rules)
        alive.cancel()
    async with leases.writing(tools.database, lease) as connection:
        await ai_step.record(connection, lease, outcome)
        completed = await run_lifecycle.complete(connection, lease)
    progress.took(completed)


def _check_attempts(run: Run) -> None:
    if run.attempts_without_progress > MAX_ATTEMPTS_WITHOUT_PROGRESS:
        raise MatchingFailedError(
            f"The run was begun {MAX_ATTEMPTS_WITHOUT_PROGRESS} times and each time its worker "
            "died before any document was done: look at the service's log, then run it again."
        )


@dataclass(frozen=True, slots=True)
class _Begun:
    run: Run
    inputs: FrozenInputs


async def _begin(database: Database, claim: Claim) -> _Begun:
    """Freeze the inputs of a queued run, or find those of one begun before."""
    run = claim.run
    async with leases.writing(database, claim.lease) as connection:
        if run.status is not RunStatus.QUEUED:
            return _Begun(run, await _frozen_inputs(connection, run))
        config = await configs.fetch(connection, run.workspace_id, run.matching_config_id)
        if config is None:
            raise MatchingFailedError("The matching config was deleted before the run started.")
        data = await _current_reference(connection, run)
        if data is None or data.status is not ReferenceDataStatus.READY:
            raise MatchingFailedError(
                "The reference data was deleted before the run started: upload it again and make "
                "a config for it."
            )
        only = None
        if config.target.type is TargetType.DOCUMENT_FILTER and run.document_ids is None:
            only = DocumentFilter(config.target.field or "", config.target.equals or "")
        inputs = FrozenInputs(config.rules, config.version, data.current)
        documents = await run_documents.freeze(connection, run, only)
        await run_documents.freeze_exclusions(connection, run, data.current)
        warnings = await foresee(connection, run, config.rules, documents)
        started = await run_lifecycle.start(connection, claim.lease, inputs, documents, warnings)
        return _Begun(started, inputs)


async def _current_reference(connection: Connection, run: Run) -> ReferenceData | None:
    """Return the reference data with a current version that nobody gives up meanwhile."""
    while True:
        data = await reference.fetch(connection, run.workspace_id, run.reference_data_id)
        if data is None or await reference_versions.keep_version(connection, data.current):
            return data


async def _frozen_inputs(connection: Connection, run: Run) -> FrozenInputs:
    version = await reference.fetch_version(
        connection,
        run.workspace_id,
        run.reference_data_id,
        run.reference_data_version or 0,
    )
    if version is None:
        raise MatchingFailedError("The reference data was deleted while the run was under way.")
    rules = await run_lifecycle.fetch_rules(connection, run)
    return FrozenInputs(rules, run.config_version or 0, version)


class _IndexMissingError(Exception):
    """A process found no whole index, although it was there when the matching began."""


async def _load_and_match(tools: Tools, progress: Progress, inputs: FrozenInputs) -> None:
    """Match what is left of the run, with an index that is made anew where it was damaged."""
    if progress.run.rows_processed == progress.run.rows_total:
        return
    for _ in range(MAX_DAMAGED_INDEXES):
        async with tools.indexes.lend(inputs.reference, inputs.rules) as index:
            await progress.enter(Phase.MATCHING)
            try:
                await _match(tools, progress, inputs, index)
                return
            except _IndexMissingError:
                log.warning("index_damaged", action="make_again", run_id=str(progress.run.id))
    raise MatchingFailedError(
        f"The index of the reference data was damaged {MAX_DAMAGED_INDEXES} times: look at the "
        "disk of the data directory, then run again."
    )


class _Pace:
    """How many documents make a chunk, from how long and how large the last ones were."""

    def __init__(self) -> None:
        self._timely = FIRST_CHUNK_SIZE
        self._small = MAX_CHUNK_SIZE

    @property
    def size(self) -> int:
        return min(self._timely, self._small)

    def weigh(self, documents: tuple[RunDocument, ...]) -> None:
        characters = sum(len(document.fields or "") for document in documents)
        fitting = len(documents) * CHUNK_TARGET_CHARACTERS / max(characters, 1)
        self._small = max(1, min(int(fitting), MAX_CHUNK_SIZE))

    def learn(self, outcome: ChunkOutcome) -> None:
        if not outcome.seconds:
            # A document that was given up says nothing about others.
            return
        fitting = outcome.processed * CHUNK_TARGET_SECONDS / max(outcome.seconds, 1e-6)
        # Grow step by step: a first chunk of easy documents says little.
        self._timely = max(1, min(int(fitting), self._timely * 2, MAX_CHUNK_SIZE))


class _Batch:
    """What is done and not yet committed: at most what a quarter of a second brings."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._ready: list[ChunkOutcome] = []
        self._due = time.monotonic()

    async def add(self, outcome: ChunkOutcome | IndexMissing) -> ChunkOutcome:
        if isinstance(outcome, IndexMissing):
            raise _IndexMissingError
        self._ready.append(outcome)
        if time.monotonic() >= self._due:
            await self.commit()
        return outcome

    async def commit(self) -> None:
        if self._ready:
            ready, self._ready = self._ready, []
            await self._progress.commit(ready)
            self._due = time.monotonic() + COMMIT_INTERVAL_SECONDS


async def _match(tools: Tools, progress: Progress, inputs: FrozenInputs, index: Path) -> None:
    """Match what is left of the run, committing what is ready every quarter of a second."""
    pace = _Pace()
    batch = _Batch(progress)
    jobs = _jobs(tools.database, progress.run, inputs, index, pace)
    chunks = tools.executor.run(match_chunk, jobs, tools.chunk_limit_seconds)
    async with aclosing(chunks) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, Lost):
                await _match_parts(tools, batch, outcome, pace)
                check_failures(progress.run)
            else:
                pace.learn(await batch.add(outcome))
    await batch.commit()


async def _match_parts(tools: Tools, batch: _Batch, lost: Lost[ChunkJob], pace: _Pace) -> None:
    """Match a chunk that was lost, committing each part: the next one may take long, or all of us.

    The first commit is of what came before.
    """
    async with aclosing(isolate(tools.executor, lost, tools.chunk_limit_seconds)) as parts:
        await batch.commit()
        async for part in parts:
            pace.learn(await batch.add(part))
            await batch.commit()


async def _jobs(
    database: Database, run: Run, inputs: FrozenInputs, index: Path, pace: _Pace
) -> AsyncIterator[ChunkJob]:
    """Read the run's documents chunk by chunk, from the first that has no result yet."""
    position, total = run.rows_processed or 0, run.rows_total or 0
    sources = tuple({mapping.source for mapping in inputs.rules.field_mappings})
    while position < total:
        async with database.connection() as connection:
            documents = await run_documents.fetch_range(
                connection, run, (position, position + pace.size), sources
            )
        pace.weigh(documents)
        yield ChunkJob(
            run_id=run.id,
            index=index,
            rules=inputs.rules,
            is_first=position == 0,
            documents=documents,
        )
        position += len(documents)
