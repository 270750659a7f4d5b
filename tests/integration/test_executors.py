"""Does the pool of processes answer every call, in order, through deaths and noise?"""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import TypeVar

import pytest

from service.domain.errors import MatchingFailedError
from service.engine.executors import local_pool
from tests import jobs

Job = TypeVar("Job")


async def each(items: Iterable[Job]) -> AsyncIterator[Job]:
    for item in items:
        yield item


async def test_outcomes_come_in_the_order_of_the_jobs() -> None:
    async with local_pool(2) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs.double, each(range(50)))]
    assert outcomes == [2 * number for number in range(50)]


async def test_jobs_are_drawn_no_further_ahead_than_the_window() -> None:
    drawn: list[int] = []

    async def noted() -> AsyncIterator[int]:
        for number in range(100):
            drawn.append(number)
            yield number

    async with local_pool(1) as pool:
        outcomes = pool.run(jobs.double, noted())
        await anext(outcomes)
    assert len(drawn) == 3


async def test_what_a_library_prints_does_not_disturb_the_answers() -> None:
    async with local_pool(1) as pool:
        assert [outcome async for outcome in pool.run(jobs.shout, each([7, 8]))] == [7, 8]


async def test_a_job_that_raises_fails_its_run_and_no_other() -> None:
    async with local_pool(2) as pool:
        with pytest.raises(MatchingFailedError, match="ValueError"):
            [outcome async for outcome in pool.run(jobs.fail_on_three, each(range(9)))]
        assert [outcome async for outcome in pool.run(jobs.double, each([21]))] == [42]


async def test_a_job_whose_process_died_is_done_by_another(tmp_path: Path) -> None:
    marks = [str(tmp_path / name) for name in "abc"]
    async with local_pool(2) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs.die_once, each(marks))]
    assert outcomes == marks


async def test_a_job_that_kills_every_process_fails_its_run_and_no_other() -> None:
    async with local_pool(2) as pool:
        with pytest.raises(MatchingFailedError, match="died 3 times"):
            [outcome async for outcome in pool.run(jobs.die_always, each([1]))]
        assert [outcome async for outcome in pool.run(jobs.double, each([21]))] == [42]


async def test_processes_that_died_idle_cost_no_call_its_attempts() -> None:
    async with local_pool(6) as pool:
        pids = {outcome async for outcome in pool.run(jobs.own_pid, each(range(60)))}
        for pid in pids:
            handle = os.pidfd_open(pid)
            os.kill(pid, signal.SIGKILL)
            assert select.select([handle], [], [], 10)[0]
            os.close(handle)
        assert [outcome async for outcome in pool.run(jobs.double, each([21]))] == [42]


async def test_a_call_that_nobody_waits_for_does_not_keep_its_process() -> None:
    async with local_pool(1) as pool:
        abandoned = pool.run(jobs.wait_for_ever, each([1]))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await anext(abandoned)
        await abandoned.aclose()
        assert [outcome async for outcome in pool.run(jobs.double, each([21]))] == [42]


async def test_a_folder_named_service_where_we_were_started_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    async with local_pool(1) as pool:
        assert [outcome async for outcome in pool.run(jobs.double, each([21]))] == [42]


async def test_processes_end_with_their_pool() -> None:
    async with local_pool(2) as pool:
        pids = {outcome async for outcome in pool.run(jobs.own_pid, each(range(20)))}
    assert pids
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


ORPHAN_MAKER = """
import asyncio
from service.engine.executors import local_pool
from tests.integration.test_executors import each
from tests import jobs

async def main():
    async with local_pool(2) as pool:
        pids = {pid async for pid in pool.run(jobs.own_pid, each(range(40)))}
        print(*pids, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_processes_die_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", ORPHAN_MAKER], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        handles = [os.pidfd_open(int(pid)) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert handles
    for handle in handles:
        # A process handle becomes readable when its process has ended.
        assert select.select([handle], [], [], 10)[0]
        os.close(handle)
