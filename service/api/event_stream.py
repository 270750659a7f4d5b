"""How do blocks reach a reader, and what becomes of one that leaves or takes nothing?

A reader costs two tasks: one pours blocks, the other waits for the reader to leave. The pouring is
ended from outside: when the reader has left, or when a send takes too long, which one timer looks
for that is not set anew with every event.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from service.api import connections
from service.engine.hub import Hub

log = structlog.get_logger()

# How long a stream may take to say goodbye when the service stops.
GOODBYE_SECONDS = 2.0
# How long the server may take to notice that a connection was cut.
CUT_SECONDS = 1.0


class EventStream(Response):
    """An endless reply of server-sent events; its reader is dropped when it takes nothing."""

    media_type = "text/event-stream"

    def __init__(
        self, blocks: AsyncGenerator[bytes, None], hub: Hub, send_timeout_seconds: float
    ) -> None:
        """Send `blocks` as they come; each must be taken within `send_timeout_seconds`."""
        self.status_code = 200
        self.background = None
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._blocks = blocks
        self._hub = hub
        self._seconds = send_timeout_seconds
        self._limit = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._sending_since: float | None = None
        self._is_pouring = False
        self._is_gone = False

    async def __call__(  # type: ignore[explicit-override] # from 3.12
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Stream until the end, or until the reader is gone."""
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen(receive))
            try:
                async with self._limit:
                    await self._pour(send)
            except TimeoutError:
                if not self._limit.expired():
                    raise
                if not self._is_gone:
                    log.info("reader_dropped", action="stream", path=scope["path"])
                    connections.abort(scope)
                    await asyncio.wait({listening}, timeout=CUT_SECONDS)
            finally:
                listening.cancel()

    async def _pour(self, send: Send) -> None:
        self._is_pouring = True
        self._look_later(self._seconds)
        try:
            async with aclosing(self._blocks):
                with self._hub.told_of_the_end(self._hurry):
                    start = {"type": "http.response.start", "status": self.status_code}
                    await self._send(send, {**start, "headers": self.raw_headers})
                    async for block in self._blocks:
                        await self._send(send, _body(block, more=True))
                    await self._send(send, _body(b"", more=False))
        finally:
            self._is_pouring = False
            if self._timer is not None:
                self._timer.cancel()

    async def _send(self, send: Send, message: Message) -> None:
        self._sending_since = asyncio.get_running_loop().time()
        await send(message)
        self._sending_since = None

    def _look_later(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """End the pouring when a send has taken too long; else look again when it could have."""
        now = asyncio.get_running_loop().time()
        left = self._seconds - (now - (self._sending_since or now))
        if left <= 0:
            self._end()
        else:
            self._look_later(left)

    def _hurry(self) -> None:
        """Leave a reader that takes nothing only so long to say goodbye."""
        self._seconds = min(self._seconds, GOODBYE_SECONDS)
        self._look_later(self._seconds)

    async def _listen(self, receive: Receive) -> None:
        """End the pouring when the reader leaves."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._is_gone = True
        self._end()

    def _end(self) -> None:
        if self._is_pouring and not self._limit.expired():
            self._limit.reschedule(asyncio.get_running_loop().time())


def _body(block: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": block, "more_body": more}
