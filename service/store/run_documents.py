"""Which documents does a run match, and what are their fields now?"""

from collections.abc import Sequence

from service.domain.documents import RunDocument
from service.domain.identifiers import DocumentId
from service.domain.runs import Run
from service.store.database import Connection

# Two statements, not a join: for tables that were just filled and have no statistics yet, the
# planner joins by reading the whole collection once per document (1,900 ms instead of 2 ms for
# 300 of 20,000 documents).
_IDS = """
SELECT document_id FROM run_documents
WHERE run_id = $1 AND position >= $2 AND position < $3
ORDER BY position
"""
# Of the fields only those asked for: a document may be large, and what is mapped of it small.
_DOCUMENTS = """
SELECT id, filename,
       (SELECT coalesce(jsonb_object_agg(name, fields -> name), '{}')
        FROM unnest($4::text[]) AS name WHERE fields ? name) AS fields
FROM documents
WHERE workspace_id = $1 AND collection = $2 AND id = ANY($3::text[])
"""


async def fetch_range(
    connection: Connection, run: Run, positions: tuple[int, int], names: Sequence[str]
) -> tuple[RunDocument, ...]:
    """Return the run's documents from the first position up to the second, with the named fields.

    Positions are those of the run's frozen order.
    """
    frozen = await connection.fetch(_IDS, run.id, *positions)
    ids = [DocumentId(record["document_id"]) for record in frozen]
    records = await connection.fetch(_DOCUMENTS, run.workspace_id, run.collection, ids, names)
    found = {
        record["id"]: RunDocument(record["id"], record["filename"], record["fields"])
        for record in records
    }
    return tuple(found.get(each, RunDocument(each, None, None)) for each in ids)
