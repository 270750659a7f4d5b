"""Does the pace use what is allowed, and never more, whatever happens? In simulated time."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.ai import pacing
from service.ai.buckets import NOTHING_TOLD, Bucket, Limits, Load, Told, ToldLimits
from service.ai.expectation import Expectation
from service.ai.pacing import Pacer, Ticket
from tests.fake_ai.limits import VendorBucket, VendorLimits

LOAD = Load(1_000.0, 200.0)


@dataclass
class Simulation:
    """A client that always has another request, a vendor that counts, and a clock of their own."""

    pacer: Pacer
    limits: VendorLimits
    load: Load = LOAD
    expected: Load = LOAD
    latency: float = 1.0
    storm: Callable[[float], float | None] = lambda _: None
    now: float = 0.0
    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.set_limits(self.limits)
        self._ends: list[tuple[float, int, Ticket]] = []
        self._sent = 0

    def set_limits(self, limits: VendorLimits) -> None:
        self.limits = limits
        self._buckets = (
            VendorBucket("requests", limits.requests, 1.0, limits),
            VendorBucket("input", limits.input_tokens, 0.0, limits),
            VendorBucket("output", limits.output_tokens, 0.0, limits),
        )

    def told(self) -> ToldLimits:
        return ToldLimits(*(Told(bucket.limit, max(bucket.level, 0.0)) for bucket in self._buckets))

    def run(self, until: float) -> None:
        while self.now < until:
            delay = self.pacer.delay(self.expected, self.now)
            end = self._ends[0][0] if self._ends else until
            if self.now + delay <= min(end, until):
                self.now += delay
                self._send()
            elif end <= until and self._ends:
                self.now = max(self.now, end)
                _, _, ticket = heapq.heappop(self._ends)
                self.answered.append(self.now)
                self._buckets[2].take(self.load.output_tokens, self.now)
                self.pacer.settle(ticket, self.load, self.told(), self.now)
            else:
                self.now = until

    def _send(self) -> None:
        ticket = self.pacer.take(self.expected, self.now)
        advice = self.storm(self.now)
        amounts = (1.0, self.load.input_tokens, 1.0)
        missing = max(
            bucket.missing_seconds(amount, self.now)
            for bucket, amount in zip(self._buckets, amounts, strict=True)
        )
        if advice is not None or missing > 0:
            self.refused.append(self.now)
            self.pacer.refuse(ticket, advice or missing, self.told(), self.now)
            return
        self._sent += 1
        self._buckets[0].take(1.0, self.now)
        self._buckets[1].take(self.load.input_tokens, self.now)
        heapq.heappush(self._ends, (self.now + self.latency, self._sent, ticket))

    def used(self, begin: float, end: float) -> float:
        count = sum(begin <= at < end for at in self.answered)
        per_minute = 60 / (end - begin) * count
        return max(
            per_minute / self.limits.requests,
            per_minute * self.load.input_tokens / self.limits.input_tokens,
            per_minute * self.load.output_tokens / self.limits.output_tokens,
        )


def pacer(limits: VendorLimits, most: int = 500) -> Pacer:
    known = Limits(limits.requests, limits.input_tokens, limits.output_tokens)
    return Pacer(known, 0.0, most)


REQUESTS = VendorLimits(requests=1_200)
INPUT = VendorLimits(input_tokens=240_000)
OUTPUT = VendorLimits(output_tokens=60_000)


@pytest.mark.parametrize("limits", [REQUESTS, INPUT, OUTPUT])
@pytest.mark.parametrize("latency", [0.05, 1.0, 5.0])
def test_the_limit_that_binds_is_used_and_never_broken(
    limits: VendorLimits, latency: float
) -> None:
    world = Simulation(pacer(limits), limits, latency=latency)
    world.run(90)
    assert world.refused == []
    assert world.used(30, 90) >= 0.95


@pytest.mark.parametrize("expected", [Load(700.0, 300.0), Load(1_600.0, 90.0)])
def test_a_wrong_estimate_is_put_right_by_what_it_really_was(expected: Load) -> None:
    world = Simulation(pacer(INPUT), INPUT, expected=expected, latency=0.2)
    world.run(60)
    assert world.refused == []
    assert world.used(20, 60) >= 0.95


def test_limits_that_are_wider_than_thought_are_learned() -> None:
    world = Simulation(Pacer(Limits(50, 50_000, 10_000), 0.0, 500), REQUESTS)
    world.run(30)
    assert world.refused == []
    assert world.used(15, 30) >= 0.95


def test_limits_that_are_lowered_are_kept_within_seconds() -> None:
    world = Simulation(pacer(REQUESTS), REQUESTS)
    world.run(20)
    world.set_limits(VendorLimits(requests=300))
    world.run(60)
    assert [at for at in world.refused if at > 26] == []
    assert world.used(35, 60) >= 0.9


@pytest.mark.parametrize("advice", [1.0, 3.0])
def test_after_a_storm_the_rate_is_back_within_fifteen_seconds(advice: float) -> None:
    def storm(now: float) -> float | None:
        return advice if 20 <= now < 30 else None

    world = Simulation(pacer(REQUESTS), REQUESTS, storm=storm)
    world.run(60)
    assert all(20 <= at < 30 for at in world.refused)
    # One at a time asks whether it is over, once those that were out have come back.
    assert len([at for at in world.refused if at >= 22]) <= 10
    assert world.used(45, 60) >= 0.9


def test_the_first_request_goes_alone() -> None:
    paced = pacer(REQUESTS)
    ticket = paced.take(LOAD, 0.0)
    assert paced.delay(LOAD, 5.0) == float("inf")
    paced.settle(ticket, LOAD, NOTHING_TOLD, 5.0)
    assert paced.delay(LOAD, 5.0) == 0.0


def test_no_more_are_out_than_the_rate_needs_for_the_latency() -> None:
    paced = pacer(VendorLimits(requests=600))
    paced.settle(paced.take(LOAD, 0.0), LOAD, NOTHING_TOLD, 0.5)
    out = 0
    now = 0.5
    while paced.delay(LOAD, now) < float("inf"):
        now += paced.delay(LOAD, now)
        paced.take(LOAD, now)
        out += 1
    assert out == round(9.8 * 0.5 * pacing.FLIGHT_FACTOR + 0.499) + pacing.FLIGHT_SPARE


def test_a_dropped_request_makes_room() -> None:
    paced = pacer(REQUESTS)
    paced.take(LOAD, 0.0)
    paced.drop()
    assert paced.delay(LOAD, 1.0) == 0.0
    assert paced.in_flight == 0


def test_a_single_failure_does_not_stop_the_others_but_several_in_a_row_do() -> None:
    paced = pacer(REQUESTS)
    paced.settle(paced.take(LOAD, 0.0), LOAD, NOTHING_TOLD, 1.0)
    for _ in range(pacing.FAILURES_TO_PAUSE - 1):
        paced.fail(paced.take(LOAD, 1.0), 1.0)
        assert paced.delay(LOAD, 1.1) < 0.5
    paced.fail(paced.take(LOAD, 1.1), 1.1)
    assert paced.delay(LOAD, 1.1) >= pacing.FIRST_PAUSE_SECONDS
    assert paced.failing_for(11.0) == 10.0


def test_pauses_grow_while_nothing_is_answered_and_are_short_again_after_an_answer() -> None:
    paced = pacer(REQUESTS)
    now, pauses = 0.0, []
    # Some hours of it: whoever comes again and again.
    for _ in range(1_100):
        paced.refuse(paced.take(LOAD, now), None, NOTHING_TOLD, now)
        pauses.append(paced.delay(LOAD, now))
        now += pauses[-1]
    assert pauses[:3] == sorted(pauses[:3])
    assert max(pauses) <= pacing.LONGEST_PAUSE_SECONDS * (1 + pacing.PAUSE_JITTER)
    paced.settle(paced.take(LOAD, now), LOAD, NOTHING_TOLD, now + 1)
    assert paced.failing_for(now + 9) == 0.0
    paced.refuse(paced.take(LOAD, now + 1), None, NOTHING_TOLD, now + 1)
    assert paced.delay(LOAD, now + 1) <= pacing.FIRST_PAUSE_SECONDS * (1 + pacing.PAUSE_JITTER)


def test_requests_that_were_out_together_make_one_pause() -> None:
    paced = pacer(REQUESTS)
    paced.settle(paced.take(LOAD, 0.0), LOAD, NOTHING_TOLD, 1.0)
    tickets = [paced.take(LOAD, 1.0) for _ in range(10)]
    for ticket in tickets:
        paced.refuse(ticket, None, NOTHING_TOLD, 1.1)
    assert paced.delay(LOAD, 1.1) <= pacing.FIRST_PAUSE_SECONDS * (1 + pacing.PAUSE_JITTER)


def test_workers_that_share_an_account_divide_its_limits() -> None:
    first, second = pacer(REQUESTS), pacer(REQUESTS)
    counts = []
    for paced in (first, second):
        paced.divide(2)
        world = Simulation(paced, REQUESTS, latency=0.1)
        world.run(30)
        counts.append(world.used(10, 30))
    assert counts == pytest.approx([0.49, 0.49], abs=0.02)


def test_no_reply_makes_the_next_request_wait_for_more_than_a_minute() -> None:
    paced = pacer(REQUESTS)
    lie = Told(limit=0.001, remaining=0.0)
    told = ToldLimits(lie, lie, lie)
    paced.settle(paced.take(LOAD, 0.0), Load(2.0**31, 2.0**31), told, 0.5)
    assert 0 < paced.delay(LOAD, 0.5) < 62


def test_what_others_use_of_the_account_is_heard_once() -> None:
    bucket = Bucket(60_000, 0.0)
    marks = [bucket.take(300, 0.0), bucket.take(300, 0.0)]
    told = Told(60_000, remaining=0.0)
    for mark in marks:
        bucket.learn(told, mark, 0.0)
    # 380 are thought to remain after both, and 680 after the first: that much is gone.
    assert bucket.delay(1.0, 0.0) == pytest.approx((1 + 300) / bucket.rate)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 3_000)), max_size=60))
def test_a_bucket_never_gives_more_than_its_rate_and_a_burst(
    waits: list[tuple[float, float]],
) -> None:
    bucket = Bucket(6_000, 0.0)
    now = given_out = 0.0
    for wait, amount in waits:
        now += wait
        now += bucket.delay(amount, now)
        bucket.take(amount, now)
        given_out += amount
        # What is larger than a burst is owed by the next one.
        assert given_out <= bucket.rate * (now + 1.0) + max(amount, bucket.rate) + 1e-6


def test_the_first_answers_teach_what_requests_take() -> None:
    expectation = Expectation()
    expectation.learn(1_000, 10, Load(250.0, 600.0))
    learned = expectation.of(2_000, 20)
    assert (learned.input_tokens, learned.output_tokens) == (500.0, 1_200.0)
    for _ in range(50):
        expectation.learn(1_000, 10, Load(300.0, 500.0))
    assert expectation.of(1_000, 10).input_tokens == pytest.approx(300.0, rel=0.01)
