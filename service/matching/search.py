"""Which reference rows score best, without comparing every document with every row?

The answer of `bruteforce.search`, bit by bit: the kernel passes over what provably cannot enter.
Documents that it cannot take (a text of extreme length) or that brute force would search faster,
and indexes without a layout, go the plain way.
"""

from collections.abc import Collection
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from service.domain.configs import MatchingRules
from service.matching import bruteforce
from service.matching.batch import DocumentBatch
from service.matching.bruteforce import TopRows
from service.matching.columns import MISSING, Column
from service.matching.compiled import LEFT_TO_BRUTE_FORCE, LONGEST_TEXT, load_kernel
from service.matching.index import ReferenceIndex
from service.matching.layout import SearchKind
from service.matching.searcher import Searcher

_searchers: WeakKeyDictionary[ReferenceIndex, Searcher] = WeakKeyDictionary()


def search(
    index: ReferenceIndex,
    rules: MatchingRules,
    batch: DocumentBatch,
    exclusions: Collection[tuple[int, int]],
) -> TopRows:
    """Return the best rows of each document, leaving out pairs (document, row) of positions."""
    kernel = load_kernel()
    if kernel is None or not index.layout:
        return bruteforce.search(index, rules, batch, exclusions)
    searcher = _searchers.get(index)
    if searcher is None:
        searcher = _searchers[index] = Searcher(kernel, index)
    top = TopRows.none(batch.document_count, len(rules.field_mappings))
    is_long = _find_long(searcher.kinds, batch)
    for which in searcher.blocks(batch, np.flatnonzero(~is_long)):
        _put(top, which, searcher.search(rules, *_take(batch, exclusions, which)))
    is_left = is_long | (top.positions[:, 0] == LEFT_TO_BRUTE_FORCE)
    if is_left.any():
        which = np.flatnonzero(is_left)
        _put(top, which, bruteforce.search(index, rules, *_take(batch, exclusions, which)))
    return top


def _put(top: TopRows, which: NDArray[np.intp], found: TopRows) -> None:
    top.positions[which], top.scores[which] = found.positions, found.scores
    top.field_scores[which] = found.field_scores


def _find_long(kinds: list[SearchKind], batch: DocumentBatch) -> NDArray[np.bool_]:
    """Tell which documents have a text that the kernel does not take."""
    is_long = np.zeros(batch.document_count, dtype=np.bool_)
    for kind, column in zip(kinds, batch.columns, strict=True):
        if kind in (SearchKind.EXACT, SearchKind.FUZZY, SearchKind.TOKENS):
            long = np.array([len(text) > LONGEST_TEXT for text in column.values.texts] + [False])
            is_long |= long[column.codes]
    return is_long


def _take(
    batch: DocumentBatch, exclusions: Collection[tuple[int, int]], which: NDArray[np.intp]
) -> tuple[DocumentBatch, Collection[tuple[int, int]]]:
    """Keep the documents at the given rising positions, and their exclusions."""
    if len(which) == batch.document_count:
        return batch, exclusions
    columns = []
    for column in batch.columns:
        codes, places = np.unique(column.codes[which], return_inverse=True)
        if len(codes) and codes[0] == MISSING:
            codes, places = codes[1:], places - 1
        columns.append(Column(column.values.take(codes), places.astype(np.int32)))
    place_of = {int(document): place for place, document in enumerate(which)}
    kept = [(place_of[document], row) for document, row in exclusions if document in place_of]
    unreadable = tuple(batch.unreadable[document] for document in which)
    return DocumentBatch(tuple(columns), batch.weights[which], unreadable), kept
