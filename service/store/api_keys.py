"""Which API keys are there, and which of them still open something?"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from service.domain.api_keys import ApiKey, Scope, hash_key, new_key
from service.domain.identifiers import ApiKeyId, WorkspaceId, new_id
from service.store.database import Connection, Record

# Where the newest key follows: one form of the statement, and so one plan, for every page.
_ABOVE_ALL_IDS = UUID(int=2**128 - 1)

_INSERT = """
INSERT INTO api_keys (id, workspace_id, name, key_hash, scopes, expires_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""


async def create(
    connection: Connection,
    workspace_id: WorkspaceId,
    name: str,
    scopes: frozenset[Scope],
    expires_at: datetime | None = None,
) -> tuple[ApiKeyId, str]:
    """Make a key; return its id and the plain key, which is stored nowhere."""
    key_id, key = ApiKeyId(new_id()), new_key()
    await connection.execute(
        _INSERT, key_id, workspace_id, name, hash_key(key), sorted(scopes), expires_at
    )
    return key_id, key


_FIND = """
SELECT id, workspace_id, name, scopes, created_at, last_used_at, expires_at, revoked_at
FROM api_keys
WHERE key_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
"""


async def find(connection: Connection, key_hash: bytes) -> ApiKey | None:
    """Return the key with this SHA-256, unless it is revoked or expired."""
    record = await connection.fetchrow(_FIND, key_hash)
    return None if record is None else from_record(record)


_FETCH = "SELECT * FROM api_keys WHERE id = $1 AND workspace_id = $2"


async def fetch(
    connection: Connection, workspace_id: WorkspaceId, key_id: ApiKeyId
) -> ApiKey | None:
    """Return the key, also a revoked one; None when the workspace has no such key."""
    record = await connection.fetchrow(_FETCH, key_id, workspace_id)
    return None if record is None else from_record(record)


_TOUCH = """
UPDATE api_keys SET last_used_at = now()
WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= now() - interval '1 minute')
"""


async def touch(connection: Connection, key_id: ApiKeyId) -> None:
    """Note that the key is in use, at most once a minute."""
    await connection.execute(_TOUCH, key_id)


_REVOKE = """
UPDATE api_keys SET revoked_at = now()
WHERE id = $1 AND workspace_id = $2 AND revoked_at IS NULL
RETURNING id
"""


async def revoke(connection: Connection, workspace_id: WorkspaceId, key_id: ApiKeyId) -> bool:
    """Close a key for good; False when the workspace has no such open key."""
    return await connection.fetchval(_REVOKE, key_id, workspace_id) is not None


_LIST = """
SELECT * FROM api_keys WHERE workspace_id = $1 ORDER BY id
"""


async def list_all(connection: Connection, workspace_id: WorkspaceId) -> tuple[ApiKey, ...]:
    """Return all keys of a workspace, the oldest first, revoked ones too."""
    return tuple(from_record(record) for record in await connection.fetch(_LIST, workspace_id))


_LIST_PAGE = """
SELECT * FROM api_keys WHERE workspace_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3
"""


async def list_page(
    connection: Connection, workspace_id: WorkspaceId, after: ApiKeyId | None, limit: int
) -> Sequence[ApiKey]:
    """Return up to `limit` keys, the newest first, from the one that follows `after` on."""
    records = await connection.fetch(_LIST_PAGE, workspace_id, after or _ABOVE_ALL_IDS, limit)
    return [from_record(record) for record in records]


_COUNT = "SELECT count(*) FROM api_keys WHERE workspace_id = $1"


async def count(connection: Connection, workspace_id: WorkspaceId) -> int:
    """Return how many keys the workspace has, revoked ones too."""
    total: int = await connection.fetchval(_COUNT, workspace_id)
    return total


def from_record(record: Record) -> ApiKey:
    """Read a row of the table."""
    return ApiKey(
        id=ApiKeyId(record["id"]),
        workspace_id=WorkspaceId(record["workspace_id"]),
        name=record["name"],
        scopes=frozenset(Scope(scope) for scope in record["scopes"]),
        created_at=record["created_at"],
        last_used_at=record["last_used_at"],
        expires_at=record["expires_at"],
        revoked_at=record["revoked_at"],
    )
