"""Which documents are there, and how do many come in at once?"""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from service.domain.documents import Document
from service.domain.errors import UnavailableError
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

# How documents without ids are named, and how often names are looked for that nobody has.
_ROW = "row_"
_BEHIND_ROWS = "row`"  # the sign that follows the underscore
_NUMBERING_ATTEMPTS = 5


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
    id text COLLATE "C",
    filename text,
    fields jsonb NOT NULL
) ON COMMIT DROP
"""


async def stage(connection: Connection, blocks: AsyncIterator[bytes]) -> int:
    """Copy documents, given as COPY text with the columns of COPY_COLUMNS; return how many.

    They lie in a table of this transaction, for `find_repeats` and `upsert_staged`; those that have
    no ids, which is all or none of them, for `insert_numbered`.
    """
    await connection.execute(_CREATE_STAGING)
    return await copy_text(
        connection, "staged_documents", COPY_COLUMNS, blocks, UPLOAD_TIMEOUT_SECONDS
    )


_FIND_REPEATS = """
SELECT collection, id, (array_agg(row_number ORDER BY row_number))[1:$1] AS rows, count(*)
FROM staged_documents
WHERE id IS NOT NULL
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
WITH named AS (
    SELECT collection, coalesce(id, $2 || lpad(row_number::text, $3, '0')) AS id, filename, fields
    FROM staged_documents
), written AS (
    INSERT INTO documents (workspace_id, collection, id, filename, fields)
    SELECT $1, collection, id, filename, fields FROM named ORDER BY collection, id
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
_STAGED_IDS = """
SELECT coalesce(id, $2 || lpad(row_number::text, $3, '0')) AS id
FROM staged_documents ORDER BY row_number LIMIT $1
"""


async def upsert_staged(
    connection: Connection, workspace_id: WorkspaceId, prefix: str = "", digits: int = 0
) -> Upserted:
    """Create the staged documents, or replace name and fields of those that are there.

    One without an id gets the prefix and its row's number with so many digits.
    """
    [counts] = await connection.fetch(
        _UPSERT_STAGED, workspace_id, prefix, digits, timeout=UPLOAD_TIMEOUT_SECONDS
    )
    records = await connection.fetch(
        _STAGED_IDS, MAX_LISTED_IDS, prefix, digits, timeout=UPLOAD_TIMEOUT_SECONDS
    )
    ids = tuple(DocumentId(record["id"]) for record in records)
    return Upserted(counts["created"], counts["updated"], ids)


_HAS_NUMBERED = """
SELECT EXISTS (
    SELECT FROM documents
    WHERE workspace_id = $1 AND collection = $2 AND id >= $3 AND id < $4
)
"""


async def insert_numbered(
    connection: Connection, workspace_id: WorkspaceId, collection: str, count: int
) -> Upserted:
    """Create the staged documents, which have no ids, as `row_007` and so on; replace none.

    They have as many digits as it takes to sort as they came. Where the collection has such rows
    already, the time stands before: `upload_20260302-091600-250_row_007`.
    """
    has_numbered = await connection.fetchval(
        _HAS_NUMBERED, workspace_id, collection, _ROW, _BEHIND_ROWS
    )
    for attempt in range(_NUMBERING_ATTEMPTS):
        prefix = f"upload_{_now()}_{_ROW}" if has_numbered or attempt else _ROW
        savepoint = connection.transaction()
        await savepoint.start()
        done = await upsert_staged(connection, workspace_id, prefix, len(str(count)))
        if not done.updated:
            await savepoint.commit()
            return done
        # Another upload was faster to take these names.
        await savepoint.rollback()
    raise UnavailableError("Other uploads into this collection go on: send this one again.")


def _now() -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"[:-3]


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
