"""What does a test send webhooks to? A real HTTP server on a socket that answers as it is told."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Message:
    """A request that came in; header names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The message's id, the same over retries."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        """What the body says."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


Answering: TypeAlias = Callable[[Message], Awaitable[Answer]]


async def take(message: Message) -> Answer:
    """Take whatever comes."""
    return Answer()


async def hang(message: Message) -> Answer:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError("nobody wakes this")


def always(answer: Answer) -> Answering:
    """Answer every message alike."""

    async def answering(message: Message) -> Answer:
        return answer

    return answering


class Receiver:
    """The server's side: what came, in the order in which it came, and how it is answered."""

    def __init__(self, answering: Answering) -> None:
        """Answer as told; `answering` may be replaced at any time."""
        self.answering = answering
        self.messages: list[Message] = []
        self.port = 0
        self.under_way = 0
        self.most_under_way = 0
        self._grown = asyncio.Event()
        self._is_closing = False
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    async def wait_for(self, count: int) -> list[Message]:
        """Return the messages once there are so many in all."""
        async with asyncio.timeout(WAIT_SECONDS):
            while len(self.messages) < count:
                self._grown.clear()
                await self._grown.wait()
        return self.messages

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while True:
                message = await _read(reader)
                self.messages.append(message)
                self._grown.set()
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
                try:
                    answer = await self.answering(message)
                finally:
                    self.under_way -= 1
                writer.write(_written(answer))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        except asyncio.CancelledError:
            if not self._is_closing:
                raise
        finally:
            self._connections.discard(task)
            writer.close()

    async def close(self) -> None:
        """End what hangs."""
        self._is_closing = True
        for task in list(self._connections):
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)


async def _read(reader: asyncio.StreamReader) -> Message:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    parts = [line.partition(":") for line in lines]
    headers = {name.lower(): value.strip() for name, _, value in parts}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Message(first.split(" ")[1], headers, body)


def _written(answer: Answer) -> bytes:
    named = {"Content-Length": str(len(answer.body)), **answer.headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    body = b"" if answer.status == 204 else answer.body
    return f"HTTP/1.1 {answer.status} Said\r\n{head}\r\n".encode() + body


@asynccontextmanager
async def receiving(
    answering: Answering = take, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Run a receiver on a free port for as long as the block lasts."""
    receiver = Receiver(answering)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await receiver.close()
