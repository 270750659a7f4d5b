"""What does a person say of a result, and who hears of it?"""

import json
from dataclasses import dataclass

from service.domain import representation
from service.domain.errors import ConflictError
from service.domain.events import EventType
from service.domain.identifiers import ReferenceRowId, ResultId
from service.domain.results import MatchResult, ReviewStatus
from service.domain.runs import TERMINAL_STATUSES, Run
from service.store import events, results, runs
from service.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a person says of a result; `choice` is the candidate chosen instead of the proposal.

    `if_version` makes the review conditional on the version that the person saw.
    """

    status: ReviewStatus
    notes: str | None
    choice: ReferenceRowId | None
    reviewer: str
    if_version: int | None


_COUNT_EVENT = """
UPDATE runs SET event_seq = event_seq + 1, updated_at = clock_timestamp()
WHERE id = $1 AND status = ANY($2::text[]) AND NOT dry_run
RETURNING *
"""
_REVIEW = """
UPDATE results
SET status = $3, notes = $4,
    matched_reference_row_id = coalesce($5, proposed_reference_row_id),
    resolved_by = CASE WHEN $5 IS NULL OR $5 IS NOT DISTINCT FROM proposed_reference_row_id
                       THEN proposed_by ELSE 'review' END,
    reviewed_by = CASE WHEN $3 = 'pending' THEN NULL ELSE $6 END,
    reviewed_at = CASE WHEN $3 = 'pending' THEN NULL ELSE clock_timestamp() END,
    version = version + 1
WHERE run_id = $1 AND id = $2 AND ($7::int IS NULL OR version = $7)
RETURNING *
"""


async def record(
    connection: Connection, run: Run, result_id: ResultId, verdict: Review
) -> MatchResult | None:
    """Record a review and tell of it; None when there is no such result, or no longer `if_version`.

    A review without a choice, and one that is taken back to `pending`, returns to the proposal.
    Raises ConflictError, so that nothing is written, when the run is not open to reviews.
    """
    reviewed = await connection.fetchrow(
        _REVIEW,
        run.id,
        result_id,
        verdict.status.value,
        verdict.notes,
        verdict.choice,
        verdict.reviewer,
        verdict.if_version,
    )
    if reviewed is None:
        return None
    result = results.from_record(reviewed)
    counted = await connection.fetchrow(
        _COUNT_EVENT, run.id, [status.value for status in TERMINAL_STATUSES]
    )
    if counted is None:
        raise ConflictError("The run is not open to reviews now: wait until it has ended.")
    body: dict[str, representation.Json] = {
        "result": {**representation.result(result), "evidence": json.loads(result.evidence)}
    }
    told = runs.from_record(counted)
    await events.append(connection, EventType.RESULT_REVIEWED, run.workspace_id, body, told)
    return result
