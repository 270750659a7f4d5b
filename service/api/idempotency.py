"""What happens when a client sends the same change again, not knowing whether it was carried out?

first   ─► claim ─► handler: effect and record in one transaction ─► reply, kept for 24 hours
again   ─► the reply of the first, `Idempotent-Replayed: true`; 422 for other content
between ─► 409 with Retry-After

The record of an effect is written in the effect's own transaction, so that no crash leads to a
second one. A handler that makes its reply before it commits, and says so by `commit_with`, has the
reply recorded there too. Otherwise it follows right behind: what crashes in between was carried
out, and is answered with a conflict that says so. What was not carried out begins anew, and so do
deletions in several transactions, which `expect_repeats`.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import TypeAlias

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service.api import errors
from service.api.context import Caller, services
from service.api.fingerprints import Fingerprint
from service.domain.errors import (
    ConflictError,
    IdempotencyKeyInUseError,
    IdempotencyMismatchError,
    InvalidInputError,
    MatchstreamError,
    UnavailableError,
)
from service.store import idempotency
from service.store.database import Connection, Database, before_commit
from service.store.idempotency import Attempt, Completed, StoredReply

log = structlog.get_logger()

HEADER = "Idempotency-Key"
REPLAYED = {"Idempotent-Replayed": "true"}
MAX_KEY_LENGTH = 200
# A body that the handler left unread, and may still be compared.
MAX_UNREAD_BYTES = 65_536
# Larger replies are not kept.
MAX_REPLY_BYTES = 4 * 1024 * 1024
MAX_CLAIMS = 5
# Refusals because of the present state, when nothing was carried out: the same request may succeed
# later, and is carried out then.
OF_THE_MOMENT = frozenset({409, 412})

Handler: TypeAlias = Callable[[Request, Caller], Awaitable[Response]]


class Work:
    """One request under a key, from its claim to its reply."""

    def __init__(self, attempt: Attempt, fingerprint: Fingerprint) -> None:
        """Begin with nothing carried out."""
        self.attempt = attempt
        self.fingerprint = fingerprint
        self.reply: Response | None = None
        self.is_repeatable = False
        self.has_effect = False
        self.is_recorded = False
        self.is_over = False

    async def record(self, connection: Connection) -> None:
        """Write the record in the effect's transaction; raises ConflictError to undo it."""
        if self.is_over or self.is_repeatable:
            return
        content = self.fingerprint.value()
        stored = None if self.reply is None or content is None else _stored(self.reply)
        if not await idempotency.carry_out(connection, self.attempt, content, stored):
            raise ConflictError("Another request took over this Idempotency-Key.")
        self.has_effect = True
        self.is_recorded = stored is not None


_work: ContextVar[Work | None] = ContextVar("work_under_idempotency_key", default=None)


def commit_with(response: Response) -> Response:
    """Let the transaction around this record the reply together with the effect; return it."""
    work = _work.get()
    if work is not None:
        work.reply = response
    return response


def expect_repeats() -> None:
    """Say that the handler's transactions lead to the same end however often they are begun.

    A crash between them begins the request anew, instead of being told as carried out.
    """
    work = _work.get()
    if work is not None:
        work.is_repeatable = True


async def answer(request: Request, caller: Caller, handler: Handler) -> Response:
    """Answer a change that carries the header: once by the handler, later by its reply.

    Raises what the handler raises as long as that is not the client's to mend.
    """
    key = _read_key(request)
    database = services(request).database
    fingerprint = Fingerprint(request)
    for _ in range(MAX_CLAIMS):
        async with database.connection() as connection:
            attempt = await idempotency.claim(connection, caller.api_key_id, key)
            if attempt is not None:
                break
            known = await idempotency.find(connection, caller.api_key_id, key)
        if isinstance(known, Completed):
            return await _replay(request, key, fingerprint, known)
        if known is not None and known.is_alive:
            raise IdempotencyKeyInUseError
        if known is not None and known.is_carried_out:
            raise ConflictError(
                "The first request with this Idempotency-Key was carried out, but its reply was "
                "lost: look at what is there now."
            )
    else:
        raise IdempotencyKeyInUseError
    return await _carry_out(request, caller, handler, Work(attempt, fingerprint))


