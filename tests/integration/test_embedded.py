"""Does the PostgreSQL that we bring start, last, recover and end as it should?"""

import asyncpg


async def test_a_clone_is_migrated_and_empty(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM runs") == 0
    finally:
        await connection.close()
