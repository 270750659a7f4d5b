"""How does a test take the database away from everyone, and give it back?"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

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
