"""How are the rows of an index laid out beside its columns, so that a search passes most over?

Each mapping numbers its distinct values anew: texts by rising length, numbers by size. Rows stand
in the order of the column that a window is most often laid over, so that a window is one stretch.
Names of arrays: `order`, `cells`, and `<place of the mapping>.<member of kernel/types.h>`.
"""

from collections.abc import Sequence
from ctypes import CDLL
from enum import IntEnum
from itertools import chain
from typing import Any

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
from service.matching.compiled import MAX_ALPHABET, SIGNATURE_BITS, address, load_kernel
from service.matching.idf import TokenWeights
from service.matching.normalize import fold_lookalikes
from service.matching.reference_column import ReferenceColumn

Arrays = dict[str, NDArray[Any]]

# A relative window around a number is one stretch of numbers up to half of it; what is wider, and
# what has no bound that costs less than the score itself, is scored for each distinct value.
MOST_RELATIVE_TOLERANCE = 0.45
_SAMPLE_SIZE, _SAMPLE_SIZE_OF_MANY, _MANY_ROWS = 64, 256, 50_000
_TEXTS_COUNTED = 20_000


class SearchKind(IntEnum):
    """How the kernel searches a mapping; the values of `enum kind` in kernel/types.h."""

    EXACT = 0
    FUZZY = 1
    WINDOW = 2
    TABLE = 3
    TOKENS = 4


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
    grouped = _group(kernel, codes[clustered], int(laid[clustered]["distinct"][0]))[1]
    missing = np.flatnonzero(codes[clustered] == MISSING).astype(np.int32)
    order = np.concatenate([grouped, missing])
    cells = np.empty((row_count, len(mappings)), dtype=np.int32)
    arrays: Arrays = {"order": order, "cells": cells}
    rng = np.random.default_rng(0)
    size = min(row_count, _SAMPLE_SIZE if row_count < _MANY_ROWS else _SAMPLE_SIZE_OF_MANY)
    sampled = rng.choice(row_count, size, replace=False)
    for place, each in enumerate(laid):
        cells[:, place] = codes[place][order]
        drawn = codes[place][sampled]
        each["sample"] = drawn[drawn != MISSING]
        each["is_clustered"] = np.array([place == clustered], dtype=np.int64)
        column_cells = np.ascontiguousarray(cells[:, place])
        each["starts"], each["rows"] = _group(kernel, column_cells, int(each["distinct"][0]))
        arrays |= {f"{place}.{name}": array for name, array in each.items()}
    return arrays


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
    alphabet = _distinct_points(points)
    kind = kind_of(mapping, len(alphabet))
    if kind is SearchKind.TABLE:
        return _plain(kind, np.arange(count, dtype=np.int32), count)
    if kind is SearchKind.TOKENS:
        tokens = _lay_out_tokens(kernel, texts, column.reading.token_weights)
        return _plain(kind, np.arange(count, dtype=np.int32), count) | tokens
    laid = _lay_out_texts(kernel, points, lengths, alphabet)
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


