"""Does what nothing needs any more go, in batches, also after a pass that failed?"""

from structlog.testing import capture_logs

from service.engine import cleaning, signals
from service.engine.signals import CLEANING
from service.store import abandoned
from service.store.database import Database
from tests.seeding import add_reference, add_workspace


async def abandon(database: Database) -> None:
    """Leave the rows of deleted reference data behind, more than go in two batches."""
    workspace_id = await add_workspace(database)
    rows = [(f"r{number}", ("x",)) for number in range(2 * abandoned.BATCH_ROWS + 1)]
    await add_reference(database, workspace_id, rows, columns=("name",))
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO abandoned_rows SELECT generation FROM reference_versions"
        )
        await connection.execute("DELETE FROM reference_data")


async def count(database: Database, table: str) -> int:
    async with database.connection() as connection:
        number: int = await connection.fetchval(f"SELECT count(*) FROM {table}")
    return number


async def test_rows_go_a_batch_at_a_time(database: Database) -> None:
    await abandon(database)
    left = []
    while True:
        async with database.transaction() as connection:
            if not await abandoned.remove_rows(connection):
                break
        left.append(await count(database, "reference_rows"))
    assert left == [abandoned.BATCH_ROWS + 1, 1, 0]
    assert await count(database, "abandoned_rows") == 0


async def test_two_that_clean_at_once_do_not_wait_for_each_other(database: Database) -> None:
    await abandon(database)
    async with database.transaction() as first, database.transaction() as second:
        assert await abandoned.remove_rows(first)
        assert not await abandoned.remove_rows(second)


async def test_cleaning_goes_on_after_a_pass_that_failed(database: Database) -> None:
    await abandon(database)
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE abandoned_rows RENAME TO away")
    with capture_logs() as told:
        async with signals.running(database) as notices, cleaning.running(database, notices):
            while "cleaning_failed" not in [each["event"] for each in told]:
                await count(database, "away")
            async with database.connection() as connection:
                await connection.execute("ALTER TABLE away RENAME TO abandoned_rows")
            notices.notify(CLEANING)
            while await count(database, "reference_rows"):
                notices.notify(CLEANING)
