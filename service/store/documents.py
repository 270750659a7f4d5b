"""Which documents are there, and how do many come in at once?"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from service.domain.documents import Document
from service.domain.identifiers import DocumentId, WorkspaceId
from service.store.copying import copy_text
from service.store.database import Connection, Record

# Far above what any upload takes; a server that stands still is noticed all the same.
UPLOAD_TIMEOUT_SECONDS = 3600.0

# The order in which `copy_text` rows for `stage` are written.
COPY_COLUMNS = ("row_number", "collection", "id", "filename", "fields")

# How many repeated ids are reported, and how many rows of each are named.
MAX_REPEATS = 20
MAX_LISTED_IDS = 10_000


@dataclass(frozen=True, slots=True)
class Repeat:
    """A document that an upload has more than once, in which rows (some of them), and how often."""

    collection: str
    id: DocumentId
    rows: tuple[int, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Upserted:
    """What an upload did; `ids` are the first 10,000, in the order they came."""

    created: int
    updated: int
    ids: tuple[DocumentId, ...]


_CREATE_STAGING = """
CREATE TEMPORARY TABLE staged_documents (
    row_number bigint NOT NULL,
    collection text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    filename text,
    fields jsonb NOT NULL
) ON COMMIT DROP
"""


async def stage(connection: Connection, blocks: AsyncIterator[bytes]) -> int:
    """Copy documents, given as COPY text with the columns of COPY_COLUMNS; return how many.

    They lie in a table of this transaction, for `find_repeats` and `upsert_staged`.
    """
    await connection.execute(_CREATE_STAGING)
    return await copy_text(
        connection, "staged_documents", COPY_COLUMNS, blocks, UPLOAD_TIMEOUT_SECONDS
    )


_FIND_REPEATS = """
SELECT collection, id, (array_agg(row_number ORDER BY row_number))[1:$1] AS rows, count(*)
FROM staged_documents
GROUP BY collection, id
HAVING count(*) > 1
ORDER BY min(row_number)
LIMIT $1
"""


async def find_repeats(connection: Connection) -> list[Repeat]:
    """Return the first staged documents that came more than once."""
    records = await connection.fetch(_FIND_REPEATS, MAX_REPEATS, timeout=UPLOAD_TIMEOUT_SECONDS)
    return [
        Repeat(
            record["collection"], DocumentId(record["id"]), tuple(record["rows"]), record["count"]
        )
        for record in records
    ]


# Ordered, so that two uploads of the same documents wait for each other and never deadlock; so are
# their collections, which are counted once all documents are written.
# A row just inserted has no xmax; one that was updated has the lock of this transaction there.
_UPSERT_STAGED = """
WITH written AS (
    INSERT INTO documents (workspace_id, collection, id, filename, fields)
    SELECT $1, collection, id, filename, fields FROM staged_documents ORDER BY collection, id
    ON CONFLICT (workspace_id, collection, id) DO UPDATE
    SET filename = EXCLUDED.filename, fields = EXCLUDED.fields, updated_at = now()
    RETURNING collection, xmax = 0 AS is_new
), changed AS (
    SELECT collection, count(*) AS all_of_them, count(*) FILTER (WHERE is_new) AS created
    FROM written GROUP BY collection
), counted AS (
    INSERT INTO collections (workspace_id, name, document_count)
    SELECT $1, collection, created FROM changed ORDER BY collection
    ON CONFLICT (workspace_id, name) DO UPDATE
    SET document_count = collections.document_count + EXCLUDED.document_count,
        updated_at = greatest(collections.updated_at, EXCLUDED.updated_at)
)
SELECT coalesce(sum(created), 0)::bigint AS created,
       coalesce(sum(all_of_them - created), 0)::bigint AS updated
FROM changed
"""
_STAGED_IDS = "SELECT id FROM staged_documents ORDER BY row_number LIMIT $1"


async def upsert_staged(connection: Connection, workspace_id: WorkspaceId) -> Upserted:
    """Create the staged documents, or replace name and fields of those that are there."""
    [counts] = await connection.fetch(_UPSERT_STAGED, workspace_id, timeout=UPLOAD_TIMEOUT_SECONDS)
    records = await connection.fetch(_STAGED_IDS, MAX_LISTED_IDS, timeout=UPLOAD_TIMEOUT_SECONDS)
    ids = tuple(DocumentId(record["id"]) for record in records)
    return Upserted(counts["created"], counts["updated"], ids)


_FETCH = "SELECT * FROM documents WHERE workspace_id = $1 AND collection = $2 AND id = $3"


async def fetch(
    connection: Connection, workspace_id: WorkspaceId, collection: str, document_id: DocumentId
) -> Document | None:
    """Return the document, None when the workspace's collection has none with this id."""
    record = await connection.fetchrow(_FETCH, workspace_id, collection, document_id)
    return None if record is None else _document(record)


_LIST_PAGE = """
SELECT * FROM documents
WHERE workspace_id = $1 AND collection = $2 AND id > $3
ORDER BY id
LIMIT $4
"""


async def list_page(
    connection: Connection,
    workspace_id: WorkspaceId,
    collection: str,
    after: DocumentId | None,
    limit: int,
) -> Sequence[Document]:
    """Return up to `limit` documents of the collection that follow `after`, by id."""
    records = await connection.fetch(_LIST_PAGE, workspace_id, collection, after or "", limit)
    return [_document(record) for record in records]


def _document(record: Record) -> Document:
    return Document(
        id=DocumentId(record["id"]),
        collection=record["collection"],
        filename=record["filename"],
        fields=json.loads(record["fields"]),
        created_at=record["created_at"],
        updated_at=record["updated_at"],
    )
