"""Is the pace shared fairly between runs, and is no ticket lost when a run goes away?"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from service.ai import admission
from service.ai.admission import Admission
from service.ai.buckets import NOTHING_TOLD, Limits, Load
from service.ai.pacing import Pacer
from service.domain.identifiers import RunId, new_id

SMALL, LARGE = Load(100.0, 10.0), Load(400.0, 40.0)
# A second of its input tokens is a burst, and then they are what binds.
PER_MINUTE = Limits(600_000, 1_200_000, 1_200_000)
BURST = 20_000


@pytest.fixture
async def pacer() -> Pacer:
    """A pacer that knows its limits."""
    return Pacer(PER_MINUTE, asyncio.get_running_loop().time(), 1_000)


@pytest.fixture
async def door(pacer: Pacer) -> AsyncIterator[Admission]:
    """An open door, behind which the first request was answered already."""
    async with admission.running(pacer, asyncio.get_running_loop().time) as opened:
        probe = RunId(new_id())
        async with opened.place(probe):
            opened.settle(await opened.enter(probe, SMALL), SMALL, NOTHING_TOLD)
        yield opened


@dataclass
class Traffic:
    """What runs have sent, in tokens."""

    door: Admission
    sent: Counter[RunId] = field(default_factory=Counter)
    until: int = 0
    burst_is_over: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, run_id: RunId, load: Load) -> None:
        """Send requests one after the other until enough was sent in all."""
        async with self.door.place(run_id):
            await self.go_on(run_id, load)

    async def go_on(self, run_id: RunId, load: Load) -> None:
        """Send as `send` does, for a run that has a place."""
        while self.sent.total() < self.until:
            ticket = await self.door.enter(run_id, load)
            self.sent[run_id] += int(load.input_tokens)
            if self.sent.total() >= BURST:
                self.burst_is_over.set()
            self.door.settle(ticket, load, NOTHING_TOLD)


async def test_runs_share_what_is_allowed_whatever_the_size_of_their_requests(
    door: Admission,
) -> None:
    first, second = RunId(new_id()), RunId(new_id())
    traffic = Traffic(door, until=BURST)
    await traffic.send(RunId(new_id()), LARGE)
    traffic.until = 3 * BURST
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(traffic.send(first, SMALL))
        tasks.create_task(traffic.send(second, LARGE))
    shares = [traffic.sent[each] / (2 * BURST) for each in (first, second)]
    assert shares == pytest.approx([0.5, 0.5], abs=0.06)


async def test_a_newcomer_neither_catches_up_nor_waits(door: Admission) -> None:
    old, new = RunId(new_id()), RunId(new_id())
    traffic = Traffic(door, until=2 * BURST)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(traffic.send(old, SMALL))
        await traffic.burst_is_over.wait()
        tasks.create_task(traffic.send(new, SMALL))
    gained = [traffic.sent[old] - BURST, traffic.sent[new]]
    assert gained == pytest.approx([BURST / 2, BURST / 2], rel=0.15)


async def test_a_run_that_had_nothing_to_send_does_not_catch_up(door: Admission) -> None:
    busy, quiet = RunId(new_id()), RunId(new_id())
    traffic = Traffic(door, until=2 * BURST)
    async with door.place(quiet), asyncio.TaskGroup() as tasks:
        tasks.create_task(traffic.send(busy, SMALL))
        await traffic.burst_is_over.wait()
        tasks.create_task(traffic.go_on(quiet, SMALL))
    gained = [traffic.sent[busy] - BURST, traffic.sent[quiet]]
    assert gained == pytest.approx([BURST / 2, BURST / 2], rel=0.15)


async def test_a_run_that_goes_away_leaves_its_ticket_to_the_others(
    door: Admission, pacer: Pacer
) -> None:
    gone, other = RunId(new_id()), RunId(new_id())
    traffic = Traffic(door, until=BURST)
    async with asyncio.TaskGroup() as tasks:
        going = tasks.create_task(traffic.send(gone, SMALL))
        await asyncio.sleep(0)
        going.cancel()
    async with door.place(other):
        ticket = await door.enter(other, SMALL)
        assert pacer.in_flight == 1
        door.settle(ticket, SMALL, NOTHING_TOLD)
    assert pacer.in_flight == 0
