"""What does a test of runs talk to: the routes on a real socket, with a real engine behind them."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import uvicorn
from starlette.types import ASGIApp

from service.api import connections, routes
from service.api.context import Services, StreamTimes
from service.api.health import health_routes
from service.domain.api_keys import Scope
from service.domain.identifiers import WorkspaceId, new_id
from service.engine.chunks import match_chunk
from service.engine.uploads import Uploads
from service.engine.worker import WorkerOptions
from service.store import api_keys
from service.store.database import Database
from tests.api import conformance
from tests.seeding import AiSetup, Engine, World, make_world, running_engine

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")

END_SECONDS = 15.0
# An engine that claims nothing: what is queued stays queued.
IDLE = WorkerOptions(slots=0)


class StepExecutor:
    """Computes in a thread; as long as it is `held`, it gives out only the chunks let through."""

    size = 1

    def __init__(self) -> None:
        """Let everything through."""
        self._open = asyncio.Event()
        self._open.set()
        self._permits = asyncio.Semaphore(0)
        # Set once a chunk with its documents is here and held.
        self.has_taken = asyncio.Event()

    def hold(self) -> None:
        """Give out nothing until `step` or `release`, whatever was let through before."""
        self._open.clear()
        self._permits = asyncio.Semaphore(0)

    def step(self) -> None:
        """Let one chunk through."""
        self._permits.release()

    def release(self) -> None:
        """Let everything through from now on."""
        self._open.set()
        self._permits.release()

    async def run(
        self,
        function: Callable[[Job], Outcome],
        jobs: AsyncIterator[Job],
        limit_seconds: float = 0.0,
    ) -> AsyncGenerator[Outcome, None]:
        """Compute the jobs; see `Executor.run`."""
        async for job in jobs:
            if function is match_chunk and not self._open.is_set():
                self.has_taken.set()
                await self._permits.acquire()
                if self._open.is_set():
                    # Released: the next one that waits goes on too.
                    self._permits.release()
            yield await asyncio.to_thread(function, job)


@dataclass(frozen=True, slots=True)
class Live:
    """A running service, and a client of it with a key to the world's workspace."""

    world: World
    engine: Engine
    executor: StepExecutor
    client: httpx2.AsyncClient

    async def get(self, path: str, **params: Any) -> Any:
        """Return the JSON of a reply that is 200."""
        reply = await self.client.get(path, params=params or None)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def start(self, **body: Any) -> Any:
        """Start a run of the world's config; return it."""
        path = f"/v1/matching/configs/{self.world.config_id}/run"
        reply = await self.client.post(path, json=body)
        assert reply.status_code == 202, reply.text
        return reply.json()

    async def wait_until_ended(self, run: Any) -> Any:
        """Return the run's detail once it has ended."""
        async with asyncio.timeout(END_SECONDS):
            with self.engine.signals.subscribe(f"run:{run['id']}") as wake:
                while not (now := await self.get(run["links"]["self"]))["completed_at"]:
                    await wake.wait()
        return now

    async def completed(self, **body: Any) -> Any:
        """Return a run that is carried out to its end."""
        run = await self.wait_until_ended(await self.start(**body))
        assert run["status"] == "completed", run
        return run

    async def events(self, run: Any) -> list[Any]:
        """Return all events of the run."""
        headers = {"Accept": "application/json"}
        reply = await self.client.get(
            run["links"]["events"], params={"limit": 500}, headers=headers
        )
        page = reply.json()
        assert not page["pagination"]["has_more"]
        return list(page["data"])

    async def stranger(self) -> dict[str, str]:
        """Return the header with a key to another workspace."""
        workspace_id = WorkspaceId(new_id())
        async with self.world.database.connection() as connection:
            await connection.execute(
                "INSERT INTO workspaces (id, name) VALUES ($1, 'other')", workspace_id
            )
        return await key_header(self.world.database, workspace_id)


async def key_header(database: Database, workspace_id: WorkspaceId) -> dict[str, str]:
    """Make a key with all scopes; return the header that carries it."""
    async with database.connection() as connection:
        _, key = await api_keys.create(connection, workspace_id, "reviewer", frozenset(Scope))
    return {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def running(
    database_url: str,
    directory: Path,
    documents: int = 20,
    options: WorkerOptions | None = None,
    stream_times: StreamTimes | None = None,
    ai: AiSetup | None = None,
) -> AsyncIterator[Live]:
    """Bring up a service over a world of its own for as long as the block lasts."""
    executor = StepExecutor()
    async with (
        Database.open(database_url) as database,
        running_engine(database, directory, options, executor, ai=ai) as engine,
    ):
        world = await make_world(database, documents)
        world.signals = engine.signals
        app = routes.application(None, pages=health_routes())
        app.state.services = Services(
            database=database,
            signals=engine.signals,
            hub=engine.hub,
            uploads=Uploads(directory, database),
            stream_times=stream_times or StreamTimes(),
            has_ai=ai is not None,
        )
        headers = await key_header(database, world.workspace_id)
        async with (
            served(app) as url,
            httpx2.AsyncClient(
                base_url=url,
                headers=headers,
                limits=_no_limits(),
                event_hooks={"response": [conformance.check]},
            ) as client,
        ):
            try:
                yield Live(world, engine, executor, client)
            finally:
                # Streams that are still open end now, as they do when the service stops.
                engine.stopping.set()


class _Server(uvicorn.Server):
    """uvicorn that leaves the signals to the tests, and stops at once when it is told to."""

    def __init__(self, config: uvicorn.Config) -> None:
        """Serve until `told` is set."""
        super().__init__(config)
        self.told = asyncio.Event()

    async def main_loop(self) -> None:  # type: ignore[explicit-override] # from 3.12
        """Wait: uvicorn looks ten times a second whether it should end."""
        await self.on_tick(0)
        await self.told.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:  # type: ignore[explicit-override] # from 3.12
        """Leave signals alone."""
        yield


@asynccontextmanager
async def served(
    app: ASGIApp, protocol: type[connections.Protocol] = connections.Protocol
) -> AsyncIterator[str]:
    """Serve the application on a free port; yields its URL."""
    config = uvicorn.Config(
        app,
        http=protocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)
    # With its protocol named: else asyncio lets the second half of a reply wait for 40 ms.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve(sockets=[listener]))
            try:
                # The socket listens already: connections wait until the server accepts them.
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                server.should_exit = True
                server.told.set()
                await serving


def _no_limits() -> httpx2.Limits:
    return httpx2.Limits(max_connections=None, max_keepalive_connections=10)