async def _carry_out(request: Request, caller: Caller, handler: Handler, work: Work) -> Response:
    service = services(request)
    service.request_leases.hold(work.attempt)
    recording, working = before_commit.set(work.record), _work.set(work)
    try:
        response = await _handle(request, caller, handler, work.fingerprint)
    except Exception:
        # Whatever it is, it is told by whoever catches it; nothing was answered yet.
        await _release(service.database, work.attempt)
        raise
    finally:
        work.is_over = True
        _work.reset(working)
        before_commit.reset(recording)
        service.request_leases.drop(work.attempt)
    if response.status_code in OF_THE_MOMENT and not work.has_effect:
        await _release(service.database, work.attempt)
    elif not (work.is_recorded and work.reply is response):
        await _keep(service.database, work, response)
    return response


async def _handle(
    request: Request, caller: Caller, handler: Handler, fingerprint: Fingerprint
) -> Response:
    """Return the handler's reply, also to what it refuses; raises what is not the client's."""
    passed_on = Request(request.scope, fingerprint.receive)
    try:
        return await handler(passed_on, caller)
    except (MatchstreamError, HTTPException) as error:
        response = errors.reply_to(request, error)
        if response is None or response.status_code >= 500:
            raise
        return response


async def _keep(database: Database, work: Work, response: Response) -> None:
    """Keep a reply that was not recorded with its effect; release a key whose content is unknown.

    The effect has happened: the client hears so, even when the database is away by now.
    """
    await work.fingerprint.read_to_end(MAX_UNREAD_BYTES)
    content = work.fingerprint.value()
    try:
        async with database.connection() as connection:
            if content is None:
                await idempotency.release(connection, work.attempt)
            else:
                await idempotency.complete(connection, work.attempt, content, _stored(response))
    except UnavailableError as error:
        log.warning("reply_not_kept", action="answer", reason=str(error))


async def _release(database: Database, attempt: Attempt) -> None:
    try:
        async with database.connection() as connection:
            await idempotency.release(connection, attempt)
    except UnavailableError as error:
        # Its lease ends soon.
        log.warning("key_not_released", action="answer", reason=str(error))


async def _replay(
    request: Request, key: str, fingerprint: Fingerprint, known: Completed
) -> Response:
    """Return the first reply; raises IdempotencyMismatchError where it is to something else."""
    is_whole = await fingerprint.read_to_end(services(request).limits.upload_bytes)
    if not is_whole or fingerprint.value() != known.fingerprint:
        raise IdempotencyMismatchError(
            f"The Idempotency-Key `{key}` came with another request before: make a new one."
        )
    reply = known.reply
    headers = {**dict(reply.headers), **REPLAYED}
    if reply.body is None:
        where = f": see {headers['location']}" if "location" in headers else ""
        raise ConflictError(
            "The first request with this Idempotency-Key was carried out. Its reply is not kept, "
            f"because it shows a secret once or is too large{where}."
        )
    return Response(reply.body, reply.status, headers)


def _stored(response: Response) -> StoredReply:
    """Write a reply as it is stored: without a body that nobody may keep, or that streams."""
    headers = tuple(
        (name, value) for name, value in response.headers.items() if name != "content-length"
    )
    body: bytes | None = getattr(response, "body", None)
    is_secret = "no-store" in response.headers.get("cache-control", "")
    if body is None or is_secret or len(body) > MAX_REPLY_BYTES:
        return StoredReply(response.status_code, headers, None)
    return StoredReply(response.status_code, headers, bytes(body))


def _read_key(request: Request) -> str:
    given = request.headers.getlist(HEADER)
    key = given[0]
    is_visible = key.isascii() and key.isprintable() and " " not in key
    if len(given) > 1 or not is_visible or not 1 <= len(key) <= MAX_KEY_LENGTH:
        raise InvalidInputError(
            f"The header {HEADER} must be one text of 1 to {MAX_KEY_LENGTH} visible ASCII "
            "characters."
        )
    return key
