"""How does a run's AI pass move on: opened, its documents chosen, its figures counted, ended?

Where a lease is asked for, each function changes the run's row only while the lease is the
caller's, and raises LeaseLostError when it is not, so that the transaction is rolled back.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.ai import AiFigures, AiStatus, Usage
from service.domain.configs import MatchingRules
from service.domain.identifiers import DocumentId, RunId, WorkspaceId
from service.domain.runs import Lease, Run, RunStatus, RunWarning, sources_of
from service.store import erasure, run_lifecycle, runs
from service.store.database import Connection
from service.store.erasure import Collection

# Sorting the results of a large run; a server that stands still is noticed all the same.
CHOOSE_TIMEOUT_SECONDS = 3600.0

_BEGIN = """
UPDATE runs
SET status = 'ai_resolving', phase = 'ai_resolving',
    version = version + 1, event_seq = event_seq + 1, updated_at = clock_timestamp()
WHERE id = $1 AND worker_id = $2 AND attempt = $3 AND status = 'running'
RETURNING *
"""


async def begin(connection: Connection, lease: Lease) -> Run:
    """Let the AI pass follow the matching, and tell of it."""
    run = run_lifecycle.held(await connection.fetchrow(_BEGIN, *run_lifecycle.fence(lease)))
    await runs.tell(connection, run)
    return run


_OPEN_AGAIN = """
UPDATE runs
SET status = 'ai_resolving', phase = 'ai_resolving', ai_status = 'pending',
    ai_to_resolve = NULL, ai_unresolved = 0, ai_error = NULL, ai_documents_per_second = NULL,
    attempts_without_progress = 0, completed_at = NULL, resumed_at = clock_timestamp(),
    seconds_worked_before = seconds_worked_before
        + extract(epoch FROM completed_at - coalesce(resumed_at, started_at)),
    version = version + 1, event_seq = event_seq + 1, updated_at = clock_timestamp()
WHERE workspace_id = $1 AND id = $2 AND status = $3 AND NOT dry_run
RETURNING *
"""


async def open_again(
    connection: Connection, workspace_id: WorkspaceId, run_id: RunId
) -> Run | None:
    """Let a worker carry out an AI pass over a completed run; None when it is not completed.

    What earlier passes took stays counted.
    """
    record = await connection.fetchrow(_OPEN_AGAIN, workspace_id, run_id, RunStatus.COMPLETED)
    if record is None:
        return None
    run = runs.from_record(record)
    await runs.tell(connection, run)
    return run


_FORGET_CHOICE = "DELETE FROM ai_documents WHERE run_id = $1"
# What speaks against the rules' verdict being another one: the way up to the threshold, or the
# lead over the second best. The less, the more uncertain.
_CHOOSE = """
WITH looked_at AS (
    SELECT document_id, rule_confidence,
           round((CASE WHEN rule_confidence < $2 THEN $2 - rule_confidence
                       ELSE rule_confidence - coalesce(
                           (candidates -> 1 ->> 'confidence')::float8, 0)
                  END)::numeric, 4) AS distance
    FROM results
    WHERE run_id = $1 AND rule_confidence >= $3 AND resolved_by = 'rules' AND status = 'pending'
      AND error IS NULL AND candidates -> 0 IS NOT NULL
), eligible AS (
    SELECT document_id, distance FROM looked_at
    WHERE rule_confidence < $2 OR distance < $4::float8::numeric
), kept AS (
    INSERT INTO ai_documents (run_id, position, document_id)
    SELECT $1, row_number() OVER (ORDER BY distance, document_id) - 1, document_id
    FROM eligible
    ORDER BY distance, document_id
    LIMIT $5
    RETURNING 1
)
SELECT (SELECT count(*) FROM eligible) AS eligible, (SELECT count(*) FROM kept) AS kept
"""
_CHOSEN = """
UPDATE runs
SET ai_status = 'running', ai_to_resolve = ai_resolved + $4, warnings = $5,
    event_seq = event_seq + 1, updated_at = clock_timestamp()
