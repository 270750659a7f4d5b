"""Which API keys are there, and which of them still open something?"""

from service.domain.api_keys import ApiKey, Scope, hash_key, new_key
from service.domain.identifiers import ApiKeyId, WorkspaceId, new_id
from service.store.database import Connection, Record

_INSERT = """
INSERT INTO api_keys (id, workspace_id, name, key_hash, scopes) VALUES ($1, $2, $3, $4, $5)
"""


async def create(
    connection: Connection, workspace_id: WorkspaceId, name: str, scopes: frozenset[Scope]
) -> tuple[ApiKeyId, str]:
    """Make a key; return its id and the plain key, which is stored nowhere."""
    key_id, key = ApiKeyId(new_id()), new_key()
    await connection.execute(_INSERT, key_id, workspace_id, name, hash_key(key), sorted(scopes))
    return key_id, key


_FIND = """
SELECT id, workspace_id, name, scopes, created_at, last_used_at, expires_at, revoked_at
FROM api_keys
WHERE key_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
"""


async def find(connection: Connection, key_hash: bytes) -> ApiKey | None:
    """Return the key with this SHA-256, unless it is revoked or expired."""
    record = await connection.fetchrow(_FIND, key_hash)
    return None if record is None else _api_key(record)


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
SELECT id, workspace_id, name, scopes, created_at, last_used_at, expires_at, revoked_at
FROM api_keys WHERE workspace_id = $1 ORDER BY id
"""


async def list_all(connection: Connection, workspace_id: WorkspaceId) -> tuple[ApiKey, ...]:
    """Return all keys of a workspace, the oldest first, revoked ones too."""
    return tuple(_api_key(record) for record in await connection.fetch(_LIST, workspace_id))


def _api_key(record: Record) -> ApiKey:
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
