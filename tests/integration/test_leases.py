"""Does exactly one worker write a run, whoever stalls, dies or comes back?"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from service.domain.errors import LeaseLostError, UnavailableError
from service.domain.identifiers import DEFAULT_COLLECTION, RunId, WorkerId, WorkspaceId, new_id
from service.domain.runs import Lease, Run, RunStatus
from service.engine.signals import LEASES, QUEUE
from service.engine.worker import WorkerOptions
from service.store import (
    configs,
    erasure,
    events,
    leases,
    reference,
    results,
    run_documents,
    run_lifecycle,
    runs,
)
from service.store.copy_text import encode_rows
from service.store.database import Connection, Database
from service.store.erasure import Collection
from service.store.leases import Claim
from service.store.run_lifecycle import Advance
from tests.gates import GatedExecutor
from tests.seeding import World, add_config, add_reference, make_world, running_engine

LEASE_SECONDS = 30.0


def worker() -> WorkerId:
    return WorkerId(new_id())


async def claim(world: World, worker_id: WorkerId, busy: tuple[Run, ...] = ()) -> Claim | None:
    async with world.database.connection() as connection:
        return await leases.claim(connection, worker_id, LEASE_SECONDS, [run.id for run in busy])


async def expire(world: World) -> None:
    async with world.database.connection() as connection:
        await connection.execute("UPDATE runs SET lease_until = now() - interval '1 second'")


async def test_a_claimed_run_is_not_claimed_again_while_its_lease_lasts(
    database: Database,
) -> None:
    world = await make_world(database)
    run = await world.queue()
    first = await claim(world, worker())
    assert first is not None
    assert (first.run.id, first.lease.attempt) == (run.id, 1)
    assert await claim(world, worker()) is None


async def test_an_expired_lease_passes_to_the_next_worker(database: Database) -> None:
    world = await make_world(database)
    await world.queue()
    await claim(world, worker())
    await expire(world)
    heir = worker()
    second = await claim(world, heir)
    assert second is not None
    assert (second.lease.worker_id, second.lease.attempt) == (heir, 2)
    assert second.run.attempts_without_progress == 2


async def test_a_worker_takes_up_its_own_run_that_it_no_longer_works_on(
    database: Database,
) -> None:
    world = await make_world(database)
    run = await world.queue()
    same = worker()
    await claim(world, same)
    assert await claim(world, same, busy=(run,)) is None
    again = await claim(world, same)
    assert again is not None
    assert again.lease.attempt == 2
    # Nobody died: the database was away, or we would still be at it.
    assert again.run.attempts_without_progress == 1


@pytest.mark.parametrize(("end", "attempts"), [(leases.give_back, 1), (leases.release, 2)])
async def test_a_run_let_go_can_be_claimed_at_once_and_counts_only_failed_attempts(
    database: Database, end: Callable[[Connection, Lease], Awaitable[bool]], attempts: int
) -> None:
    world = await make_world(database)
    await world.queue()
    first = await claim(world, worker())
    assert first is not None
    async with database.connection() as connection:
        await end(connection, first.lease)
    second = await claim(world, worker())
    assert second is not None
    assert second.run.attempts_without_progress == attempts


async def test_claims_are_fair_between_workspaces(database: Database) -> None:
    world = await make_world(database)
    other_id = WorkspaceId(new_id())
    async with database.connection() as connection:
        await connection.execute("INSERT INTO workspaces (id, name) VALUES ($1, 'other')", other_id)
    await world.queue()
    await world.queue()
    reference_id = await add_reference(database, other_id)
    other = World(
        database, other_id, reference_id, await add_config(database, other_id, reference_id)
    )
    late = await other.queue()
    first, second = await claim(world, worker()), await claim(world, worker())
    assert first is not None
    assert second is not None
    assert first.run.workspace_id == world.workspace_id
    assert second.run.id == late.id


async def test_renewing_names_only_the_runs_still_held(database: Database) -> None:
    world = await make_world(database)
    await world.queue()
    await world.queue()
    same = worker()
    kept = await claim(world, same)
    assert kept is not None
    cancelled = await claim(world, same, busy=(kept.run,))
    assert cancelled is not None
    async with database.transaction() as connection:
        await runs.cancel(connection, world.workspace_id, cancelled.run.id)
        held = await leases.renew(connection, same, [kept.lease, cancelled.lease], LEASE_SECONDS)
    assert held == {kept.run.id}


async def test_renewing_and_deleting_documents_never_wait_in_a_circle(
    database: Database,
) -> None:
    world = await make_world(database)
    first, second = await started(world), await started(world)
    owner = first.lease.worker_id
    async with database.connection() as connection:
        await connection.execute("UPDATE runs SET worker_id = $1", owner)
    held = [
        Lease(claimed.run.id, owner, claimed.lease.attempt)
        for claimed in sorted((first, second), key=lambda each: each.run.id)
    ]

    async def renew() -> set[RunId]:
        async with database.connection() as connection:
            return await leases.renew(connection, owner, held, LEASE_SECONDS)

    async def mark() -> list[RunId]:
        place = Collection(world.workspace_id, DEFAULT_COLLECTION)
        async with database.connection() as connection:
            return await erasure.mark_runs(connection, place, datetime.now(UTC))

    async with asyncio.TaskGroup() as tasks, database.transaction() as writing:
        await writing.execute("UPDATE runs SET version = version + 1 WHERE id = $1", held[1].run_id)
        marking = tasks.create_task(mark())
        await waiting_for_locks(database, 1)
        renewing = tasks.create_task(renew())
        await waiting_for_locks(database, 2)
    assert renewing.result() == set(marking.result()) == {lease.run_id for lease in held}


async def waiting_for_locks(database: Database, count: int) -> None:
    """Return once so many statements wait for a lock."""
    async with database.connection() as connection:
        while count > await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await connection.execute("SELECT pg_sleep(0.01)")


async def test_the_lease_of_a_run_that_has_gone_silent_is_not_renewed(database: Database) -> None:
    world = await make_world(database)
    claimed = await started(world)
    long_ago = f"interval '{leases.SILENT_SECONDS + 1} seconds'"
    async with database.connection() as connection:
        held = [claimed.lease]
        owner = claimed.lease.worker_id
        assert await leases.renew(connection, owner, held, LEASE_SECONDS) == {claimed.run.id}
        await connection.execute(
            f"UPDATE runs SET updated_at = now() - {long_ago}, claimed_at = now() - {long_ago}"
        )
        assert await leases.renew(connection, owner, held, LEASE_SECONDS) == set()


async def started(world: World) -> Claim:
    """Claim a run and set it running, as an engine does."""
    await world.queue()
    claimed = await claim(world, worker())
    assert claimed is not None
    async with world.database.transaction() as connection:
        documents = await run_documents.freeze(connection, claimed.run, None)
        await run_lifecycle.start(connection, claimed.lease, await inputs(world), documents, ())
    return claimed


async def inputs(world: World) -> run_lifecycle.FrozenInputs:
    async with world.database.connection() as connection:
        config = await configs.fetch(connection, world.workspace_id, world.config_id)
        data = await reference.fetch(connection, world.workspace_id, world.reference_id)
    assert config is not None
    assert data is not None
    return run_lifecycle.FrozenInputs(config.rules, config.version, data.current)


def one_result(run_id: UUID, document_id: str) -> bytes:
    row = (run_id, document_id, new_id(), None, None, None, 0.0, 0.0, "{}", "[]", False, None)
    return encode_rows([row])


STEP = Advance(processed=1, matched=0, confidence_sum=0, rows_per_second=1.0, warnings=())


async def write(world: World, lease: Lease, document_id: str) -> None:
    async with world.database.transaction() as connection:
        await results.copy(connection, [one_result(lease.run_id, document_id)])
        await run_lifecycle.advance(connection, lease, STEP)


async def test_an_old_owner_writes_nothing_more(database: Database) -> None:
    world = await make_world(database)
    old = await started(world)
    await write(world, old.lease, "doc_000000")
    await expire(world)
    heir = await claim(world, worker())
    assert heir is not None
    with pytest.raises(LeaseLostError):
        await write(world, old.lease, "doc_000001")
    await write(world, heir.lease, "doc_000001")
    run = await world.fetch(heir.run)
    async with database.connection() as connection:
        count = await connection.fetchval("SELECT count(*) FROM results")
        told = await events.of_run(connection, run.id, after=0)
    assert (run.rows_processed, count) == (2, 2)
    assert [event.run_seq for event in told] == [1, 2, 3, 4]


async def test_progress_resets_the_count_of_attempts(database: Database) -> None:
    world = await make_world(database)
    claimed = await started(world)
    await write(world, claimed.lease, "doc_000000")
    assert (await world.fetch(claimed.run)).attempts_without_progress == 0


async def test_a_cancelled_run_takes_no_more_results(database: Database) -> None:
    world = await make_world(database)
    claimed = await started(world)
    await write(world, claimed.lease, "doc_000000")
    async with database.transaction() as connection:
        assert await runs.cancel(connection, world.workspace_id, claimed.run.id)
    with pytest.raises(LeaseLostError):
        await write(world, claimed.lease, "doc_000001")
    run = await world.fetch(claimed.run)
    assert (run.status, run.rows_processed) == (RunStatus.CANCELLED, 1)


async def test_a_stalled_worker_is_taken_over_and_stops(database: Database, tmp_path: Path) -> None:
    world = await make_world(database, documents=60)
    stalls = GatedExecutor(open_after=1)
    no_heartbeat = WorkerOptions(heartbeat_seconds=3600)
    async with running_engine(database, tmp_path, no_heartbeat, stalls) as stalled:
        run = await world.queue()
        stalled.signals.notify(QUEUE)
        await stalls.reached.wait()
        await expire(world)
        async with running_engine(database, tmp_path) as heir:
            heir.signals.notify(QUEUE)
            done = await world.wait_until_ended(run, heir.signals)
        stalls.open()
        stalled.signals.notify(LEASES)
    assert done.status is RunStatus.COMPLETED
    after = await world.fetch(run)
    assert (after.rows_processed, after.last_event_id) == (60, done.last_event_id)
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM results") == 60


@pytest.mark.parametrize("is_taken_over", [False, True])
async def test_a_session_that_stands_still_under_a_lost_lease_is_ended(
    database: Database, is_taken_over: bool
) -> None:
    world = await make_world(database)
    old = await started(world)
    await expire(world)
    with pytest.raises(UnavailableError):
        await stall(world, old, is_taken_over)
    await expire(world)
    heir = await claim(world, worker())
    assert heir is not None
    await write(world, heir.lease, "doc_000000")
    assert (await world.fetch(old.run)).rows_processed == 1


async def stall(world: World, old: Claim, is_taken_over: bool) -> None:
    """Begin to write under a lease that is over, and go on when the session was ended."""
    async with leases.writing(world.database, old.lease) as stalled:
        # Results that its heir will write too.
        await results.copy(stalled, [one_result(old.run.id, "doc_000000")])
        if is_taken_over:
            assert await claim(world, worker()) is not None
        else:
            # The rows of run and workspace, so that nobody can take it over.
            await run_lifecycle.advance(stalled, old.lease, STEP)
            assert await claim(world, worker()) is None
        async with world.database.connection() as connection:
            assert await leases.end_stalled(connection) == [old.run.id]
        await stalled.execute("SELECT 1")


async def test_sessions_under_a_lease_that_lasts_are_left_alone(database: Database) -> None:
    world = await make_world(database)
    claimed = await started(world)
    async with leases.writing(database, claimed.lease) as connection:
        async with database.connection() as other:
            assert await leases.end_stalled(other) == []
        await run_lifecycle.advance(connection, claimed.lease, STEP)
    # The name goes with the transaction.
    async with database.connection() as connection:
        assert await connection.fetchval("SHOW application_name") == "matchstream"


async def test_a_stopping_worker_gives_its_runs_back(database: Database, tmp_path: Path) -> None:
    world = await make_world(database, documents=60)
    gate = GatedExecutor(open_after=1)
    async with running_engine(database, tmp_path, executor=gate) as engine:
        run = await world.queue()
        engine.signals.notify(QUEUE)
        await gate.reached.wait()
    left = await world.fetch(run)
    assert left.status is RunStatus.RUNNING
    assert left.rows_processed
    heir = await claim(world, worker())
    assert heir is not None
    async with running_engine(database, tmp_path) as engine:
        async with database.connection() as connection:
            await leases.release(connection, heir.lease)
        engine.signals.notify(QUEUE)
        done = await world.wait_until_ended(run, engine.signals)
    assert (done.status, done.rows_processed) == (RunStatus.COMPLETED, 60)


async def test_a_worker_stopped_right_after_a_claim_holds_nothing(
    database: Database, tmp_path: Path
) -> None:
    world = await make_world(database)
    for _ in range(5):
        await world.queue()
    async with running_engine(database, tmp_path) as engine:
        # Stopped wherever it is then: claiming, about to begin, or at work.
        engine.stopping.set()
    async with database.connection() as connection:
        left = await connection.fetch("SELECT lease_until, attempts_without_progress FROM runs")
    assert [tuple(record) for record in left] == [(None, 0)] * 5


async def test_giving_all_back_leaves_what_has_ended_or_is_anothers(database: Database) -> None:
    world = await make_world(database)
    stopped, going_on = await started(world), await started(world)
    async with database.connection() as connection:
        await leases.give_all_back(connection, stopped.lease.worker_id)
        held = await leases.renew(
            connection, going_on.lease.worker_id, [going_on.lease], LEASE_SECONDS
        )
    assert held == {going_on.run.id}
    heir = await claim(world, worker())
    assert heir is not None
    assert (heir.run.id, heir.run.attempts_without_progress) == (stopped.run.id, 1)


async def test_a_service_that_owns_its_database_ends_all_leases_of_the_dead(
    database: Database,
) -> None:
    world = await make_world(database)
    dead = await started(world)
    async with database.connection() as connection:
        await leases.end_all(connection)
    with pytest.raises(LeaseLostError):
        await write(world, dead.lease, "doc_000000")
    heir = await claim(world, worker())
    assert heir is not None
    # Whoever held it died with it: that attempt counts.
    assert (heir.run.id, heir.run.attempts_without_progress) == (dead.run.id, 2)


async def test_cancelling_stops_the_work_at_once(database: Database, tmp_path: Path) -> None:
    world = await make_world(database, documents=60)
    gate = GatedExecutor(open_after=1)
    async with running_engine(database, tmp_path, executor=gate) as engine:
        run = await world.queue()
        engine.signals.notify(QUEUE)
        await gate.reached.wait()
        async with database.transaction() as connection:
            cancelled = await runs.cancel(connection, world.workspace_id, run.id)
        engine.signals.notify(LEASES)
        # The slot is free again only when the cancelled run was let go: all four are needed.
        others = [await world.queue() for _ in range(WorkerOptions().slots)]
        gate.open()
        for other in others:
            assert (await world.wait_until_ended(other, engine.signals)).rows_processed == 60
    assert cancelled is not None
    assert (await world.fetch(run)).last_event_id == cancelled.last_event_id


async def test_no_slot_is_lost_however_often_leases_are_renewed(
    database: Database, tmp_path: Path
) -> None:
    world = await make_world(database, documents=1)
    # Renewing all the time, so that it also happens while a run is let go.
    restless = WorkerOptions(slots=1, heartbeat_seconds=0.001)
    async with running_engine(database, tmp_path, restless, GatedExecutor(open_after=-1)) as engine:
        world.signals = engine.signals
        queued = [await world.queue() for _ in range(25)]
        for run in queued[::2]:
            async with database.transaction() as connection:
                await runs.cancel(connection, world.workspace_id, run.id)
            engine.signals.notify(LEASES)
        ended = [await world.wait_until_ended(run, engine.signals) for run in queued]
    assert {run.status for run in ended} <= {RunStatus.COMPLETED, RunStatus.CANCELLED}
