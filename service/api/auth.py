"""Who is calling, and may they?

A program sends its key with every request. A browser sends the cookie of a session that was begun
with a key (see `sign_in`); what it changes must come from a page of ours, because browsers send
cookies for any page.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from starlette.requests import Request

from service.api import origins
from service.api.context import Caller
from service.api.memory import Memory
from service.domain.api_keys import KEY_PREFIX, ApiKey, Scope, hash_key
from service.domain.errors import InsufficientScopeError, UnauthorizedError
from service.domain.sessions import Session, hash_token
from service.store import api_keys, sessions
from service.store.database import Connection, Database

# For so long a revoked key may still work in a process that has just seen it.
CACHE_SECONDS = 5.0
MAX_KEY_LENGTH = 200
SAFE_METHODS = frozenset({"GET", "HEAD"})
UNKNOWN_KEY = "The API key is unknown, revoked or expired."


async def identify(request: Request, database: Database, callers: Memory[Caller]) -> Caller:
    """Return who calls, by bearer key or by session; raises UnauthorizedError.

    Raises CrossSiteRequestError for a change by session that does not come from a page of ours.
    """
    offered = request.headers.getlist("authorization")
    token = None if offered else _session_token(request)
    if token is None:
        return await _by_key(_bearer_key(offered), database, callers)
    caller = await _by_session(token, database, callers)
    if request.method not in SAFE_METHODS:
        origins.check_ours(request)
        origins.check_sent_by_script(request)
    return caller


def require_scope(caller: Caller, scope: Scope) -> None:
    """Raise InsufficientScopeError, which names the scope, unless the caller's key has it."""
    if scope not in caller.scopes:
        raise InsufficientScopeError(
            f"This needs the scope `{scope}`, which the key `{caller.key_name}` does not have."
        )


async def find_key(connection: Connection, key: str) -> ApiKey:
    """Return what a plain key opens, and note its use; raises UnauthorizedError."""
    found = await api_keys.find(connection, hash_key(key))
    if found is None:
        raise UnauthorizedError(UNKNOWN_KEY)
    await api_keys.touch(connection, found.id)
    return found


async def _by_key(key: str, database: Database, callers: Memory[Caller]) -> Caller:
    # By hash: no plain key stays in memory.
    key_hash = hash_key(key)
    known = callers.find(key_hash)
    if known is not None:
        return known
    now = callers.now()
    async with database.connection() as connection:
        found = await find_key(connection, key)
    caller = Caller(found.workspace_id, found.id, found.name, found.scopes)
    callers.keep(key_hash, caller, now + _seconds_left(found.expires_at))
    return caller


async def _by_session(token: str, database: Database, callers: Memory[Caller]) -> Caller:
    token_hash = hash_token(token)
    known = callers.find(token_hash)
    if known is not None:
        return known
    now = callers.now()
    async with database.connection() as connection:
        session, key = await _find_session(connection, token_hash)
    caller = Caller(key.workspace_id, key.id, key.name, key.scopes, session)
    callers.keep(token_hash, caller, now + _seconds_left(session.expires_at))
    return caller


async def _find_session(connection: Connection, token_hash: bytes) -> tuple[Session, ApiKey]:
    found = await sessions.find(connection, token_hash)
    if found is None:
        raise UnauthorizedError("You are signed out: sign in at /login.")
    await api_keys.touch(connection, found[1].id)
    return found


def _seconds_left(expires_at: datetime | None) -> float:
    """For how long an answer may be remembered."""
    if expires_at is None:
        return CACHE_SECONDS
    return min(CACHE_SECONDS, (expires_at - datetime.now(UTC)).total_seconds())


def _session_token(request: Request) -> str | None:
    return request.cookies.get(origins.cookie_name(request))


def _bearer_key(offered: Sequence[str]) -> str:
    if not offered:
        raise UnauthorizedError("Send an API key: `Authorization: Bearer ms_…`.")
    scheme, _, key = offered[0].strip().partition(" ")
    key = key.strip()
    if len(offered) > 1 or scheme.lower() != "bearer" or not key:
        raise UnauthorizedError("The Authorization header must be one `Bearer ms_…`.")
    if not key.startswith(KEY_PREFIX) or len(key) > MAX_KEY_LENGTH:
        raise UnauthorizedError(f"An API key starts with `{KEY_PREFIX}`; this one does not.")
    return key
