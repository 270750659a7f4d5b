"""Which texts does a column have, and which of them stands in each row?"""

import ctypes
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from service.matching.columns import MISSING
from service.matching.compiled import load_kernel
from service.matching.kernel_room import fill_room
from service.matching.texts import Texts


@dataclass(frozen=True, slots=True, eq=False)
class Numbered:
    """Texts in order of first appearance, and which one each row has: int32 [rows] or MISSING."""

    texts: Texts
    codes: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Row ids in order of position, and the columns that were asked for, by name."""

    row_ids: Texts
    columns: Mapping[str, Numbered]


def number(values: Iterable[str | None]) -> Numbered:
    """Number the distinct texts of a column; None is MISSING."""
    numbers: defaultdict[str | None, int] = defaultdict(count().__next__)
    numbers[None] = MISSING
    codes = np.fromiter(map(numbers.__getitem__, values), dtype=np.int32)
    del numbers[None]
    return Numbered(Texts.of(text for text in numbers if text is not None), codes)


def number_texts(texts: Texts) -> Numbered:
    """Number the distinct ones of some texts; by the kernel where there is one."""
    kernel = load_kernel()
    return number(texts) if kernel is None else number_by_kernel(kernel, texts)


def number_by_kernel(kernel: ctypes.CDLL, texts: Texts) -> Numbered:
    """Number texts without an object for any of them."""
    _, room = fill_room(kernel, texts)
    return Numbered(*room.take())
