"""How does a test read a stream of server-sent events? Line by line, as the standard says."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

READ_SECONDS = 10.0


@dataclass(slots=True)
class Block:
    """What stands between two empty lines: an event, a comment, or a `retry`."""

    id: str | None = None
    event: str | None = None
    data: str | None = None
    retry: str | None = None
    comments: list[str] = field(default_factory=list)

    @property
    def number(self) -> int:
        """The id of an event of a run."""
        assert self.id is not None
        return int(self.id)

    @property
    def json(self) -> Any:
        """What the data says."""
        assert self.data is not None
        return json.loads(self.data)

    @property
    def is_event(self) -> bool:
        """Whether a browser would tell the page of it."""
        return self.data is not None

    def take(self, line: str) -> None:
        """Add a line."""
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not name:
            self.comments.append(value)
            return
        assert name in ("id", "event", "data", "retry"), line
        assert getattr(self, name) is None, f"{name} twice in one block"
        setattr(self, name, value)


class Stream:
    """An open stream; iterating yields its blocks to the end."""

    def __init__(self, response: httpx2.Response) -> None:
        """Read from the response, which has not been read yet."""
        self.response = response
        self._blocks = _blocks_of(response)

    def __aiter__(self) -> AsyncIterator[Block]:
        """Yield what is left of the stream."""
        return self._blocks

    async def next_event(self) -> Block:
        """Return the next event, past comments."""
        while not (block := await anext(self._blocks)).is_event:
            pass
        return block

    async def until(self, event: str) -> list[Block]:
        """Return the events up to the first one of the type."""
        found = [await self.next_event()]
        while found[-1].event != event:
            found.append(await self.next_event())
        return found

    async def rest(self) -> list[Block]:
        """Return all blocks that are left, once the stream has ended."""
        return [block async for block in self._blocks]


@asynccontextmanager
async def opened(
    client: httpx2.AsyncClient, path: str, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Stream]:
    """Open a stream that answers with 200."""
    timeout = httpx2.Timeout(READ_SECONDS)
    asked = {"Accept": "text/event-stream", **(headers or {})}
    async with client.stream("GET", path, headers=asked, timeout=timeout) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response)


async def read_events(
    client: httpx2.AsyncClient, path: str, headers: Mapping[str, str] | None = None
) -> list[Block]:
    """Return the events of a stream that ends by itself."""
    async with opened(client, path, headers) as stream:
        return [block for block in await stream.rest() if block.is_event]


async def _blocks_of(response: httpx2.Response) -> AsyncIterator[Block]:
    """Split where Python sees a line end, as many clients do: more often than the standard says."""
    block, is_empty = Block(), True
    async for line in response.aiter_lines():
        if line:
            block.take(line)
            is_empty = False
        elif not is_empty:
            yield block
            block, is_empty = Block(), True
    assert is_empty, f"the stream ended within a block: {block}"
