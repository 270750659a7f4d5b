"""Which results does a run have, and what did reviewers say of them?"""

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from enum import StrEnum

from service.domain import representation
from service.domain.events import EventType
from service.domain.identifiers import DocumentId, ReferenceRowId, ResultId, RunId
from service.domain.results import MatchResult, ResolvedBy, ReviewStatus
from service.domain.runs import TERMINAL_STATUSES, Run
from service.store import events, runs
from service.store.database import Connection, Record, fetch_one

# The order in which `store/copy_text.py` rows for this table are written.
COPY_COLUMNS = (
    "run_id",
    "document_id",
    "id",
    "document_filename",
    "proposed_reference_row_id",
    "matched_reference_row_id",
    "confidence",
    "rule_confidence",
    "evidence",
    "candidates",
    "error",
)


async def copy(connection: Connection, blocks: Iterable[bytes]) -> None:
    """Add results, given as COPY text with the columns of COPY_COLUMNS."""

    async def source() -> AsyncIterator[bytes]:
        for block in blocks:
            yield block

    await connection.copy_to_table("results", source=source(), columns=COPY_COLUMNS, format="text")


class Sort(StrEnum):
    """In which order results are listed."""

    CONFIDENCE = "confidence"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFilter:
    """Which results of a run; None means any. Confidences are inclusive bounds in [0, 1]."""

    status: ReviewStatus | None = None
    matched: bool | None = None
    min_confidence: float | None = None
    max_confidence: float | None = None
    resolved_by: ResolvedBy | None = None
    document_id: DocumentId | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """The last result of the page before: where the next page begins."""

    confidence: float
    document_id: DocumentId


_BY_CONFIDENCE = """
SELECT * FROM results
WHERE run_id = $1
  AND ($2::text IS NULL OR status = $2)
  AND ($3::boolean IS NULL OR (matched_reference_row_id IS NOT NULL) = $3)
  AND ($4::float8 IS NULL OR confidence >= $4)
  AND ($5::float8 IS NULL OR confidence <= $5)
  AND ($6::text IS NULL OR resolved_by = $6)
  AND ($7::text IS NULL OR document_id = $7)
  AND ($8::float8 IS NULL
       OR (confidence <= $8 AND (confidence < $8 OR document_id > $9)))
ORDER BY confidence DESC, document_id
LIMIT $10
"""
_BY_DOCUMENT = """
SELECT * FROM results
WHERE run_id = $1
  AND ($2::text IS NULL OR status = $2)
  AND ($3::boolean IS NULL OR (matched_reference_row_id IS NOT NULL) = $3)
  AND ($4::float8 IS NULL OR confidence >= $4)
  AND ($5::float8 IS NULL OR confidence <= $5)
  AND ($6::text IS NULL OR resolved_by = $6)
  AND ($7::text IS NULL OR document_id = $7)
  AND ($8::text IS NULL OR document_id > $8)
ORDER BY document_id
LIMIT $9
"""


async def page(
    connection: Connection,
    run_id: RunId,
    wanted: ResultFilter,
    sort: Sort,
    after: Position | None,
    limit: int,
) -> list[MatchResult]:
    """Return up to `limit` results behind `after`, in the order asked for."""
    filters = _filter_arguments(wanted)
    document_id = after.document_id if after else None
    if sort is Sort.DOCUMENT:
        records = await connection.fetch(_BY_DOCUMENT, run_id, *filters, document_id, limit)
    else:
        confidence = after.confidence if after else None
        records = await connection.fetch(
            _BY_CONFIDENCE, run_id, *filters, confidence, document_id, limit
        )
    return [_from_record(record) for record in records]


_COUNT = """
SELECT count(*) FROM results
WHERE run_id = $1
  AND ($2::text IS NULL OR status = $2)
  AND ($3::boolean IS NULL OR (matched_reference_row_id IS NOT NULL) = $3)
  AND ($4::float8 IS NULL OR confidence >= $4)
  AND ($5::float8 IS NULL OR confidence <= $5)
  AND ($6::text IS NULL OR resolved_by = $6)
  AND ($7::text IS NULL OR document_id = $7)
"""


async def count(connection: Connection, run_id: RunId, wanted: ResultFilter) -> int:
    """Return how many results the filter lets through."""
    number: int = await connection.fetchval(_COUNT, run_id, *_filter_arguments(wanted))
    return number


_FETCH = "SELECT * FROM results WHERE run_id = $1 AND id = $2"


async def fetch(connection: Connection, run_id: RunId, result_id: ResultId) -> MatchResult | None:
    """Return the result, or None when the run has no such result."""
    record = await connection.fetchrow(_FETCH, run_id, result_id)
    return _from_record(record) if record else None


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


async def review(
    connection: Connection, run: Run, result_id: ResultId, verdict: Review
) -> MatchResult | None:
    """Record a review and tell of it; None when the run is not open to it or the version is old.

    A review without a choice, and one that is taken back to `pending`, returns to the proposal.
    """
    record = await connection.fetchrow(
        _REVIEW,
        run.id,
        result_id,
        verdict.status.value,
        verdict.notes,
        verdict.choice,
        verdict.reviewer,
        verdict.if_version,
    )
    if record is None:
        return None
    result = _from_record(record)
    counted = await fetch_one(
        connection, _COUNT_EVENT, run.id, [status.value for status in TERMINAL_STATUSES]
    )
    body: dict[str, representation.Json] = {
        "result": {**representation.result(result), "evidence": json.loads(result.evidence)}
    }
    reviewed_run = runs.from_record(counted)
    await events.append(connection, EventType.RESULT_REVIEWED, run.workspace_id, body, reviewed_run)
    return result


def _filter_arguments(wanted: ResultFilter) -> tuple[object, ...]:
    return (
        wanted.status,
        wanted.matched,
        wanted.min_confidence,
        wanted.max_confidence,
        wanted.resolved_by,
        wanted.document_id,
    )


def _from_record(record: Record) -> MatchResult:
    row_id = record["matched_reference_row_id"]
    return MatchResult(
        id=ResultId(record["id"]),
        run_id=RunId(record["run_id"]),
        document_id=DocumentId(record["document_id"]),
        document_filename=record["document_filename"],
        matched_reference_row_id=None if row_id is None else ReferenceRowId(row_id),
        confidence=record["confidence"],
        rule_confidence=record["rule_confidence"],
        status=ReviewStatus(record["status"]),
        notes=record["notes"],
        evidence=record["evidence"],
        candidates=record["candidates"],
        resolved_by=ResolvedBy(record["resolved_by"]),
        error=record["error"],
        created_at=record["created_at"],
        reviewed_at=record["reviewed_at"],
        reviewed_by=record["reviewed_by"],
        version=record["version"],
    )
