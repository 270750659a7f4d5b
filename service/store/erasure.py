"""How do documents go, with what was kept of them elsewhere: evidence, events, warnings?

    mark the runs under way ─► delete and forget, batch by batch ─► mark those that began meanwhile
                             ─► wait for what all of them were writing ─► forget that too

A run under way may have read the fields of a document just before it goes. Marked, it looks for
documents that are gone whenever it writes results (`forget_gone`). What it was writing when
the document went is waited for, without a lock of ours that it could wait for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.identifiers import DocumentId, RunId, WorkspaceId
from service.domain.runs import TERMINAL_STATUSES, Run
from service.store import collections
from service.store.database import Connection

# What a statement may take; a batch is a fraction of a second of work.
ERASE_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Collection:
    """Where documents lie."""

    workspace_id: WorkspaceId
    name: str

    @classmethod
    def of(cls, run: Run) -> "Collection":
        """Return where a run's documents lie."""
        return cls(run.workspace_id, run.collection)


_NOW = "SELECT clock_timestamp()"


async def begin(connection: Connection, place: Collection) -> datetime:
    """Mark the runs under way; return the moment from which on others may have read documents."""
    began: datetime = await connection.fetchval(_NOW)
    await mark_runs(connection, place, began)
    return began


_SINCE = """
SELECT id FROM runs
WHERE workspace_id = $1 AND collection = $2 AND (status <> ALL($3::text[]) OR completed_at >= $4)
ORDER BY id
"""
_MARK = """
UPDATE runs SET lost_documents = true
WHERE id = $1 AND status <> ALL($2::text[]) AND NOT lost_documents
"""


async def mark_runs(connection: Connection, place: Collection, since: datetime) -> list[RunId]:
    """Tell the runs under way that documents of the collection go.

    Return which they are, and which have ended since then. Not for use inside a transaction:
    workers hold the row of one run, and must not wait for who holds some and wants more.
    """
    ended = [status.value for status in TERMINAL_STATUSES]
    records = await connection.fetch(_SINCE, place.workspace_id, place.name, ended, since)
    run_ids = [RunId(record["id"]) for record in records]
    for run_id in run_ids:
        await connection.execute(_MARK, run_id, ended)
    return run_ids


_WAIT = "SELECT rows_processed FROM runs WHERE id = $1 FOR SHARE"


async def wait_for_writer(connection: Connection, run_id: RunId) -> int:
    """Return when the transaction that was writing this run has ended: how many results it has."""
    written: int | None = await connection.fetchval(_WAIT, run_id, timeout=ERASE_TIMEOUT_SECONDS)
    return written or 0


_DELETE = """
DELETE FROM documents WHERE workspace_id = $1 AND collection = $2 AND id = $3 RETURNING id
"""
_DELETE_SOME = """
DELETE FROM documents
WHERE workspace_id = $1 AND collection = $2 AND id IN (
    SELECT id FROM documents WHERE workspace_id = $1 AND collection = $2 ORDER BY id LIMIT $3
    FOR UPDATE
)
RETURNING id
"""


async def delete_one(connection: Connection, place: Collection, document_id: DocumentId) -> bool:
    """Delete a document and what is kept of it; False when it is not there."""
    found = await connection.fetchval(_DELETE, place.workspace_id, place.name, document_id)
    if found is None:
        return False
    await forget(connection, place, [document_id])
    await collections.subtract(connection, place.workspace_id, place.name, 1)
    return True


async def delete_some(connection: Connection, place: Collection, limit: int) -> int:
    """Delete up to `limit` documents of a collection and what is kept of them; return how many."""
    records = await connection.fetch(_DELETE_SOME, place.workspace_id, place.name, limit)
    if not records:
        return 0
    await forget(connection, place, [DocumentId(record["id"]) for record in records])
    await collections.subtract(connection, place.workspace_id, place.name, len(records))
    return len(records)


