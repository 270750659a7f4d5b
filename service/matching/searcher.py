"""How is an index searched by the kernel? Its arrays are pointed at, and memory is kept for it."""

import ctypes
import weakref
from collections.abc import Collection, Iterator, Mapping
from ctypes import byref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    MatchingRules,
    NumericRangeMapping,
)
from service.matching.batch import DocumentBatch, score_of_lacking
from service.matching.batch_layout import FieldLayout
from service.matching.bruteforce import TopRows
from service.matching.comparators import NEAR_MISS_LEAST_SIMILARITY, NEAR_MISS_MOST_CREDIT
from service.matching.compiled import (
    BatchPointers,
    ColumnPointers,
    FieldPointers,
    IndexPointers,
    address,
    check_memory,
    fill,
)
from service.matching.index import ReferenceIndex
from service.matching.layout import SearchKind
from service.matching.text_layout import offsets_of

# Bound on memory: scores of a block of documents for each distinct value of a column.
MAX_TABLE_CELLS = 2_000_000
_ARRAYS = (
    *("starts", "rows", "numbers", "offsets", "symbols", "signatures", "shared"),
    "length_starts",
    *("bit_starts", "sample", "masses", "token_starts", "tokens", "text_starts", "texts"),
    *("text_masses", "companion_places", "companions"),
)


class Searcher:
    """An index as the kernel takes it, and the memory of the searches that ended."""

    def __init__(self, kernel: ctypes.CDLL, index: ReferenceIndex) -> None:
        """Point at the arrays of the layout, which the index keeps."""
        self._kernel = kernel
        self._layout = index.layout
        self._rows = index.row_count
        self._pointers = (ColumnPointers * len(index.columns))()
        self._fields = []
        for place, (column, pointers) in enumerate(zip(index.columns, self._pointers, strict=True)):
            layout = _part(index.layout, f"{place}.")
            _point(layout, pointers)
            words = ColumnPointers()
            _point(_part(layout, "words."), words)
            self._fields.append(FieldLayout(kernel, column, layout, pointers, words))
        self._spare: list[int] = []
        weakref.finalize(self, _free, kernel, self._spare)

    @property
    def kinds(self) -> list[SearchKind]:
        """How each mapping is searched."""
        return [field.kind for field in self._fields]

    def blocks(self, batch: DocumentBatch, which: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
        """Cut documents so that the tables of a block stay within MAX_TABLE_CELLS."""
        distinct = sum(
            pointers.distinct
            for kind, pointers in zip(self.kinds, self._pointers, strict=True)
            if kind is SearchKind.TABLE
        )
        at_once = max(1, MAX_TABLE_CELLS // distinct) if distinct else max(1, len(which))
        for start in range(0, len(which), at_once):
            yield which[start : start + at_once]

    def search(
        self, rules: MatchingRules, batch: DocumentBatch, exclusions: Collection[tuple[int, int]]
    ) -> TopRows:
        """Search for documents that the kernel takes."""
        mappings = rules.field_mappings
        columns = (ColumnPointers * len(mappings)).from_buffer_copy(self._pointers)
        for mapping, field, pointers in zip(mappings, self._fields, columns, strict=True):
            fill(pointers, _options(mapping, are_prints=field.compares_prints(mapping)))
        index = IndexPointers(rows=self._rows, mappings=len(mappings), columns=columns)
        fill(index, {name: self._layout[name] for name in ("cells", "order")})
        kept: list[NDArray[Any]] = []
        fields = (FieldPointers * len(mappings))()
        for place, mapping in enumerate(mappings):
            members = self._fields[place].lay_out(mapping, batch.columns[place])
            kept.extend(members.values())
            fill(fields[place], members)
            fields[place].values = len(batch.columns[place].values.numbers)
        excluded_starts, excluded = self._exclude(batch.document_count, exclusions)
        weights = np.ascontiguousarray(batch.weights)
        pointers = BatchPointers(documents=batch.document_count, fields=fields)
        fill(pointers, {"weights": weights, "excluded": excluded})
        fill(pointers, {"excluded_starts": excluded_starts, "lacking": score_of_lacking(rules)})
        top = TopRows.none(batch.document_count, len(mappings))
        self._run(index, pointers, top)
        return top

    def _run(self, index: IndexPointers, batch: BatchPointers, top: TopRows) -> None:
        try:
            workspace = self._spare.pop()
        except IndexError:
            workspace = check_memory(self._kernel.make_workspace(byref(index)))
        try:
            check_memory(self._kernel.search(
                byref(index), byref(batch), workspace, address(top.positions),
                address(top.scores), address(top.field_scores),
            ))  # fmt: skip
        finally:
            self._spare.append(workspace)

    def _exclude(
        self, documents: int, exclusions: Collection[tuple[int, int]]
    ) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        if not exclusions:
            return np.zeros(documents + 1, dtype=np.int64), np.empty(0, dtype=np.int32)
        rows_of = np.empty(self._rows, dtype=np.int32)
        rows_of[self._layout["order"]] = np.arange(self._rows, dtype=np.int32)
        pairs = np.array(sorted(exclusions), dtype=np.int64)
        lengths = np.bincount(pairs[:, 0], minlength=documents).astype(np.int64)
        return offsets_of(lengths), rows_of[pairs[:, 1]]


def _part(layout: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {
        name.removeprefix(prefix): array
        for name, array in layout.items()
        if name.startswith(prefix)
    }


def _point(layout: Mapping[str, NDArray[Any]], pointers: ColumnPointers) -> None:
    fill(pointers, {name: layout[name] for name in _ARRAYS if name in layout})
    for name in ("kind", "distinct", "is_clustered", "vocabulary", "bytes"):
        if name in layout:
            fill(pointers, {name: layout[name][0].item()})
    if "sample" in layout:
        pointers.sample_size = len(layout["sample"])
    if "companions" in layout:
        pointers.companion_count = len(layout["companion_places"])
    if "symbols" in layout:
        pointers.longest = len(layout["length_starts"]) - 2
        pointers.alphabet = len(layout["alphabet_points"])


def _free(kernel: Any, workspaces: list[int]) -> None:
    for workspace in workspaces:
        kernel.free_workspace(workspace)


def _options(mapping: FieldMapping, *, are_prints: bool) -> dict[str, NDArray[Any] | int | float]:
    match mapping:
        case ExactMapping() if are_prints:
            return {"near": NEAR_MISS_MOST_CREDIT, "near_from": NEAR_MISS_LEAST_SIMILARITY}
        case FuzzyMapping(min_score=least):
            return {"least": least}
        case DateRangeMapping(tolerance_days=days, flat=flat):
            return {"tolerance": days, "is_flat": int(flat)}
        case NumericRangeMapping(tolerance_absolute=None, tolerance_percent=percent, flat=flat):
            return {"tolerance": percent / 100, "is_relative": 1, "is_flat": int(flat)}
        case NumericRangeMapping(tolerance_absolute=tolerance, flat=flat):
            return {"tolerance": tolerance or 0.0, "is_flat": int(flat)}
        case _:
            return {}
