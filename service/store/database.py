"""How does the rest of the service reach PostgreSQL?

A `Database` lends connections from a bounded pool and turns a server that does not answer into
`UnavailableError`, so that no other room knows the driver's errors.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from service.domain.errors import TookTooLongError, UnavailableError

Record: TypeAlias = asyncpg.Record
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

DEFAULT_POOL_SIZE = 16
ACQUIRE_TIMEOUT_SECONDS = 10.0
STATEMENT_TIMEOUT_SECONDS = 60.0
# A server that does not even roll back within this time does so by itself when we hang up.
GIVE_UP_SECONDS = 2.0
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
    # It has become a standby, and another one takes changes.
    asyncpg.ReadOnlySQLTransactionError,
    ConnectionError,
    TimeoutError,
)
# What is to be begun again as it is: the server chose another change in a deadlock, or a newer
# release has changed a table under us, and what the driver knew of it is forgotten now.
_TO_REPEAT = (asyncpg.TransactionRollbackError, asyncpg.InvalidCachedStatementError)
_CANNOT_CONNECT = (*_UNREACHABLE, asyncpg.PostgresError, OSError)

# What the server lacks, as its administrator has to hear it.
_SHORTAGES: tuple[tuple[type[BaseException], str], ...] = (
    (asyncpg.DiskFullError, "The database has no room left on its disk: free some."),
    (
        asyncpg.TooManyConnectionsError,
        "The database takes no more connections: raise its max_connections, or use fewer.",
    ),
    (asyncpg.InsufficientResourcesError, "The database lacks memory or another resource."),
)
# A shortage that was met so lately is taken to last: whoever needs what lacks asks again soon.
SHORTAGE_SECONDS = 15.0

_SERVER_SETTINGS = {"application_name": "matchstream", "timezone": "UTC"}


# What has to be written in every transaction of the present request, just before it is committed.
before_commit: ContextVar[Callable[[Connection], Awaitable[None]] | None] = ContextVar(
    "before_commit", default=None
)


@dataclass(frozen=True, slots=True)
class Usage:
    """The connections of a pool: those that are lent, and those that wait."""

    busy: int
    idle: int


class Database:
    """A bounded pool of connections to one PostgreSQL database."""

    def __init__(
        self, url: str, pool: "asyncpg.Pool[asyncpg.Record]", acquire_seconds: float
    ) -> None:
        """Use `Database.open` instead."""
        self.url = url
        self._pool = pool
        self._acquire_seconds = acquire_seconds
        self._shortage = ""
        self._met_shortage_at = -SHORTAGE_SECONDS

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        pool_size: int = DEFAULT_POOL_SIZE,
        acquire_seconds: float = ACQUIRE_TIMEOUT_SECONDS,
        statement_seconds: float = STATEMENT_TIMEOUT_SECONDS,
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
                command_timeout=statement_seconds,
                server_settings=_SERVER_SETTINGS,
                reset=_leave_as_it_is,
            )
        except (*_CANNOT_CONNECT, ValueError) as error:
            raise unreachable(error) from error
        try:
            yield cls(url, pool, acquire_seconds)
        finally:
            await _close(pool)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection in autocommit mode.

        Raises UnavailableError when none is free within 10 seconds or the server goes away.
        """
        try:
            connection = await self._pool.acquire(timeout=self._acquire_seconds)
        except TimeoutError as error:
            raise UnavailableError(self.exhaustion or str(unreachable(error))) from error
        except _CANNOT_CONNECT as error:
            self._note_shortage(error)
            raise unreachable(error) from error
        try:
            with translated_errors():
                async with _no_statement_half_done(connection):
                    yield connection
        except UnavailableError as error:
            self._note_shortage(error.__cause__)
            raise
        finally:
            # What was done is done: a connection lost on its way back is the pool's to replace.
            with suppress(*_UNREACHABLE):
                await self._pool.release(connection, timeout=GIVE_UP_SECONDS)

    @property
    def usage(self) -> Usage:
        """How many connections there are."""
        idle = self._pool.get_idle_size()
        return Usage(busy=self._pool.get_size() - idle, idle=idle)

    @property
    def exhaustion(self) -> str | None:
        """Say that all connections we may have are in use, if they are."""
        size = self._pool.get_size()
        if size < self._pool.get_max_size() or self._pool.get_idle_size():
            return None
        return (
            f"All connections of this process to the database ({size}) are in use: try again in a "
            "moment, or raise MATCHSTREAM_DATABASE_POOL_SIZE."
        )

    @property
    def shortage(self) -> str | None:
        """Say what the server lacked in the last seconds, if anything."""
        is_recent = time.monotonic() - self._met_shortage_at < SHORTAGE_SECONDS
        return self._shortage if is_recent else None

    def _note_shortage(self, error: BaseException | None) -> None:
        said = _shortage_of(error)
        if said is not None:
            self._shortage, self._met_shortage_at = said, time.monotonic()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend a connection inside one transaction: committed at the end, rolled back on errors.

        What `before_commit` holds is written last, so that it happens together with the rest.
        """
        async with self.connection() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                yield connection
                write = before_commit.get()
                if write is not None:
                    await write(connection)
            except BaseException:
                await _try_or_hang_up(connection, transaction.rollback)
                raise
            await transaction.commit()


async def _leave_as_it_is(_: object) -> None:
    """Spare each use of a connection a question to the server.

    Nothing of ours outlives a transaction: locks are taken and tables made for one, and who
    listens has a connection of his own. The pool rolls back what is open.
    """


@asynccontextmanager
async def _no_statement_half_done(connection: Connection) -> AsyncIterator[None]:
    """End what a cancelled use has begun: parsing opens a transaction, and only executing ends it.

    The driver does not know of such a transaction; another statement, of any kind, ends it.
    """
    try:
        yield
    except (asyncio.CancelledError, TimeoutError):
        await _try_or_hang_up(connection, lambda: connection.execute("SELECT 1"))
        raise


async def _try_or_hang_up(connection: Connection, attempt: Callable[[], Awaitable[object]]) -> None:
    """Wait for what ends a transaction, or hang up, which comes to the same.

    Raises nothing: what went wrong before is what is told.
    """
    try:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await attempt()
    except (*_UNREACHABLE, asyncpg.PostgresError):
        with suppress(asyncpg.InterfaceError):
            # The driver may have hung up already.
            connection.terminate()


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
    """Raise UnavailableError where the server went away, or what was asked is to be repeated."""
    try:
        yield
    except TimeoutError as error:
        raise TookTooLongError(
            "The database took too long to answer: try again in a moment."
        ) from error
    except _TO_REPEAT as error:
        raise UnavailableError("Another change went before: try again in a moment.") from error
    except _UNREACHABLE as error:
        raise unreachable(error) from error


async def fetch_one(connection: Connection, statement: str, *arguments: object) -> Record:
    """Run a statement that always answers with a row, and return that row."""
    record = await connection.fetchrow(statement, *arguments)
    if record is None:
        raise LookupError("A statement that must return a row returned none.")
    return record


def unreachable(error: BaseException) -> UnavailableError:
    """Translate a driver's error into the sentence that a user sees."""
    shortage = _shortage_of(error)
    if shortage is not None:
        return UnavailableError(shortage)
    return UnavailableError(
        f"The database does not answer ({type(error).__name__}): try again in a moment."
    )


def _shortage_of(error: BaseException | None) -> str | None:
    return next((said for kind, said in _SHORTAGES if isinstance(error, kind)), None)
