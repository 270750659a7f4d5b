"""Why does a document match a reference row: which mapping said what, with which weight?"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from service.domain.configs import MatchingRules, evidence_keys
from service.domain.documents import FieldValue
from service.domain.results import FieldEvidence
from service.matching.batch import DocumentBatch
from service.matching.index import ReferenceIndex

SCORE_DIGITS = 4
# Far more than the scores beside it have.
WEIGHT_DIGITS = 6


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
    by_mapping = [
        [
            FieldEvidence(
                mapping.strategy, round(score, SCORE_DIGITS), _round_weight(weight), own, value
            )
            for score, weight, own, value in zip(
                scores[:, place].tolist(),
                batch.weights[pair_documents, place].tolist(),
                [documents[document].get(mapping.source) for document in pair_documents.tolist()],
                index.columns[place].raw_values(pair_rows),
                strict=True,
            )
        ]
        for place, mapping in enumerate(rules.field_mappings)
    ]
    return [dict(zip(keys, fields, strict=True)) for fields in zip(*by_mapping, strict=True)]


@lru_cache
def _round_weight(weight: float) -> float:
    """Round a weight; a run has few of them, and each stands in thousands of results."""
    return round(weight, WEIGHT_DIGITS)