_RUNS = "SELECT id FROM runs WHERE workspace_id = $1 AND collection = $2"
# Reviews, deletions of runs and other erasures change the same rows meanwhile. All take results
# before the rows of runs, each in the order of their ids, and keep a run before they touch what
# goes with it: nobody waits in a circle.
_HOLD_RESULTS = """
SELECT run_id FROM results WHERE run_id = ANY($1::uuid[]) AND document_id = ANY($2::text[])
ORDER BY run_id, id FOR UPDATE
"""
_KEEP_RUNS = "SELECT id FROM runs WHERE id = ANY($1::uuid[]) ORDER BY id FOR KEY SHARE"
_HOLD_RUNS = """
SELECT id FROM runs
WHERE workspace_id = $1 AND collection = $2 AND status = ANY($4::text[])
  AND (id = ANY($3::uuid[]) OR warnings @> '[{"code": "unreadable_document_value"}]')
ORDER BY id FOR NO KEY UPDATE
"""
# By keys, not a join: without statistics the planner would read all results for each batch.
_FORGET = """
UPDATE results
SET evidence = forget_document(evidence), document_filename = NULL,
    candidates = forget_document_of_candidates(candidates), version = version + 1
WHERE run_id = ANY($1::uuid[]) AND document_id = ANY($2::text[])
"""
# What clients have cached of the runs shows their best results.
_RENEW_RUNS = """
UPDATE runs SET version = version + 1 WHERE id = ANY($1::uuid[]) AND status = ANY($2::text[])
"""
_FORGET_PAIRS = """
DELETE FROM rejected_pairs USING runs
WHERE runs.workspace_id = $1 AND runs.collection = $2 AND rejected_pairs.run_id = runs.id
  AND rejected_pairs.document_id = ANY($3::text[])
"""
# What the AI said of a document may tell of its fields.
_FORGET_ANSWERS = """
DELETE FROM ai_answers USING runs
WHERE runs.workspace_id = $1 AND runs.collection = $2 AND ai_answers.run_id = runs.id
  AND ai_answers.document_id = ANY($3::text[])
"""
# Told as it was, but without what it told of the document.
_FORGET_EVENTS = """
UPDATE events
SET data = (
    SELECT json_object_agg(key, CASE WHEN key <> 'result' THEN value ELSE (
        SELECT json_object_agg(name, CASE
            WHEN name = 'evidence' THEN '{}'::json
            WHEN name = 'document_filename' THEN 'null'::json
            ELSE part END)
        FROM json_each(value) AS member (name, part)
    ) END)
    FROM json_each(data::json)
)::text
WHERE run_id = ANY($1::uuid[]) AND type = 'result.reviewed'
  AND data::json -> 'result' ->> 'document_id' = ANY($2::text[])
"""
# A warning's sample ends with the id of the document that its value is of, unless it was cut.
_FORGET_WARNINGS = """
WITH told AS (
    SELECT runs.id, to_json(warning ->> 'sample')::text AS sample
    FROM runs, jsonb_array_elements(warnings) AS warning
    WHERE workspace_id = $1 AND collection = $2 AND status = ANY($4::text[])
      AND warning ->> 'code' = 'unreadable_document_value'
      AND (right(warning ->> 'sample', 1) = '…'
           OR substring(warning ->> 'sample' FROM '.* [(](.*)[)]$') = ANY($3::text[]))
), of_events AS (
    UPDATE events SET data = replace(data, told.sample, '""')
    FROM told WHERE events.run_id = told.id AND events.type <> 'run.progress'
)
UPDATE runs SET warnings = replace(warnings::text, told.sample, '""')::jsonb
FROM told WHERE runs.id = told.id
"""


