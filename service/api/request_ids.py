"""Which request is this, in replies and in logs alike?"""

import re
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.domain.identifiers import new_id

HEADER = "X-Request-Id"

# As long as it is visible ASCII, a client's own id is taken over.
_ACCEPTABLE = re.compile(r"[\x21-\x7e]{1,128}")
# W3C trace context: version, trace id, parent id, flags. Later versions may add to it.
_TRACE_PARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})"
    r"-[0-9a-f]{2}(-.*)?"
)


class RequestIds:
    """Give every request an id: bound to its log lines, sent back in its reply.

    The trace that a client's `traceparent` names is bound to the log lines too.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on as it comes, so that streams stay streams."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        offered = headers.get(HEADER, "")
        identifier = offered if _ACCEPTABLE.fullmatch(offered) else str(new_id())
        state_of(scope)["request_id"] = identifier

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = identifier
            await send(message)

        names = {"request_id": identifier, **_trace(headers.get("traceparent", ""))}
        with structlog.contextvars.bound_contextvars(**names):
            await self.app(scope, receive, send_with_id)


def request_id(request: Request) -> str:
    """Return the id that `RequestIds` gave the request."""
    value: str = request.state.request_id
    return value


def state_of(scope: Scope) -> dict[str, Any]:
    """Return what is noted of one request on its way."""
    state: dict[str, Any] = scope.setdefault("state", {})
    return state


def _trace(parent: str) -> dict[str, str]:
    """Read a trace context; one that is not well formed is as none, as the standard wants it."""
    found = _TRACE_PARENT.fullmatch(parent)
    return {} if found is None else {"trace_id": found["trace"], "parent_span_id": found["span"]}
