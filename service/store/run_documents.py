"""Which documents does a run match, and what are their fields now?"""

from service.domain.documents import RunDocument
from service.domain.identifiers import DocumentId
from service.domain.runs import Run
from service.store.database import Connection

_RANGE = """
SELECT frozen.document_id, documents.filename, documents.fields
FROM run_documents AS frozen
LEFT JOIN documents ON documents.workspace_id = $2 AND documents.collection = $3
                   AND documents.id = frozen.document_id
WHERE frozen.run_id = $1 AND frozen.position >= $4 AND frozen.position < $5
ORDER BY frozen.position
"""


async def fetch_range(
    connection: Connection, run: Run, first: int, count: int
) -> tuple[RunDocument, ...]:
    """Return `count` documents of the run's frozen order, from position `first` on."""
    records = await connection.fetch(
        _RANGE, run.id, run.workspace_id, run.collection, first, first + count
    )
    return tuple(
        RunDocument(DocumentId(record["document_id"]), record["filename"], record["fields"])
        for record in records
    )
