"""Which reference data is there, and which rows does a version of it have?"""

import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

import asyncpg

from service.domain import representation
from service.domain.events import EventType
from service.domain.identifiers import ReferenceDataId, ReferenceRowId, WorkspaceId
from service.domain.reference import (
    Column,
    ColumnType,
    ReferenceData,
    ReferenceDataStatus,
    ReferenceRow,
    ReferenceVersion,
    SourceType,
)
from service.store import events
from service.store.copying import copy_text
from service.store.database import Connection, Record, fetch_one

# Far above what any upload takes; a server that stands still is noticed all the same.
COPY_TIMEOUT_SECONDS = 3600.0

# The order in which `copy_text` rows for `copy_rows` are written.
COPY_COLUMNS = ("generation", "position", "row_id", "row_values")

FIRST_VERSION = 1
_ROW_ID_CONSTRAINT = "reference_rows_row_id"
# Before the first page: newer than every id.
_ABOVE_ALL_IDS = UUID(int=2**128 - 1)


class RepeatedRowIdError(Exception):
    """A row has the id of another; `line` counts the rows of the COPY from 1."""

    def __init__(self, line: int) -> None:
        """Keep the number of the later row."""
        super().__init__(f"The id of row {line} is repeated.")
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """What is known of rows once all of them are in; `name` and `source_type` where they are new.

    `id_column` is where the row ids were read from, None where they are made from positions.
    """

    name: str = ""
    source_type: SourceType | None = None
    columns: tuple[Column, ...]
    row_count: int
    id_column: str | None = None


_BEGIN = """
INSERT INTO reference_data (id, workspace_id, name, source_type, status, current_version)
VALUES ($1, $2, '', $3, 'importing', $4)
"""
_NEXT_GENERATION = "SELECT nextval('row_generations')"


async def begin(
    connection: Connection,
    workspace_id: WorkspaceId,
    reference_data_id: ReferenceDataId,
    source_type: SourceType,
) -> int:
    """Make reference data without name and rows; return the generation that its rows are to have.

    `finish` follows in the same transaction.
    """
    await connection.execute(
        _BEGIN, reference_data_id, workspace_id, source_type.value, FIRST_VERSION
    )
    return await next_generation(connection)


async def next_generation(connection: Connection) -> int:
    """Return a number for rows that no other rows have."""
    number: int = await connection.fetchval(_NEXT_GENERATION)
    return number


async def copy_rows(connection: Connection, blocks: AsyncIterator[bytes]) -> int:
    """Add rows, given as COPY text with the columns of COPY_COLUMNS; return how many.

    Raises RepeatedRowIdError, and whatever `blocks` raises: the transaction can only be rolled
    back then.
    """
    try:
        return await copy_text(
            connection, "reference_rows", COPY_COLUMNS, blocks, COPY_TIMEOUT_SECONDS
        )
    except asyncpg.UniqueViolationError as error:
        # "COPY reference_rows, line 17" in the server's language.
        line = re.search(r"\d+", error.context or "")
        if error.constraint_name != _ROW_ID_CONSTRAINT or line is None:
            raise
        raise RepeatedRowIdError(int(line[0])) from error


_INSERT_VERSION = """
INSERT INTO reference_versions
    (reference_data_id, version, generation, row_count, columns, id_column)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_FINISH = """
