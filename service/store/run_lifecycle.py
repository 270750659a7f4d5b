"""How does a run move on while a worker holds its lease? Every step is fenced by the lease.

Each function changes the run's row and tells of it in the caller's transaction, and raises
LeaseLostError, so that the transaction is rolled back, when the run is no longer the caller's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from service.domain import representation
from service.domain.configs import MatchingRules
from service.domain.errors import LeaseLostError
from service.domain.reference import ReferenceVersion
from service.domain.runs import Lease, Phase, Run, RunStatus, RunWarning, sources_of
from service.store import configs, erasure, runs
from service.store.database import Connection, Record, fetch_one
from service.store.erasure import Collection


@dataclass(frozen=True, slots=True)
class FrozenInputs:
    """What a run keeps from the moment it leaves the queue."""

    rules: MatchingRules
    config_version: int
    reference: ReferenceVersion


_START = """
UPDATE runs
SET status = 'running', phase = 'loading', rules = $5, config_version = $6,
    reference_data_version = $7, rows_total = $8, rows_processed = 0, rows_matched = 0,
    warnings = $9,
    version = version + 1, event_seq = event_seq + 1,
    started_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE id = $1 AND worker_id = $2 AND attempt = $3 AND status = ANY($4::text[])
RETURNING *
"""


async def start(
    connection: Connection,
    lease: Lease,
    inputs: FrozenInputs,
    documents: int,
    warnings: Sequence[RunWarning],
) -> Run:
    """Set a run going over its frozen inputs and `documents` frozen before it."""
    record = await connection.fetchrow(
        _START,
        *fence(lease),
        sources_of(RunStatus.RUNNING),
        configs.rules_to_json(inputs.rules),
        inputs.config_version,
        inputs.reference.version,
        documents,
        write_warnings(warnings),
    )
    started = held(record)
    await runs.tell(connection, started)
    return started


_FROZEN_RULES = "SELECT rules FROM runs WHERE id = $1"


async def fetch_rules(connection: Connection, run: Run) -> MatchingRules:
    """Return the rules that a started run keeps."""
    record = await fetch_one(connection, _FROZEN_RULES, run.id)
    return configs.rules_from_json(record["rules"])


_ENTER_PHASE = """
UPDATE runs
SET phase = $4, rows_per_second = coalesce($5, rows_per_second),
    event_seq = event_seq + 1, updated_at = clock_timestamp()
WHERE id = $1 AND worker_id = $2 AND attempt = $3 AND status IN ('running', 'ai_resolving')
RETURNING *
"""


async def enter_phase(
    connection: Connection, lease: Lease, phase: Phase, rows_per_second: float | None = None
) -> Run:
    """Say what the run is busy with now; naming the same phase again says that it lives.

    `rows_per_second` None leaves the rate as it is.
    """
    record = await connection.fetchrow(_ENTER_PHASE, *fence(lease), phase.value, rows_per_second)
    run = held(record)
    await runs.tell_progress(connection, run)
    return run


@dataclass(frozen=True, slots=True)
class Advance:
    """What a batch of results adds to the counters; `confidence_sum` in ten-thousandths.

    `warnings` are the run's warnings with the batch's already added.
    """

    processed: int
    matched: int
    confidence_sum: int
    rows_per_second: float
    warnings: tuple[RunWarning, ...]


_ADVANCE = """
UPDATE runs
SET rows_processed = rows_processed + $4, rows_matched = rows_matched + $5,
    confidence_sum = confidence_sum + $6, rows_per_second = $7, warnings = $8,
    attempts_without_progress = 0, event_seq = event_seq + 1, updated_at = clock_timestamp()
WHERE id = $1 AND worker_id = $2 AND attempt = $3 AND status = 'running'
RETURNING *
"""


async def advance(connection: Connection, lease: Lease, step: Advance) -> Run:
    """Count a batch whose results were written before in the same transaction."""
    record = await connection.fetchrow(
        _ADVANCE,
        *fence(lease),
        step.processed,
        step.matched,
        step.confidence_sum,
        step.rows_per_second,
        write_warnings(step.warnings),
    )
    run = held(record)
    if run.lost_documents:
        done = run.rows_processed or 0
        written = (done - step.processed, done)
        await erasure.forget_missing(connection, Collection.of(run), run.id, written)
    await runs.tell_progress(connection, run)
    return run


_FINISH = """
UPDATE runs
SET status = $4, phase = 'done', error = $5, worker_id = NULL, lease_until = NULL,
    ai_status = CASE WHEN $4 <> 'failed' OR coalesce(ai_status, '') NOT IN ('pending', 'running')
                     THEN ai_status
                     WHEN ai_resolved > 0 THEN 'partial' ELSE 'failed' END,
    ai_error = CASE WHEN $4 = 'failed' AND ai_status IN ('pending', 'running')
                    THEN 'The run failed before its AI pass had ended.' ELSE ai_error END,
    version = version + 1, event_seq = event_seq + 1,
    completed_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE id = $1 AND worker_id = $2 AND attempt = $3 AND status = ANY($6::text[])
RETURNING *
"""


async def complete(connection: Connection, lease: Lease) -> Run:
    """End the run well."""
    return await _finish(connection, lease, RunStatus.COMPLETED, None)


async def fail(connection: Connection, lease: Lease, error: str) -> Run:
    """End the run with a sentence that its user can act on; results so far stay."""
    return await _finish(connection, lease, RunStatus.FAILED, error)


async def _finish(
    connection: Connection, lease: Lease, status: RunStatus, error: str | None
) -> Run:
    await erasure.forget_samples(connection, lease.run_id)
    record = await connection.fetchrow(
        _FINISH, *fence(lease), status.value, error, sources_of(status)
    )
    run = held(record)
    if run.lost_documents:
        written = (0, run.rows_processed or 0)
        await erasure.forget_missing(connection, Collection.of(run), run.id, written)
    await runs.tell(connection, run)
    return run


def write_warnings(warnings: Sequence[RunWarning]) -> str:
    """Write a run's warnings as they are stored."""
    return json.dumps(representation.warnings(warnings))


def fence(lease: Lease) -> tuple[object, object, int]:
    """The first three arguments of every fenced statement."""
    return lease.run_id, lease.worker_id, lease.attempt


def held(record: Record | None) -> Run:
    """Read what a fenced statement returned; raises LeaseLostError where that is nothing."""
    if record is None:
        raise lost()
    return runs.from_record(record)


def lost() -> LeaseLostError:
    """The error of a fenced statement that changed nothing."""
    return LeaseLostError("The run belongs to another worker now, or has ended.")
