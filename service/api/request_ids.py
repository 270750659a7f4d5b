"""Which request is this, in replies and in logs alike?"""

import re
from typing import Any

from starlette.types import Scope

from service.domain.identifiers import new_id

HEADER = "X-Request-Id"
_NAME = HEADER.lower().encode()
_ID = "request_id"

# As long as it is visible ASCII, a client's own id is taken over.
_ACCEPTABLE = re.compile(rb"[\x21-\x7e]{1,128}")
# W3C trace context: version, trace id, parent id, flags. Later versions may add to it.
_TRACE_PARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})"
    r"-[0-9a-f]{2}(-.*)?"
)


def identify(scope: Scope) -> dict[str, str]:
    """Give a request its id; return what its log lines are bound to.

    The trace that a client's `traceparent` names is among it.
    """
    offered, parent = b"", b""
    for name, value in scope["headers"]:
        if name == _NAME:
            offered = offered or value
        elif name == b"traceparent":
            parent = parent or value
    identifier = offered.decode() if _ACCEPTABLE.fullmatch(offered) else str(new_id())
    state_of(scope)[_ID] = identifier
    return {_ID: identifier, **(_trace(parent.decode("latin-1")) if parent else {})}


def request_id(scope: Scope) -> str:
    """Return the id that `identify` gave the request."""
    value: str = state_of(scope)[_ID]
    return value


def state_of(scope: Scope) -> dict[str, Any]:
    """Return what is noted of one request on its way."""
    state: dict[str, Any] = scope.setdefault("state", {})
    return state


def _trace(parent: str) -> dict[str, str]:
    """Read a trace context; one that is not well formed is as none, as the standard wants it."""
    found = _TRACE_PARENT.fullmatch(parent)
    return {} if found is None else {"trace_id": found["trace"], "parent_span_id": found["span"]}
