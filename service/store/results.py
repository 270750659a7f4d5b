"""Which results does a run have?"""

import math
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from service.domain.identifiers import DocumentId, ReferenceRowId, ResultId, RunId
from service.domain.results import MatchResult, ResolvedBy, ReviewStatus
from service.store.copying import copy_text
from service.store.database import Connection, Record

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
    "uncertain",
    "error",
)


# What was matched in a quarter of a second; a server that stands still is noticed all the same.
COPY_TIMEOUT_SECONDS = 60.0


async def copy(connection: Connection, blocks: Iterable[bytes]) -> None:
    """Add results, given as COPY text with the columns of COPY_COLUMNS."""

    async def source() -> AsyncIterator[bytes]:
        for block in blocks:
            yield block

    await copy_text(connection, "results", COPY_COLUMNS, source(), COPY_TIMEOUT_SECONDS)


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
    uncertain: bool | None = None
    document_id: DocumentId | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """The last result of the page before: where the next page begins."""

    confidence: float
    document_id: DocumentId


# Before every result in either order. What a walk begins at is always there, since a plan that
# must also fit "from the start" cannot use it on the index and reads the run from its start. A
# filter that is no part of the walk may be absent: a plan must not take another index for it.
START = Position(math.inf, DocumentId(""))

# The rest of those that share the last confidence, then those below it: two walks of one index.
_BY_CONFIDENCE = """
(SELECT * FROM results
 WHERE run_id = $1
   AND confidence >= $2 AND confidence <= $3
   AND ($4::text IS NULL OR status = $4)
   AND ($5::boolean IS NULL OR (matched_reference_row_id IS NOT NULL) = $5)
   AND ($6::text IS NULL OR resolved_by = $6)
   AND ($7::boolean IS NULL OR uncertain = $7)
   AND confidence = $8 AND document_id > $9
 ORDER BY document_id
 LIMIT $10)
UNION ALL
(SELECT * FROM results
 WHERE run_id = $1
   AND confidence >= $2 AND confidence <= $3
   AND ($4::text IS NULL OR status = $4)
   AND ($5::boolean IS NULL OR (matched_reference_row_id IS NOT NULL) = $5)
   AND ($6::text IS NULL OR resolved_by = $6)
   AND ($7::boolean IS NULL OR uncertain = $7)
   AND confidence < $8
 ORDER BY confidence DESC, document_id
 LIMIT $10 OFFSET $11)
ORDER BY confidence DESC, document_id
LIMIT $10
"""
_BY_DOCUMENT = """
SELECT * FROM results
WHERE run_id = $1
  AND ($2::float8 IS NULL OR confidence >= $2)
  AND ($3::float8 IS NULL OR confidence <= $3)
  AND ($4::text IS NULL OR status = $4)
  AND ($5::boolean IS NULL OR (matched_reference_row_id IS NOT NULL) = $5)
  AND ($6::text IS NULL OR resolved_by = $6)
  AND ($7::boolean IS NULL OR uncertain = $7)
  AND document_id > $8
ORDER BY document_id
LIMIT $9 OFFSET $10
"""
# A run has one result per document: nothing to sort, and no second page.
_OF_DOCUMENT = """
SELECT * FROM results
WHERE run_id = $1
  AND ($2::float8 IS NULL OR confidence >= $2)
  AND ($3::float8 IS NULL OR confidence <= $3)
  AND ($4::text IS NULL OR status = $4)
  AND ($5::boolean IS NULL OR (matched_reference_row_id IS NOT NULL) = $5)
  AND ($6::text IS NULL OR resolved_by = $6)
  AND ($7::boolean IS NULL OR uncertain = $7)
  AND document_id = $8
LIMIT $9 OFFSET $10
"""


async def page(
    connection: Connection,
    run_id: RunId,
    wanted: ResultFilter,
    sort: Sort,
    after: Position | int | None,
    limit: int,
) -> list[MatchResult]:
    """Return up to `limit` results in the order asked for.

    They are those behind the position `after`, or those behind the first so many, which costs
    reading them.
    """
    filters = filter_arguments(wanted)
    start, offset = (after, 0) if isinstance(after, Position) else (START, after or 0)
    if wanted.document_id is not None:
        records = await connection.fetch(
            _OF_DOCUMENT, run_id, *filters, wanted.document_id, limit, offset
        )
    elif sort is Sort.DOCUMENT:
        records = await connection.fetch(
            _BY_DOCUMENT, run_id, *filters, start.document_id, limit, offset
        )
    else:
        records = await connection.fetch(
            _BY_CONFIDENCE, run_id, *filters, start.confidence, start.document_id, limit, offset
        )
    return [from_record(record) for record in records]


