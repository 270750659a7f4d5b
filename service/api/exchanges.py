"""What surrounds every request and its reply, whatever they say?

One layer does it all, since each layer more costs every request: an id for request, reply and log
lines, the headers that every reply carries, and the count with the time to the reply's begin.
"""

import time
from collections.abc import Iterable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from service.api import metrics, reply_headers, request_ids
from service.api.metrics import Metrics
from service.api.request_ids import state_of

log = structlog.get_logger()

_HAS_BEGUN = "has_begun"


class Exchanges:
    """Know each request by an id, complete the headers of its reply, and count it."""

    def __init__(self, app: ASGIApp, figures: Metrics, paths: Iterable[str]) -> None:
        """Wrap `app`; `paths` are those of pages, which are counted under themselves."""
        self.app = app
        self._figures = figures
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on as it comes, so that streams stay streams."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        if scope["path"] in self._paths:
            metrics.note_route(scope, scope["path"])
        names = request_ids.identify(scope)

        async def send_completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                state_of(scope)[_HAS_BEGUN] = True
                message["headers"] = reply_headers.complete(scope, message.get("headers", ()))
                seconds = time.perf_counter() - began
                self._figures.count(scope, message["status"], seconds)
                _note(scope, message["status"], seconds)
            await send(message)

        tokens = bind_contextvars(**names)
        try:
            await self.app(scope, receive, send_completed)
        finally:
            reset_contextvars(**tokens)


def has_begun(scope: Scope) -> bool:
    """Whether the request's reply is on its way."""
    return _HAS_BEGUN in state_of(scope)


def _note(scope: Scope, status: int, seconds: float) -> None:
    """Log a request of the API, under its route: a path may name a document."""
    route = metrics.route_of(scope)
    if route.startswith("/v1"):
        log.debug(
            "request_answered",
            action="answer",
            method=scope["method"],
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )
