"""How are many scores rounded at once, each to what Python's `round` makes of it?"""

import numpy as np
from numpy.typing import NDArray

# A number this close to the middle of two units, in units, is left to `round`, which sees all of
# its bits. Products of scores in [0, 1] with the units of up to ten digits are off by less.
_NEAR_MIDDLE = 1e-5


def round_to_units(numbers: NDArray[np.float64], digits: int) -> NDArray[np.int64]:
    """Round numbers in [0, 1] to `digits` (up to 10) decimal places, counted in units of them."""
    scaled = numbers * 10**digits
    units: NDArray[np.float64] = np.rint(scaled)
    for place in np.flatnonzero(abs(abs(scaled - units) - 0.5) < _NEAR_MIDDLE).tolist():
        units[place] = round(round(float(numbers[place]), digits) * 10**digits)
    return units.astype(np.int64)
