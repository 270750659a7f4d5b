"""A thousand readers of a stream, as light as can be: when did which event reach each of them?

Run as a process: address, number of readers and of events come as arguments, headers as JSON on
standard input. It prints `ready` when every reader has got its first block, and in the end the
moments of receipt (on the machine's monotonic clock) by the event's number.
"""

import asyncio
import json
import re
import resource
import sys
import time
from collections import defaultdict
from urllib.parse import urlsplit

import uvloop

GIVE_UP_SECONDS = 60.0
# Connections that are being made at the same time; the server's backlog is larger.
OPENING = 100
NUMBER = re.compile(rb"^id: (\d+)$", re.MULTILINE)


class Reader(asyncio.Protocol):
    """Keeps what comes, and when; it is understood afterwards."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.parts: list[tuple[float, bytes]] = []
        self.count = 0
        self.has_begun = asyncio.Event()
        self.is_lost = False

    def data_received(self, data: bytes) -> None:  # type: ignore[explicit-override] # from 3.12
        self.parts.append((time.monotonic(), data))
        self.count += data.count(b"\nid: ")
        if self.count:
            self.has_begun.set()

    def connection_lost(self, exc: Exception | None) -> None:  # type: ignore[explicit-override] # from 3.12
        self.is_lost = True
        self.has_begun.set()

    def received(self) -> dict[int, float]:
        """Return when each event had come whole; an event twice is an error."""
        found: dict[int, float] = {}
        rest = b""
        for moment, data in self.parts:
            *blocks, rest = (rest + data.replace(b"\r\n", b"\n")).split(b"\n\n")
            for block in blocks:
                number = NUMBER.search(block)
                if number:
                    assert int(number[1]) not in found
                    found[int(number[1])] = moment
        return found


async def main(url: str, readers: int, events: int) -> None:
    """Connect, say so, and read until every reader has all events after its first block."""
    parts = urlsplit(url)
    lines = [f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in json.load(sys.stdin).items()]
    request = "\r\n".join([*lines, "", ""])
    loop = asyncio.get_running_loop()
    turn = asyncio.Semaphore(OPENING)

    async def connect() -> Reader:
        async with turn:
            transport, reader = await loop.create_connection(
                Reader, parts.hostname or "", parts.port or 80
            )
            transport.write(request.encode())
            async with asyncio.timeout(GIVE_UP_SECONDS):
                await reader.has_begun.wait()
            return reader

    async with asyncio.TaskGroup() as tasks:
        connecting = [tasks.create_task(connect()) for _ in range(readers)]
    everyone = [task.result() for task in connecting]
    print("ready", flush=True)
    end = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < end:
        await asyncio.sleep(0.25)
        if all(reader.count > events for reader in everyone):
            break
    moments: defaultdict[int, list[float]] = defaultdict(list)
    for reader in everyone:
        for number, moment in reader.received().items():
            moments[number].append(moment)
    lost = sum(reader.is_lost for reader in everyone)
    print(json.dumps({"moments": moments, "lost_connections": lost}), flush=True)


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
