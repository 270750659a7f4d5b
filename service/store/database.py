"""How does the rest of the service reach PostgreSQL?

A `Database` lends connections from a bounded pool and turns a server that does not answer into
`UnavailableError`, so that no other room knows the driver's errors.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from service.domain.errors import TookTooLongError, UnavailableError

Record: TypeAlias = asyncpg.Record
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

DEFAULT_POOL_SIZE = 16
ACQUIRE_TIMEOUT_SECONDS = 10.0
STATEMENT_TIMEOUT_SECONDS = 60.0
# After this, connections that are still lent out are cut.
CLOSE_TIMEOUT_SECONDS = 3.0

# What the driver raises when the server went away, restarts, stands still, or lacks connections,
# memory or disk: all of it passes without a change of ours.
_UNREACHABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    # "cannot switch to state …": the driver used a connection that was cut under it.
    asyncpg.InternalClientError,
    ConnectionError,
    TimeoutError,
)
_CANNOT_CONNECT = (*_UNREACHABLE, asyncpg.PostgresError, OSError)

_SERVER_SETTINGS = {"application_name": "matchstream", "timezone": "UTC"}


class Database:
    """A bounded pool of connections to one PostgreSQL database."""

    def __init__(self, url: str, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        """Use `Database.open` instead."""
        self.url = url
        self._pool = pool

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, *, pool_size: int = DEFAULT_POOL_SIZE
    ) -> AsyncIterator["Database"]:
        """Open a pool of up to `pool_size` connections; close it at the end.

        Raises UnavailableError when the server cannot be reached.
        """
        try:
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=pool_size,
                timeout=ACQUIRE_TIMEOUT_SECONDS,
                command_timeout=STATEMENT_TIMEOUT_SECONDS,
                server_settings=_SERVER_SETTINGS,
            )
        except (*_CANNOT_CONNECT, ValueError) as error:
            raise unreachable(error) from error
        try:
            yield cls(url, pool)
        finally:
            await _close(pool)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection in autocommit mode.

        Raises UnavailableError when none is free within 10 seconds or the server goes away.
        """
        try:
            connection = await self._pool.acquire(timeout=ACQUIRE_TIMEOUT_SECONDS)
        except _CANNOT_CONNECT as error:
            raise unreachable(error) from error
        try:
            with translated_errors():
                yield connection
        finally:
            # What was done is done: a connection lost on its way back is the pool's to replace.
            with suppress(*_UNREACHABLE):
                await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside one transaction: committed at the end, rolled back on errors."""
        async with self.connection() as connection, connection.transaction():
            yield connection


async def connect(url: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Open a connection of its own, for listening or for migrations; the caller closes it.

    Raises UnavailableError when the server cannot be reached.
    """
    try:
        return await asyncpg.connect(
            url, timeout=ACQUIRE_TIMEOUT_SECONDS, server_settings=_SERVER_SETTINGS
        )
    except (*_CANNOT_CONNECT, ValueError) as error:
        raise unreachable(error) from error


async def _close(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    try:
        await asyncio.wait_for(pool.close(), CLOSE_TIMEOUT_SECONDS)
    except TimeoutError:
        pool.terminate()


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise UnavailableError where the driver says that the server went away."""
    try:
        yield
    except TimeoutError as error:
        raise TookTooLongError(
            "The database took too long to answer: try again in a moment."
        ) from error
    except _UNREACHABLE as error:
        raise unreachable(error) from error


async def fetch_one(connection: Connection, statement: str, *arguments: object) -> Record:
    """Run a statement that always answers with a row, and return that row."""
    record = await connection.fetchrow(statement, *arguments)
    if record is None:
        raise LookupError("A statement that must return a row returned none.")
    return record


async def copy_text(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    blocks: AsyncIterator[bytes],
    seconds: float,
) -> int:
    """Add rows given as COPY text; return how many.

    Raises UnavailableError when the connection is lost: the driver alone would wait for ever for
    room to write. Raises TookTooLongError after `seconds`.
    """
    loop = asyncio.get_running_loop()
    is_lost = False
    try:
        async with asyncio.timeout(seconds) as limit:

            def stop(_connection: object) -> None:
                nonlocal is_lost
                is_lost = True
                limit.reschedule(loop.time())

            connection.add_termination_listener(stop)
            try:
                status = await connection.copy_to_table(
                    table, source=blocks, columns=columns, format="text", timeout=seconds
                )
            finally:
                connection.remove_termination_listener(stop)
    except TimeoutError as error:
        if is_lost:
            raise unreachable(error) from error
        raise
    return int(status.split()[-1])


def unreachable(error: BaseException) -> UnavailableError:
    """Translate a driver's error into the sentence that a user sees."""
    return UnavailableError(
        f"The database does not answer ({type(error).__name__}): try again in a moment."
    )