def code_points(
    texts: Sequence[str], *, are_prints: bool = False
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the code points of all texts, one after another, and how many each has."""
    joined = "".join(texts)
    if are_prints:
        joined = fold_lookalikes(joined)
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    return points, lengths


def _distinct_points(points: NDArray[np.uint32]) -> NDArray[np.uint32]:
    is_there = np.zeros(int(points.max(initial=0)) + 1, dtype=np.bool_)
    is_there[points] = True
    return np.flatnonzero(is_there).astype(np.uint32)


def symbols_of(points: NDArray[np.uint32], alphabet: NDArray[np.uint32]) -> NDArray[np.uint16]:
    """Number characters by their place in the alphabet from 1; 0 for one that is not in it."""
    if not len(alphabet):
        return np.zeros(len(points), dtype=np.uint16)
    places = np.minimum(np.searchsorted(alphabet, points), len(alphabet) - 1)
    return np.where(alphabet[places] == points, places + 1, 0).astype(np.uint16)


def offsets_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each of the texts begins, and where the last one ends."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _lay_out_texts(
    kernel: CDLL,
    points: NDArray[np.uint32],
    lengths: NDArray[np.int64],
    alphabet: NDArray[np.uint32],
) -> Arrays:
    table = np.zeros(int(alphabet[-1]) + 1 if len(alphabet) else 1, dtype=np.uint16)
    table[alphabet] = np.arange(1, len(alphabet) + 1)
    longest = int(lengths.max(initial=0))
    length_starts, by_length = _group(kernel, lengths.astype(np.int32), longest + 1)
    unordered, unordered_offsets = table[points], offsets_of(lengths)
    kernel.sort_texts(
        *(address(unordered), address(unordered_offsets), longest),
        *(address(length_starts), address(by_length)),
    )
    offsets, symbols = offsets_of(lengths[by_length]), np.empty_like(unordered)
    kernel.take_texts(
        *(address(unordered), address(unordered_offsets), address(by_length), len(by_length)),
        *(address(offsets), address(symbols)),
    )
    bit_starts = _share_bits(symbols, offsets, len(alphabet))
    count = len(lengths)
    signatures = np.empty((count, SIGNATURE_BITS // 64), dtype=np.uint64)
    size = 1 << (2 * count).bit_length()
    hashed = np.full(size, MISSING, dtype=np.int32)
    kernel.sign_texts(
        address(symbols), address(offsets), count, address(bit_starts), address(signatures)
    )
    shared = np.empty(count, dtype=np.uint8)
    kernel.count_shared(address(symbols), address(offsets), count, address(shared))
    kernel.hash_texts(address(symbols), address(offsets), count, address(hashed), size)
    return {
        "by_length": by_length,
        "offsets": offsets,
        "symbols": symbols,
        "alphabet_points": alphabet,
        "bit_starts": bit_starts,
        "signatures": signatures,
        "hashed": hashed,
        "length_starts": length_starts,
        "shared": shared,
    }


def _lay_out_tokens(kernel: CDLL, texts: Sequence[str], weights: TokenWeights) -> Arrays:
    """Lay out the tokens of texts and the texts of tokens; `words.` is the vocabulary as texts."""
    vocabulary = list(weights.by_token)
    place_of = {token: place for place, token in enumerate(vocabulary)}
    lengths = np.array([text.count(" ") + 1 for text in texts], dtype=np.int64)
    split = chain.from_iterable(map(str.split, texts))
    tokens = np.fromiter(map(place_of.__getitem__, split), np.int32)
    masses = np.array([weights.by_token[token] for token in vocabulary], dtype=np.float64)
    owners = np.repeat(np.arange(len(texts), dtype=np.int32), lengths)
    text_masses = np.zeros(len(texts))
    # In the order of the tokens, as the definition adds them.
    np.add.at(text_masses, owners, masses[tokens])
    counts = np.bincount(tokens, minlength=len(vocabulary))
    points, word_lengths = code_points(vocabulary)
    words = _lay_out_texts(kernel, points, word_lengths, _distinct_points(points))
    laid: Arrays = {
        "masses": masses,
        "tokens": tokens,
        "token_starts": offsets_of(lengths).astype(np.int32),
        "texts": owners[np.argsort(tokens, kind="stable")],
        "text_starts": offsets_of(counts).astype(np.int32),
        "text_masses": text_masses,
        "vocabulary": np.array([len(vocabulary)], dtype=np.int64),
    }
    return laid | {f"words.{name}": array for name, array in words.items()}


def _share_bits(
    symbols: NDArray[np.uint16], offsets: NDArray[np.int64], alphabet: int
) -> NDArray[np.uint8]:
    """Give each symbol bits for its first occurrences, most to those that tell texts apart.

    A bit tells most when half of the texts have it. Returns uint8 [alphabet + 2]: the bits of
    symbol s are those from [s] up to [s + 1].
    """
    count = len(offsets) - 1
    step = max(1, count // _TEXTS_COUNTED)
    texts = np.arange(0, count, step)
    lengths = np.diff(offsets)[texts]
    entries = np.repeat(offsets[texts] - offsets_of(lengths)[:-1], lengths)
    entries += np.arange(len(entries))
    keys = np.repeat(np.arange(len(texts)), lengths) * (alphabet + 1) + symbols[entries]
    pairs, times = np.unique(keys, return_counts=True)
    most = min(int(times.max(initial=1)), SIGNATURE_BITS)
    having = np.zeros((alphabet + 1, most + 1))
    np.add.at(having, (pairs % (alphabet + 1), np.minimum(times, most)), 1)
    # Texts that have a symbol at least so often; a later bit needs the earlier ones.
    share = having[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:] / max(1, len(texts))
    tells = np.maximum.accumulate((share * (1 - share) + share * 1e-6)[:, ::-1], axis=1)[:, ::-1]
    tells[0] = 0
    chosen = np.argsort(-tells, axis=None, kind="stable")[:SIGNATURE_BITS]
    chosen = chosen[tells.ravel()[chosen] > 0]
    bits = np.bincount(chosen // most, minlength=alphabet + 1)
    starts = np.zeros(alphabet + 2, dtype=np.uint8)
    starts[1:] = np.cumsum(bits)
    return starts


def _group(
    kernel: CDLL, codes: NDArray[np.int32], distinct: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Group rows by code: where each code's rows begin, and the rows; without those MISSING."""
    starts = np.empty(distinct + 1, dtype=np.int32)
    rows = np.empty(len(codes), dtype=np.int32)
    kernel.group_rows(address(codes), len(codes), distinct, address(starts), address(rows))
    return starts, rows[: starts[-1]]
