"""Why does a document match a reference row: which mapping said what, with which weight?

The evidence is written as the JSON that is stored and goes out: an object for each of the thirty
mappings of a document's five candidates took three times as long as the texts they are put into.
"""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.domain.configs import FieldMapping, MatchingRules, evidence_keys, needs_number
from service.domain.documents import FieldValue
from service.domain.results import Side
from service.matching.batch import DocumentBatch
from service.matching.columns import MISSING, is_unreadable
from service.matching.index import ReferenceIndex
from service.matching.rounding import round_to_units

SCORE_DIGITS = 4
# Far more than the scores beside it have.
WEIGHT_DIGITS = 6

# Of pairs on one side: the codes in the column that was typed, and the values as they came.
_Values: TypeAlias = tuple[NDArray[np.int32], Sequence[FieldValue]]
# By whether a value of the document was unreadable, and one of the row.
_SIDES = {(True, True): Side.BOTH, (True, False): Side.DOCUMENT, (False, True): Side.REFERENCE}

_encoder = msgspec.json.Encoder()


def explain_pairs(
    index: ReferenceIndex,
    rules: MatchingRules,
    batch: DocumentBatch,
    documents: Sequence[Mapping[str, FieldValue]],
    pairs: tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.float64]],
) -> list[bytes]:
    """Return the evidence of pairs: positions of documents and of rows [pairs], and what each
    mapping scores [pairs, mappings].

    Each is the JSON that a `Candidate` carries.
    `documents` are the ones the batch was compiled from. Scores are rounded to SCORE_DIGITS and
    weights to WEIGHT_DIGITS, so scores times weights add up to the raw confidence within 6e-5.
    """
    pair_documents, pair_rows, scores = pairs
    which = pair_documents.tolist()
    texts: list[list[bytes]] = []
    for place, mapping in enumerate(rules.field_mappings):
        column, reference = batch.columns[place], index.columns[place]
        own = [document.get(mapping.source) for document in documents]
        values = reference.raw_values(pair_rows)
        sides: dict[int, Side] = {}
        if needs_number(mapping):
            sides = _find_unreadable(
                (column.codes[pair_documents], [own[document] for document in which]),
                (reference.column.codes[pair_rows], values),
            )
        weighed = _write_weighed(batch.weights[:, place], own)
        texts += (
            _write_scores(scores[:, place]),
            [weighed[document] for document in which],
            _write_marked(values, sides),
        )
    template = _template(rules.field_mappings)
    return [template % parts for parts in zip(*texts, strict=True)]


def _template(mappings: Sequence[FieldMapping]) -> bytes:
    """Return the evidence of a pair with three places for each mapping, filled in by `%`."""
    fields = [
        _encoder.encode(key) + b':{"strategy":' + _encoder.encode(mapping.strategy) + b',"score":'
        for key, mapping in zip(evidence_keys(mappings), mappings, strict=True)
    ]
    return b"{" + b",".join(field.replace(b"%", b"%%") + b"%b%b%b}" for field in fields) + b"}"


def _write_scores(scores: NDArray[np.float64]) -> list[bytes]:
    texts = _score_texts()
    return [texts[unit] for unit in round_to_units(scores, SCORE_DIGITS).tolist()]


@cache
def _score_texts() -> list[bytes]:
    units = 10**SCORE_DIGITS
    return [_encoder.encode(unit / units) for unit in range(units + 1)]


def _write_weighed(weights: NDArray[np.float64], values: Sequence[FieldValue]) -> list[bytes]:
    """Write what stands between a mapping's score and the row's value, for each document."""
    return [
        b'%b,"document_value":%b,"reference_value":' % (_write_weight(weight), value)
        for weight, value in zip(weights.tolist(), _write_values(values), strict=True)
    ]


@lru_cache
def _write_weight(weight: float) -> bytes:
    """Write a weight; a run has few of them, and each stands in thousands of results."""
    return b',"weight":' + _encoder.encode(round(weight, WEIGHT_DIGITS))


def _write_marked(values: Sequence[FieldValue], sides: Mapping[int, Side]) -> list[bytes]:
    """Write the rows' values, with what was unreadable behind them."""
    texts = _write_values(values)
    for pair, side in sides.items():
        texts[pair] += b',"unreadable":' + _encoder.encode(side)
    return texts


def _write_values(values: Sequence[FieldValue]) -> list[bytes]:
    # JSON has no line end inside a value.
    return _encoder.encode_lines(values).split(b"\n")[: len(values)]


def _find_unreadable(documents: _Values, rows: _Values) -> dict[int, Side]:
    """Say by pair where a value was there, but none of the kind that the mapping needs."""
    (codes, values), (row_codes, row_values) = documents, rows
    sides = {}
    for pair in np.flatnonzero((codes == MISSING) | (row_codes == MISSING)).tolist():
        is_of_document = bool(codes[pair] == MISSING) and is_unreadable(values[pair])
        is_of_row = bool(row_codes[pair] == MISSING) and is_unreadable(row_values[pair])
        if is_of_document or is_of_row:
            sides[pair] = _SIDES[is_of_document, is_of_row]
    return sides
