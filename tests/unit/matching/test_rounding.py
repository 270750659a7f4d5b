"""Are scores rounded all at once what Python's `round` makes of each?"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.matching.rounding import round_to_units

DIGITS = st.integers(0, 10)
SCORES = st.lists(st.floats(0, 1))


@given(SCORES, DIGITS)
def test_scores_are_rounded_one_by_one(scores: list[float], digits: int) -> None:
    assert_rounded(scores, digits)


@given(st.lists(st.integers(0, 10**10 - 1)), DIGITS)
def test_so_are_those_in_the_middle_of_two_units_and_beside_it(
    units: list[int], digits: int
) -> None:
    middles = [(unit % 10**digits + 0.5) / 10**digits for unit in units]
    beside = [float(np.nextafter(middle, to)) for middle in middles for to in (0, 1)]
    assert_rounded(middles + beside, digits)


def assert_rounded(scores: list[float], digits: int) -> None:
    units = round_to_units(np.array(scores, dtype=np.float64), digits)
    assert (units / 10**digits).tolist() == [round(score, digits) for score in scores]
