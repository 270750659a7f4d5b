"""How does a test take the database away, or let a process stand still, and give it back?"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from service.store.database import Database
from tests.conftest import PostgresServer


@contextmanager
def closed_database(postgres: PostgresServer, url: str) -> Iterator[None]:
    """Keep everyone out of the database, those inside included, as a restart does."""
    name = urlsplit(url).path.removeprefix("/")
    postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    try:
        postgres.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        yield
    finally:
        postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@contextmanager
def standing_still(pid: int) -> Iterator[None]:
    """Let a process do nothing as long as the block lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def lock_waits(database: Database) -> None:
    """Return once a statement waits for a lock."""
    async with database.connection() as connection:
        while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await connection.execute("SELECT pg_sleep(0.01)")
