"""Why does a document match a reference row: which mapping said what, with which weight?"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from service.domain.configs import MatchingRules, evidence_keys
from service.domain.documents import FieldValue
from service.domain.results import FieldEvidence
from service.matching.batch import DocumentBatch
from service.matching.columns import MISSING
from service.matching.comparators import score_pairs
from service.matching.index import ReferenceIndex

SCORE_DIGITS = 4


def explain_pairs(
    index: ReferenceIndex,
    rules: MatchingRules,
    batch: DocumentBatch,
    documents: Sequence[Mapping[str, FieldValue]],
    pairs: tuple[NDArray[np.integer], NDArray[np.integer]],
) -> list[tuple[FieldEvidence, ...]]:
    """Return the evidence of each pair, given as positions of documents and of rows [pairs].

    `documents` are the ones the batch was compiled from. Scores are rounded to SCORE_DIGITS, so
    scores times weights add up to the raw confidence within 5e-5.
    """
    pair_documents, pair_rows = pairs
    scores = [
        _score(index, rules, batch, place, pairs) for place in range(len(rules.field_mappings))
    ]
    keys = evidence_keys(rules.field_mappings)
    return [
        tuple(
            FieldEvidence(
                key=key,
                strategy=mapping.strategy,
                score=round(float(scores[place][pair]), SCORE_DIGITS),
                weight=float(batch.weights[document, place]),
                document_value=documents[document].get(mapping.source),
                reference_value=index.columns[place].raw_value(row),
            )
            for place, (key, mapping) in enumerate(zip(keys, rules.field_mappings, strict=True))
        )
        for pair, (document, row) in enumerate(zip(pair_documents, pair_rows, strict=True))
    ]


def _score(
    index: ReferenceIndex,
    rules: MatchingRules,
    batch: DocumentBatch,
    place: int,
    pairs: tuple[NDArray[np.integer], NDArray[np.integer]],
) -> NDArray[np.float64]:
    """Score the pairs by one mapping; what is missing on either side scores 0."""
    field, reference = batch.columns[place], index.columns[place].column
    document_codes, row_codes = field.codes[pairs[0]], reference.codes[pairs[1]]
    is_there = (document_codes != MISSING) & (row_codes != MISSING)
    scores = np.zeros(len(document_codes))
    scores[is_there] = score_pairs(
        rules.field_mappings[place],
        index.columns[place].reading,
        field.values.take(document_codes[is_there]),
        reference.values.take(row_codes[is_there]),
    )
    return scores
