"""Does a run find the index of the run before it, and does it get over one that is damaged?"""

import asyncio
import fcntl
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.domain.runs import Phase, Run, RunStatus
from service.engine import index_cache
from service.engine.chunks import match_chunk
from service.engine.executors import local_pool
from service.engine.index_building import IndexJob, IndexOutcome, make_index
from service.engine.signals import QUEUE
from service.matching.rows_file import RowsFile
from service.store.database import Database
from tests import jobs
from tests.gates import GatedExecutor
from tests.integration.test_index_cache import flip_a_byte
from tests.pools import Instead, call, compute
from tests.seeding import RULES, World, make_world, running_engine
from tests.service_process import descendants

CHILD_SECONDS = 20.0


async def run_once(world: World, directory: Path) -> Run:
    """Carry out a run by an engine, and processes, of its own."""
    async with running_engine(world.database, directory) as engine:
        return await world.wait_until_ended(await world.queue(), engine.signals)


def the_index(directory: Path) -> Path:
    (path,) = directory.glob("*.index")
    return path


async def test_the_next_run_maps_the_index_and_needs_no_rows(
    database: Database, tmp_path: Path
) -> None:
    world = await make_world(database)
    async with running_engine(database, tmp_path) as engine:
        await world.wait_until_ended(await world.queue(), engine.signals)
        built = the_index(tmp_path).stat().st_ino
        for rows in tmp_path.glob("*.ndjson"):
            rows.unlink()
        again = await world.wait_until_ended(await world.queue(), engine.signals)
    restarted = await run_once(world, tmp_path)
    assert again.rows_matched == restarted.rows_matched == 20
    assert [each.stat().st_ino for each in tmp_path.iterdir()] == [built]


async def test_a_damaged_index_is_made_again(database: Database, tmp_path: Path) -> None:
    world = await make_world(database)
    await run_once(world, tmp_path)
    built = the_index(tmp_path)
    whole = built.read_bytes()
    flip_a_byte(built)
    run = await run_once(world, tmp_path)
    assert (run.status, run.rows_matched) == (RunStatus.COMPLETED, 20)
    assert the_index(tmp_path).read_bytes() == whole


async def run_instead(
    world: World, directory: Path, functions: dict[object, Callable[..., Any]]
) -> Run:
    async with local_pool(2) as pool:
        executor = Instead(pool, functions)
        async with running_engine(world.database, directory, executor=executor) as engine:
            return await world.wait_until_ended(await world.queue(), engine.signals)


async def test_an_index_whose_builder_was_killed_is_made_by_another_process(
    database: Database, tmp_path: Path
) -> None:
    world = await make_world(database)
    run = await run_instead(world, tmp_path, {make_index: jobs.make_index_after_a_death})
    assert run.rows_matched == 20
    assert not list(tmp_path.glob(f"*{index_cache.UNFINISHED_SUFFIX}"))


@pytest.mark.parametrize(
    ("maker", "sentence"),
    [
        (jobs.die_always, "The process that made the index of the reference data died"),
        (jobs.fail_to_make, "failed on an unexpected error (ArithmeticError): please report it"),
        (jobs.find_damaged_rows, "The saved rows are damaged."),
        (jobs.make_no_index, "was removed right after it was made"),
    ],
)
async def test_an_index_that_cannot_be_made_fails_the_run_with_a_sentence(
    database: Database, tmp_path: Path, maker: Callable[..., Any], sentence: str
) -> None:
    world = await make_world(database)
    run = await run_instead(world, tmp_path, {make_index: maker})
    assert run.status is RunStatus.FAILED
    assert sentence in (run.error or "")


async def test_an_index_that_is_damaged_time_and_again_fails_the_run(
    database: Database, tmp_path: Path
) -> None:
    world = await make_world(database)
    run = await run_instead(world, tmp_path, {match_chunk: jobs.find_no_index})
    assert (run.error or "").startswith("The index of the reference data was damaged 3 times")


async def test_an_index_that_went_to_make_room_before_it_was_mapped_is_made_again(
    database: Database, tmp_path: Path
) -> None:
    world = await make_world(database)
    run = await run_instead(world, tmp_path, {make_index: jobs.lose_the_first_index})
    assert run.rows_matched == 20


