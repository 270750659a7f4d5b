"""How does an upload get into the database: all of it, or nothing?"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from service.domain.errors import Problem
from service.domain.identifiers import ReferenceDataId, WorkspaceId, new_id
from service.domain.reference import ReferenceData, SourceType
from service.engine import spool, upload_readers
from service.engine.spool import Spool
from service.engine.upload_readers import UploadReader
from service.ingest.instructions import Instructions, Outcome, UploadFormat
from service.ingest.limits import MAX_PROBLEMS
from service.store import documents, reference
from service.store.database import Database
from service.store.documents import Repeat, Upserted

# Each reads with a process and writes with a connection of its own; further large uploads wait
# in their files.
MAX_READERS = 4

_SOURCE_TYPES = {
    UploadFormat.CSV: SourceType.CSV,
    UploadFormat.NDJSON: SourceType.JSON,
    UploadFormat.JSON: SourceType.JSON,
}


class Uploads:
    """Takes uploads: first into a file, then through a reader into the database."""

    def __init__(self, directory: Path, database: Database) -> None:
        """Use `directory` for files that have no name and need no cleaning."""
        self._directory = directory
        self._database = database
        self._free_readers = asyncio.Semaphore(MAX_READERS)

    def spool(self, max_bytes: int) -> AbstractAsyncContextManager[Spool]:
        """Lend a file to write an upload into; larger ones raise PayloadTooLargeError."""
        return spool.opened(self._directory, max_bytes)

    async def create_reference_data(
        self,
        workspace_id: WorkspaceId,
        upload: Spool,
        instructions: Instructions,
        name: str | None,
    ) -> ReferenceData:
        """Make reference data of an upload; `name` None means that a JSON body brings it.

        Raises InvalidInputError that names rows and columns; nothing is left behind then.
        """
        identifier = ReferenceDataId(new_id())
        instructions = replace(instructions, reference_data_id=str(identifier))
        source_type = _SOURCE_TYPES[instructions.format]
        try:
            async with (
                self._reader(upload, instructions) as reader,
                self._database.transaction() as connection,
            ):
                await reference.begin(connection, workspace_id, identifier, source_type)
                async with aclosing(reader.blocks()) as blocks:
                    row_count = await reference.copy_rows(connection, blocks)
                outcome = _checked(reader, row_count)
                imported = reference.Import(
                    name=name or outcome.name or "", columns=outcome.columns, row_count=row_count
                )
                return await reference.finish(connection, workspace_id, identifier, imported)
        except reference.RepeatedRowIdError as error:
            await self._explain_repeat(upload, instructions, error.line)
            raise

    async def upsert_documents(
        self, workspace_id: WorkspaceId, upload: Spool, instructions: Instructions
    ) -> Upserted:
        """Create or replace the documents of an upload.

        Raises InvalidInputError that names rows and columns; nothing has changed then.
        """
        async with (
            self._reader(upload, instructions) as reader,
            self._database.transaction() as connection,
        ):
            async with aclosing(reader.blocks()) as blocks:
                count = await documents.stage(connection, blocks)
            _checked(reader, count)
            _refuse_repeats(await documents.find_repeats(connection), instructions)
            return await documents.upsert_staged(connection, workspace_id)

    @asynccontextmanager
    async def _reader(
        self, upload: Spool, instructions: Instructions
    ) -> AsyncIterator[UploadReader]:
        # A small upload never waits behind large ones.
        small = upload_readers.is_read_here(upload)
        turn: AbstractAsyncContextManager[None] = nullcontext() if small else self._free_readers
        async with turn, upload_readers.started(upload, instructions) as reader:
            yield reader

    async def _explain_repeat(self, upload: Spool, instructions: Instructions, row: int) -> None:
        """Raise InvalidInputError that names all rows with the id of this one."""
        asked = replace(instructions, repeats_of=row)
        async with self._reader(upload, asked) as reader:
            await _exhaust(reader.blocks())


async def _exhaust(blocks: AsyncGenerator[bytes, None]) -> None:
    async for _ in blocks:
        pass


def _checked(reader: UploadReader, copied: int) -> Outcome:
    outcome = reader.outcome
    if outcome.row_count != copied:
        raise RuntimeError(f"{outcome.row_count} rows were read, but {copied} were copied.")
    return outcome


def _refuse_repeats(repeats: list[Repeat], instructions: Instructions) -> None:
    problems = []
    is_json = instructions.format is UploadFormat.JSON
    for repeat in repeats:
        first, *others = repeat.rows
        for row in others:
            message = (
                f"Row {row} has the id {repeat.id!r} that row {first} has too, in the collection "
                f"{repeat.collection!r}."
            )
            pointer = f"/documents/{row - 1}" if is_json else None
            column = instructions.id_column or "id"
            problems.append(Problem("repeated_id", message, pointer, row, column))
    upload_readers.refuse_problems(Outcome(problems=tuple(problems[:MAX_PROBLEMS])))
