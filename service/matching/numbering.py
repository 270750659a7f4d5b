"""Which texts does a column have, and which of them stands in each row?"""

import ctypes
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from ctypes import Structure, c_int64, c_void_p
from dataclasses import dataclass
from itertools import count
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from service.matching.columns import MISSING
from service.matching.compiled import address, fill, load_kernel
from service.matching.texts import Texts

# Whoever does not know it cannot choose texts that are slow to tell apart; it changes no answer.
_SEED = int.from_bytes(os.urandom(7), "little")


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
    """Number texts without an object for any of them; see `number_texts` in kernel/rows.c."""
    function = kernel.number_texts
    function.restype, function.argtypes = None, [c_void_p, c_void_p, c_int64, c_void_p]
    pointers = NumberingPointers()
    room = Room(pointers, len(texts), is_numbered=True)
    room.extend(int(texts.offsets[-1] - texts.offsets[0]))
    offsets = np.ascontiguousarray(texts.offsets)
    function(address(texts.blob), address(offsets), len(texts), ctypes.addressof(pointers))
    return room.take()


class NumberingPointers(Structure):
    """`struct numbering` of kernel/rows.c."""

    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("blob", c_void_p),
        ("offsets", c_void_p),
        ("codes", c_void_p),
        ("table", c_void_p),
        ("mask", c_int64),
        ("count", c_int64),
        ("rows", c_int64),
        ("seed", c_int64),
    ]


class Room:
    """The memory in which the kernel numbers the texts of one column."""

    def __init__(self, pointers: NumberingPointers, rows: int, *, is_numbered: bool) -> None:
        """Make room for so many rows; if they are not numbered, all their texts differ."""
        self._pointers = pointers
        self._blob = np.empty(0, dtype=np.uint8)
        self._offsets = np.zeros(rows + 1, dtype=np.int64)
        self._codes = np.empty(rows, dtype=np.int32)
        # `struct slot`s, half of which stay empty.
        self._table = np.zeros(1 << (2 * rows).bit_length() if is_numbered else 0, dtype=np.uint64)
        fill(pointers, {"offsets": self._offsets, "codes": self._codes, "seed": _SEED})
        if is_numbered:
            fill(pointers, {"table": self._table, "mask": len(self._table) - 1})

    def extend(self, size: int) -> None:
        """Let so many bytes of text be added."""
        used = int(self._offsets[self._pointers.count])
        if used + size > len(self._blob):
            blob = np.empty(2 * used + size, dtype=np.uint8)
            blob[:used] = self._blob[:used]
            self._blob = blob
            fill(self._pointers, {"blob": blob})

    def take(self) -> Numbered:
        """Return what was numbered, without the room that was not needed."""
        offsets = self._offsets[: self._pointers.count + 1].copy()
        return Numbered(Texts(self._blob[: offsets[-1]].copy(), offsets), self._codes)
