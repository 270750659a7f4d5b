"""Which database does a test get: a fresh clone of a migrated template, on a real PostgreSQL."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import pytest

from service.store import embedded, schema
from service.store.database import Database

Result = TypeVar("Result")
START_SECONDS = 60
STATEMENT_SECONDS = 20


class PostgresServer:
    """A PostgreSQL for the session, in a thread of its own, so that any test's loop may use it."""

    def __init__(
        self,
        data_dir: Path,
        url: str | None,
        settings: Mapping[str, str] = embedded.THROWAWAY_SETTINGS,
    ) -> None:
        """Start a throwaway server in the folder, or use the one at `url`."""
        self._settings = settings
        self._data_dir = data_dir
        self._given_url = url
        self._started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="postgres")
        self._thread.start()
        self.url, self._loop, self._stop = self._started.result(START_SECONDS)

    async def _live(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            if self._given_url is not None:
                self._started.set_result((self._given_url, loop, stop))
                await stop.wait()
                return
            async with embedded.start(self._data_dir, settings=self._settings) as url:
                self._started.set_result((url, loop, stop))
                await stop.wait()
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    def close(self) -> None:
        """Stop the server and wait until it is gone."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run the coroutine beside the server, to its end."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(STATEMENT_SECONDS)

    def begin(self, statement: str) -> Future[None]:
        """Begin one statement on the server's own database; the future is of its end."""

        async def work() -> None:
            connection = await asyncpg.connect(self.url)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        return asyncio.run_coroutine_threadsafe(work(), self._loop)

    def execute(self, statement: str) -> None:
        """Run one statement on the server's own database, to its end."""
        self.begin(statement).result(STATEMENT_SECONDS)

    def url_of(self, database: str) -> str:
        """Return the URL of another database on the same server."""
        server, _, query = self.url.partition("?")
        return f"{server.rpartition('/')[0]}/{database}" + (f"?{query}" if query else "")


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The session's server: ours, or the one that MATCHSTREAM_TEST_DATABASE_URL names."""
    url = os.environ.get("MATCHSTREAM_TEST_DATABASE_URL")  # noqa: TID251 - of the suite alone
    server = PostgresServer(tmp_path_factory.mktemp("postgres"), url)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def template_database(postgres: PostgresServer) -> Iterator[str]:
    """The name of a database at the newest migration, to be cloned."""
    name = f"template_{uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name}")
    try:
        postgres.run(schema.migrate(postgres.url_of(name)))
        yield name
    finally:
        postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Clones:
    """Databases cloned from the template; the next one is made while a test runs on the last."""

    def __init__(self, postgres: PostgresServer, template: str) -> None:
        """Begin the first clone."""
        self._postgres = postgres
        self._template = template
        self._next = self._begin()

    def take(self) -> str:
        """Return the name of a clone that nobody has used."""
        name, made = self._next
        made.result(STATEMENT_SECONDS)
        self._next = self._begin()
        return name

    def close(self) -> None:
        """Drop the clone that nobody took."""
        name, made = self._next
        made.result(STATEMENT_SECONDS)
        self._postgres.execute(f"DROP DATABASE {name}")

    def _begin(self) -> tuple[str, Future[None]]:
        name = f"test_{uuid4().hex}"
        statement = f"CREATE DATABASE {name} TEMPLATE {self._template}"
        return name, self._postgres.begin(statement)


@pytest.fixture(scope="session")
def clones(postgres: PostgresServer, template_database: str) -> Iterator[Clones]:
    """The session's clones."""
    made = Clones(postgres, template_database)
    yield made
    made.close()


@pytest.fixture
def database_url(postgres: PostgresServer, clones: Clones) -> Iterator[str]:
    """The URL of a database of the test's own, migrated and empty."""
    name = clones.take()
    yield postgres.url_of(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_database_url(postgres: PostgresServer) -> Iterator[str]:
    """The URL of a database of the test's own without any table."""
    name = f"test_{uuid4().hex}"
    postgres.execute(f"CREATE DATABASE {name}")
    yield postgres.url_of(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on a database of the test's own."""
    async with Database.open(database_url) as database:
        yield database
