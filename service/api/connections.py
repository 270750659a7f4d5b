"""What may the other side of a connection not do: hold it up, or send a head without end?

uvicorn waits for ever for a request that never comes whole and for a reader that takes nothing,
and keeps as many headers as come. Here each has a bound:

connect ─► whole head within HEAD_SECONDS and MAX_HEAD_BYTES ─► body: LEAST_BODY_BYTES in each
BODY_SECONDS ─► reply: something is taken within WRITE_SECONDS, a stream's reader sooner
"""

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api import replies
from service.domain.identifiers import new_id

log = structlog.get_logger()

HEAD_SECONDS = 15.0
MAX_HEAD_BYTES = 32 * 1024
BODY_SECONDS = 30.0
# So little is no slow network, but somebody who wants to keep the connection.
LEAST_BODY_BYTES = 15_000
WRITE_SECONDS = 60.0
# So many bytes may come for one of content, as in chunks of one byte.
MAX_FRAMING = 16

_ABORT = "matchstream.abort"
# Status line, code and title of what is answered without the application.
_REFUSALS = {
    400: (b"400 Bad Request", "validation_error", "The request is not valid"),
    408: (b"408 Request Timeout", "request_timeout", "The request came too slowly"),
    431: (b"431 Request Header Fields Too Large", "payload_too_large", "The head is too large"),
}


