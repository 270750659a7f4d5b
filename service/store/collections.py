"""Which collections of documents are there, and how large is each?

Whoever stores or deletes documents counts them in the same transaction, as the last thing it
does: a row here is locked until the transaction ends.
"""

from collections.abc import Sequence

from service.domain.documents import CollectionFigures
from service.domain.identifiers import WorkspaceId
from service.store.database import Connection

_LIST_PAGE = """
SELECT name, document_count, created_at, updated_at FROM collections
WHERE workspace_id = $1 AND name > $2
ORDER BY name
LIMIT $3
"""


async def list_page(
    connection: Connection, workspace_id: WorkspaceId, after: str | None, limit: int
) -> Sequence[CollectionFigures]:
    """Return up to `limit` collections that follow `after`, by name."""
    records = await connection.fetch(_LIST_PAGE, workspace_id, after or "", limit)
    return [CollectionFigures(**record) for record in records]


_COUNT = "SELECT count(*) FROM collections WHERE workspace_id = $1"


async def count(connection: Connection, workspace_id: WorkspaceId) -> int:
    """Return how many collections the workspace has."""
    number: int = await connection.fetchval(_COUNT, workspace_id)
    return number


_COUNT_DOCUMENTS = "SELECT document_count FROM collections WHERE workspace_id = $1 AND name = $2"


async def count_documents(connection: Connection, workspace_id: WorkspaceId, name: str) -> int:
    """Return how many documents the collection has; 0 where there is none of that name."""
    number: int | None = await connection.fetchval(_COUNT_DOCUMENTS, workspace_id, name)
    return number or 0


_SUBTRACT = """
UPDATE collections
SET document_count = document_count - $3, updated_at = greatest(updated_at, now())
WHERE workspace_id = $1 AND name = $2
"""
_DELETE_EMPTY = """
DELETE FROM collections WHERE workspace_id = $1 AND name = $2 AND document_count = 0
"""


async def subtract(
    connection: Connection, workspace_id: WorkspaceId, name: str, deleted: int
) -> None:
    """Count so many documents of the collection as deleted; without any it is gone."""
    if not deleted:
        return
    await connection.execute(_SUBTRACT, workspace_id, name, deleted)
    await connection.execute(_DELETE_EMPTY, workspace_id, name)
