"""How does Python reach the compiled kernel, and what do both sides call the same things?

The structures mirror `kernel/types.h`: 8-byte members alone, in the same order.
"""

import ctypes
import importlib.util
from collections.abc import Mapping
from ctypes import POINTER, Structure, c_double, c_int64, c_void_p
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

SIGNATURE_BITS = 128
# The document's side of a comparison is held in at most 64 machine words.
LONGEST_TEXT = 64 * 64
MAX_ALPHABET = 65_535
# A column of at most so many distinct values is scored whole for each document.
SMALL_DICTIONARY = 256
MOST_COMPANIONS = 2
# Stands for the first position of a document that brute force searches faster.
LEFT_TO_BRUTE_FORCE = -2

EXTENSION = "service.matching._kernel"


class ColumnPointers(Structure):
    """One mapping's reference column."""

    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("kind", c_int64),
        ("distinct", c_int64),
        ("starts", c_void_p),
        ("rows", c_void_p),
        ("numbers", c_void_p),
        ("offsets", c_void_p),
        ("symbols", c_void_p),
        ("signatures", c_void_p),
        ("shared", c_void_p),
        ("length_starts", c_void_p),
        ("longest", c_int64),
        ("alphabet", c_int64),
        ("bit_starts", c_void_p),
        ("sample", c_void_p),
        ("sample_size", c_int64),
        ("masses", c_void_p),
        ("token_starts", c_void_p),
        ("tokens", c_void_p),
        ("text_starts", c_void_p),
        ("texts", c_void_p),
        ("vocabulary", c_int64),
        ("text_masses", c_void_p),
        ("near", c_double),
        ("near_from", c_double),
        ("least", c_double),
        ("tolerance", c_double),
        ("is_relative", c_int64),
        ("is_flat", c_int64),
        ("is_clustered", c_int64),
        ("bytes", c_int64),
        ("companion_places", c_void_p),
        ("companions", c_void_p),
        ("companion_count", c_int64),
    ]


class OriginalPointers(Structure):
    """Texts as they were before they were folded; no places where they were not."""

    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("blob", c_void_p),
        ("offsets", c_void_p),
        ("places", c_void_p),
    ]


class IndexPointers(Structure):
    """The reference rows."""

    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("rows", c_int64),
        ("mappings", c_int64),
        ("columns", POINTER(ColumnPointers)),
        ("cells", c_void_p),
        ("order", c_void_p),
    ]


class FieldPointers(Structure):
    """One mapping's values in a batch of documents."""

    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("codes", c_void_p),
        ("numbers", c_void_p),
        ("offsets", c_void_p),
        ("symbols", c_void_p),
        ("equal_starts", c_void_p),
        ("equal", c_void_p),
        ("table", c_void_p),
        ("token_starts", c_void_p),
        ("tokens", c_void_p),
        ("masses", c_void_p),
        ("partner_starts", c_void_p),
        ("partners", c_void_p),
        ("partner_scores", c_void_p),
        ("values", c_int64),
    ]


class BatchPointers(Structure):
    """A batch of documents."""

    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("documents", c_int64),
        ("fields", POINTER(FieldPointers)),
        ("weights", c_void_p),
        ("excluded_starts", c_void_p),
        ("excluded", c_void_p),
        ("lacking", c_double),
    ]


# Symbols, offsets, and how many texts there are.
_TEXTS = (c_void_p, c_void_p, c_int64)

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "search": (
        c_int64,
        [POINTER(IndexPointers), POINTER(BatchPointers), *[c_void_p] * 4],
    ),
    "make_workspace": (c_void_p, [POINTER(IndexPointers)]),
    "free_workspace": (None, [c_void_p]),
    "group_rows": (None, [c_void_p, c_int64, c_int64, c_void_p, c_void_p]),
    "group_beside": (None, [c_void_p, c_void_p, c_int64, c_int64, c_void_p]),
    "sign_texts": (None, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "sort_texts": (None, [c_void_p, c_void_p, c_int64, c_void_p, c_void_p]),
    "take_texts": (None, [*[c_void_p] * 3, c_int64, *[c_void_p] * 2]),
    "count_shared": (None, [c_void_p, c_void_p, c_int64, c_void_p]),
    "hash_texts": (None, [c_void_p, c_void_p, c_int64, c_void_p, c_int64]),
    "find_similar": (
        c_int64,
        [POINTER(ColumnPointers), c_double, c_int64, *_TEXTS, *[c_void_p] * 3, c_int64],
    ),
    "find_equal": (
        c_int64,
        [POINTER(ColumnPointers), c_void_p, c_int64, *_TEXTS]
        + [POINTER(OriginalPointers)] * 2
        + [c_void_p, c_void_p, c_int64],
    ),
}


@lru_cache
def load_kernel(extension: str = EXTENSION) -> ctypes.CDLL | None:
    """Return the kernel; None where no compiler was at hand when the service was installed."""
    found = importlib.util.find_spec(extension)
    if found is None or found.origin is None:
        return None
    library = ctypes.CDLL(found.origin)
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def check_memory(result: int | None) -> int:
    """Return what a function of the kernel returned, unless that says that memory ran out."""
    if result is None or result < 0:
        raise MemoryError("There is not enough memory to search the reference data.")
    return result


def fill(pointers: Structure, values: Mapping[str, NDArray[Any] | int | float]) -> None:
    """Set members: of arrays the address. The caller keeps the arrays as long as the structure."""
    for name, value in values.items():
        setattr(pointers, name, address(value) if isinstance(value, np.ndarray) else value)


def address(array: NDArray[Any]) -> int:
    """Return where a contiguous array's memory begins."""
    return int(array.__array_interface__["data"][0])