class Protocol(HttpToolsProtocol):
    """uvicorn's side of a connection, with bounds, and a way for the application to cut it.

    uvicorn itself closes a connection only after its buffer has drained: never, when the other
    side takes nothing.
    """

    head_seconds = HEAD_SECONDS
    body_seconds = BODY_SECONDS
    write_seconds = WRITE_SECONDS

    _head_timer: asyncio.TimerHandle | None = None
    _body_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _awaits_head = True
    _has_begun = False
    _is_refused = False
    _head_bytes = 0
    _body_bytes = 0
    # All bytes behind the head, and those of them that are content.
    _sent_bytes = 0
    _content_bytes = 0

    # Overrides are marked as such from Python 3.12 on.
    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # type: ignore[explicit-override]
        """Wait for the first request."""
        super().connection_made(transport)  # type: ignore[arg-type] # as asyncio declares it
        self._head_timer = self.loop.call_later(self.head_seconds, self._refuse, 408)

    def connection_lost(self, exc: Exception | None) -> None:  # type: ignore[explicit-override]
        """Wait for nothing more."""
        for timer in (self._head_timer, self._body_timer, self._write_timer):
            _cancel(timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:  # type: ignore[explicit-override]
        """Count what comes before a head is complete; from its first byte on it has its time."""
        if self._is_refused:
            return
        if self._awaits_head and self._head_timer is None:
            self._head_timer = self.loop.call_later(self.head_seconds, self._refuse, 408)
        super().data_received(data)
        self._count(len(data))

    def on_message_begin(self) -> None:  # type: ignore[explicit-override]
        """Begin a request, whose scope says how to cut the connection."""
        super().on_message_begin()
        if not self.flow.write_paused:
            # Who asks for more has taken what there was.
            _cancel(self._write_timer)
            self._write_timer = None
        self.scope["extensions"] = {_ABORT: {"call": self.transport.abort}}

    def on_header(self, name: bytes, value: bytes) -> None:  # type: ignore[explicit-override]
        """Keep a header, but no trailer."""
        if self._awaits_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:  # type: ignore[explicit-override]
        """Begin to answer, unless the head is too large; the body has to come on from now on."""
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if self._is_refused:
            return
        if size > MAX_HEAD_BYTES:
            self._refuse(431)
            return
        self._awaits_head = False
        self._head_bytes = self._body_bytes = self._sent_bytes = self._content_bytes = 0
        _cancel(self._head_timer)
        self._head_timer = None
        self._body_timer = self.loop.call_later(self.body_seconds, self._check_body)
        # Raises where the target is none that can be answered, such as that of CONNECT.
        super().on_headers_complete()
        self._has_begun = True

    def on_body(self, body: bytes) -> None:  # type: ignore[explicit-override]
        """Count it."""
        if not self._is_refused:
            self._body_bytes += len(body)
            self._content_bytes += len(body)
            super().on_body(body)

    def on_message_complete(self) -> None:  # type: ignore[explicit-override]
        """Wait for the next request, which uvicorn gives its time once this one is answered."""
        if self._is_refused:
            return
        _cancel(self._body_timer)
        self._body_timer = None
        self._awaits_head = True
        super().on_message_complete()

    def pause_writing(self) -> None:  # type: ignore[explicit-override]
        """Give the other side its time to take something."""
        super().pause_writing()
        self._watch_what_is_written()

    def resume_writing(self) -> None:  # type: ignore[explicit-override]
        """Go on: it did."""
        _cancel(self._write_timer)
        self._write_timer = None
        super().resume_writing()

    def on_response_complete(self) -> None:  # type: ignore[explicit-override]
        """See to it that what is written is taken, also when there is little of it."""
        super().on_response_complete()
        self._watch_what_is_written()

    def send_400_response(self, msg: str) -> None:  # type: ignore[explicit-override]
        """Refuse what is no HTTP, in the form of every problem."""
        self._refuse(400)

    def _count(self, size: int) -> None:
        if self._is_refused:
            return
        if not self._awaits_head:
            # Trailers and chunks' extensions, which nobody reads, are no way around the bounds.
            self._sent_bytes += size
            if self._sent_bytes > MAX_FRAMING * self._content_bytes + 2 * MAX_HEAD_BYTES:
                self._refuse(400)
        elif self._head_timer is not None:
            self._head_bytes += size
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(431)

    def _check_body(self) -> None:
        self._body_timer = None
        if self.cycle.response_complete:
            # Nobody waits for the rest.
            self.transport.close()
            return
        if self._body_bytes < LEAST_BODY_BYTES and not self.flow.read_paused:
            self._refuse(408)
            return
        self._body_bytes = 0
        self._body_timer = self.loop.call_later(self.body_seconds, self._check_body)

    def _refuse(self, status: int) -> None:
        """Answer, unless an answer is on its way already, and close the connection."""
        self._is_refused = True
        is_answering = self._has_begun and not self.cycle.response_complete
        # Browsers open and keep connections without saying anything.
        is_silent = status == 408 and self._awaits_head and self._head_bytes == 0
        if not (is_answering and self.cycle.response_started) and not is_silent:
            log.info("connection_refused", action="refuse", status=status)
            self.transport.write(_refusal(status))
        if is_answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
        self._watch_what_is_written()

    def _watch_what_is_written(self) -> None:
        if self._write_timer is None and self.transport.get_write_buffer_size():
            self._write_timer = self.loop.call_later(self.write_seconds, self._check_written)

    def _check_written(self) -> None:
        self._write_timer = None
        if self.transport.get_write_buffer_size():
            log.info("connection_cut", action="cut", reason="nothing is taken")
            self.transport.abort()


def abort(scope: MutableMapping[str, Any]) -> None:
    """Cut the connection of a request that `Protocol` received."""
    call: Callable[[], None] = scope["extensions"][_ABORT]["call"]
    call()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def _refusal(status: int) -> bytes:
    line, code, title = _REFUSALS[status]
    problem = replies.encode(
        {
            "type": f"/docs#{code}",
            "title": title,
            "status": status,
            "detail": f"{title}.",
            "code": code,
            "retryable": status == 408,
            "request_id": str(new_id()),
        }
    )
    return b"".join(
        (
            b"HTTP/1.1 ",
            line,
            b"\r\ncontent-type: application/problem+json\r\ncontent-length: ",
            str(len(problem)).encode(),
            b"\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n",
            b"connection: close\r\n\r\n",
            problem,
        )
    )
