"""Is the rate of a run that of the last seconds, from the first ones on, and after a silence?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.engine.rates import WINDOW_SECONDS, Rate

STEP_SECONDS = 0.25

Commits = list[tuple[float, int]]
commits = st.lists(st.tuples(st.floats(0.01, 30), st.integers(1, 5_000)), min_size=1, max_size=60)


def followed(steps: Commits, begun: float = 100.0) -> tuple[Rate, float]:
    """Count so much after so many seconds, again and again; return the rate and the time."""
    rate, now = Rate(), begun
    rate.begin(now)
    for seconds, done in steps:
        now += seconds
        rate.count(done, now)
    return rate, now


def test_there_is_no_rate_before_anything_was_done() -> None:
    rate = Rate()
    assert rate.per_second(1.0) is None
    rate.begin(1.0)
    assert rate.per_second(2.0) is None


@pytest.mark.parametrize("count", [1, 2, 39, 41, 1_000])
def test_a_steady_pace_is_the_rate_from_the_first_commit_on(count: int) -> None:
    rate, now = followed([(STEP_SECONDS, 100)] * count)
    assert rate.per_second(now) == 400.0


@pytest.mark.parametrize(("before", "after"), [(1_000, 10), (10, 1_000)])
def test_a_change_of_pace_is_the_rate_after_the_window(before: int, after: int) -> None:
    steps = int(WINDOW_SECONDS / STEP_SECONDS)
    rate, now = followed([(STEP_SECONDS, before)] * 400 + [(STEP_SECONDS, after)] * steps)
    assert rate.per_second(now) == after / STEP_SECONDS


def test_in_silence_the_rate_falls_but_not_to_nothing() -> None:
    rate, now = followed([(STEP_SECONDS, 100)] * 8)
    told = [rate.per_second(now + seconds) or 0.0 for seconds in (0, 4, 8, 60)]
    assert told == sorted(told, reverse=True)
    assert told[0] == 400.0
    assert told[-1] > 0


def test_a_commit_that_takes_longer_than_the_window_still_has_a_rate() -> None:
    rate, now = followed([(3 * WINDOW_SECONDS, 600)] * 3)
    assert rate.per_second(now) == 20.0


@given(commits)
def test_the_rate_lies_between_the_slowest_and_the_fastest_step(steps: Commits) -> None:
    rate, now = followed(steps)
    paces = [done / seconds for seconds, done in steps]
    found = rate.per_second(now)
    assert found is not None
    assert min(paces) - 0.06 <= found <= max(paces) + 0.06


@given(commits)
def test_what_is_kept_does_not_grow_with_the_run(steps: Commits) -> None:
    rate, now = followed(steps)
    kept = list(rate._marks)
    assert all(at > now - WINDOW_SECONDS for at, _ in kept[2:])
