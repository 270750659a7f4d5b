"""Do askers of the same moment share a query, and is no answer older than its question?"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.domain.errors import UnavailableError
from service.domain.identifiers import RunId, WorkspaceId, new_id
from service.engine.run_states import RunStates
from tests.counting import CountingDatabase
from tests.seeding import World, make_world

ASKERS = 200
PATIENCE_SECONDS = 10.0


@asynccontextmanager
async def serving(database: CountingDatabase) -> AsyncIterator[RunStates]:
    """Run the states as long as the block lasts."""
    states = RunStates(database)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(states.serve())
        yield states
        task.cancel()


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with CountingDatabase.open(database_url, pool_size=4) as database:
        yield await make_world(database, documents=1)


def counted(world: World) -> CountingDatabase:
    assert isinstance(world.database, CountingDatabase)
    return world.database


async def test_askers_of_one_moment_share_a_query_whatever_run_they_ask_for(world: World) -> None:
    ids = [(await world.queue()).id for _ in range(3)]
    database = counted(world)
    async with serving(database) as states, asyncio.TaskGroup() as tasks:
        before = database.lent
        asked = [
            tasks.create_task(states.read(world.workspace_id, ids[place % 3]))
            for place in range(ASKERS)
        ]
    assert [task.result().id for task in asked if task.result()] == [  # type: ignore[union-attr]
        ids[place % 3] for place in range(ASKERS)
    ]
    assert database.lent - before <= 2


async def test_what_is_not_there_or_not_the_callers_is_not_found(world: World) -> None:
    run = await world.queue()
    async with serving(counted(world)) as states:
        assert await states.read(world.workspace_id, RunId(new_id())) is None
        assert await states.read(WorkspaceId(new_id()), run.id) is None
        assert await states.read(world.workspace_id, run.id) == run


@pytest.mark.parametrize("seed", range(3))
async def test_no_answer_is_older_than_its_question(world: World, seed: int) -> None:
    chance = random.Random(seed)
    run = await world.queue()
    written = run.last_event_id
    is_over = False

    async def ask_again_and_again() -> int:
        count = 0
        while not is_over:
            least = written
            found = await states.read(world.workspace_id, run.id)
            assert found is not None
            assert found.last_event_id >= least
            count += 1
        return count

    async with serving(counted(world)) as states, asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(ask_again_and_again()) for _ in range(8)]
        for _ in range(60):
            async with world.database.connection() as connection:
                written = await connection.fetchval(
                    "UPDATE runs SET event_seq = event_seq + 1 WHERE id = $1 RETURNING event_seq",
                    run.id,
                )
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.003]))
        is_over = True
    assert all(task.result() > 1 for task in asking)


async def test_one_who_leaves_does_not_take_the_answer_from_others(world: World) -> None:
    run = await world.queue()
    async with serving(counted(world)) as states, asyncio.TaskGroup() as tasks:
        leaving, staying = (
            tasks.create_task(states.read(world.workspace_id, run.id)) for _ in range(2)
        )
        await asyncio.sleep(0)
        leaving.cancel()
    assert staying.result() == run


async def test_every_asker_hears_that_the_database_is_away(world: World) -> None:
    run = await world.queue()
    async with serving(counted(world)) as states:
        await world.database._pool.close()
        refused = 0
        for _ in range(3):
            with pytest.raises(UnavailableError):
                await states.read(world.workspace_id, run.id)
            refused += 1
    assert refused == 3


async def test_who_asks_while_the_service_stops_is_sent_away(world: World) -> None:
    run = await world.queue()
    states = RunStates(world.database)
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        asyncio.TaskGroup() as tasks,
        world.database.transaction() as connection,
    ):
        await connection.execute("LOCK TABLE runs IN ACCESS EXCLUSIVE MODE")
        serving_task = tasks.create_task(states.serve())
        asked = tasks.create_task(_refused(states, world, run.id))
        while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await connection.execute("SELECT pg_sleep(0.01)")
        late = tasks.create_task(_refused(states, world, run.id))
        await asyncio.sleep(0)
        serving_task.cancel()
    assert "stopping" in asked.result()
    assert "stopping" in late.result()
    assert "stopping" in await _refused(states, world, run.id)


async def _refused(states: RunStates, world: World, run_id: RunId) -> str:
    with pytest.raises(UnavailableError) as refused:
        await states.read(world.workspace_id, run_id)
    return str(refused.value)
