"""What does every reply carry, whatever it says and wherever it comes from?"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.request_ids import state_of

# Nothing of ours runs, is framed or is embedded elsewhere, unless a page says that it needs more.
# HSTS is the proxy's: it ends TLS, and knows whether there is any.
DEFAULTS: tuple[tuple[bytes, bytes], ...] = (
    (
        b"content-security-policy",
        b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # Asked again before it is used again, and kept by the reader alone.
    (b"cache-control", b"private, no-cache"),
)

_MORE = "reply_headers"


def add(scope: Scope, *headers: tuple[bytes, bytes]) -> None:
    """Let the request's reply carry these headers (names in lower case), an error's reply too."""
    state_of(scope).setdefault(_MORE, []).extend(headers)


class ReplyHeaders:
    """Complete the headers of every reply; what a reply says itself holds."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on as it comes, so that streams stay streams."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"] = list(message.get("headers", ()))
                said = {name for name, _ in headers}
                headers += state_of(scope).get(_MORE, ())
                headers += [header for header in DEFAULTS if header[0] not in said]
            await send(message)

        await self.app(scope, receive, send_completed)
