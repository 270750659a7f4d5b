"""What is the least that an answer costs here? A Starlette handler that gives kept bytes.

python -m tests.benchmarks.bare_server REPLIES PORT
"""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

READY_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A reply to be given."""

    status: int
    headers: list[tuple[str, str]]
    text: str


@asynccontextmanager
async def running(file: Path, replies: Mapping[str, Recorded]) -> AsyncIterator[str]:
    """Serve the replies, each under its position, in a process of its own; yields its URL."""
    file.write_text(json.dumps([asdict(reply) for reply in replies.values()]))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = ("-m", "tests.benchmarks.bare_server", str(file), str(port))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=Path(__file__).parents[2]
    )
    try:
        await _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _wait_for(port: int) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


def application(file: Path) -> Starlette:
    """Make a handler for each kept reply, as one would who needs nothing else."""
    replies = [Recorded(**kept) for kept in json.loads(file.read_text())]
    return Starlette(routes=[_route(number, kept) for number, kept in enumerate(replies)])


def _route(number: int, kept: Recorded) -> Route:
    content, headers = kept.text.encode(), dict(kept.headers)
    tag = headers.get("etag")

    async def answer(request: Request) -> Response:
        if tag is not None and request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, kept.status, headers)

    return Route(f"/{number}", answer)


if __name__ == "__main__":
    uvicorn.run(
        application(Path(sys.argv[1])), port=int(sys.argv[2]), log_level="error", access_log=False
    )
