"""How often does the service ask the database? Counted where it borrows a connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.store.database import Connection, Database


class CountingDatabase(Database):
    """A database that counts how often a connection was lent."""

    lent = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:  # type: ignore[explicit-override] # from 3.12
        """Lend a connection, and count."""
        self.lent += 1
        async with super().connection() as connection:
            yield connection
