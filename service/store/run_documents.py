"""Which documents does a run match, and what are their fields now?"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.documents import RunDocument
from service.domain.identifiers import DocumentId
from service.domain.reference import ReferenceVersion
from service.domain.runs import Run
from service.store.database import Connection


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """Only documents whose field, as text, equals the value."""

    field: str
    equals: str


# Far above what any number of documents takes; a server that stands still is noticed all the same.
FREEZE_TIMEOUT_SECONDS = 3600.0

_FREEZE_NAMED = """
INSERT INTO run_documents (run_id, position, document_id)
SELECT $1, row_number() OVER (ORDER BY id COLLATE "C") - 1, id
FROM (SELECT DISTINCT unnest($2::text[]) AS id) AS named
"""
_FREEZE_COLLECTION = """
INSERT INTO run_documents (run_id, position, document_id)
SELECT $1, row_number() OVER (ORDER BY id) - 1, id
FROM documents
WHERE workspace_id = $2 AND collection = $3
  AND ($4::text IS NULL OR fields ->> $4 = $5)
"""
_COUNT_FROZEN = "SELECT count(*) FROM run_documents WHERE run_id = $1"


async def freeze(connection: Connection, run: Run, only: DocumentFilter | None) -> int:
    """Keep which documents the run matches, in order of their ids; return how many."""
    if run.document_ids is not None:
        await connection.execute(
            _FREEZE_NAMED, run.id, run.document_ids, timeout=FREEZE_TIMEOUT_SECONDS
        )
    else:
        await connection.execute(
            _FREEZE_COLLECTION,
            run.id,
            run.workspace_id,
            run.collection,
            only.field if only else None,
            only.equals if only else None,
            timeout=FREEZE_TIMEOUT_SECONDS,
        )
    total: int = await connection.fetchval(_COUNT_FROZEN, run.id)
    return total


# A pair is void once the document or the row has other content than what was rejected.
_FREEZE_EXCLUSIONS = """
INSERT INTO run_exclusions (run_id, document_id, reference_row_id)
SELECT DISTINCT $1::uuid, p.document_id, p.reference_row_id
FROM rejected_pairs p
JOIN documents d
  ON d.workspace_id = p.workspace_id AND d.collection = p.collection AND d.id = p.document_id
JOIN reference_versions v ON v.reference_data_id = p.reference_data_id AND v.version = $5
JOIN reference_rows r
  ON r.generation = v.generation
 AND r.row_id = p.reference_row_id AND r.position < v.row_count
WHERE p.reference_data_id = $2 AND p.workspace_id = $3 AND p.collection = $4
  AND document_digest(d.fields) = p.document_digest
  AND row_digest(v.columns, r.row_values) = p.row_digest
"""


async def freeze_exclusions(connection: Connection, run: Run, version: ReferenceVersion) -> None:
    """Keep which pairs of document and row the run leaves out, since a reviewer rejected them."""
    await connection.execute(
        _FREEZE_EXCLUSIONS,
        run.id,
        version.reference_data_id,
        run.workspace_id,
        run.collection,
        version.version,
        timeout=FREEZE_TIMEOUT_SECONDS,
    )


_UNKNOWN_FIELDS = """
SELECT name FROM unnest($3::text[]) AS name
WHERE NOT EXISTS (SELECT 1 FROM documents
                  WHERE workspace_id = $1 AND collection = $2 AND fields ? name)
ORDER BY name
"""
_SOME_FIELDS = """
SELECT DISTINCT jsonb_object_keys(fields) AS name
FROM (
    SELECT fields FROM documents WHERE workspace_id = $1 AND collection = $2 LIMIT 100
) AS first_ones
ORDER BY name LIMIT 200
"""


async def unknown_fields(connection: Connection, run: Run, names: Sequence[str]) -> list[str]:
    """Return those of the fields that no document of the run's collection has."""
    records = await connection.fetch(
        _UNKNOWN_FIELDS, run.workspace_id, run.collection, names, timeout=FREEZE_TIMEOUT_SECONDS
    )
    return [record["name"] for record in records]


async def some_fields(connection: Connection, run: Run) -> list[str]:
    """Return names of fields that the first documents of the run's collection have."""
    records = await connection.fetch(_SOME_FIELDS, run.workspace_id, run.collection)
    return [record["name"] for record in records]


# Two statements, not a join: for tables that were just filled and have no statistics yet, the
# planner joins by reading the whole collection once per document (1,900 ms instead of 2 ms for
# 300 of 20,000 documents).
_IDS = """
SELECT document_id FROM run_documents
WHERE run_id = $1 AND position >= $2 AND position < $3
ORDER BY position
"""
# Of large documents only the fields asked for, which may be small; that is twice the work. What is
# stored compressed can be a hundred times as large as it seems.
_DOCUMENTS = """
SELECT id, filename,
       CASE WHEN pg_column_size(fields) <= 2000 AND pg_column_compression(fields) IS NULL
       THEN fields
       ELSE (SELECT coalesce(jsonb_object_agg(name, fields -> name), '{}')
             FROM unnest($4::text[]) AS name WHERE fields ? name)
       END AS fields,
       ARRAY(SELECT reference_row_id FROM run_exclusions
             WHERE run_id = $5 AND document_id = documents.id) AS excluded
FROM documents
WHERE workspace_id = $1 AND collection = $2 AND id = ANY($3::text[])
"""


async def fetch_range(
    connection: Connection, run: Run, positions: tuple[int, int], names: Sequence[str]
) -> tuple[RunDocument, ...]:
    """Return the run's documents from the first position up to the second, with at least the
    named fields.

    Positions are those of the run's frozen order.
    """
    frozen = await connection.fetch(_IDS, run.id, *positions)
    ids = [DocumentId(record["document_id"]) for record in frozen]
    records = await connection.fetch(
        _DOCUMENTS, run.workspace_id, run.collection, ids, names, run.id
    )
    found = {
        record["id"]: RunDocument(
            record["id"], record["filename"], record["fields"], tuple(record["excluded"])
        )
        for record in records
    }
    return tuple(found.get(each) or RunDocument(each, None, None) for each in ids)
