"""How does a test hand a file to the uploads of a service without HTTP?"""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from service.domain.identifiers import WorkspaceId
from service.domain.reference import ReferenceData, ReferenceRow
from service.engine.uploads import Uploads
from service.ingest.instructions import Instructions, UploadFormat, UploadTarget
from service.store import reference, workspaces
from service.store.database import Database
from service.store.documents import Upserted

MAX_BYTES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Desk:
    """A workspace of an empty database, and what takes uploads for it."""

    database: Database
    workspace_id: WorkspaceId
    uploads: Uploads

    async def reference_data(
        self, content: bytes, file_format: UploadFormat = UploadFormat.CSV, **options: str
    ) -> ReferenceData:
        """Upload reference data named `rows`."""
        instructions = Instructions(
            target=UploadTarget.REFERENCE_DATA,
            format=file_format,
            **options,  # type: ignore[arg-type]
        )
        name = None if file_format is UploadFormat.JSON else "rows"
        async with self.uploads.spool(MAX_BYTES) as spool:
            await spool.write(content)
            await spool.finish()
            return await self.uploads.create_reference_data(
                self.workspace_id, spool, instructions, name
            )

    async def documents(
        self, content: bytes, file_format: UploadFormat = UploadFormat.CSV, **options: str
    ) -> Upserted:
        """Upload documents."""
        instructions = Instructions(
            target=UploadTarget.DOCUMENTS,
            format=file_format,
            **options,  # type: ignore[arg-type]
        )
        async with self.uploads.spool(MAX_BYTES) as spool:
            await spool.write(content)
            await spool.finish()
            return await self.uploads.upsert_documents(self.workspace_id, spool, instructions)

    async def rows(self, data: ReferenceData) -> Sequence[ReferenceRow]:
        """Return all rows."""
        async with self.database.connection() as connection:
            return await reference.rows_page(connection, data.current, 0, data.current.row_count)

    async def count(self, table: str) -> int:
        """Return how many rows a table has."""
        async with self.database.connection() as connection:
            number: int = await connection.fetchval(f"SELECT count(*) FROM {table}")
            return number


@asynccontextmanager
async def open_desk(database_url: str, directory: Path) -> AsyncIterator[Desk]:
    """Lend a desk over the database; uploads wait in the directory."""
    async with Database.open(database_url, pool_size=4) as database:
        async with database.connection() as connection:
            workspace_id = await workspaces.ensure_default(connection)
        yield Desk(database, workspace_id, Uploads(directory, database))


def write_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """Write rows the way Python's csv module does by default."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
