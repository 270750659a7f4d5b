"""Who is calling, and may they?"""

import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request

from service.api.context import Caller
from service.domain.api_keys import KEY_PREFIX, Scope, hash_key
from service.domain.errors import InsufficientScopeError, UnauthorizedError
from service.store import api_keys
from service.store.database import Database

# For so long a revoked key may still work in a process that has just seen it.
CACHE_SECONDS = 5.0
CACHED_KEYS = 1024
MAX_KEY_LENGTH = 200


class Authenticator:
    """Tells who calls by the bearer key, with a short memory of the keys it checked."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, cached_keys: int = CACHED_KEYS
    ) -> None:
        """Start with an empty memory of up to `cached_keys`; `clock` counts seconds."""
        self._clock = clock
        self._cached_keys = cached_keys
        # By hash, oldest check first: no plain key stays in memory.
        self._checked: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    async def identify(self, request: Request, database: Database) -> Caller:
        """Return whose key the request carries; raises UnauthorizedError."""
        key_hash = hash_key(_bearer_key(request))
        checked_at, caller = self._checked.get(key_hash, (float("-inf"), None))
        if caller is not None and self._clock() - checked_at < CACHE_SECONDS:
            return caller
        self._checked.pop(key_hash, None)
        now = self._clock()
        caller = await _look_up(database, key_hash)
        self._checked[key_hash] = (now, caller)
        if len(self._checked) > self._cached_keys:
            self._checked.popitem(last=False)
        return caller


def require_scope(caller: Caller, scope: Scope) -> None:
    """Raise InsufficientScopeError, which names the scope, unless the caller's key has it."""
    if scope not in caller.scopes:
        raise InsufficientScopeError(
            f"This needs the scope `{scope}`, which the key `{caller.key_name}` does not have."
        )


def _bearer_key(request: Request) -> str:
    offered = request.headers.getlist("authorization")
    if not offered:
        raise UnauthorizedError("Send an API key: `Authorization: Bearer ms_…`.")
    scheme, _, key = offered[0].strip().partition(" ")
    key = key.strip()
    if len(offered) > 1 or scheme.lower() != "bearer" or not key:
        raise UnauthorizedError("The Authorization header must be one `Bearer ms_…`.")
    if not key.startswith(KEY_PREFIX) or len(key) > MAX_KEY_LENGTH:
        raise UnauthorizedError(f"An API key starts with `{KEY_PREFIX}`; this one does not.")
    return key


async def _look_up(database: Database, key_hash: bytes) -> Caller:
    async with database.connection() as connection:
        key = await api_keys.find(connection, key_hash)
        if key is None:
            raise UnauthorizedError("The API key is unknown, revoked or expired.")
        await api_keys.touch(connection, key.id)
    return Caller(key.workspace_id, key.id, key.name, key.scopes)
