"""How does reference data get another version, and how does it go?

A replace starts a new generation of rows, an append makes the current one longer. Runs under way
keep the version that they began with.
"""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from service.domain import representation
from service.domain.errors import ConflictError
from service.domain.events import EventType
from service.domain.identifiers import ReferenceDataId, WorkspaceId
from service.domain.reference import ReferenceData, ReferenceVersion
from service.domain.runs import TERMINAL_STATUSES
from service.store import events, reference
from service.store.database import Connection, fetch_one
from service.store.reference import Import, columns_to_json

# How long a change waits for another one of the same reference data to end.
TURN_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Change:
    """What a change goes on from; its rows go into `generation`, from `first_position` on."""

    before: ReferenceData
    generation: int
    first_position: int


_WAIT_FOR_TURN = "SELECT set_config('lock_timeout', $1, true)"
_LOCK = """
SELECT id FROM reference_data WHERE id = $1 AND workspace_id = $2 FOR NO KEY UPDATE
"""


async def begin(
    connection: Connection,
    workspace_id: WorkspaceId,
    reference_data_id: ReferenceDataId,
    *,
    is_append: bool,
) -> Change | None:
    """Begin to change the rows, alone until the transaction ends; None when they are not there.

    Raises ConflictError when another change takes longer than TURN_SECONDS.
    """
    await _take_turn(connection, _LOCK, workspace_id, reference_data_id)
    data = await reference.fetch(connection, workspace_id, reference_data_id)
    if data is None:
        return None
    if is_append:
        return Change(data, data.current.generation, data.current.row_count)
    return Change(data, await reference.next_generation(connection), 0)


_INSERT_VERSION = """
INSERT INTO reference_versions
    (reference_data_id, version, generation, row_count, columns, id_column)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_FINISH = """
UPDATE reference_data
SET current_version = $2, source_type = $4, error = NULL, updated_at = now()
WHERE id = $1 AND current_version = $3
RETURNING workspace_id
"""


async def finish(connection: Connection, change: Change, imported: Import) -> ReferenceData:
    """Make the rows copied so far the current version, and say so in an event."""
    before = change.before
    number = before.current.version + 1
    await connection.execute(
        _INSERT_VERSION,
        before.id,
        number,
        change.generation,
        change.first_position + imported.row_count,
        columns_to_json(imported.columns),
        imported.id_column,
    )
    source_type = imported.source_type or before.source_type
    await fetch_one(
        connection, _FINISH, before.id, number, before.current.version, source_type.value
    )
    value = await reference.fetch(connection, before.workspace_id, before.id)
    if value is None:
        raise LookupError("Reference data that was just written is not there.")
    await _tell(connection, EventType.REFERENCE_DATA_READY, value)
    return value


_NOTE_FAILURE = """
UPDATE reference_data SET error = $3
WHERE id = (
    SELECT id FROM reference_data WHERE id = $1 AND workspace_id = $2
    FOR NO KEY UPDATE SKIP LOCKED
)
"""


async def note_failure(
    connection: Connection,
    workspace_id: WorkspaceId,
    reference_data_id: ReferenceDataId,
    error: str,
) -> None:
    """Keep why the last change failed, beside the version that still stands, and tell of it.

    Where the next change has begun already, it is told alone.
    """
    await connection.execute(_NOTE_FAILURE, reference_data_id, workspace_id, error)
    value = await reference.fetch(connection, workspace_id, reference_data_id)
    if value is not None:
        await _tell(connection, EventType.REFERENCE_DATA_FAILED, value)


async def tell_failure(connection: Connection, never_made: ReferenceData) -> None:
    """Tell of reference data that did not come to be: nothing of it is stored."""
    await _tell(connection, EventType.REFERENCE_DATA_FAILED, never_made)


async def _tell(connection: Connection, event_type: EventType, value: ReferenceData) -> None:
    body: dict[str, representation.Json] = {"reference_data": representation.reference_data(value)}
    await events.append(connection, event_type, value.workspace_id, body)


_KEEP = "SELECT 1 FROM reference_data WHERE id = $1 FOR KEY SHARE"


async def keep(connection: Connection, reference_data_id: ReferenceDataId) -> bool:
    """Let nobody delete the reference data before the transaction ends; False when it is gone."""
    return await connection.fetchval(_KEEP, reference_data_id) is not None


_KEEP_VERSION = """
SELECT 1 FROM reference_versions WHERE reference_data_id = $1 AND version = $2 FOR KEY SHARE
"""


async def keep_version(connection: Connection, version: ReferenceVersion) -> bool:
    """Let nobody give up the version before the transaction ends; False when it is gone."""
    place = (version.reference_data_id, version.version)
    return await connection.fetchval(_KEEP_VERSION, *place) is not None


_LOCK_TO_DELETE = """
SELECT id FROM reference_data WHERE id = $1 AND workspace_id = $2 FOR UPDATE
"""
_RUN_THAT_USES = """
SELECT id FROM runs WHERE reference_data_id = $1 AND status <> ALL($2::text[]) LIMIT 1
"""
_ABANDON_ROWS = """
INSERT INTO abandoned_rows (generation)
SELECT DISTINCT generation FROM reference_versions
WHERE reference_data_id = $1
ON CONFLICT DO NOTHING
"""
_FORGET_PAIRS = "DELETE FROM rejected_pairs WHERE reference_data_id = $1"
_DELETE = "DELETE FROM reference_data WHERE id = $1"


async def delete(
    connection: Connection, workspace_id: WorkspaceId, reference_data_id: ReferenceDataId
) -> bool:
    """Delete the reference data; False when it is not there. Its rows go a little later.

    Raises ConflictError while a run uses it, or a change of it is under way.
    """
    if not await _take_turn(connection, _LOCK_TO_DELETE, workspace_id, reference_data_id):
        return False
    ended = [status.value for status in TERMINAL_STATUSES]
    run: UUID | None = await connection.fetchval(_RUN_THAT_USES, reference_data_id, ended)
    if run is not None:
        raise ConflictError(
            f"The run `{run}` uses this reference data: wait until it has ended, or cancel it."
        )
    await connection.execute(_ABANDON_ROWS, reference_data_id)
    await connection.execute(_FORGET_PAIRS, reference_data_id)
    await connection.execute(_DELETE, reference_data_id)
    return True


async def _take_turn(
    connection: Connection,
    lock: str,
    workspace_id: WorkspaceId,
    reference_data_id: ReferenceDataId,
) -> bool:
    """Lock the reference data for the transaction; False when it is not there."""
    try:
        await connection.execute(_WAIT_FOR_TURN, f"{TURN_SECONDS}s")
        found: UUID | None = await connection.fetchval(lock, reference_data_id, workspace_id)
        await connection.execute(_WAIT_FOR_TURN, "0")
    except asyncpg.LockNotAvailableError as error:
        raise ConflictError(
            "The rows are being changed by another request: try again when it has ended."
        ) from error
    return found is not None
