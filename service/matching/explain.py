"""Why does a document match a reference row: which mapping said what, with which weight?"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.domain.configs import FieldMapping, MatchingRules, evidence_keys, needs_number
from service.domain.documents import FieldValue
from service.domain.results import FieldEvidence, Side
from service.matching.batch import DocumentBatch
from service.matching.columns import MISSING, is_unreadable
from service.matching.index import ReferenceIndex

SCORE_DIGITS = 4
# Far more than the scores beside it have.
WEIGHT_DIGITS = 6

# Of pairs on one side: the codes in the column that was typed, and the values as they came.
_Values: TypeAlias = tuple[NDArray[np.int32], Sequence[FieldValue]]
# By whether a value of the document was unreadable, and one of the row.
_SIDES = {
    (True, True): Side.BOTH,
    (True, False): Side.DOCUMENT,
    (False, True): Side.REFERENCE,
    (False, False): None,
}


def explain_pairs(
    index: ReferenceIndex,
    rules: MatchingRules,
    batch: DocumentBatch,
    documents: Sequence[Mapping[str, FieldValue]],
    pairs: tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.float64]],
) -> list[dict[str, FieldEvidence]]:
    """Return the evidence of pairs: positions of documents and of rows [pairs], and what each
    mapping scores [pairs, mappings].

    `documents` are the ones the batch was compiled from. Scores are rounded to SCORE_DIGITS and
    weights to WEIGHT_DIGITS, so scores times weights add up to the raw confidence within 6e-5.
    """
    pair_documents, pair_rows, scores = pairs
    keys = evidence_keys(rules.field_mappings)
    by_mapping = []
    for place, mapping in enumerate(rules.field_mappings):
        own = [documents[document].get(mapping.source) for document in pair_documents.tolist()]
        values = index.columns[place].raw_values(pair_rows)
        codes = batch.columns[place].codes[pair_documents]
        row_codes = index.columns[place].column.codes[pair_rows]
        by_mapping.append(
            [
                FieldEvidence(
                    mapping.strategy,
                    round(score, SCORE_DIGITS),
                    _round_weight(weight),
                    own_value,
                    value,
                    unreadable,
                )
                for score, weight, own_value, value, unreadable in zip(
                    scores[:, place].tolist(),
                    batch.weights[pair_documents, place].tolist(),
                    own,
                    values,
                    _find_unreadable(mapping, (codes, own), (row_codes, values)),
                    strict=True,
                )
            ]
        )
    return [dict(zip(keys, fields, strict=True)) for fields in zip(*by_mapping, strict=True)]


def _find_unreadable(
    mapping: FieldMapping, documents: _Values, rows: _Values
) -> Iterable[Side | None]:
    """Say of each pair where a value was there, but none of the kind that the mapping needs."""
    (codes, values), (row_codes, row_values) = documents, rows
    missing = np.flatnonzero((codes == MISSING) | (row_codes == MISSING))
    if not missing.size or not needs_number(mapping):
        return repeat(None, len(values))
    sides: list[Side | None] = [None] * len(values)
    for pair in missing.tolist():
        is_of_document = bool(codes[pair] == MISSING) and is_unreadable(values[pair])
        is_of_row = bool(row_codes[pair] == MISSING) and is_unreadable(row_values[pair])
        sides[pair] = _SIDES[is_of_document, is_of_row]
    return sides


@lru_cache
def _round_weight(weight: float) -> float:
    """Round a weight; a run has few of them, and each stands in thousands of results."""
    return round(weight, WEIGHT_DIGITS)
