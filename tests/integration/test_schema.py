"""Does any number of starts bring a database to this release's schema, once?"""

import asyncio

import pytest
from asyncpg import DuplicateTableError

from service.domain.errors import StartupError
from service.store import schema
from service.store.database import Database
from tests.outages import lock_waits


async def applied(url: str) -> list[int]:
    async with Database.open(url) as database, database.connection() as connection:
        records = await connection.fetch("SELECT number FROM schema_migrations ORDER BY number")
    return [record["number"] for record in records]


def numbers() -> list[int]:
    return [migration.number for migration in schema.migrations()]


def test_no_two_migrations_have_the_same_number() -> None:
    assert len(set(numbers())) == len(numbers())


async def test_a_migration_of_a_lower_number_that_came_later_is_applied(
    empty_database_url: str,
) -> None:
    newest = await schema.migrate(empty_database_url)
    async with Database.open(empty_database_url) as database, database.connection() as connection:
        await connection.execute("UPDATE schema_migrations SET number = 0 WHERE number = 1")
    with pytest.raises(DuplicateTableError):
        await schema.migrate(empty_database_url)
    assert await applied(empty_database_url) == sorted({0, *numbers()} - {1})
    assert newest == max(numbers())


async def test_an_empty_database_gets_every_migration_once(empty_database_url: str) -> None:
    newest = await schema.migrate(empty_database_url)
    assert await schema.migrate(empty_database_url) == newest
    assert newest == max(numbers())
    assert await applied(empty_database_url) == numbers()


async def test_two_services_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    async with asyncio.TaskGroup() as tasks:
        starts = [tasks.create_task(schema.migrate(empty_database_url)) for _ in range(5)]
    newest = starts[0].result()
    assert {start.result() for start in starts} == {newest}
    assert newest == max(numbers())
    assert await applied(empty_database_url) == numbers()


async def test_what_serves_meanwhile_does_not_end_a_migration(database_url: str) -> None:
    async with Database.open(database_url) as database, database.connection() as connection:
        await connection.execute("ALTER TABLE results DROP COLUMN uncertain")
        await connection.execute("DELETE FROM schema_migrations WHERE number = 24")
        name = await connection.fetchval("SELECT current_database()")
        # Who looks first once both wait is undone: the migration. It looks once, so not too soon.
        await connection.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '3s'")
        await connection.execute("SET deadlock_timeout = '1min'")
        async with asyncio.TaskGroup() as tasks, connection.transaction():
            await connection.execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
            migrating = tasks.create_task(schema.migrate(database_url))
            await lock_waits(database)
            await connection.execute("SELECT FROM results")
        assert migrating.result() == numbers()[-1]
    assert await applied(database_url) == numbers()


async def test_a_database_of_a_newer_release_is_left_alone(database_url: str) -> None:
    async with Database.open(database_url) as database, database.connection() as connection:
        assert await schema.current_number(connection) == schema.migrations()[-1].number
        await connection.execute("INSERT INTO schema_migrations VALUES (9999, 'from_the_future')")
    with pytest.raises(StartupError, match="newer release"):
        await schema.migrate(database_url)


async def test_a_database_without_tables_is_at_number_nought(empty_database_url: str) -> None:
    async with Database.open(empty_database_url) as database, database.connection() as connection:
        assert await schema.current_number(connection) == 0
