"""Which workspaces are there?"""

from service.domain.identifiers import WorkspaceId, new_id
from service.store.database import Connection, fetch_one

DEFAULT_NAME = "default"

# Two processes that start at once must not both make the first workspace.
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
