"""How are the rows of an index laid out beside its columns, so that a search passes most over?

Each mapping numbers its distinct values anew: texts by rising length, numbers by size. Rows stand
in the order of the column that a window is most often laid over, so that a window is one stretch.
Names of arrays: `order`, `cells`, and `<place of the mapping>.<member of kernel/types.h>`.
"""

from collections.abc import Sequence
from ctypes import CDLL
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    NumericRangeMapping,
    Scorer,
)
from service.matching.columns import MISSING, Kind, Reading
from service.matching.comparators import credits_near_misses
from service.matching.compiled import (
    MAX_ALPHABET,
    MOST_COMPANIONS,
    SMALL_DICTIONARY,
    address,
    load_kernel,
)
from service.matching.reference_column import ReferenceColumn
from service.matching.text_layout import (
    Arrays,
    code_points,
    distinct_points,
    group,
    lay_out_texts,
    lay_out_tokens,
)
from service.matching.texts import Texts

# A relative window around a number is one stretch of numbers up to half of it; what is wider, and
# what has no bound that costs less than the score itself, is scored for each distinct value.
MOST_RELATIVE_TOLERANCE = 0.45
# With fewer texts, companions cost as much as they spare.
_FEWEST_TEXTS = 1_000
_SAMPLE_SIZE, _SAMPLE_SIZE_OF_MANY, _MANY_ROWS = 64, 256, 50_000


class SearchKind(IntEnum):
    """How the kernel searches a mapping; the values of `enum kind` in kernel/types.h."""

    EXACT = 0
    FUZZY = 1
    WINDOW = 2
    TABLE = 3
    TOKENS = 4


_OF_TEXTS = (SearchKind.EXACT, SearchKind.FUZZY, SearchKind.TOKENS)


def kind_of(mapping: FieldMapping, alphabet: int) -> SearchKind:
    """Tell how a mapping is searched, given the number of characters in its column's texts."""
    match mapping:
        case NumericRangeMapping(tolerance_absolute=None, tolerance_percent=percent):
            is_wide = percent / 100 > MOST_RELATIVE_TOLERANCE
            return SearchKind.TABLE if is_wide else SearchKind.WINDOW
        case NumericRangeMapping() | DateRangeMapping():
            return SearchKind.WINDOW
        case _ if alphabet > MAX_ALPHABET:
            return SearchKind.TABLE
        case ExactMapping():
            return SearchKind.EXACT
        case FuzzyMapping(scorer=Scorer.TOKEN_SORT | Scorer.RATIO):
            return SearchKind.FUZZY
        case FuzzyMapping(scorer=Scorer.IDF):
            return SearchKind.TOKENS
        case _:
            return SearchKind.TABLE


def lay_out(
    mappings: Sequence[FieldMapping], row_count: int, columns: Sequence[ReferenceColumn]
) -> Arrays:
    """Return the arrays that a search needs beside the columns, by name.

    None without a kernel, without rows, and when there are more rows than it can number.
    """
    kernel = load_kernel()
    if kernel is None or not 0 < row_count < np.iinfo(np.int32).max:
        return {}
    laid = [
        _lay_out_values(kernel, mapping, column)
        for mapping, column in zip(mappings, columns, strict=True)
    ]
    codes = [
        _renumber(each.pop("codes_of_values"), column.column.codes)
        for each, column in zip(laid, columns, strict=True)
    ]
    clustered = _choose_cluster(laid)
    grouped = group(kernel, codes[clustered], int(laid[clustered]["distinct"][0]))[1]
    missing = np.flatnonzero(codes[clustered] == MISSING).astype(np.int32)
    order = np.concatenate([grouped, missing])
    cells = np.empty((row_count, len(mappings)), dtype=np.int32)
    arrays: Arrays = {"order": order, "cells": cells}
    rng = np.random.default_rng(0)
    size = min(row_count, _SAMPLE_SIZE if row_count < _MANY_ROWS else _SAMPLE_SIZE_OF_MANY)
    sampled = rng.choice(row_count, size, replace=False)
    ordered = [each[order] for each in codes]
    for place, each in enumerate(laid):
        cells[:, place] = ordered[place]
        each["sample"] = codes[place][sampled]
        each["is_clustered"] = np.array([place == clustered], dtype=np.int64)
        each["starts"], each["rows"] = group(kernel, ordered[place], int(each["distinct"][0]))
    for place, each in enumerate(laid):
        each |= _lay_out_companions(kernel, place, laid, ordered)
        arrays |= {f"{place}.{name}": array for name, array in each.items()}
    return arrays