UPDATE reference_data SET name = $3, status = 'ready', updated_at = now()
WHERE id = $1 AND workspace_id = $2 AND status = 'importing'
RETURNING id
"""


async def finish(
    connection: Connection,
    workspace_id: WorkspaceId,
    reference_data_id: ReferenceDataId,
    generation: int,
    imported: Import,
) -> ReferenceData:
    """Make the rows copied so far the first version, and say so in an event."""
    await fetch_one(connection, _FINISH, reference_data_id, workspace_id, imported.name)
    await connection.execute(
        _INSERT_VERSION,
        reference_data_id,
        FIRST_VERSION,
        generation,
        imported.row_count,
        columns_to_json(imported.columns),
        imported.id_column,
    )
    value = await fetch(connection, workspace_id, reference_data_id)
    if value is None:
        raise LookupError("Reference data that was just written is not there.")
    body = {"reference_data": representation.reference_data(value)}
    await events.append(connection, EventType.REFERENCE_DATA_READY, workspace_id, body)
    return value


_FETCH = """
SELECT d.*, v.version, v.generation, v.row_count, v.columns, v.id_column
FROM reference_data d
JOIN reference_versions v ON v.reference_data_id = d.id AND v.version = d.current_version
WHERE d.id = $1 AND d.workspace_id = $2
"""


async def fetch(
    connection: Connection, workspace_id: WorkspaceId, reference_data_id: ReferenceDataId
) -> ReferenceData | None:
    """Return the reference data, None when the workspace has none with this id."""
    record = await connection.fetchrow(_FETCH, reference_data_id, workspace_id)
    return None if record is None else _reference_data(record)


_LIST_PAGE = """
SELECT d.*, v.version, v.generation, v.row_count, v.columns, v.id_column
FROM reference_data d
JOIN reference_versions v ON v.reference_data_id = d.id AND v.version = d.current_version
WHERE d.workspace_id = $1 AND d.id < $2
ORDER BY d.id DESC
LIMIT $3
"""


async def list_page(
    connection: Connection, workspace_id: WorkspaceId, after: ReferenceDataId | None, limit: int
) -> Sequence[ReferenceData]:
    """Return up to `limit` sets of reference data that follow `after`, the newest first."""
    records = await connection.fetch(_LIST_PAGE, workspace_id, after or _ABOVE_ALL_IDS, limit)
    return [_reference_data(record) for record in records]


_COUNT = "SELECT count(*) FROM reference_data WHERE workspace_id = $1"


async def count(connection: Connection, workspace_id: WorkspaceId) -> int:
    """Return how many sets of reference data the workspace has."""
    number: int = await connection.fetchval(_COUNT, workspace_id)
    return number


_FETCH_VERSION = """
SELECT v.* FROM reference_versions v
JOIN reference_data d ON d.id = v.reference_data_id
WHERE v.reference_data_id = $1 AND v.version = $2 AND d.workspace_id = $3
"""


async def fetch_version(
    connection: Connection,
    workspace_id: WorkspaceId,
    reference_data_id: ReferenceDataId,
    version: int,
) -> ReferenceVersion | None:
    """Return a version, None when the workspace has no such one."""
    record = await connection.fetchrow(_FETCH_VERSION, reference_data_id, version, workspace_id)
    return None if record is None else _version(record)


_ROWS_PAGE = """
SELECT position, row_id, row_values FROM reference_rows
WHERE generation = $1 AND position >= $2 AND position < $3
ORDER BY position
LIMIT $4
"""


async def rows_page(
    connection: Connection, version: ReferenceVersion, start: int, limit: int
) -> Sequence[ReferenceRow]:
    """Return up to `limit` rows of the version from position `start` on."""
    records = await connection.fetch(
        _ROWS_PAGE, version.generation, start, version.row_count, limit
    )
    return [_row(record, version) for record in records]


_FETCH_ROW = """
SELECT position, row_id, row_values FROM reference_rows
WHERE generation = $1 AND row_id = $2 AND position < $3
"""


async def fetch_row(
    connection: Connection, version: ReferenceVersion, row_id: ReferenceRowId
) -> ReferenceRow | None:
    """Return the row of the version with this id, or None."""
    record = await connection.fetchrow(_FETCH_ROW, version.generation, row_id, version.row_count)
    return None if record is None else _row(record, version)


def _reference_data(record: Record) -> ReferenceData:
    return ReferenceData(
        id=ReferenceDataId(record["id"]),
        workspace_id=WorkspaceId(record["workspace_id"]),
        name=record["name"],
        source_type=SourceType(record["source_type"]),
        status=ReferenceDataStatus(record["status"]),
        error=record["error"],
        current=_version_of(ReferenceDataId(record["id"]), record),
        created_at=record["created_at"],
        updated_at=record["updated_at"],
    )


def _version(record: Record) -> ReferenceVersion:
    return _version_of(ReferenceDataId(record["reference_data_id"]), record)


def _version_of(reference_data_id: ReferenceDataId, record: Record) -> ReferenceVersion:
    return ReferenceVersion(
        reference_data_id=reference_data_id,
        version=record["version"],
        generation=record["generation"],
        row_count=record["row_count"],
        columns=tuple(
            Column(each["name"], ColumnType(each["type"]), each.get("has_values", True))
            for each in json.loads(record["columns"])
        ),
        id_column=record["id_column"],
    )


def columns_to_json(columns: Sequence[Column]) -> str:
    """Write columns as they are stored."""
    return json.dumps([asdict(column) for column in columns])


def _row(record: Record, version: ReferenceVersion) -> ReferenceRow:
    values = record["row_values"]
    missing = [None] * (len(version.columns) - len(values))
    return ReferenceRow(
        id=ReferenceRowId(record["row_id"]),
        position=record["position"],
        values=(*values, *missing),
    )
