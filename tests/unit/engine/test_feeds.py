"""Do many readers wake without holding up everything else, and each after its own silence?"""

import asyncio
from itertools import pairwise

from service.domain.identifiers import RunId, new_id
from service.engine.event_sources import RunEvents
from service.engine.feeds import WOKEN_AT_ONCE, Feed, Sleeper

READERS = 10 * WOKEN_AT_ONCE


def make_feed() -> Feed:
    return Feed(RunEvents(RunId(new_id())), head=0, ring_size=4)


async def test_readers_wake_by_and_by_in_the_order_in_which_they_fell_asleep() -> None:
    feed, woken = make_feed(), list[int]()

    async def read(place: int) -> None:
        assert await feed.wait(Sleeper(None))
        woken.append(place)

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for place in range(READERS):
            tasks.create_task(read(place))
        await asyncio.sleep(0)
        feed.wake_readers()
        rounds = [len(woken)]
        while len(woken) < READERS:
            await asyncio.sleep(0)
            rounds.append(len(woken))
    assert woken == list(range(READERS))
    steps = [after - before for before, after in pairwise(rounds)]
    assert max(steps) <= WOKEN_AT_ONCE


async def test_who_falls_asleep_again_while_others_wake_hears_of_the_next_growth() -> None:
    feed, counts = make_feed(), [0] * READERS

    async def read(place: int) -> None:
        sleeper = Sleeper(None)
        for _ in range(3):
            assert await feed.wait(sleeper)
            counts[place] += 1

    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        for place in range(READERS):
            tasks.create_task(read(place))
        while sum(counts) < 3 * READERS:
            await asyncio.sleep(0)
            feed.wake_readers()
    assert counts == [3] * READERS


async def test_a_silence_ends_the_sleep_of_that_reader_alone() -> None:
    feed = make_feed()
    impatient, patient = Sleeper(0.01), Sleeper(None)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(feed.wait(patient))
        assert not await feed.wait(impatient)
        assert not await feed.wait(impatient)
        assert not waiting.done()
        feed.wake_readers()
    assert waiting.result()
    impatient.close()


async def test_one_who_left_is_not_remembered() -> None:
    feed = make_feed()
    async with asyncio.TaskGroup() as tasks:
        leaving = tasks.create_task(feed.wait(Sleeper(None)))
        await asyncio.sleep(0)
        leaving.cancel()
    assert not feed._asleep
    feed.wake_readers()