async def test_runs_at_the_same_time_make_the_index_once(
    database: Database, tmp_path: Path
) -> None:
    world = await make_world(database)
    queued = [await world.queue() for _ in range(4)]
    async with running_engine(database, tmp_path) as engine:
        runs = [await world.wait_until_ended(run, engine.signals) for run in queued]
    assert {run.rows_matched for run in runs} == {20}
    assert len(list(tmp_path.glob("*.index"))) == 1


async def test_the_run_says_that_it_is_loading_while_the_index_is_made(
    database: Database, tmp_path: Path
) -> None:
    world = await make_world(database)
    gate = GatedExecutor(open_after=0, gated=make_index)
    async with running_engine(database, tmp_path, executor=gate) as engine:
        run = await world.queue()
        engine.signals.notify(QUEUE)
        await gate.reached.wait()
        assert (await world.fetch(run)).phase is Phase.LOADING
        gate.open()
        assert (await world.wait_until_ended(run, engine.signals)).rows_matched == 20


async def test_a_full_disk_fails_the_run_with_a_sentence(
    database: Database, tmp_path: Path
) -> None:
    world = await make_world(database)
    async with local_pool(1) as pool:
        await call(pool, jobs.limit_file_size, 500)
        async with running_engine(database, tmp_path, executor=pool) as engine:
            run = await world.wait_until_ended(await world.queue(), engine.signals)
        await call(pool, jobs.limit_file_size, -1)
    assert run.status is RunStatus.FAILED
    assert (run.error or "").startswith("There is no room on the disk for the reference data")


async def test_damaged_rows_are_written_anew(database: Database, tmp_path: Path) -> None:
    world = await make_world(database)
    await run_once(world, tmp_path)
    the_index(tmp_path).unlink()
    (rows,) = tmp_path.glob("*.ndjson")
    rows.write_text("")
    assert (await run_once(world, tmp_path)).rows_matched == 20


def write_large_rows(path: Path) -> IndexJob:
    """Write a file of rows that is large, but quick to read."""
    value = "x" * 20_000
    rows = (json.dumps([f"row_{place}", [f"name {place}", value]]) for place in range(1_000))
    path.write_text("\n".join(rows) + "\n")
    return IndexJob(
        path=path.with_suffix(".index"),
        rows=RowsFile(path=path, row_count=1_000, columns=("name", "note")),
        mappings=index_cache.ask(RULES)[:1],
    )


async def test_a_large_index_is_made_by_a_process_that_ends_with_it(tmp_path: Path) -> None:
    job = write_large_rows(tmp_path / "large.ndjson")
    async with local_pool(1) as pool:
        outcome = await call(pool, make_index, job)
    index = index_cache.load(job.path)
    assert outcome.error is None
    assert index is not None
    assert index.columns[0].raw_values(np.array([999])) == ["name 999"]


async def test_a_large_index_whose_builder_was_killed_is_made_by_another(tmp_path: Path) -> None:
    job = write_large_rows(tmp_path / "large.ndjson")
    lock = job.path.with_suffix(index_cache.LOCK_SUFFIX)
    async with local_pool(1) as pool, asyncio.TaskGroup() as tasks:
        (process,) = await compute(pool, jobs.own_pid, [0])
        with lock.open("w") as held:
            # The builder waits until the name of the index is free.
            fcntl.flock(held, fcntl.LOCK_EX)
            making = tasks.create_task(call(pool, make_index, job))
            builder = await asyncio.to_thread(wait_for_child, process)
            os.kill(builder, signal.SIGKILL)
            heir = await asyncio.to_thread(wait_for_child, process, builder)
            lock.unlink()
    assert heir != builder
    assert making.result() == IndexOutcome()
    assert index_cache.load(job.path) is not None


def wait_for_child(process: int, other_than: int = 0) -> int:
    """Return the child of a process once it has one, other than the one named."""
    deadline = time.monotonic() + CHILD_SECONDS
    while not (children := descendants(process) - {other_than}):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return children.pop()


@pytest.mark.parametrize(
    "make", [jobs.make_index_with_little_memory, jobs.make_index_here_with_little_memory]
)
async def test_too_little_memory_for_a_large_index_is_said_in_a_sentence(
    make: Callable[[IndexJob], IndexOutcome], tmp_path: Path
) -> None:
    job = write_large_rows(tmp_path / "large.ndjson")
    async with local_pool(1) as pool:
        outcome = await call(pool, make, job)
    assert "give the machine more memory" in (outcome.error or "")
    assert not job.path.exists()
