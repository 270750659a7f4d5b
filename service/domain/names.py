"""Which known name did somebody mean who wrote another one?"""

import difflib
import heapq
from collections.abc import Collection

# Comparing two names costs up to the cube of their length, and a client may bring both.
MAX_COMPARED = 50
LONGEST_COMPARED = 60
# How alike names are at least: 2 * (characters in common) / (characters in all).
LEAST_ALIKE = 0.6


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that is most like this one, None where none is near.

    Of many known names only the MAX_COMPARED nearest in length are looked at.
    """
    length = len(name)
    if length > LONGEST_COMPARED:
        return None
    similar = [
        each
        for each in known
        if len(each) <= LONGEST_COMPARED
        and 2 * min(len(each), length) >= LEAST_ALIKE * (len(each) + length)
    ]
    compared = heapq.nsmallest(MAX_COMPARED, similar, key=lambda each: abs(len(each) - length))
    return next(iter(difflib.get_close_matches(name, compared, 1, LEAST_ALIKE)), None)
