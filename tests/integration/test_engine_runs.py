"""Does the engine carry a queued run to its end, whatever happens to it on the way?"""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.domain.runs import Phase, Run, RunStatus
from service.store import events, results
from service.store.database import Database
from service.store.results import ResultFilter, Sort
from tests.seeding import VENDORS, World, make_world, running_engine


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as database:
        yield database


async def history(world: World, run: Run) -> list[dict[str, object]]:
    async with world.database.connection() as connection:
        told = await events.of_run(connection, run.id, after=0)
    assert [event.run_seq for event in told] == list(range(1, len(told) + 1))
    return [json.loads(event.data) for event in told]


async def test_a_queued_run_is_matched_to_its_end(database: Database, tmp_path: Path) -> None:
    world = await make_world(database, documents=100)
    async with running_engine(database, tmp_path) as engine:
        run = await world.wait_until_ended(await world.queue(), engine.signals)
    assert run.status is RunStatus.COMPLETED
    assert run.phase is Phase.DONE
    assert (run.rows_total, run.rows_processed, run.rows_matched) == (100, 100, 100)
    async with database.connection() as connection:
        found = await results.page(
            connection, run.id, ResultFilter(), Sort.DOCUMENT, None, limit=200
        )
    assert [result.document_id for result in found] == [f"doc_{n:06}" for n in range(100)]
    assert all(
        result.matched_reference_row_id == f"ref_{place % len(VENDORS)}"
        for place, result in enumerate(found)
    )
    assert run.avg_confidence == round(sum(result.confidence for result in found) / 100, 4)


async def test_events_tell_the_whole_run_in_order(database: Database, tmp_path: Path) -> None:
    world = await make_world(database, documents=100)
    async with running_engine(database, tmp_path) as engine:
        run = await world.wait_until_ended(await world.queue(), engine.signals)
    told = await history(world, run)
    types = [event["type"] for event in told]
    assert types[:2] == ["run.queued", "run.started"]
    assert set(types[2:-1]) == {"run.progress"}
    assert types[-1] == "run.completed"
    progress = [event["progress"] for event in told[2:-1]]
    assert [step["phase"] for step in progress][0] == "matching"  # type: ignore[index]
    done = [step["rows_processed"] for step in progress]  # type: ignore[index]
    assert done == sorted(done)
    assert done[-1] == 100
    assert told[-1]["run"]["rows_matched"] == 100  # type: ignore[index]
