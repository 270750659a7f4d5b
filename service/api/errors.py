"""How does each failure look to a client?

Every failure is a problem (RFC 9457) with a stable `code`: errors of ours through the table
below, routing errors through their status, and anything else as `internal_error`, which says
nothing but the request's id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api import replies
from service.api.exchanges import has_begun
from service.api.metrics import route_of
from service.api.replies import Json
from service.api.request_ids import request_id
from service.domain.errors import InvalidInputError, MatchstreamError, Problem

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Failure:
    """How every error of one code goes out."""

    status: int
    title: str
    headers: Mapping[str, str] = field(default_factory=dict)


FAILURES: dict[str, Failure] = {
    "validation_error": Failure(400, "The request is not valid"),
    "unauthorized": Failure(
        401, "A valid API key is needed", {"WWW-Authenticate": 'Bearer realm="matchstream"'}
    ),
    "insufficient_scope": Failure(403, "The API key lacks a scope"),
    "cross_site_request": Failure(403, "Not sent by a page of this service"),
    "not_found": Failure(404, "Not found"),
    "method_not_allowed": Failure(405, "Method not allowed"),
    "request_timeout": Failure(408, "The request came too slowly"),
    "conflict": Failure(409, "The present state does not allow this"),
    "ai_not_configured": Failure(409, "The AI pass is not configured"),
    "precondition_failed": Failure(412, "Changed in the meantime"),
    "payload_too_large": Failure(413, "The body is too large"),
    "unsupported_media_type": Failure(415, "The content type is not supported"),
    "idempotency_mismatch": Failure(422, "The Idempotency-Key belongs to another request"),
    "rate_limited": Failure(429, "Too many requests", {"Retry-After": "60"}),
    "internal_error": Failure(500, "Internal error"),
    "unavailable": Failure(503, "Not available now", {"Retry-After": "2"}),
}

# Errors that are raised by status alone: the routing's, and the multipart reader's.
CODES_BY_STATUS: dict[int, str] = {
    400: "validation_error",
    401: "unauthorized",
    403: "insufficient_scope",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "payload_too_large",
    415: "unsupported_media_type",
    503: "unavailable",
}


class Errors:
    """Answer every error as a problem: those raised on purpose as they say, what nobody expected
    with `internal_error`, logged with its traceback.

    Stands inside `Exchanges`, whose id the answer carries.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on as it comes, so that streams stay streams."""
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception as error:  # The edge of one request: it fails alone, and says its id.
            if scope["type"] != "http":
                raise
            if has_begun(scope):
                # Only the server can cut the connection, so that half a reply is not taken whole.
                error.add_note(f"request_id: {request_id(scope)}")
                raise
            request = Request(scope)
            reply = reply_to(request, error)
            if reply is None:
                # Not the path: it may name a document.
                route = route_of(scope)
                log.exception(
                    "request_failed", action="answer", method=scope["method"], route=route
                )
                said = "Something went wrong on our side."
                reply = problem_reply(request, "internal_error", said)
            await reply(scope, receive, send)


def reply_to(request: Request, error: Exception) -> Response | None:
    """Make the reply to an error that was raised on purpose; None for any other."""
    if isinstance(error, MatchstreamError):
        return _reply_to_ours(request, error)
    return _reply_to_http_exception(request, error) if isinstance(error, HTTPException) else None


def _reply_to_ours(request: Request, error: MatchstreamError) -> Response | None:
    if error.code not in FAILURES:
        return None
    problems = error.problems if isinstance(error, InvalidInputError) else ()
    reply = problem_reply(request, error.code, str(error), error.retryable, problems)
    if error.retry_after_seconds is not None:
        reply.headers["Retry-After"] = str(error.retry_after_seconds)
    return reply


def _reply_to_http_exception(request: Request, error: HTTPException) -> Response | None:
    if error.status_code not in CODES_BY_STATUS:
        return None
    code = CODES_BY_STATUS[error.status_code]
    details = {
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.url.path} does not take {request.method}.",
    }
    reply = problem_reply(
        request,
        code,
        details.get(error.status_code, error.detail),
        code in {"request_timeout", "unavailable"},
    )
    reply.headers.update(error.headers or {})
    return reply


def problem_reply(
    request: Request,
    code: str,
    detail: str,
    retryable: bool = False,
    problems: tuple[Problem, ...] = (),
) -> Response:
    """Make the reply for one failure of the request."""
    failure = FAILURES[code]
    value: dict[str, Json] = {
        "type": f"/docs#{code}",
        "title": failure.title,
        "status": failure.status,
        "detail": detail,
        "instance": quote(request.scope["path"]),
        "code": code,
        "retryable": retryable,
        "request_id": request_id(request.scope),
    }
    if problems:
        value["errors"] = [_place(problem) for problem in problems]
    return replies.problem(value, failure.status, failure.headers)


def _place(problem: Problem) -> dict[str, Json]:
    where: dict[str, Json] = {
        "pointer": problem.pointer,
        "row": problem.row,
        "column": problem.column,
    }
    known: dict[str, Json] = {name: value for name, value in where.items() if value is not None}
    return {**known, "code": problem.code, "message": problem.message}
