"""What does every reply carry, whatever it says and wherever it comes from?"""

from collections.abc import Iterable

from starlette.types import Scope

from service.api.request_ids import HEADER, request_id, state_of

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

_USUAL = frozenset(name for name, _ in DEFAULTS)
_REQUEST_ID = HEADER.lower().encode()
_MORE = "reply_headers"


def add(scope: Scope, *headers: tuple[bytes, bytes]) -> None:
    """Let the request's reply carry these headers (names in lower case), an error's reply too."""
    state = state_of(scope)
    state[_MORE] = (*state.get(_MORE, ()), *headers)


def complete(scope: Scope, said: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Complete the headers of the request's reply; what the reply says itself holds."""
    headers = list(said)
    names = {name for name, _ in headers}
    if names.isdisjoint(_USUAL):
        headers += DEFAULTS
    else:
        headers += [header for header in DEFAULTS if header[0] not in names]
    headers.append((_REQUEST_ID, request_id(scope).encode()))
    headers += state_of(scope).get(_MORE, ())
    return headers
