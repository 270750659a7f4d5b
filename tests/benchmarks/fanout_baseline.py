"""What the fan-out is compared with: sse-starlette with a queue in memory for each reader.

Run as a process, it prints its address. `POST /publish` puts the event of the body into every
queue, and answers with the moment (on the machine's monotonic clock) before it did.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator

import uvicorn
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

queues: set[asyncio.Queue[tuple[int, str]]] = set()


async def events(_request: Request) -> Response:
    """Stream what is published from now on, after a block with number 0."""

    async def told() -> AsyncIterator[ServerSentEvent]:
        queue: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
        queues.add(queue)
        try:
            yield ServerSentEvent("{}", event="snapshot", id="0")
            while True:
                number, data = await queue.get()
                yield ServerSentEvent(data, event="run.progress", id=str(number))
        finally:
            queues.discard(queue)

    return EventSourceResponse(told(), ping=15, send_timeout=20)


async def publish(request: Request) -> Response:
    """Give everyone an event."""
    number, data = json.loads(await request.body())
    moment = time.monotonic()
    for queue in queues:
        queue.put_nowait((number, data))
    return Response(str(moment))


def main() -> None:
    """Serve until the process is stopped."""
    app = Starlette(routes=[Route("/events", events), Route("/publish", publish, methods=["POST"])])
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        config = uvicorn.Config(app, log_config=None, access_log=False)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
