"""How do several reads of one request see one state of the database?"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.store.database import Connection, Database


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[Connection]:
    """Lend a connection that only reads, and does not see what is written meanwhile."""
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection
