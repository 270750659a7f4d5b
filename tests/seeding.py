"""What is in a test's database before it acts: a workspace, reference data, documents, a config."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from service.domain.ai import Account, Plan
from service.domain.configs import (
    ExactMapping,
    FuzzyMapping,
    MatchingRules,
    RunTarget,
    Scorer,
    normalize_weights,
)
from service.domain.documents import FieldValue
from service.domain.identifiers import (
    DEFAULT_COLLECTION,
    ConfigId,
    ReferenceDataId,
    WorkspaceId,
    new_id,
)
from service.domain.reference import Column, ColumnType, SourceType
from service.domain.runs import Run, TriggeredBy
from service.engine import ai_tools, chunks, executors, hub, signals, worker
from service.engine.datasets import ReferenceFiles
from service.engine.execute import Tools
from service.engine.executors import Executor
from service.engine.hub import Hub
from service.engine.indexes import Indexes
from service.engine.isolation import CHUNK_LIMIT_SECONDS
from service.engine.signals import QUEUE, Signals, run_topic
from service.engine.worker import WorkerOptions
from service.store import configs, reference, runs, workspaces
from service.store import documents as stored
from service.store.configs import NewConfig
from service.store.copy_text import encode_rows
from service.store.database import Database
from service.store.reference import Import
from service.store.runs import NewRun

RULES = MatchingRules(
    field_mappings=normalize_weights(
        (
            # A scorer by which every row is a candidate.
            FuzzyMapping(source="vendor", target="name", weight=0.6, scorer=Scorer.TOKEN_SORT),
            ExactMapping(source="number", target="number", weight=0.4),
        )
    ),
    threshold=0.8,
)
VENDORS = ("Alpine Metalworks", "Borealis Paper", "Cobalt Freight", "Delta Grain", "Ember Glass")
ROWS = tuple((f"ref_{place}", (name, f"N{place}")) for place, name in enumerate(VENDORS))

Rows = Sequence[tuple[str, Sequence[str | None]]]


async def add_workspace(database: Database) -> WorkspaceId:
    """Add the default workspace, or find it."""
    async with database.connection() as connection:
        return await workspaces.ensure_default(connection)


async def add_reference(
    database: Database,
    workspace_id: WorkspaceId,
    rows: Rows = ROWS,
    columns: Sequence[str] = ("name", "number"),
) -> ReferenceDataId:
    """Add ready reference data with text columns."""
    reference_id = ReferenceDataId(new_id())

    async def blocks(generation: int) -> AsyncIterator[bytes]:
        yield encode_rows(
            (generation, position, row_id, list(values))
            for position, (row_id, values) in enumerate(rows)
        )

    async with database.transaction() as connection:
        generation = await reference.begin(connection, workspace_id, reference_id, SourceType.JSON)
        await reference.copy_rows(connection, blocks(generation))
        typed = tuple(Column(name, ColumnType.STRING) for name in columns)
        imported = Import(name="Vendors", columns=typed, row_count=len(rows))
        await reference.finish(connection, workspace_id, reference_id, generation, imported)
    return reference_id


async def add_documents(
    database: Database,
    workspace_id: WorkspaceId,
    documents: Mapping[str, Mapping[str, FieldValue]],
    collection: str = DEFAULT_COLLECTION,
) -> None:
    """Add documents by id."""

    async def blocks() -> AsyncIterator[bytes]:
        yield encode_rows(
            (number, collection, document_id, f"{document_id}.pdf", json.dumps(fields))
            for number, (document_id, fields) in enumerate(documents.items())
        )

    async with database.transaction() as connection:
        await stored.stage(connection, blocks())
        await stored.upsert_staged(connection, workspace_id)


def invoices(count: int) -> dict[str, dict[str, FieldValue]]:
    """Make documents that each match one of ROWS."""
    return {
        f"doc_{number:06}": {
            "vendor": VENDORS[number % len(VENDORS)].upper(),
            "number": f"n-{number % len(VENDORS)}",
        }
        for number in range(count)
    }


async def add_config(
    database: Database,
    workspace_id: WorkspaceId,
    reference_id: ReferenceDataId,
    rules: MatchingRules = RULES,
    target: RunTarget | None = None,
) -> ConfigId:
    """Add a config over the reference data."""
    new = NewConfig(
        workspace_id=workspace_id,
        name="Vendors",
        reference_data_id=reference_id,
        rules=rules,
        target=target or RunTarget(),
    )
    async with database.transaction() as connection:
        return (await configs.insert(connection, new)).id


@dataclass(slots=True)
class World:
    """A database with something to match in it."""

    database: Database
    workspace_id: WorkspaceId
    reference_id: ReferenceDataId
    config_id: ConfigId
    signals: Signals | None = field(default=None)

    async def queue(self, **changes: object) -> Run:
        """Queue a run over the default collection, or as changed."""
        asked: dict[str, object] = {
            "workspace_id": self.workspace_id,
            "matching_config_id": self.config_id,
            "reference_data_id": self.reference_id,
            "triggered_by": TriggeredBy.API,
            "collection": DEFAULT_COLLECTION,
            "document_ids": None,
            "dry_run": False,
            **changes,
        }
        async with self.database.transaction() as connection:
            run = await runs.insert(connection, NewRun(**asked))  # type: ignore[arg-type]
        if self.signals is not None:
            self.signals.notify(QUEUE)
        return run

    async def fetch(self, run: Run) -> Run:
        """Return the run as it is now."""
        async with self.database.connection() as connection:
            found = await runs.fetch(connection, self.workspace_id, run.id)
        assert found is not None
        return found

    async def wait_until_ended(self, run: Run, live: Signals) -> Run:
        """Return the run once its status is terminal."""
        with live.subscribe(run_topic(run.id)) as wake:
            while not (now := await self.fetch(run)).status.is_terminal:
                await wake.wait()
        return now


async def make_world(
    database: Database, documents: int = 20, rules: MatchingRules = RULES
) -> World:
    """Fill the database with the vendors, some invoices and a config over them."""
    workspace_id = await add_workspace(database)
    reference_id = await add_reference(database, workspace_id)
    await add_documents(database, workspace_id, invoices(documents))
    config_id = await add_config(database, workspace_id, reference_id, rules)
    return World(database, workspace_id, reference_id, config_id)


@dataclass(frozen=True, slots=True)
class Engine:
    """The running parts that a test may talk to."""

    signals: Signals
    hub: Hub
    executor: Executor
    stopping: asyncio.Event


@dataclass(frozen=True, slots=True)
class AiSetup:
    """How the engine reaches a model, and asks it; without an account it has none."""

    account: Account | None
    plan: Plan = field(default_factory=Plan)


@asynccontextmanager
async def running_engine(
    database: Database,
    directory: Path,
    options: WorkerOptions | None = None,
    executor: Executor | None = None,
    chunk_limit_seconds: float = CHUNK_LIMIT_SECONDS,
    ai: AiSetup | None = None,
) -> AsyncIterator[Engine]:
    """Run signals, hub, a pool of two real processes and a worker; `executor` replaces the pool."""
    async with AsyncExitStack() as stack:
        live = await stack.enter_async_context(signals.running(database))
        stopping = asyncio.Event()
        feeds = await stack.enter_async_context(hub.running(database, live, stopping))
        if executor is None:
            executor = await stack.enter_async_context(
                executors.local_pool(2, preload=(chunks.__name__,))
            )
        indexes = Indexes(directory, ReferenceFiles(directory, database), executor)
        setup = ai or AiSetup(None)
        asking = None
        if setup.account is not None:
            asking = await stack.enter_async_context(ai_tools.running(setup.account, setup.plan))
        tools = Tools(database, live, executor, indexes, chunk_limit_seconds, setup.plan, asking)
        await stack.enter_async_context(worker.running(tools, options or WorkerOptions(), stopping))
        yield Engine(live, feeds, executor, stopping)
