"""How does the stand-in speak HTTP? A small server of HTTP/1.1 that can also misbehave."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

MAX_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """What came: header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: JSON, or bytes as they are.

    With `is_cut` half of it, and the connection with it; with `pause_seconds` a byte after the
    other, so far apart.
    """

    status: int
    body: Mapping[str, object] | bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    is_cut: bool = False
    pause_seconds: float = 0.0


Handler = Callable[[Request], Awaitable[Reply]]


@asynccontextmanager
async def serving(handler: Handler, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[int]:
    """Serve as long as the block lasts; yields the port."""
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await _converse(handler, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The client went away, or the server ends.
            writer.transport.abort()
        finally:
            connections.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, host, port, limit=MAX_HEADER_BYTES)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        for task in list(connections):
            with suppress(asyncio.CancelledError):
                await task


async def _converse(
    handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while (request := await _read(reader)) is not None:
        reply = await handler(request)
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        head = f"HTTP/1.1 {reply.status} -\r\nContent-Length: {len(body)}\r\n"
        headers = {"Content-Type": "application/json", **reply.headers}
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if reply.is_cut:
            writer.write(head.encode() + b"\r\n" + body[: len(body) // 2])
            await writer.drain()
            writer.transport.abort()
            return
        if reply.pause_seconds:
            writer.write(head.encode() + b"\r\n")
            for byte in body:
                writer.write(bytes((byte,)))
                await asyncio.sleep(reply.pause_seconds)
            continue
        writer.write(head.encode() + b"\r\n" + body)
        await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, body)
