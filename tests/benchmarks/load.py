"""How many requests does a server answer, and how soon? Asked over a few connections at once."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

CONNECTIONS = 32
WARM_UP_SECONDS = 0.3
PATIENCE_SECONDS = 30.0
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length: "


@dataclass(frozen=True, slots=True)
class Target:
    """A request that is sent again and again."""

    url: str
    path: str
    headers: Mapping[str, str]

    def encode(self) -> bytes:
        """Write the request as it goes over the wire."""
        host = urlsplit(self.url).netloc
        lines = [f"GET {self.path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()


class Asker(asyncio.Protocol):
    """Sends the next request when the last one is answered; a client in Python would be slower
    than the servers."""

    def __init__(self, request: bytes, since: float, until: float) -> None:
        """Ask until `until`, and note what was asked from `since` on, by `time.perf_counter`."""
        self.latencies: list[float] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._since = since
        self._until = until
        self._buffer = bytearray()
        self._began = 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(  # type: ignore[explicit-override] # from 3.12
        self, transport: asyncio.BaseTransport
    ) -> None:
        """Send the first request."""
        # uvloop's are no asyncio.Transport, but have all that one has.
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:  # type: ignore[explicit-override] # from 3.12
        """Note an answer that is whole."""
        self._buffer += data
        head = self._buffer.find(_HEAD_END)
        if head < 0 or len(self._buffer) < head + len(_HEAD_END) + self._body_length(head):
            return
        now = time.perf_counter()
        if self._began >= self._since:
            self.latencies.append(now - self._began)
        if not self._buffer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 304")):
            self.ended.set_exception(RuntimeError(bytes(self._buffer[:200]).decode()))
            return
        self._buffer.clear()
        if now < self._until:
            self._send()
        elif not self.ended.done():
            self.ended.set_result(None)

    def connection_lost(  # type: ignore[explicit-override] # from 3.12
        self, exc: Exception | None
    ) -> None:
        """Say so, unless the asking was over."""
        if not self.ended.done():
            self.ended.set_exception(ConnectionError("the server closed the connection"))

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def _send(self) -> None:
        assert self._transport is not None
        self._began = time.perf_counter()
        self._transport.write(self._request)

    def _body_length(self, head: int) -> int:
        at = self._buffer.lower().find(_LENGTH, 0, head)
        if at < 0:
            return 0
        begin = at + len(_LENGTH)
        return int(self._buffer[begin : self._buffer.index(b"\r\n", begin)])


async def ask(target: Target, seconds: float, connections: int = CONNECTIONS) -> list[float]:
    """Return the latency in seconds of each request that was answered in the time given.

    What comes first, while connections are opened and the key is looked up, is left out.
    """
    place = urlsplit(target.url)
    since = time.perf_counter() + WARM_UP_SECONDS
    until = since + seconds
    request = target.encode()
    loop = asyncio.get_running_loop()
    askers = []
    try:
        for _ in range(connections):
            _, asker = await loop.create_connection(
                lambda: Asker(request, since, until), place.hostname or "", place.port or 80
            )
            askers.append(asker)
        async with asyncio.timeout(until - time.perf_counter() + PATIENCE_SECONDS):
            for asker in askers:
                await asker.ended
    finally:
        for asker in askers:
            asker.close()
    return [latency for asker in askers for latency in asker.latencies]
