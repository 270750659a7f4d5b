"""How is a connection cut at once, without waiting for what its other side does not take?"""

from collections.abc import Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_ABORT = "matchstream.abort"


class Protocol(HttpToolsProtocol):
    """uvicorn's side of a connection, which also lets the application cut it.

    uvicorn itself closes a connection only after its buffer has drained: never, when the other
    side takes nothing.
    """

    def on_message_begin(self) -> None:  # type: ignore[explicit-override] # from 3.12
        """Begin a request, whose scope says how to cut the connection."""
        super().on_message_begin()
        self.scope["extensions"] = {_ABORT: {"call": self.transport.abort}}


def abort(scope: MutableMapping[str, Any]) -> None:
    """Cut the connection of a request that `Protocol` received."""
    call: Callable[[], None] = scope["extensions"][_ABORT]["call"]
    call()
