"""What do people say of results, who hears of it, and what follows from it?

A review is one version of its result; all versions are kept in a history that only grows. A
rejected match is left out for its document in later runs, for as long as the review lasts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain import configs, representation
from service.domain.errors import ConflictError, NotFoundError
from service.domain.events import EventType
from service.domain.identifiers import ReferenceRowId, ResultId, RunId
from service.domain.results import MatchResult, ResolvedBy, ReviewStatus
from service.domain.runs import TERMINAL_STATUSES, Run
from service.store import events, results, run_lifecycle, runs
from service.store.database import Connection
from service.store.results import ResultFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What a person says of a result; `choice` is the candidate chosen instead of the proposal.

    `if_version` makes the review conditional on the version that the person saw.
    """

    result_id: ResultId
    status: ReviewStatus
    notes: str | None
    choice: ReferenceRowId | None
    reviewer: str
    if_version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastReview:
    """A review as it was made; `version` is the one that it made of the result."""

    version: int
    status: ReviewStatus
    notes: str | None
    matched_reference_row_id: ReferenceRowId | None
    resolved_by: ResolvedBy
    reviewed_by: str
    reviewed_at: datetime


_COUNT_EVENTS = """
UPDATE runs SET event_seq = event_seq + $3, updated_at = clock_timestamp()
WHERE id = $1 AND status = ANY($2::text[]) AND NOT dry_run
RETURNING *
"""
# First of all: who deletes the run takes its row, and then what goes with it, in this order too.
_KEEP_RUN = "SELECT true FROM runs WHERE id = $1 FOR KEY SHARE"
# In the order of their ids, so that two requests wait for each other and never deadlock.
_LOCK = """
SELECT id FROM results WHERE run_id = $1 AND id = ANY($2::uuid[]) ORDER BY id FOR UPDATE
"""
_REVIEW = """
UPDATE results
SET status = said.status, notes = said.notes,
    matched_reference_row_id = coalesce(said.choice, proposed_reference_row_id),
    resolved_by = CASE WHEN said.choice IS NULL
                         OR said.choice IS NOT DISTINCT FROM proposed_reference_row_id
                       THEN proposed_by ELSE 'review' END,
    reviewed_by = CASE WHEN said.status = 'pending' THEN NULL ELSE said.reviewer END,
    reviewed_at = CASE WHEN said.status = 'pending' THEN NULL ELSE clock_timestamp() END,
    version = version + 1
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[])
     AS said (result_id, status, notes, choice, reviewer, if_version)
WHERE run_id = $1 AND id = said.result_id AND (said.if_version IS NULL OR version = said.if_version)
RETURNING results.*
"""
_KEEP_HISTORY = """
INSERT INTO result_reviews (run_id, result_id, version, status, notes, matched_reference_row_id,
                            resolved_by, reviewed_by, reviewed_at)
SELECT run_id, id, version, status, notes, matched_reference_row_id, resolved_by, said.reviewer,
       coalesce(reviewed_at, clock_timestamp())
FROM results JOIN unnest($2::uuid[], $3::text[]) AS said (result_id, reviewer)
  ON results.id = said.result_id
WHERE run_id = $1
"""


async def record(
    connection: Connection, run: Run, verdicts: Sequence[Review]
) -> dict[ResultId, MatchResult]:
    """Record reviews of different results and tell of each; return the results as they are now.

    One is missing when there is no such result, or it is no longer at `if_version`. A review
    without a choice, and one that is taken back to `pending`, returns to the proposal. Raises
    ConflictError, so that nothing is written, when the run is not open to reviews, and
    NotFoundError when it was deleted.
    """
    if not await connection.fetchval(_KEEP_RUN, run.id):
        raise NotFoundError(f"There is no run `{run.id}`.")
    await connection.fetch(_LOCK, run.id, [each.result_id for each in verdicts])
    records = await connection.fetch(
        _REVIEW,
        run.id,
        [each.result_id for each in verdicts],
        [each.status.value for each in verdicts],
        [each.notes for each in verdicts],
        [each.choice for each in verdicts],
        [each.reviewer for each in verdicts],
        [each.if_version for each in verdicts],
    )
    by_id = {record["id"]: results.from_record(record) for record in records}
    done = {each.result_id: by_id[each.result_id] for each in verdicts if each.result_id in by_id}
    if not done:
        return {}
    reviewers = {each.result_id: each.reviewer for each in verdicts}
    ids = list(done)
    await connection.execute(_KEEP_HISTORY, run.id, ids, [reviewers[each] for each in ids])
    await _reject_pairs(connection, run, done)
    ended = [status.value for status in TERMINAL_STATUSES]
    counted = await connection.fetchrow(_COUNT_EVENTS, run.id, ended, len(ids))
    if counted is None:
        raise ConflictError("The run is not open to reviews now: wait until it has ended.")
    told = runs.from_record(counted)
    bodies = map(_body, done.values())
    await events.append_many(connection, EventType.RESULT_REVIEWED, told, bodies, len(done))
    return done


# A page of events is in memory at once: where values are longer, the result alone tells them.
MAX_EVIDENCE_TOLD = 32_768


def _body(result: MatchResult) -> dict[str, representation.Json]:
    is_long = len(result.evidence) > MAX_EVIDENCE_TOLD
    evidence = {} if is_long else json.loads(result.evidence)
    return {"result": {**representation.result(result), "evidence": evidence}}


