"""How does an upload get into the database: all of it, or nothing?"""

import asyncio
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from service.domain.errors import InvalidInputError, Problem
from service.domain.identifiers import ReferenceDataId, WorkspaceId, new_id
from service.domain.reference import (
    Column,
    ReferenceData,
    ReferenceDataStatus,
    ReferenceVersion,
    SourceType,
)
from service.engine import disk_space, spool, upload_readers
from service.engine.spool import Spool
from service.engine.upload_readers import UploadReader
from service.ingest import row_ids
from service.ingest.instructions import Instructions, Outcome, UploadFormat
from service.ingest.limits import MAX_PROBLEMS
from service.store import documents, reference, reference_versions
from service.store.database import Connection, Database
from service.store.documents import Repeat, Upserted
from service.store.reference import Import
from service.store.reference_versions import Change

# Each reads with a process and writes with a connection of its own; further large uploads wait
# in their files.
MAX_READERS = 4

_SOURCE_TYPES = {
    UploadFormat.CSV: SourceType.CSV,
    UploadFormat.XLSX: SourceType.XLSX,
    UploadFormat.PARQUET: SourceType.PARQUET,
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

    def disk_shortage(self) -> str | None:
        """Say that there is little room left for uploads; touches the disk."""
        return disk_space.shortage(self._directory)

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
        source_type = _SOURCE_TYPES[instructions.format]
        try:
            async with self._turn(upload, instructions), self._database.transaction() as connection:
                generation = await reference.begin(
                    connection, workspace_id, identifier, source_type
                )
                asked = replace(instructions, generation=generation)
                outcome = await _copy_rows(connection, upload, asked)
                imported = replace(_imported(outcome), name=name or outcome.name or "")
                return await reference.finish(
                    connection, workspace_id, identifier, generation, imported
                )
        except InvalidInputError as error:
            if name is not None:
                failed = _never_made(workspace_id, identifier, name, source_type, str(error))
                async with self._database.transaction() as connection:
                    await reference_versions.tell_failure(connection, failed)
            raise

    async def change_reference_data(
        self,
        workspace_id: WorkspaceId,
        reference_data_id: ReferenceDataId,
        upload: Spool,
        instructions: Instructions,
        *,
        is_append: bool,
    ) -> ReferenceData | None:
        """Make another version of reference data: with the rows of an upload, or with them added.

        None when there is no such reference data. Raises InvalidInputError that names rows and
        columns, and ConflictError while another change goes on; the rows stay as they were then.
        """
        try:
            async with self._turn(upload, instructions), self._database.transaction() as connection:
                change = await reference_versions.begin(
                    connection, workspace_id, reference_data_id, is_append=is_append
                )
                if change is None:
                    return None
                asked = _go_on_from(change, instructions, is_append=is_append)
                imported = _imported(await _copy_rows(connection, upload, asked))
                if is_append:
                    imported = replace(imported, columns=_joined(change, imported))
                else:
                    imported = replace(imported, source_type=_SOURCE_TYPES[asked.format])
                return await reference_versions.finish(connection, change, imported)
        except InvalidInputError as error:
            async with self._database.transaction() as connection:
                await reference_versions.note_failure(
                    connection, workspace_id, reference_data_id, str(error)
                )
            raise

    async def upsert_documents(
        self, workspace_id: WorkspaceId, upload: Spool, instructions: Instructions
    ) -> Upserted:
        """Create or replace the documents of an upload.

        Raises InvalidInputError that names rows and columns; nothing has changed then.
        """
        async with self._turn(upload, instructions), self._database.transaction() as connection:
            async with (
                upload_readers.started(upload, instructions) as reader,
                aclosing(reader.blocks()) as blocks,
            ):
                count = await documents.stage(connection, blocks)
                _checked(reader, count)
            if instructions.numbers_documents:
                return await documents.insert_numbered(
                    connection, workspace_id, instructions.collection, count
                )
            repeats = await documents.find_repeats(connection)
            upload_readers.refuse_problems(_explain_repeats(repeats, instructions), instructions)
            return await documents.upsert_staged(connection, workspace_id)

    def _turn(self, upload: Spool, instructions: Instructions) -> AbstractAsyncContextManager[None]:
        # A small upload never waits behind large ones.
        is_small = upload_readers.is_read_here(upload, instructions)
        return nullcontext() if is_small else self._free_readers


async def _copy_rows(connection: Connection, upload: Spool, instructions: Instructions) -> Outcome:
    try:
        async with (
            upload_readers.started(upload, instructions) as reader,
            aclosing(reader.blocks()) as blocks,
        ):
            copied = await reference.copy_rows(connection, blocks)
            return _checked(reader, copied)
    except reference.RepeatedRowIdError as error:
        await _explain_repeat(upload, instructions, error.line)
        raise


async def _explain_repeat(upload: Spool, instructions: Instructions, row: int) -> None:
    """Raise InvalidInputError that names all rows with the id of this one."""
    asked = replace(instructions, repeats_of=row)
    async with upload_readers.started(upload, asked) as reader:
        async for _ in reader.blocks():
            pass


def _checked(reader: UploadReader, copied: int) -> Outcome:
    outcome = reader.outcome
    if outcome.row_count != copied:
        raise RuntimeError(f"{outcome.row_count} rows were read, but {copied} were copied.")
    return outcome


def _imported(outcome: Outcome) -> Import:
    return Import(columns=outcome.columns, row_count=outcome.row_count, id_column=outcome.id_column)


def _go_on_from(change: Change, instructions: Instructions, *, is_append: bool) -> Instructions:
    """Ask for rows that go on from what is there; ids come from the same column unless said."""
    current = change.before.current
    return replace(
        instructions,
        generation=change.generation,
        first_position=change.first_position,
        columns=tuple(column.name for column in current.columns) if is_append else None,
        id_column=instructions.id_column or current.id_column,
        needs_name=False,
    )


def _joined(change: Change, imported: Import) -> tuple[Column, ...]:
    pairs = zip(change.before.current.columns, imported.columns, strict=True)
    return tuple(column.joined(more) for column, more in pairs)


def _never_made(
    workspace_id: WorkspaceId,
    identifier: ReferenceDataId,
    name: str,
    source_type: SourceType,
    error: str,
) -> ReferenceData:
    now = datetime.now(UTC)
    return ReferenceData(
        id=identifier,
        workspace_id=workspace_id,
        name=name,
        source_type=source_type,
        status=ReferenceDataStatus.FAILED,
        error=error,
        current=ReferenceVersion(identifier, reference.FIRST_VERSION, 1, 0, ()),
        created_at=now,
        updated_at=now,
    )


def _explain_repeats(repeats: list[Repeat], instructions: Instructions) -> Outcome:
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
    if not repeats:
        return Outcome()
    first_found = repeats[0]
    id_column = instructions.id_column
    advice = row_ids.ADVICE if id_column is not None else row_ids.ADVICE_FOR_OBJECTS
    summary = row_ids.sum_up(id_column, first_found.id, first_found.rows, first_found.count)
    return Outcome(problems=tuple(problems[:MAX_PROBLEMS]), summary=f"{summary}: {advice}")