_COUNT = """
SELECT count(*) FROM results
WHERE run_id = $1
  AND ($2::float8 IS NULL OR confidence >= $2)
  AND ($3::float8 IS NULL OR confidence <= $3)
  AND ($4::text IS NULL OR status = $4)
  AND ($5::boolean IS NULL OR (matched_reference_row_id IS NOT NULL) = $5)
  AND ($6::text IS NULL OR resolved_by = $6)
  AND ($7::boolean IS NULL OR uncertain = $7)
"""


async def count(connection: Connection, run_id: RunId, wanted: ResultFilter) -> int:
    """Return how many results the filter lets through."""
    if wanted.document_id is not None:
        return len(await page(connection, run_id, wanted, Sort.DOCUMENT, None, limit=1))
    number: int = await connection.fetchval(_COUNT, run_id, *filter_arguments(wanted))
    return number


_FETCH_SEVERAL = "SELECT * FROM results WHERE run_id = $1 AND id = ANY($2::uuid[])"


async def fetch_several(
    connection: Connection, run_id: RunId, result_ids: Sequence[ResultId]
) -> dict[ResultId, MatchResult]:
    """Return those of the results that the run has, by id."""
    records = await connection.fetch(_FETCH_SEVERAL, run_id, result_ids)
    return {ResultId(record["id"]): from_record(record) for record in records}


_FETCH = "SELECT * FROM results WHERE run_id = $1 AND id = $2"


async def fetch(connection: Connection, run_id: RunId, result_id: ResultId) -> MatchResult | None:
    """Return the result, or None when the run has no such result."""
    record = await connection.fetchrow(_FETCH, run_id, result_id)
    return from_record(record) if record else None


def filter_arguments(wanted: ResultFilter) -> tuple[object, ...]:
    """Return what statements take for all of a filter but its document."""
    return (
        -math.inf if wanted.min_confidence is None else wanted.min_confidence,
        math.inf if wanted.max_confidence is None else wanted.max_confidence,
        wanted.status,
        wanted.matched,
        wanted.resolved_by,
        wanted.uncertain,
    )


# Found by name at a third of the cost of `ReviewStatus(name)`, fifty times for a page.
_STATUSES = {status.value: status for status in ReviewStatus}
_RESOLVERS = {resolver.value: resolver for resolver in ResolvedBy}


def from_record(record: Record) -> MatchResult:
    """Read a row of the table `results`."""
    row_id = record["matched_reference_row_id"]
    rule_confidence, evidence = record["rule_confidence"], record["evidence"]
    if record["resolved_by"] == ResolvedBy.REVIEW:
        rule_confidence, evidence = _of_candidate(record["candidates"], row_id)
    return MatchResult(
        id=ResultId(record["id"]),
        run_id=RunId(record["run_id"]),
        document_id=DocumentId(record["document_id"]),
        document_filename=record["document_filename"],
        matched_reference_row_id=None if row_id is None else ReferenceRowId(row_id),
        confidence=record["confidence"],
        rule_confidence=rule_confidence,
        status=_STATUSES[record["status"]],
        notes=record["notes"],
        evidence=evidence,
        candidates=record["candidates"],
        resolved_by=_RESOLVERS[record["resolved_by"]],
        uncertain=record["uncertain"],
        error=record["error"],
        created_at=record["created_at"],
        reviewed_at=record["reviewed_at"],
        reviewed_by=record["reviewed_by"],
        version=record["version"],
    )


class _StoredCandidate(msgspec.Struct):
    reference_row_id: str
    confidence: float
    evidence: msgspec.Raw


_candidates = msgspec.json.Decoder(list[_StoredCandidate])


def _of_candidate(candidates: str, row_id: str) -> tuple[float, str]:
    """Return what the rules said of the row that a reviewer chose: confidence and evidence.

    The row keeps those of the proposal, for a review that is taken back.
    """
    chosen = next(
        each for each in _candidates.decode(candidates) if each.reference_row_id == row_id
    )
    return chosen.confidence, bytes(chosen.evidence).decode()
