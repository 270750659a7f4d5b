"""Does readyz say what is wrong, and is it well again by itself?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.api import routes
from service.api.context import Services
from service.api.health import health_routes
from service.domain.errors import UnavailableError
from service.engine import disk_space, hub, signals
from service.engine.uploads import Uploads
from service.store.database import Database
from tests.conftest import PostgresServer
from tests.outages import closed_database, standing_still


@asynccontextmanager
async def probed(database: Database, directory: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an application over the database."""
    app = routes.application(None, pages=health_routes())
    async with (
        signals.running(database) as live,
        hub.running(database, live, asyncio.Event()) as feeds,
    ):
        uploads = Uploads(directory / "uploads", database)
        app.state.services = Services(database=database, signals=live, hub=feeds, uploads=uploads)
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://here") as client:
            yield client


async def checks(client: httpx2.AsyncClient, status: int) -> Any:
    reply = await client.get("/readyz")
    assert reply.status_code == status, reply.text
    assert ("Retry-After" in reply.headers) == (status == 503)
    return reply.json()["checks"]


async def test_all_is_well_where_nothing_is_wrong(database: Database, tmp_path: Path) -> None:
    async with probed(database, tmp_path) as client:
        assert set((await checks(client, 200)).values()) == {"ok"}


async def test_a_database_that_is_away_is_told_and_so_is_its_return(
    postgres: PostgresServer, database: Database, database_url: str, tmp_path: Path
) -> None:
    async with probed(database, tmp_path) as client:
        with closed_database(postgres, database_url):
            assert "does not answer" in (await checks(client, 503))["database"]
        await checks(client, 200)


async def test_a_server_that_stands_still_and_a_pool_that_is_used_up_are_told_apart(
    database_url: str, tmp_path: Path
) -> None:
    async with (
        Database.open(database_url, pool_size=2) as database,
        probed(database, tmp_path) as client,
    ):
        async with database.connection(), database.connection():
            said = (await checks(client, 503))["database"]
            assert said.startswith("All connections of this process to the database (2) are in use")
        with standing_still(await backend(database)):
            said = (await checks(client, 503))["database"]
            assert said == "The database did not answer within 2 seconds."
        await checks(client, 200)


async def backend(database: Database) -> int:
    async with database.connection() as connection:
        pid: int = await connection.fetchval("SELECT pg_backend_pid()")
    return pid


async def lack(database: Database, code: str) -> str:
    """Let the server say that it lacks something; return what a user is told."""
    with pytest.raises(UnavailableError) as caught:
        async with database.connection() as connection:
            await connection.execute(
                f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$"
            )
    return str(caught.value)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("53100", "The database has no room left on its disk: free some."),
        ("53200", "The database lacks memory or another resource."),
        ("53300", "The database takes no more connections: raise its max_connections"),
    ],
)
async def test_what_the_database_lacked_lately_is_told(
    database: Database, tmp_path: Path, code: str, sentence: str
) -> None:
    async with probed(database, tmp_path) as client:
        assert (await lack(database, code)).startswith(sentence)
        assert (await checks(client, 503))["database"].startswith(sentence)


def test_a_disk_with_little_room_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there"
    assert disk_space.shortage(folder, least_bytes=0) is None
    said = disk_space.shortage(folder, least_bytes=2**60) or ""
    assert said.endswith("MiB are left on the disk of the data directory: free some.")
