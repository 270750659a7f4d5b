"""How are the documents of a batch laid out for the kernel, beside an index's layout?

Member by member of `struct field` in kernel/types.h.
"""

import ctypes
from collections.abc import Mapping, Sequence
from ctypes import byref
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from service.domain.configs import ExactMapping, FieldMapping
from service.matching import idf
from service.matching.columns import Column, Kind, Values
from service.matching.comparators import score_grid
from service.matching.compiled import ColumnPointers, OriginalPointers, address, check_memory, fill
from service.matching.layout import SearchKind, compares_prints
from service.matching.reference_column import ReferenceColumn
from service.matching.text_layout import code_points, offsets_of, symbols_of
from service.matching.texts import Texts

Members = dict[str, NDArray[Any]]


class FieldLayout:
    """One mapping's side of an index, to which documents' values are laid out."""

    def __init__(
        self,
        kernel: ctypes.CDLL,
        reference: ReferenceColumn,
        layout: Mapping[str, NDArray[Any]],
        pointers: ColumnPointers,
        words: ColumnPointers,
    ) -> None:
        """Use the mapping's part of the layout; `words` is its vocabulary, if any."""
        self._kernel = kernel
        self._reference = reference
        self._layout = layout
        self._pointers = pointers
        self._words = words
        self.kind = SearchKind(int(layout["kind"][0]))

    def compares_prints(self, mapping: FieldMapping) -> bool:
        """Tell whether near misses count, by the prints of the texts."""
        return compares_prints(mapping, self._reference.reading)

    def lay_out(self, mapping: FieldMapping, column: Column) -> Members:
        """Lay out one mapping's values of the documents."""
        values = column.values
        members: Members = {"codes": np.ascontiguousarray(column.codes)}
        kind = self.kind
        if kind is SearchKind.WINDOW:
            return members | {"numbers": np.ascontiguousarray(values.numbers)}
        if kind is SearchKind.TABLE:
            reference = self._reference.column.values
            reading = self._reference.reading
            return members | {
                "table": np.ascontiguousarray(score_grid(mapping, reading, values, reference))
            }
        if kind is SearchKind.TOKENS:
            return members | self._tokens(values)
        are_prints = self.compares_prints(mapping)
        texts = values.texts.tolist()
        points, lengths = code_points(texts, are_prints=are_prints)
        offsets = offsets_of(lengths)
        symbols = symbols_of(points, self._layout["alphabet_points"])
        members |= {"symbols": symbols, "offsets": offsets}
        starts, equal = self._find_equal(symbols, offsets, texts if are_prints else None)
        if isinstance(mapping, ExactMapping) and self._reference.reading.kind is not Kind.TEXT:
            starts, equal = self._by_number(values.numbers, starts, equal)
        return members | {"equal_starts": starts, "equal": equal}

    def _tokens(self, values: Values) -> Members:
        """Number the documents' tokens and find the partners of each in the vocabulary."""
        split = [text.split() for text in values.texts]
        distinct = sorted({token for tokens in split for token in tokens})
        place_of = {token: at for at, token in enumerate(distinct)}
        lengths = np.array([len(tokens) for tokens in split], dtype=np.int64)
        starts, similar, scores = self._find_similar(distinct)
        partners = self._layout["words.by_length"][similar].astype(np.int32)
        masses = np.full(len(distinct), self._reference.reading.token_weights.unknown)
        # A token of the column is its own partner, and no other one is as similar.
        is_equal = scores == 1.0
        masses[np.repeat(np.arange(len(distinct)), np.diff(starts))[is_equal]] = self._layout[
            "masses"
        ][partners[is_equal]]
        return {
            "token_starts": offsets_of(lengths),
            "tokens": np.array([place_of[t] for tokens in split for t in tokens], dtype=np.int32),
            "masses": masses,
            "partner_starts": starts,
            "partners": partners,
            "partner_scores": scores,
        }

    def _find_similar(
        self, tokens: list[str]
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
        points, lengths = code_points(tokens)
        offsets = offsets_of(lengths)
        symbols = symbols_of(points, self._layout["words.alphabet_points"])
        starts = np.empty(len(tokens) + 1, dtype=np.int64)
        room = 8 * len(tokens)
        while True:
            partners, scores = np.empty(room, dtype=np.int32), np.empty(room)
            found = check_memory(self._kernel.find_similar(
                byref(self._words), idf.LEAST_SIMILARITY, idf.LEAST_BEGINNING,
                address(symbols), address(offsets), len(tokens), address(starts),
                address(partners), address(scores), room,
            ))  # fmt: skip
            if found <= room:
                return starts, partners[:found], scores[:found]
            room = found

    def _find_equal(
        self,
        symbols: NDArray[np.uint16],
        offsets: NDArray[np.int64],
        originals: Sequence[str] | None,
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Find equal texts; where prints were laid out, those whose `originals` are equal."""
        count = len(offsets) - 1
        hashed = self._layout["hashed"]
        known, own = OriginalPointers(), OriginalPointers()
        kept = Texts.of(originals or ())
        if originals is not None:
            texts = cast(Texts, self._reference.column.values.texts)
            fill(known, {"blob": texts.blob, "offsets": texts.offsets})
            fill(known, {"places": self._layout["by_length"]})
            fill(own, {"blob": kept.blob, "offsets": kept.offsets})
        starts = np.empty(count + 1, dtype=np.int64)
        room = 2 * count
        while True:
            equal = np.empty(room, dtype=np.int32)
            found = self._kernel.find_equal(
                byref(self._pointers), address(hashed), len(hashed), address(symbols),
                address(offsets), count, byref(known), byref(own), address(starts),
                address(equal), room,
            )  # fmt: skip
            if found <= room:
                return starts, equal
            room = found

    def _by_number(
        self,
        numbers: NDArray[np.float64],
        starts: NDArray[np.int64],
        equal: NDArray[np.int32],
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Values that are numbers equal by number, whatever their texts."""
        by_number, known = self._layout["by_number"], self._layout["sorted_numbers"]
        begins, ends = np.searchsorted(known, numbers), np.searchsorted(known, numbers, "right")
        codes = [
            equal[starts[value] : starts[value + 1]]
            if np.isnan(number)
            else np.sort(by_number[begins[value] : ends[value]])
            for value, number in enumerate(numbers)
        ]
        lengths = np.array([len(each) for each in codes], dtype=np.int64)
        return offsets_of(lengths), np.concatenate([*codes, np.empty(0, dtype=np.int32)])
