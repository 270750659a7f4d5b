"""Who is signed in from a browser? A session lasts until it ends, and no longer than its key."""

from datetime import datetime, timedelta

from service.domain.api_keys import ApiKey
from service.domain.identifiers import ApiKeyId, SessionId, new_id
from service.domain.sessions import Session, hash_token, new_token
from service.store import api_keys
from service.store.database import Connection

_BEGIN = """
INSERT INTO sessions (id, api_key_id, token_hash, expires_at)
SELECT $1, id, $3, least(now() + $4::interval, expires_at) FROM api_keys WHERE id = $2
RETURNING expires_at
"""


async def begin(connection: Connection, key_id: ApiKeyId, lasts: timedelta) -> tuple[str, datetime]:
    """Sign in with a key; return the plain token, which is stored nowhere, and when it ends."""
    token = new_token()
    ends: datetime = await connection.fetchval(_BEGIN, new_id(), key_id, hash_token(token), lasts)
    return token, ends


_FIND = """
SELECT sessions.id AS session_id, sessions.expires_at AS session_expires_at, api_keys.*
FROM sessions JOIN api_keys ON api_keys.id = sessions.api_key_id
WHERE token_hash = $1 AND sessions.expires_at > now()
  AND revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > now())
"""


async def find(connection: Connection, token_hash: bytes) -> tuple[Session, ApiKey] | None:
    """Return the session with this token and its key, unless either has ended."""
    record = await connection.fetchrow(_FIND, token_hash)
    if record is None:
        return None
    session = Session(SessionId(record["session_id"]), record["session_expires_at"])
    return session, api_keys.from_record(record)


_END = "DELETE FROM sessions WHERE token_hash = $1"


async def end(connection: Connection, token_hash: bytes) -> None:
    """Sign out; the token opens nothing any more."""
    await connection.execute(_END, token_hash)


_DELETE_ENDED = """
DELETE FROM sessions WHERE id IN (
    SELECT id FROM sessions WHERE expires_at < now() ORDER BY expires_at LIMIT $1
    FOR UPDATE SKIP LOCKED
)
"""


_BATCH = 1_000


async def delete_ended(connection: Connection) -> bool:
    """Delete a batch of sessions that have ended; True when there may be more."""
    status = await connection.execute(_DELETE_ENDED, _BATCH)
    return int(status.split()[-1]) == _BATCH
