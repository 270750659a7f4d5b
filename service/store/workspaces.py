"""Which workspaces are there?"""

from service.domain.identifiers import WorkspaceId, new_id
from service.store.database import Connection, fetch_one

DEFAULT_NAME = "default"

# Two processes at once must not both make the first workspace, or two of one name.
_TAKE_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('first workspace', 0))"
_FIRST = "SELECT id FROM workspaces ORDER BY id LIMIT 1"
_INSERT = "INSERT INTO workspaces (id, name) VALUES ($1, $2) RETURNING id"


async def ensure_default(connection: Connection) -> WorkspaceId:
    """Return the oldest workspace; make one, named `default`, where there is none."""
    async with connection.transaction():
        await connection.execute(_TAKE_TURN)
        record = await connection.fetchrow(_FIRST)
        if record is None:
            record = await fetch_one(connection, _INSERT, new_id(), DEFAULT_NAME)
    return WorkspaceId(record["id"])


_LAST_EVENT_ID = "SELECT event_seq FROM workspaces WHERE id = $1"


async def last_event_id(connection: Connection, workspace_id: WorkspaceId) -> int:
    """Return the number of the workspace's last event; 0 before the first."""
    record = await fetch_one(connection, _LAST_EVENT_ID, workspace_id)
    number: int = record["event_seq"]
    return number


_BY_NAME = "SELECT id FROM workspaces WHERE name = $1 ORDER BY id LIMIT 1"


async def find(connection: Connection, name: str) -> WorkspaceId | None:
    """Return the workspace with this name."""
    found = await connection.fetchval(_BY_NAME, name)
    return None if found is None else WorkspaceId(found)


async def ensure(connection: Connection, name: str) -> tuple[WorkspaceId, bool]:
    """Return the workspace with this name, and whether it had to be made."""
    async with connection.transaction():
        await connection.execute(_TAKE_TURN)
        found = await find(connection, name)
        if found is not None:
            return found, False
        record = await fetch_one(connection, _INSERT, new_id(), name)
    return WorkspaceId(record["id"]), True


_NAME_OF = "SELECT name FROM workspaces WHERE id = $1"


async def name_of(connection: Connection, workspace_id: WorkspaceId) -> str:
    """Return the workspace's name; workspaces are never deleted."""
    name: str = await connection.fetchval(_NAME_OF, workspace_id)
    return name


_LIST = "SELECT id, name FROM workspaces ORDER BY id"


async def list_all(connection: Connection) -> dict[WorkspaceId, str]:
    """Return the names of all workspaces, the oldest first."""
    records = await connection.fetch(_LIST)
    return {WorkspaceId(record["id"]): record["name"] for record in records}
