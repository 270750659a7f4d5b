"""Does the pool of processes answer every call, in order, through deaths and noise?"""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.domain.errors import MatchingFailedError
from service.engine import executors, pool_process
from service.engine.executors import LossReason, Lost, local_pool
from service.engine.see_through import see_through
from tests import jobs
from tests.pools import compute, each, lose


async def test_outcomes_come_in_the_order_of_the_jobs() -> None:
    async with local_pool(2) as pool:
        outcomes = await compute(pool, jobs.double, range(50))
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
        assert await compute(pool, jobs.shout, [7, 8]) == [7, 8]


async def test_a_job_that_raises_is_lost_and_no_other() -> None:
    async with local_pool(2) as pool:
        outcomes = [outcome async for outcome in pool.run(jobs.fail_on_three, each(range(9)))]
    lost = outcomes[3]
    assert isinstance(lost, Lost)
    assert (lost.job, lost.reason, lost.error) == (3, LossReason.RAISED, "ValueError")
    assert "fail_on_three" in lost.trace
    assert [*outcomes[:3], *outcomes[4:]] == [0, 1, 2, 4, 5, 6, 7, 8]


async def test_a_job_whose_process_died_is_tried_again_as_often_as_told(tmp_path: Path) -> None:
    mark = str(tmp_path / "mark")
    async with local_pool(2) as pool:
        assert await executors.compute(pool, jobs.die_once, mark, 30.0, tries=2) == mark
        lost = await executors.compute(pool, jobs.die_always, 1, 30.0, tries=2)
    assert isinstance(lost, Lost)
    assert lost.reason is LossReason.DIED


async def test_a_job_that_kills_its_process_is_lost_and_no_other() -> None:
    async with local_pool(2) as pool:
        assert (await lose(pool, jobs.die_always, 1)).reason is LossReason.DIED
        assert await compute(pool, jobs.double, [21]) == [42]


async def test_a_job_that_takes_too_long_loses_its_process_at_once() -> None:
    async with local_pool(1) as pool:
        lost = await lose(pool, jobs.wait_for_ever, 1, limit_seconds=0.1)
        assert (lost.job, lost.reason) == (1, LossReason.TOOK_TOO_LONG)
        assert await compute(pool, jobs.double, [21]) == [42]


async def test_starting_a_process_takes_nothing_of_a_calls_time() -> None:
    async with local_pool(1, preload=(jobs.__name__, "tests.slow_start")) as pool:
        # Half of what the start takes.
        outcomes = [outcome async for outcome in pool.run(jobs.double, each([21]), 0.5)]
    assert outcomes == [42]


async def test_no_call_waits_for_ever_for_processes_that_do_not_start() -> None:
    async with local_pool(2, preload=("tests.no_such_module",), start_tries=1) as pool:
        with pytest.raises(MatchingFailedError, match="No process could be started"):
            await compute(pool, jobs.double, [1])


async def test_processes_that_died_idle_cost_no_call_its_attempts() -> None:
    async with local_pool(6) as pool:
        pids = set(await compute(pool, jobs.own_pid, range(60)))
        for pid in pids:
            handle = os.pidfd_open(pid)
            os.kill(pid, signal.SIGKILL)
            assert select.select([handle], [], [], 10)[0]
            os.close(handle)
        assert await compute(pool, jobs.double, [21]) == [42]


async def test_a_call_that_nobody_waits_for_does_not_keep_its_process() -> None:
    async with local_pool(1) as pool:
        abandoned = pool.run(jobs.wait_for_ever, each([1]))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await anext(abandoned)
        await abandoned.aclose()
        assert await compute(pool, jobs.double, [21]) == [42]


async def test_a_folder_named_service_where_we_were_started_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    async with local_pool(1) as pool:
        assert await compute(pool, jobs.double, [21]) == [42]


async def test_processes_end_with_their_pool() -> None:
    async with local_pool(2) as pool:
        pids = set(await compute(pool, jobs.own_pid, range(20)))
    assert pids
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


ORPHAN_MAKER = """
import asyncio
from service.engine.executors import local_pool
from tests import jobs
from tests.pools import each

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


async def test_a_process_is_gone_although_its_end_was_interrupted() -> None:
    entered: asyncio.Future[asyncio.subprocess.Process] = asyncio.Future()

    async def use() -> None:
        async with pool_process.started(()) as child:
            entered.set_result(child)
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        using = tasks.create_task(use())
        child = await entered
        for _ in range(3):
            using.cancel()
            await asyncio.sleep(0)
    assert using.cancelled()
    assert child.returncode is not None


async def test_a_failure_is_told_although_whoever_waited_was_cancelled() -> None:
    begun = asyncio.Event()
    may_fail = asyncio.Event()

    async def fail() -> None:
        begun.set()
        await may_fail.wait()
        raise ArithmeticError

    async def cancel() -> None:
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(see_through(fail()))
            await begun.wait()
            # Both within one turn of the loop.
            may_fail.set()
            waiting.cancel()

    with pytest.raises(ExceptionGroup) as told:
        await cancel()
    assert isinstance(told.value.exceptions[0], ArithmeticError)
