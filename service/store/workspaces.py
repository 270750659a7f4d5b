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
