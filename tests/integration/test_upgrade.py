"""Is all that an earlier release stored still there, and still worked on, after an upgrade?

Each `tests/data/release_NNNN.sql` is what the release with that schema left behind; a migration
that is added later is held to all of them.
"""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from service.domain.identifiers import ConfigId, DocumentId, RunId, WorkspaceId
from service.domain.results import ResolvedBy
from service.domain.runs import Run, RunStatus, RunWarning
from service.engine.signals import QUEUE
from service.store import configs, events, results, runs, schema
from service.store.database import Database
from service.store.results import ResultFilter, Sort
from tests.seeding import RULES, World, running_engine

RELEASES = sorted((Path(__file__).parents[1] / "data").glob("release_*.sql"))
WORKSPACE = WorkspaceId(UUID("01900000-0000-7000-8000-000000000001"))
CONFIG = ConfigId(UUID("01900000-0000-7000-8000-000000000004"))
COMPLETED = RunId(UUID("01900000-0000-7000-8000-000000000005"))
UNDER_WAY = RunId(UUID("01900000-0000-7000-8000-000000000006"))
LEDGER = "schema_migrations"
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


async def make_release(url: str, content: Path) -> dict[str, list[dict[str, Any]]]:
    """Bring an empty database to where the release left it; return what is in it."""
    number = int(content.stem.removeprefix("release_"))
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE TABLE {LEDGER} (number int PRIMARY KEY, name text)")
        for migration in schema.migrations():
            if migration.number <= number:
                await connection.execute(migration.sql)
                await connection.execute(
                    f"INSERT INTO {LEDGER} VALUES ($1, $2)", migration.number, migration.name
                )
        await connection.execute(content.read_text())
        return await rows_of(connection)
    finally:
        await connection.close()


async def rows_of(connection: Any) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table."""
    tables = [record["tablename"] for record in await connection.fetch(_TABLES)]
    return {
        table: [dict(record) for record in await connection.fetch(f"SELECT * FROM {table}")]
        for table in tables
    }


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
async def test_an_upgrade_keeps_every_row_and_every_value(
    empty_database_url: str, release: Path
) -> None:
    before = await make_release(empty_database_url, release)
    assert all(before.values()), "a table of the release is not tried"
    assert await schema.migrate(empty_database_url) == schema.migrations()[-1].number
    async with Database.open(empty_database_url) as database, database.connection() as connection:
        after = await rows_of(connection)
    for table in before.keys() - {LEDGER}:
        kept = before[table][0].keys() & after[table][0].keys()
        assert len(kept) > 1, table

        def shown(rows: list[dict[str, Any]], names: Any = kept) -> list[str]:
            return sorted(repr([(name, row[name]) for name in sorted(names)]) for row in rows)

        assert shown(after[table]) == shown(before[table]), table


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.stem)
async def test_this_release_reads_what_an_earlier_one_stored_and_finishes_its_runs(
    empty_database_url: str, tmp_path: Path, release: Path
) -> None:
    await make_release(empty_database_url, release)
    await schema.migrate(empty_database_url)
    async with Database.open(empty_database_url) as database:
        await check_completed_run(database)
        async with database.connection() as connection:
            under_way = await runs.fetch(connection, WORKSPACE, UNDER_WAY)
            config = await configs.fetch(connection, WORKSPACE, CONFIG)
        assert under_way is not None
        assert config is not None
        assert config.rules.field_mappings == RULES.field_mappings
        world = World(database, WORKSPACE, config.reference_data_id, CONFIG)
        async with running_engine(database, tmp_path) as engine:
            engine.signals.notify(QUEUE)
            ended = await world.wait_until_ended(under_way, engine.signals)
            world.signals = engine.signals
            again = await world.wait_until_ended(await world.queue(), engine.signals)
        await check_ended(database, ended)
        assert (again.status, again.rows_matched) == (RunStatus.COMPLETED, 4)


async def test_results_of_an_earlier_release_are_uncertain_by_the_same_rule(
    empty_database_url: str,
) -> None:
    """Matched clearly; matched, the second 0.03 behind; matched, the second nearer; not matched."""
    await make_release(empty_database_url, RELEASES[-1])
    found = {"doc_0": (0.8, 0.1), "doc_1": (0.9, 0.87), "doc_2": (0.9, 0.8701), "doc_3": (0.5, 0.4)}
    connection = await asyncpg.connect(empty_database_url)
    try:
        for document_id, confidences in found.items():
            candidates = json.dumps([{"confidence": each} for each in confidences])
            await connection.execute(
                "UPDATE results SET rule_confidence = $3, candidates = $4 "
                "WHERE run_id = $1 AND document_id = $2",
                *(COMPLETED, document_id, confidences[0], candidates),
            )
        await schema.migrate(empty_database_url)
        uncertain = await connection.fetch(
            "SELECT document_id FROM results WHERE run_id = $1 AND uncertain ORDER BY 1", COMPLETED
        )
    finally:
        await connection.close()
    assert [each["document_id"] for each in uncertain] == ["doc_2", "doc_3"]


async def check_completed_run(database: Database) -> None:
    wanted = ResultFilter(document_id=DocumentId("doc_3"))
    async with database.connection() as connection:
        run = await runs.fetch(connection, WORKSPACE, COMPLETED)
        (reviewed,) = await results.page(
            connection, COMPLETED, wanted, Sort.DOCUMENT, None, limit=2
        )
        told = await events.of_run(connection, COMPLETED, after=0)
    assert run is not None
    assert (run.status, run.rows_processed, run.avg_confidence) == (RunStatus.COMPLETED, 4, 1.0)
    assert run.warnings == (RunWarning("field_not_found", 1, "total"),)
    assert (reviewed.resolved_by, reviewed.notes) == (ResolvedBy.REVIEW, "checked")
    assert (reviewed.matched_reference_row_id, reviewed.rule_confidence) == ("ref_1", 0.1)
    assert [json.loads(event.data)["run_seq"] for event in told] == [1, 2, 3]


async def check_ended(database: Database, run: Run) -> None:
    """The heir of a run of the earlier release went on where that stood."""
    async with database.connection() as connection:
        found = await results.page(
            connection, run.id, ResultFilter(), Sort.DOCUMENT, None, limit=10
        )
        told = await events.of_run(connection, run.id, after=0)
    assert (run.status, run.rows_processed, run.rows_matched) == (RunStatus.COMPLETED, 4, 4)
    assert [each.document_id for each in found] == [f"doc_{place}" for place in range(4)]
    assert [event.run_seq for event in told] == list(range(1, run.last_event_id + 1))
