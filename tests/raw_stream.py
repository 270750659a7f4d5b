"""How does a test read a stream byte by byte, and cut it wherever it likes? On a bare socket."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(slots=True)
class RawStream:
    """An open reply: its status, and the bytes of its body as they come."""

    status: int
    _reader: asyncio.StreamReader

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the chunks of the body, to the end of it or of the connection."""
        try:
            while size := int(await self._reader.readline() or b"0", 16):
                yield (await self._reader.readexactly(size + 2))[:-2]
        except (ConnectionError, asyncio.IncompleteReadError):
            return


@asynccontextmanager
async def opened(url: str, headers: Mapping[str, str]) -> AsyncIterator[RawStream]:
    """Ask for the URL; cut the connection at the end of the block."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {target} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        yield RawStream(int(head.split()[1]), reader)
    finally:
        writer.transport.abort()


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event as a reader sees it, once its block is whole."""

    number: int
    type: str
    data: str


def events_of(body: bytes) -> list[RawEvent]:
    """Return the events whose blocks are whole; comments, and a block cut short, do not count."""
    found = []
    for block in body.decode(errors="replace").split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line[:1] != ":")
        if "data" in fields:
            found.append(RawEvent(int(fields["id"]), fields["event"], fields["data"]))
    return found
