"""Where does the kernel put the texts that it numbers? In memory of ours, made large enough."""

import ctypes
import os
from collections.abc import Callable
from ctypes import Structure, c_int64, c_void_p
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from service.matching.compiled import address, fill
from service.matching.texts import Texts

# Whoever does not know it cannot choose texts that are slow to tell apart; it changes no answer.
_SEED = int.from_bytes(os.urandom(7), "little")


def function_of(kernel: ctypes.CDLL, name: str, arguments: str) -> Callable[..., int]:
    """Return a function of the kernel; "p" stands for a pointer and "i" for a whole number.

    What a function without a result returns means nothing.
    """
    function = getattr(kernel, name)
    function.restype = c_int64
    function.argtypes = [c_void_p if each == "p" else c_int64 for each in arguments]
    called: Callable[..., int] = function
    return called


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
        fill(pointers, {"blob": self._blob, "offsets": self._offsets, "codes": self._codes})
        pointers.seed = _SEED
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

    def take(self) -> tuple[Texts, NDArray[np.int32]]:
        """Return the texts, without the room that was not needed, and the code of each row."""
        offsets = self._offsets[: self._pointers.count + 1].copy()
        return Texts(self._blob[: offsets[-1]].copy(), offsets), self._codes


def fill_room(kernel: ctypes.CDLL, texts: Texts) -> tuple[NumberingPointers, Room]:
    """Number texts in the kernel's memory; see `number_texts` in kernel/rows.c."""
    function = function_of(kernel, "number_texts", "ppip")
    pointers = NumberingPointers()
    room = Room(pointers, len(texts), is_numbered=True)
    room.extend(int(texts.offsets[-1] - texts.offsets[0]))
    offsets = np.ascontiguousarray(texts.offsets)
    function(address(texts.blob), address(offsets), len(texts), ctypes.addressof(pointers))
    return pointers, room
