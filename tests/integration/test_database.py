"""Is a database that goes away told from a mistake of ours, and found again when it is back?"""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import asyncpg
import pytest
import uvloop

from service.cli import logs
from service.domain.errors import TookTooLongError, UnavailableError
from service.store.copying import copy_text
from service.store.database import Database, fetch_one
from tests.outages import standing_still

KILL_MYSELF = "SELECT pg_terminate_backend(pg_backend_pid())"


async def test_a_cut_connection_is_unavailable_and_the_next_one_works(database: Database) -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        async with database.connection() as connection:
            await connection.fetchval(KILL_MYSELF)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_statement_that_takes_too_long_is_unavailable(database: Database) -> None:
    with pytest.raises(UnavailableError):
        async with database.connection() as connection:
            await connection.fetchval("SELECT pg_sleep(30)", timeout=0.05)


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        async with Database.open("postgresql://nobody@127.0.0.1:1/nothing"):
            pass


async def test_an_address_that_is_none_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        async with Database.open("postgresql://nobody@127.0.0.1:port/nothing"):
            pass


@pytest.mark.parametrize("code", ["40P01", "40001", "25006"])
async def test_a_change_that_has_to_give_way_to_another_is_unavailable(
    database: Database, code: str
) -> None:
    with pytest.raises(UnavailableError, match="try again"):
        async with database.transaction() as connection:
            await connection.execute(
                f"DO $$ BEGIN RAISE EXCEPTION 'gave way' USING ERRCODE = '{code}'; END $$"
            )


async def test_a_table_that_a_newer_release_has_changed_is_read_at_the_second_try(
    database: Database,
) -> None:
    async def read() -> object:
        async with database.transaction() as connection:
            return await fetch_one(
                connection, "SELECT * FROM secret_key RIGHT JOIN (SELECT) ON true"
            )

    async with database.connection() as other:
        await read()
        await other.execute("ALTER TABLE secret_key ADD COLUMN new int")
        with pytest.raises(UnavailableError, match="try again"):
            await read()
        await read()


async def test_a_wrong_statement_is_no_matter_of_availability(database: Database) -> None:
    with pytest.raises(asyncpg.PostgresError):
        async with database.connection() as connection:
            await connection.execute("SELECT * FROM nowhere")


async def test_a_wrong_argument_is_no_matter_of_availability(database: Database) -> None:
    with pytest.raises(asyncpg.DataError):
        async with database.connection() as connection:
            await connection.fetchval("SELECT $1::int", "seven")