async def forget(
    connection: Connection, place: Collection, document_ids: Sequence[DocumentId]
) -> None:
    """Remove what runs, their results and their events tell of documents.

    The row of a run under way is left alone: its worker holds it while it waits for results.
    """
    ended = [status.value for status in TERMINAL_STATUSES]
    arguments = (place.workspace_id, place.name, document_ids)
    run_ids = await _hold_results(connection, place, document_ids)
    await connection.execute(_FORGET, run_ids, document_ids, timeout=ERASE_TIMEOUT_SECONDS)
    await connection.execute(_FORGET_PAIRS, *arguments)
    await connection.execute(_FORGET_ANSWERS, *arguments)
    await connection.execute(_HOLD_RUNS, place.workspace_id, place.name, run_ids, ended)
    await connection.execute(_FORGET_EVENTS, run_ids, document_ids)
    await connection.execute(_FORGET_WARNINGS, *arguments, ended)
    await connection.execute(_RENEW_RUNS, run_ids, ended)


async def _hold_results(
    connection: Connection, place: Collection, document_ids: Sequence[DocumentId]
) -> list[RunId]:
    """Lock what runs found for the documents, and keep these runs; return which they are."""
    every_run = await connection.fetch(_RUNS, place.workspace_id, place.name)
    records = await connection.fetch(
        _HOLD_RESULTS,
        [record["id"] for record in every_run],
        document_ids,
        timeout=ERASE_TIMEOUT_SECONDS,
    )
    run_ids = sorted({RunId(record["run_id"]) for record in records})
    await connection.execute(_KEEP_RUNS, run_ids)
    return run_ids


# By keys and a page at a time: rewriting what results tell, only to compare, takes a minute for two
# million of them, and a join is planned badly for tables that were just filled.
_PAGE = """
SELECT document_id FROM run_documents WHERE run_id = $1 AND position >= $2 AND position < $3
"""
PAGE_DOCUMENTS = 5_000
_STILL_THERE = """
SELECT id FROM documents WHERE workspace_id = $1 AND collection = $2 AND id = ANY($3::text[])
"""
_FORGET_GONE = """
UPDATE results
SET evidence = forget_document(evidence), document_filename = NULL,
    candidates = forget_document_of_candidates(candidates)
WHERE run_id = $1 AND document_id = ANY($2::text[])
  AND forget_document(evidence)::text <> evidence::text
"""


async def forget_missing(
    connection: Connection, place: Collection, run_id: RunId, positions: tuple[int, int]
) -> None:
    """Remove what the results of a run tell of documents that are gone, in a range of positions."""
    for first in range(*positions, PAGE_DOCUMENTS):
        page = (first, min(first + PAGE_DOCUMENTS, positions[1]))
        ids = [each["document_id"] for each in await connection.fetch(_PAGE, run_id, *page)]
        await forget_gone(connection, place, run_id, ids)


async def forget_gone(
    connection: Connection, place: Collection, run_id: RunId, document_ids: Sequence[DocumentId]
) -> None:
    """Remove what the results of a run tell of those of the documents that are gone."""
    records = await connection.fetch(_STILL_THERE, place.workspace_id, place.name, document_ids)
    gone = set(document_ids) - {record["id"] for record in records}
    if gone:
        await connection.execute(_FORGET_GONE, run_id, gone, timeout=ERASE_TIMEOUT_SECONDS)


_FORGET_SAMPLES = """
UPDATE runs
SET warnings = (
    SELECT coalesce(jsonb_agg(
        CASE WHEN warning ->> 'code' = 'unreadable_document_value'
             THEN jsonb_set(warning, '{sample}', '""') ELSE warning END
        ORDER BY place), '[]')
    FROM jsonb_array_elements(warnings) WITH ORDINALITY AS each_one (warning, place)
)
WHERE id = $1 AND lost_documents
"""


_FORGET_MISSING_ANSWERS = """
DELETE FROM ai_answers USING runs
WHERE runs.id = $1 AND lost_documents AND ai_answers.run_id = $1 AND NOT EXISTS (
    SELECT 1 FROM documents
    WHERE documents.workspace_id = runs.workspace_id
      AND documents.collection = runs.collection AND documents.id = ai_answers.document_id
)
"""


async def forget_samples(connection: Connection, run_id: RunId) -> None:
    """Remove what else a run tells of documents that it lost while it was under way."""
    await connection.execute(_FORGET_SAMPLES, run_id)
    await connection.execute(_FORGET_MISSING_ANSWERS, run_id)
