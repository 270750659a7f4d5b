"""What does an API test talk to: the routes over a real database, without an engine behind them."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from service.api import pages, routes
from service.api.context import Services
from service.api.limits import Limits
from service.api.routes import Endpoint
from service.domain.api_keys import Scope
from service.domain.identifiers import ReferenceDataId, WorkspaceId, new_id
from service.engine import hub, signals
from service.engine.uploads import Uploads
from service.store import api_keys, workspaces
from service.store.database import Connection, Database
from tests.api import conformance

CONFIGS = "/v1/matching/configs"
FUZZY = {"source": "vendor", "target": "name", "strategy": "fuzzy", "weight": 1}

ALL_SCOPES = frozenset(Scope)
# Small enough that a test breaks it with little.
LIMITS = Limits(json_bytes=100_000, rows_json_bytes=200_000, upload_bytes=700_000)


@dataclass(frozen=True, slots=True)
class Api:
    """The application, and a client that holds a key with all scopes to the first workspace."""

    app: Starlette
    database: Database
    workspace_id: WorkspaceId
    client: httpx2.AsyncClient

    async def key(
        self, scopes: frozenset[Scope] = ALL_SCOPES, workspace_id: WorkspaceId | None = None
    ) -> dict[str, str]:
        """Make a key; return the header that carries it."""
        async with self.database.connection() as connection:
            owner = workspace_id or self.workspace_id
            _, key = await api_keys.create(connection, owner, "test", scopes)
        return {"Authorization": f"Bearer {key}"}

    async def other_workspace(self) -> WorkspaceId:
        """Make a second workspace."""
        workspace_id = WorkspaceId(new_id())
        async with self.database.connection() as connection:
            await connection.execute(
                "INSERT INTO workspaces (id, name) VALUES ($1, 'other')", workspace_id
            )
        return workspace_id


@asynccontextmanager
async def running_api(
    database_url: str,
    endpoints: Sequence[Endpoint] = routes.ENDPOINTS,
    database_type: type[Database] = Database,
) -> AsyncIterator[Api]:
    """Bring up the routes over the database for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(database_type.open(database_url, pool_size=4))
        signal = await stack.enter_async_context(signals.running(database))
        feeds = await stack.enter_async_context(hub.running(database, signal, asyncio.Event()))
        app = routes.application(None, endpoints=endpoints)
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        app.state.services = Services(
            database=database,
            signals=signal,
            hub=feeds,
            uploads=Uploads(Path(directory), database),
            limits=LIMITS,
        )
        async with database.connection() as connection:
            workspace_id = await workspaces.ensure_default(connection)
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        client = httpx2.AsyncClient(
            transport=transport,
            base_url="http://test",
            event_hooks={"response": [conformance.check]},
        )
        async with client:
            api = Api(app, database, workspace_id, client)
            client.headers.update(await api.key())
            yield api


@pytest.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    """The routes over a database of the test's own."""
    async with running_api(database_url) as running:
        yield running


async def insert_reference_data(
    connection: Connection,
    workspace_id: WorkspaceId,
    columns: Sequence[str] = ("name", "date", "total"),
    status: str = "ready",
) -> ReferenceDataId:
    """Store reference data without rows."""
    reference_data_id = ReferenceDataId(new_id())
    await connection.execute(
        """
        INSERT INTO reference_data (id, workspace_id, name, source_type, status, current_version)
        VALUES ($1, $2, 'Orders', 'csv', $3, 1)
        """,
        reference_data_id,
        workspace_id,
        status,
    )
    await connection.execute(
        """
        INSERT INTO reference_versions (reference_data_id, version, generation, row_count, columns)
        SELECT $1, 1, 1, 0, jsonb_agg(jsonb_build_object('name', name, 'type', 'string'))
        FROM unnest($2::text[]) AS name
        """,
        reference_data_id,
        list(columns),
    )
    return reference_data_id


async def page_sizes(api: Api, url: str) -> list[int]:
    """Walk a list along its links; return how many items each page had."""
    sizes = []
    following: str | None = url
    while following is not None:
        reply = await api.client.get(following)
        assert reply.status_code == 200, reply.text
        assert len(reply.content) < pages.PAGE_BYTES + 10_000
        sizes.append(len(reply.json()["data"]))
        following = reply.links["next"]["url"] if "next" in reply.links else None
        assert reply.json()["pagination"]["has_more"] == (following is not None)
    return sizes


@dataclass(frozen=True, slots=True)
class Configs:
    """The routes, and reference data with the columns name, date and total."""

    api: Api
    reference_data_id: ReferenceDataId

    def body(self, **changes: Any) -> dict[str, Any]:
        """A body that is accepted, with some keys changed."""
        required = {
            "name": "Invoices",
            "reference_data_id": str(self.reference_data_id),
            "field_mappings": [FUZZY],
        }
        return {**required, **changes}

    async def make(self, **changes: Any) -> dict[str, Any]:
        """Create a config; return it."""
        reply = await self.api.client.post(CONFIGS, json=self.body(**changes))
        assert reply.status_code == 201, reply.text
        made: dict[str, Any] = reply.json()
        return made

    async def refuse(self, body: Any) -> list[dict[str, Any]]:
        """Send a body that is not valid; return the problems."""
        reply = await self.api.client.post(CONFIGS, json=body)
        assert (reply.status_code, reply.json()["code"]) == (400, "validation_error"), reply.text
        problems: list[dict[str, Any]] = reply.json()["errors"]
        return problems


@pytest.fixture
async def configs(api: Api) -> Configs:
    """Configs over reference data of the test's own."""
    async with api.database.connection() as connection:
        return Configs(api, await insert_reference_data(connection, api.workspace_id))