WHERE id = $1 AND worker_id = $2 AND attempt = $3
RETURNING *
"""


async def choose(connection: Connection, lease: Lease, run: Run, rules: MatchingRules) -> Run:
    """Keep which documents the pass looks at: borderline by the rules, and reviewed by nobody."""
    await connection.execute(_FORGET_CHOICE, run.id)
    share = 1.0 if rules.ai.max_share is None else rules.ai.max_share
    counted = await connection.fetchrow(
        _CHOOSE,
        run.id,
        rules.threshold,
        rules.review_threshold,
        rules.ai.min_margin,
        int((run.rows_total or 0) * share),
        timeout=CHOOSE_TIMEOUT_SECONDS,
    )
    eligible, kept = (counted["eligible"], counted["kept"]) if counted else (0, 0)
    warnings = [each for each in run.warnings if each.code not in AI_WARNINGS]
    if kept < eligible:
        warnings.append(RunWarning(SHARE_REACHED, eligible - kept, f"ai.max_share: {share:g}"))
    record = await connection.fetchrow(
        _CHOSEN, *run_lifecycle.fence(lease), kept, run_lifecycle.write_warnings(warnings)
    )
    chosen = run_lifecycle.held(record)
    await runs.tell_progress(connection, chosen)
    return chosen


# What a pass may warn of; a new pass begins without the warnings of the last.
SHARE_REACHED = "ai_max_share_reached"
UNRESOLVED = "ai_unresolved"
AI_WARNINGS = frozenset({SHARE_REACHED, UNRESOLVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a batch of decisions adds to the figures; `confidence_sum` in ten-thousandths.

    `documents` are those decided; `warnings` are the run's with the batch's already added.
    """

    documents: Sequence[DocumentId]
    matched: int
    confidence_sum: int
    resolved: int
    unresolved: int
    cached: int
    requests: int
    usage: Usage
    cost_nanodollars: int
    documents_per_second: float | None
    warnings: tuple[RunWarning, ...]


_ADVANCE = """
UPDATE runs
SET rows_matched = rows_matched + $4, confidence_sum = confidence_sum + $5,
    ai_resolved = ai_resolved + $6, ai_unresolved = ai_unresolved + $7,
    ai_cached = ai_cached + $8, ai_requests = ai_requests + $9,
    ai_input_tokens = ai_input_tokens + $10, ai_output_tokens = ai_output_tokens + $11,
    ai_cost_nanodollars = ai_cost_nanodollars + $12, ai_documents_per_second = $13,
    warnings = $14, attempts_without_progress = 0,
    event_seq = event_seq + 1, updated_at = clock_timestamp()
WHERE id = $1 AND worker_id = $2 AND attempt = $3 AND status = 'ai_resolving'
RETURNING *
"""


async def advance(connection: Connection, lease: Lease, step: Step) -> Run:
    """Count decisions that were written before in the same transaction, and tell of them."""
    record = await connection.fetchrow(
        _ADVANCE,
        *run_lifecycle.fence(lease),
        step.matched,
        step.confidence_sum,
        step.resolved,
        step.unresolved,
        step.cached,
        step.requests,
        step.usage.all_input,
        step.usage.output_tokens,
        step.cost_nanodollars,
        step.documents_per_second,
        run_lifecycle.write_warnings(step.warnings),
    )
    run = run_lifecycle.held(record)
    if run.lost_documents:
        # What was decided was read before.
        await erasure.forget_gone(connection, Collection.of(run), run.id, step.documents)
    await runs.tell_progress(connection, run)
    return run


_FINISH = """
UPDATE runs
SET ai_status = $4, ai_error = $5,
    ai_unresolved = coalesce(ai_to_resolve, ai_resolved) - ai_resolved
WHERE id = $1 AND worker_id = $2 AND attempt = $3 AND status = ANY($6::text[])
RETURNING id
"""


async def finish(connection: Connection, lease: Lease, status: AiStatus, error: str | None) -> None:
    """Say how the pass ended; the caller completes the run in the same transaction, which tells it.

    What was not settled counts as unresolved.
    """
    record = await connection.fetchrow(
        _FINISH, *run_lifecycle.fence(lease), status, error, sources_of(RunStatus.COMPLETED)
    )
    if record is None:
        raise run_lifecycle.lost()


_ESTIMATE = """
UPDATE runs
SET ai_status = 'pending', ai_is_estimate = true, ai_to_resolve = $4, ai_requests = $5,
    ai_input_tokens = $6, ai_output_tokens = $7, ai_cost_nanodollars = $8
WHERE id = $1 AND worker_id = $2 AND attempt = $3 AND status = 'running'
RETURNING id
"""


async def estimate(connection: Connection, lease: Lease, figures: AiFigures) -> None:
    """Keep what the pass would take; the caller completes the run in the same transaction."""
    record = await connection.fetchrow(
        _ESTIMATE,
        *run_lifecycle.fence(lease),
        figures.to_resolve,
        figures.requests,
        figures.input_tokens,
        figures.output_tokens,
        figures.cost_nanodollars,
    )
    if record is None:
        raise run_lifecycle.lost()


_COUNT_WORKERS = """
SELECT count(DISTINCT worker_id) FROM runs WHERE status = 'ai_resolving' AND lease_until > now()
"""


async def count_workers(connection: Connection) -> int:
    """Return how many workers, of all processes, carry out an AI pass now."""
    number: int = await connection.fetchval(_COUNT_WORKERS)
    return number
