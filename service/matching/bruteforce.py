"""Which reference rows score best, by comparing every document with every row?

The plain truth that faster search is held to. A pair's confidence is the float64 sum of used
weight times score, added in mapping order; the same pair gives the same bits in any batch.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.domain.configs import FieldMapping, MatchingRules
from service.domain.results import MAX_CANDIDATES
from service.matching.batch import DocumentBatch, score_of_lacking
from service.matching.columns import MISSING, Column, Reading, Values
from service.matching.comparators import score_grid, score_pairs
from service.matching.index import ReferenceIndex

# Bound on memory: a block is at most this many documents times rows. About five float64 matrices
# of a block live at once, some 80 MB.
MAX_BLOCK_CELLS = 2_000_000
MAX_BLOCK_DOCUMENTS = 64

NO_ROW = -1


@dataclass(frozen=True, slots=True, eq=False)
class TopRows:
    """The best rows of each document, best first, equal scores in reference row order.

    `positions` int64 [documents, MAX_CANDIDATES], NO_ROW where there are fewer candidates;
    `scores` float64 of the same shape, raw confidences, 0 there. A row that has no value with a
    weighted score agrees in nothing and is no candidate. `field_scores` float64 [documents,
    MAX_CANDIDATES, mappings] say what each mapping scores.
    """

    positions: NDArray[np.int64]
    scores: NDArray[np.float64]
    field_scores: NDArray[np.float64]

    @classmethod
    def none(cls, documents: int, mappings: int) -> "TopRows":
        """Return no candidates for each document."""
        shape = documents, MAX_CANDIDATES
        return cls(
            np.full(shape, NO_ROW, dtype=np.int64), np.zeros(shape), np.zeros((*shape, mappings))
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A stretch of a column: the distinct values in it, and `places` [stretch] of each among them.

    MISSING has the last place, -1.
    """

    values: Values
    places: NDArray[np.intp]


def search(
    index: ReferenceIndex,
    rules: MatchingRules,
    batch: DocumentBatch,
    exclusions: Collection[tuple[int, int]],
) -> TopRows:
    """Return the best rows of each document, leaving out pairs (document, row) of positions."""
    top = TopRows.none(batch.document_count, len(rules.field_mappings))
    excluded = np.array(sorted(exclusions), dtype=np.int64).reshape(-1, 2)
    lacking = score_of_lacking(rules)
    rows_at_once = MAX_BLOCK_CELLS // MAX_BLOCK_DOCUMENTS
    for rows in _stretches(index.row_count, rows_at_once):
        references = [_part(column.column, rows) for column in index.columns]
        for documents in _stretches(batch.document_count, MAX_BLOCK_DOCUMENTS):
            confidences = np.zeros((documents.stop - documents.start, rows.stop - rows.start))
            is_agreeing = np.zeros(confidences.shape, dtype=np.bool_)
            for place, mapping in enumerate(rules.field_mappings):
                field = _part(batch.columns[place], documents)
                reading = index.columns[place].reading
                scores = _score_block(mapping, reading, field, references[place], lacking)
                scores *= batch.weights[documents, place, None]
                confidences += scores
                is_agreeing |= (scores > 0) & (references[place].places != MISSING)
            confidences[~is_agreeing] = 0.0
            _leave_out(confidences, excluded, documents, rows)
            for document, scored in enumerate(confidences, start=documents.start):
                _keep_best(top, document, scored, rows.start)
    found = np.nonzero(top.positions != NO_ROW)
    pairs = found[0], top.positions[found]
    for place in range(len(rules.field_mappings)):
        top.field_scores[found[0], found[1], place] = _score_pairs(
            index, rules, batch, place, pairs
        )
    return top


def _stretches(count: int, length: int) -> Iterator[slice]:
    for start in range(0, count, length):
        yield slice(start, min(start + length, count))


def _part(column: Column, stretch: slice) -> _Part:
    codes, places = np.unique(column.codes[stretch], return_inverse=True)
    if codes[0] == MISSING:
        codes, places = codes[1:], places - 1
    return _Part(column.values.take(codes), places)


def _score_block(
    mapping: FieldMapping, reading: Reading, documents: _Part, reference: _Part, lacking: float
) -> NDArray[np.float64]:
    """Score [documents, rows] from the distinct values; what the document lacks scores 0."""
    distinct = score_grid(mapping, reading, documents.values, reference.values)
    padded = np.pad(distinct, ((0, 1), (0, 1)))
    padded[:-1, -1] = lacking
    return padded[documents.places][:, reference.places]


def _leave_out(
    confidences: NDArray[np.float64], excluded: NDArray[np.int64], documents: slice, rows: slice
) -> None:
    """Set excluded pairs of the block to 0: no candidates."""
    document, row = excluded[:, 0] - documents.start, excluded[:, 1] - rows.start
    inside = (document >= 0) & (document < confidences.shape[0])
    inside &= (row >= 0) & (row < confidences.shape[1])
    confidences[document[inside], row[inside]] = 0.0


def _keep_best(top: TopRows, document: int, scored: NDArray[np.float64], first_row: int) -> None:
    """Merge the scores of a stretch of rows into a document's best.

    Stretches come in row order, so among equals those that are there already stand first.
    """
    hits = np.flatnonzero(scored > top.scores[document, -1])
    if hits.size > MAX_CANDIDATES:
        least = np.partition(scored[hits], -MAX_CANDIDATES)[-MAX_CANDIDATES]
        hits = hits[scored[hits] >= least]
    if not hits.size:
        return
    scores = np.concatenate([top.scores[document], scored[hits]])
    positions = np.concatenate([top.positions[document], hits + first_row])
    best = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    top.scores[document], top.positions[document] = scores[best], positions[best]


def _score_pairs(
    index: ReferenceIndex,
    rules: MatchingRules,
    batch: DocumentBatch,
    place: int,
    pairs: tuple[NDArray[np.integer], NDArray[np.integer]],
) -> NDArray[np.float64]:
    """Score pairs of documents and rows by one mapping; what the document lacks scores 0."""
    field, reference = batch.columns[place], index.columns[place]
    document_codes, row_codes = field.codes[pairs[0]], reference.column.codes[pairs[1]]
    is_there = (document_codes != MISSING) & (row_codes != MISSING)
    scores = np.where(document_codes == MISSING, 0.0, score_of_lacking(rules))
    scores[is_there] = score_pairs(
        rules.field_mappings[place],
        reference.reading,
        field.values.take(document_codes[is_there]),
        reference.column.values.take(row_codes[is_there]),
    )
    return scores
