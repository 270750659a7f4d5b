"""Can the progress of a run be trusted, also where one worker goes on after another?"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from service.domain.runs import Phase, Run, RunStatus
from service.engine import signals
from service.engine.progress import Progress
from service.engine.signals import QUEUE, run_topic
from service.store import events
from service.store.database import Database
from tests import story
from tests.gates import GatedExecutor
from tests.seeding import World, make_world, running_engine

DOCUMENTS = 400
PHASES = [phase.value for phase in Phase]


async def told_of(world: World, run: Run) -> list[Any]:
    """Return the data of all events of the run."""
    async with world.database.connection() as connection:
        return [json.loads(event.data) for event in await events.of_run(connection, run.id, 0)]


async def run_with_two_workers(database: Database, directory: Path) -> tuple[World, Run]:
    """Let a worker stop in the middle of a run, and another one finish it."""
    world = await make_world(database, DOCUMENTS)
    run = await world.queue()
    gate = GatedExecutor(open_after=2)
    async with running_engine(database, directory, executor=gate) as engine:
        engine.signals.notify(QUEUE)
        with engine.signals.subscribe(run_topic(run.id)) as wake:
            while not (await world.fetch(run)).rows_processed:
                await wake.wait()
    assert 0 < ((await world.fetch(run)).rows_processed or 0) < DOCUMENTS
    async with running_engine(database, directory) as engine:
        engine.signals.notify(QUEUE)
        return world, await world.wait_until_ended(run, engine.signals)


async def test_nothing_goes_back_when_another_worker_goes_on(
    database: Database, tmp_path: Path
) -> None:
    world, run = await run_with_two_workers(database, tmp_path)
    assert run.status is RunStatus.COMPLETED
    steps = [event["progress"] for event in await told_of(world, run) if "progress" in event]
    phases = [PHASES.index(step["phase"]) for step in steps]
    assert phases == sorted(phases)
    for before, after in pairwise(steps):
        assert before["updated_at"] <= after["updated_at"]
        assert before["last_event_id"] < after["last_event_id"]
        assert before["rows_processed"] <= after["rows_processed"]
        if before["phase"] == after["phase"]:
            assert before["phase_progress"] <= after["phase_progress"]


async def test_rate_and_remaining_time_are_there_from_the_first_documents_on(
    database: Database, tmp_path: Path
) -> None:
    world, run = await run_with_two_workers(database, tmp_path)
    steps = [event["progress"] for event in await told_of(world, run) if "progress" in event]
    working = [step for step in steps if step["rows_processed"]]
    for step in working:
        left = DOCUMENTS - step["rows_processed"]
        assert step["rows_per_second"] > 0
        assert step["estimated_seconds_remaining"] == round(left / step["rows_per_second"], 1)
    assert any(step["rows_processed"] < DOCUMENTS for step in working)


async def test_the_last_events_have_the_true_totals(database: Database, tmp_path: Path) -> None:
    world, run = await run_with_two_workers(database, tmp_path)
    *_, progress, ended = await told_of(world, run)
    async with database.connection() as connection:
        stored = await connection.fetchval("SELECT count(*) FROM results WHERE run_id = $1", run.id)
    assert stored == DOCUMENTS
    assert progress["progress"]["rows_processed"] == progress["progress"]["rows_total"] == DOCUMENTS
    assert progress["progress"]["phase_progress"] == 1
    assert progress["progress"]["rows_matched"] == run.rows_matched
    assert ended["type"] == "run.completed"
    assert ended["run"]["rows_processed"] == ended["run"]["rows_total"] == DOCUMENTS


async def test_a_phase_that_is_over_does_not_come_back(database: Database) -> None:
    world = await make_world(database, documents=1)
    begun = await story.begin(world)
    async with signals.running(database) as live:
        progress = Progress(database, live, begun.lease, begun.run)
        for phase in (Phase.MATCHING, Phase.LOADING, Phase.FINISHING, Phase.MATCHING):
            await progress.enter(phase)
    steps = [event["progress"] for event in await told_of(world, begun.run) if "progress" in event]
    assert [step["phase"] for step in steps] == ["matching", "matching", "finishing", "finishing"]