def _lay_out_companions(
    kernel: CDLL, place: int, laid: Sequence[Arrays], codes: Sequence[NDArray[np.int32]]
) -> Arrays:
    """Note beside each of many texts which values of mappings with few values its rows have.

    `companions` uint64 [companions, distinct]: see kernel/companions.h.
    """
    sizes = {other: int(each["distinct"][0]) for other, each in enumerate(laid)}
    is_text = int(laid[place]["kind"][0]) in _OF_TEXTS
    small = [other for other, size in sizes.items() if 1 < size <= SMALL_DICTIONARY]
    if not is_text or sizes[place] < _FEWEST_TEXTS or not small:
        return {}
    chosen = sorted(small, key=sizes.__getitem__, reverse=True)[:MOST_COMPANIONS]
    groups = np.zeros((len(chosen), sizes[place]), dtype=np.uint64)
    own = codes[place]
    for into, beside in zip(groups, chosen, strict=True):
        kernel.group_beside(
            *(address(own), address(codes[beside]), len(own), sizes[beside], address(into))
        )
    return {"companion_places": np.array(chosen, dtype=np.int64), "companions": groups}


def _lay_out_values(kernel: CDLL, mapping: FieldMapping, column: ReferenceColumn) -> Arrays:
    """Lay out the distinct values; `codes_of_values` numbers them, -1 for those without use."""
    values = column.column.values
    count = len(values.numbers)
    if isinstance(mapping, NumericRangeMapping | DateRangeMapping):
        kind = kind_of(mapping, 0)
        if kind is SearchKind.TABLE:
            return _plain(kind, np.arange(count, dtype=np.int32), count)
        order = np.argsort(values.numbers, kind="stable")
        order = order[: count - np.count_nonzero(np.isnan(values.numbers))]
        numbers = values.numbers[order]
        return _plain(kind, _ranks(order, count), len(order)) | {"numbers": numbers}
    texts = values.texts.tolist()
    points, lengths = code_points(texts, are_prints=compares_prints(mapping, column.reading))
    alphabet = distinct_points(points)
    kind = kind_of(mapping, len(alphabet))
    if kind is SearchKind.TABLE:
        size = np.array([Texts.of(values.texts).offsets[-1]], dtype=np.int64)
        return _plain(kind, np.arange(count, dtype=np.int32), count) | {"bytes": size}
    if kind is SearchKind.TOKENS:
        tokens = lay_out_tokens(kernel, texts, column.reading.token_weights)
        return _plain(kind, np.arange(count, dtype=np.int32), count) | tokens
    laid = lay_out_texts(kernel, points, lengths, alphabet)
    order = laid["by_length"]
    laid |= _plain(kind, _ranks(order, count), count)
    if isinstance(mapping, ExactMapping) and column.reading.kind is not Kind.TEXT:
        numbers = values.numbers[order]
        by_number = np.argsort(numbers, kind="stable")
        laid |= {"by_number": by_number.astype(np.int32), "sorted_numbers": numbers[by_number]}
    return laid


def _plain(kind: SearchKind, codes_of_values: NDArray[np.int32], distinct: int) -> Arrays:
    numbers = {"kind": np.array([kind], np.int64), "distinct": np.array([distinct], np.int64)}
    return numbers | {"codes_of_values": codes_of_values}


def _ranks(order: NDArray[np.integer], count: int) -> NDArray[np.int32]:
    ranks = np.full(count, MISSING, dtype=np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    return ranks


def _renumber(codes_of_values: NDArray[np.int32], codes: NDArray[np.int32]) -> NDArray[np.int32]:
    # One more place: MISSING reads the last one.
    return np.append(codes_of_values, np.int32(MISSING))[codes]


def _choose_cluster(laid: Sequence[Arrays]) -> int:
    """Windows take whole stretches of rows, texts visit them value by value."""

    def preference(place: int) -> tuple[bool, int]:
        each = laid[place]
        size = len(each["numbers"]) if "numbers" in each else len(each.get("offsets", ()))
        return "numbers" in each, size

    return max(range(len(laid)), key=preference)


def compares_prints(mapping: FieldMapping, reading: Reading) -> bool:
    """Tell whether texts are laid out as their prints, which near misses are compared by."""
    return isinstance(mapping, ExactMapping) and credits_near_misses(mapping, reading)