async def write_and_fail(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO workspaces (id, name) SELECT gen_random_uuid(), 'x'")
        raise RuntimeError


async def test_an_error_rolls_the_transaction_back(database: Database) -> None:
    with pytest.raises(RuntimeError):
        await write_and_fail(database)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM workspaces") == 0


async def test_a_row_that_must_be_there_is_missed_loudly(database: Database) -> None:
    async with database.connection() as connection:
        with pytest.raises(LookupError):
            await fetch_one(connection, "SELECT 1 WHERE false")


async def test_a_connection_lost_during_copy_is_noticed(database: Database) -> None:
    row = f"{'0' * 8}-0000-7000-8000-{'0' * 12}\t1\tx\n".encode()
    is_copying = asyncio.Event()

    async def blocks() -> AsyncIterator[bytes]:
        is_copying.set()
        # More than fits between here and a server that has stopped reading.
        yield row * 500_000

    async def copy(pid: asyncio.Future[int]) -> None:
        async with database.connection() as connection:
            pid.set_result(await connection.fetchval("SELECT pg_backend_pid()"))
            await copy_text(
                connection, "run_documents", ("run_id", "position", "document_id"), blocks(), 60
            )

    # Another transaction holds the same key, so that the server stops reading.
    async with database.transaction() as holder:
        await holder.execute(
            "INSERT INTO run_documents VALUES ('00000000-0000-7000-8000-000000000000', 1, 'x')"
        )
        pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as tasks:
            copying = tasks.create_task(refused(copy(pid)))
            await is_copying.wait()
            await holder.execute("SELECT pg_terminate_backend($1)", await pid)
        assert copying.result()


@pytest.mark.parametrize("statement", ["SELECT 1", "COPY"])
async def test_a_server_that_stands_still_in_a_transaction_is_given_up(
    database_url: str, statement: str
) -> None:
    row = f"{'0' * 8}-0000-7000-8000-{'0' * 12}\t1\tx\n".encode()

    async def blocks() -> AsyncIterator[bytes]:
        yield row * 500_000

    async def work(database: Database, until_then: ExitStack) -> None:
        async with database.transaction() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
            until_then.enter_context(standing_still(pid))
            if statement == "COPY":
                columns = ("run_id", "position", "document_id")
                await copy_text(connection, "run_documents", columns, blocks(), 0.2)
            else:
                await connection.execute(statement)

    async with Database.open(database_url, pool_size=2, statement_seconds=0.2) as database:
        with ExitStack() as until_then, pytest.raises(TookTooLongError):
            await work(database, until_then)
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM run_documents") == 0


@pytest.mark.parametrize("cut", [asyncio.CancelledError, TimeoutError])
async def test_a_statement_cut_between_parsing_and_executing_leaves_no_transaction(
    database_url: str, cut: type[BaseException]
) -> None:
    async with Database.open(database_url, pool_size=1) as database:
        with suppress(asyncio.CancelledError, TookTooLongError):
            async with database.connection() as connection:
                pid = connection.get_server_pid()
                await connection.prepare("SELECT count(*) FROM pg_class")
                raise cut
        async with database.connection() as connection:
            assert connection.get_server_pid() == pid
            # Refused in a transaction that has seen anything.
            await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            await connection.execute("ROLLBACK")


async def test_no_connection_within_the_time_is_unavailable(database_url: str) -> None:
    async with Database.open(database_url, pool_size=1, acquire_seconds=0.1) as database:
        async with database.connection():
            with pytest.raises(UnavailableError, match=r"database \(1\) are in use"):
                async with database.connection():
                    pass
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def refused(work: Coroutine[Any, Any, None]) -> bool:
    with pytest.raises(UnavailableError):
        await work
    return True


async def lose(database: Database) -> None:
    """Copy over a connection that is cut in the middle."""
    columns = ("run_id", "position", "document_id")
    async with database.connection() as connection, database.connection() as other:
        pid = await connection.fetchval("SELECT pg_backend_pid()")

        async def blocks() -> AsyncIterator[bytes]:
            await other.execute("SELECT pg_terminate_backend($1, 5000)", pid)
            while True:
                yield f"{'0' * 8}-0000-7000-8000-{'0' * 12}\t1\tx\n".encode()

        await copy_text(connection, "run_documents", columns, blocks(), 60)


@pytest.fixture
def filtered() -> Iterator[None]:
    """Let the loop tell what it tells the service's log."""
    logger = logging.getLogger("asyncio")
    logger.addFilter(logs._is_news)
    yield
    logger.removeFilter(logs._is_news)


@pytest.mark.usefixtures("filtered")
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_lost_copy_is_told_once(
    database_url: str,
    caplog: pytest.LogCaptureFixture,
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def main() -> None:
        async with Database.open(database_url) as database:
            with pytest.raises(UnavailableError):
                await lose(database)
            await asyncio.sleep(0)
        gc.collect()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
    told = [record.getMessage() for record in caplog.records if record.name == "asyncio"]
    assert told == []


async def test_a_connection_that_is_cut_as_its_copy_ends_interrupts_nothing(
    database: Database,
) -> None:
    told: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context["message"]))

    async def copy() -> None:
        async with database.connection() as connection:

            async def blocks() -> AsyncIterator[bytes]:
                connection.terminate()
                yield b""

            await copy_text(connection, "run_documents", ("run_id",), blocks(), 60)

    with pytest.raises(UnavailableError):
        await copy()
    await asyncio.sleep(0)
    assert [message for message in told if "callback" in message] == []
