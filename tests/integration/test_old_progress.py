"""Do old progress events go, and only those, a batch at a time, also with several at work?"""

import asyncio

import pytest

from service.engine import cleaning
from service.store import events, old_progress
from service.store.database import Database
from tests import story
from tests.seeding import World, make_world
from tests.story import Story

DAY = 86_400.0
KEPT = 7 * DAY


@pytest.fixture
async def world(database: Database) -> World:
    return await make_world(database, documents=1)


async def ended(world: World, told: int, days_ago: float) -> Story:
    """Tell a run that ended so many days ago."""
    begun = await story.begin(world, told=told)
    await begun.end()
    await make_older(world, begun, days_ago)
    return begun


async def make_older(world: World, begun: Story, days: float) -> None:
    async with world.database.connection() as connection:
        await connection.execute(
            "UPDATE runs SET completed_at = now() - make_interval(secs => $2) WHERE id = $1",
            begun.run.id,
            days * DAY,
        )


async def kept(world: World, begun: Story) -> list[tuple[int | None, str]]:
    """Return number and type of the run's events that are there."""
    async with world.database.connection() as connection:
        told = await events.of_run(connection, begun.run.id, 0)
    return [(event.run_seq, event.type.value) for event in told]


async def test_only_the_progress_of_runs_that_ended_long_ago_goes(world: World) -> None:
    old = await ended(world, told=3, days_ago=7.1)
    recent = await ended(world, told=3, days_ago=6.9)
    alive = await story.begin(world, told=3)
    await cleaning.clean(world.database, KEPT)
    assert await kept(world, old) == [(1, "run.queued"), (2, "run.started"), (6, "run.completed")]
    assert len(await kept(world, recent)) == recent.last
    assert len(await kept(world, alive)) == alive.last


async def test_the_run_itself_stays_as_it_was(world: World) -> None:
    old = await ended(world, told=3, days_ago=8)
    before = await world.fetch(old.run)
    await cleaning.clean(world.database, KEPT)
    assert await world.fetch(old.run) == before


async def test_a_step_removes_no_more_than_a_batch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(old_progress, "BATCH_ROWS", 2)
    old = await ended(world, told=5, days_ago=8)
    counts = []
    is_left = True
    while is_left:
        async with world.database.transaction() as connection:
            is_left = await old_progress.remove(connection, KEPT)
        counts.append(len(await kept(world, old)))
    assert counts == [6, 4, 3, 3]
    # The oldest go first, so that what is left goes on to the end.
    assert [number for number, _ in await kept(world, old)] == [1, 2, 8]


async def test_several_at_work_remove_everything_once(world: World) -> None:
    told = [await ended(world, told=4, days_ago=8) for _ in range(6)]
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(cleaning.clean(world.database, KEPT))
    for old in told:
        assert [name for _, name in await kept(world, old)] == [
            "run.queued",
            "run.started",
            "run.completed",
        ]


async def test_a_run_that_somebody_holds_is_left_for_later(world: World) -> None:
    old = await ended(world, told=2, days_ago=8)
    async with asyncio.timeout(20):
        async with world.database.transaction() as connection:
            await connection.execute("SELECT FROM runs WHERE id = $1 FOR UPDATE", old.run.id)
            await cleaning.clean(world.database, KEPT)
        assert len(await kept(world, old)) == old.last
        await cleaning.clean(world.database, KEPT)
    assert len(await kept(world, old)) == 3


async def test_a_run_that_went_on_later_is_cleaned_again(world: World) -> None:
    old = await ended(world, told=2, days_ago=9)
    await cleaning.clean(world.database, KEPT)
    async with world.database.connection() as connection:
        await connection.execute(
            "UPDATE runs SET progress_removed_at = now() - interval '9 days' WHERE id = $1",
            old.run.id,
        )
        await connection.execute(
            """
            INSERT INTO events (workspace_id, workspace_seq, id, run_id, run_seq, type, data)
            VALUES ($1, 1000, gen_random_uuid(), $2, $3, 'run.progress', '{}')
            """,
            old.run.workspace_id,
            old.run.id,
            old.last + 1,
        )
    await make_older(world, old, 8)
    await cleaning.clean(world.database, KEPT)
    assert "run.progress" not in [name for _, name in await kept(world, old)]


async def test_when_all_is_done_nothing_is_read_again(world: World) -> None:
    await ended(world, told=3, days_ago=8)
    await cleaning.clean(world.database, KEPT)
    async with world.database.transaction() as connection:
        assert not await old_progress.remove(connection, KEPT)


async def test_what_a_webhook_still_waits_for_stays(world: World) -> None:
    old = await ended(world, told=2, days_ago=8)
    async with world.database.connection() as connection:
        await connection.execute(
            "INSERT INTO deliveries (webhook_id, workspace_id, event_id, type, lane) "
            "VALUES (gen_random_uuid(), $1, gen_random_uuid(), 'run.progress', $2)",
            world.workspace_id,
            old.run.id,
        )
    await cleaning.clean(world.database, KEPT)
    assert len(await kept(world, old)) == old.last
    async with world.database.connection() as connection:
        await connection.execute("UPDATE deliveries SET status = 'delivered'")
    await cleaning.clean(world.database, KEPT)
    assert len(await kept(world, old)) == 3
