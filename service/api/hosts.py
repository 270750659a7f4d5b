"""Is a request for this service at all, and is the service ready to take it?"""

import re

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.errors import problem_reply

ANY = "*"
_PORT = re.compile(r":\d*$")
# Asked by whoever runs the service: before it is ready, and by whatever address it has. They tell
# nothing that a page elsewhere could use.
PROBES = frozenset({"/healthz", "/readyz"})


class AllowedHosts:
    """Refuse a `Host` that is not ours: a page elsewhere must not reach us by a name of its own."""

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        """Let requests for `names` (lower case, without port), and all probes, through to `app`."""
        self.app = app
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on as it comes, so that streams stay streams."""
        is_checked = scope["type"] == "http" and scope["path"] not in PROBES
        if not is_checked or ANY in self._names:
            await self.app(scope, receive, send)
            return
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        host = ", ".join(given)
        if len(given) == 1 and _PORT.sub("", host).lower() in self._names:
            await self.app(scope, receive, send)
            return
        detail = (
            f"This service does not answer to the host {host!r}: see MATCHSTREAM_ALLOWED_HOSTS."
        )
        reply = problem_reply(Request(scope), "validation_error", detail)
        await reply(scope, receive, send)


class WhenReady:
    """Answer `unavailable` for as long as the service comes up or goes down."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on as it comes, so that streams stay streams."""
        is_ready = scope["type"] != "http" or hasattr(scope["app"].state, "services")
        if is_ready or scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        detail = "The service is not ready: try again in a moment."
        reply = problem_reply(Request(scope), "unavailable", detail, retryable=True)
        await reply(scope, receive, send)
