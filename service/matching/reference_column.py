"""What does an index know of one target column?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.matching.columns import MISSING, Column, Reading
from service.matching.texts import Texts


@dataclass(frozen=True, slots=True)
class UnreadableReference:
    """How many values of a target column a mapping could not read, and the first of them."""

    target: str
    count: int
    sample: str


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceColumn:
    """A mapping's target column: typed for comparing, and as it came for the evidence.

    `raw_codes` (int32 [rows]) number the distinct texts in `raw_texts`.
    """

    column: Column
    reading: Reading
    raw_codes: NDArray[np.int32]
    raw_texts: Texts
    unreadable: UnreadableReference | None

    def raw_values(self, rows: NDArray[np.integer]) -> list[str | None]:
        """Return the values of rows as they came."""
        codes = self.raw_codes[rows]
        is_there = codes != MISSING
        values = np.full(len(codes), None, dtype=object)
        values[is_there] = self.raw_texts.take(codes[is_there])
        raw: list[str | None] = values.tolist()
        return raw
