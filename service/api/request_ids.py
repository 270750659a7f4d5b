"""Which request is this, in replies and in logs alike?"""

import re

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.domain.identifiers import new_id

HEADER = "X-Request-Id"

# As long as it is visible ASCII, a client's own id is taken over.
_ACCEPTABLE = re.compile(r"[\x21-\x7e]{1,128}")


class RequestIds:
    """Give every request an id: bound to its log lines, sent back in its reply."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on as it comes, so that streams stay streams."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        offered = Headers(scope=scope).get(HEADER, "")
        identifier = offered if _ACCEPTABLE.fullmatch(offered) else str(new_id())
        scope.setdefault("state", {})["request_id"] = identifier

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = identifier
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=identifier):
            await self.app(scope, receive, send_with_id)


def request_id(request: Request) -> str:
    """Return the id that `RequestIds` gave the request."""
    value: str = request.state.request_id
    return value