_FORGET_PAIRS = "DELETE FROM rejected_pairs WHERE run_id = $1 AND result_id = ANY($2::uuid[])"
# Where the document has changed since it was matched, nobody has said anything of what it is now:
# the values in the evidence are those that were matched. Numbers are compared as numbers.
_REJECT_PAIRS = """
INSERT INTO rejected_pairs (run_id, result_id, reference_data_id, workspace_id, collection,
                            document_id, reference_row_id, document_digest, row_digest)
SELECT said.run_id, said.id, r.reference_data_id, r.workspace_id, r.collection, said.document_id,
       said.matched_reference_row_id, document_digest(d.fields),
       row_digest(v.columns, row.row_values)
FROM results said
JOIN runs r ON r.id = said.run_id
JOIN documents d
  ON d.workspace_id = r.workspace_id AND d.collection = r.collection AND d.id = said.document_id
JOIN reference_versions v
  ON v.reference_data_id = r.reference_data_id AND v.version = r.reference_data_version
JOIN reference_rows row
  ON row.generation = v.generation
 AND row.row_id = said.matched_reference_row_id AND row.position < v.row_count
WHERE said.run_id = $1 AND said.id = ANY($2::uuid[])
  AND NOT EXISTS (
      SELECT 1 FROM json_each(said.evidence) AS matched (key, part)
      JOIN unnest($3::text[], $4::text[]) AS mapped (key, source) USING (key),
           LATERAL (SELECT coalesce((part -> 'document_value')::jsonb, 'null') AS then,
                           coalesce(d.fields -> source, 'null') AS now) AS value
      WHERE CASE
          WHEN jsonb_typeof(value.then) = 'number' AND jsonb_typeof(value.now) = 'number'
          THEN value.then::float8 <> value.now::float8
          ELSE value.then <> value.now END
  )
"""


async def _reject_pairs(
    connection: Connection, run: Run, done: Mapping[ResultId, MatchResult]
) -> None:
    """Let later runs leave out what is rejected now, and no longer what was before."""
    await connection.execute(_FORGET_PAIRS, run.id, list(done))
    rejected = [each.id for each in done.values() if each.status is ReviewStatus.REJECTED]
    if rejected:
        mappings = (await run_lifecycle.fetch_rules(connection, run)).field_mappings
        keys, sources = configs.evidence_keys(mappings), [each.source for each in mappings]
        await connection.execute(_REJECT_PAIRS, run.id, rejected, keys, sources)


_COUNT_TO_REVIEW = """
SELECT count(*) FROM results
WHERE run_id = $1 AND confidence >= $2 AND confidence <= $3
  AND ($4::text IS NULL OR status = $4)
  AND ($5::boolean IS NULL OR (matched_reference_row_id IS NOT NULL) = $5)
  AND ($6::text IS NULL OR resolved_by = $6)
  AND ($7::boolean IS NULL OR uncertain = $7)
  AND ($8::text IS NULL OR document_id = $8)
  AND status <> $9
"""
_TO_REVIEW = """
SELECT id FROM results
WHERE run_id = $1 AND confidence >= $2 AND confidence <= $3
  AND ($4::text IS NULL OR status = $4)
  AND ($5::boolean IS NULL OR (matched_reference_row_id IS NOT NULL) = $5)
  AND ($6::text IS NULL OR resolved_by = $6)
  AND ($7::boolean IS NULL OR uncertain = $7)
  AND ($8::text IS NULL OR document_id = $8)
  AND status <> $9
ORDER BY document_id
LIMIT $10
"""


async def count_to_review(
    connection: Connection, run_id: RunId, wanted: ResultFilter, status: ReviewStatus
) -> int:
    """Return how many results the filter lets through that do not have the status yet."""
    arguments = results.filter_arguments(wanted)
    number: int = await connection.fetchval(
        _COUNT_TO_REVIEW, run_id, *arguments, wanted.document_id, status.value
    )
    return number


async def to_review(
    connection: Connection, run_id: RunId, wanted: ResultFilter, status: ReviewStatus, limit: int
) -> list[ResultId]:
    """Return the first `limit` of those results, in document order."""
    arguments = results.filter_arguments(wanted)
    records = await connection.fetch(
        _TO_REVIEW, run_id, *arguments, wanted.document_id, status.value, limit
    )
    return [ResultId(record["id"]) for record in records]


_HISTORY = """
SELECT * FROM result_reviews
WHERE run_id = $1 AND result_id = $2 AND version < $3
ORDER BY version DESC LIMIT $4
"""


async def history(
    connection: Connection, run_id: RunId, result_id: ResultId, before: int, limit: int
) -> list[PastReview]:
    """Return up to `limit` reviews of a result, the newest first, older than version `before`."""
    records = await connection.fetch(_HISTORY, run_id, result_id, before, limit)
    return [
        PastReview(
            version=record["version"],
            status=ReviewStatus(record["status"]),
            notes=record["notes"],
            matched_reference_row_id=record["matched_reference_row_id"],
            resolved_by=ResolvedBy(record["resolved_by"]),
            reviewed_by=record["reviewed_by"],
            reviewed_at=record["reviewed_at"],
        )
        for record in records
    ]


_COUNT_HISTORY = "SELECT count(*) FROM result_reviews WHERE run_id = $1 AND result_id = $2"


async def count_history(connection: Connection, run_id: RunId, result_id: ResultId) -> int:
    """Return how many reviews the result has had."""
    number: int = await connection.fetchval(_COUNT_HISTORY, run_id, result_id)
    return number
