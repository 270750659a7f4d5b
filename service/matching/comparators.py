"""How similar are a document's value and a reference value, by each strategy?

Every score is a float64 in [0, 1]. `score_grid` compares each document value with each reference
value, `score_pairs` the values that stand at the same place; both give the same bits for a pair.
`reading` is the one that both sides were typed by.
"""

from collections.abc import Callable
from typing import assert_never

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process
from rapidfuzz.distance import Indel, JaroWinkler

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    NumericRangeMapping,
    Scorer,
)
from service.matching import idf
from service.matching.columns import Reading, Values
from service.matching.normalize import fold_lookalikes

Scores = NDArray[np.float64]

# Credit for a near miss of an identifier rises from 0 at this similarity to MOST at equal prints.
NEAR_MISS_LEAST_SIMILARITY = 0.7
NEAR_MISS_MOST_CREDIT = 0.9

# The difference of two decimals is off by some of their last bits (1.1 - 1 > .1): `flat` allows it.
_ROUNDING = 4 * np.finfo(np.float64).eps

# rapidfuzz function and the scale of its similarity. Texts of token_sort come with their words
# sorted already, so that its score is plain `ratio`.
_SCORERS: dict[Scorer, tuple[Callable[..., float], float]] = {
    Scorer.TOKEN_SORT: (Indel.normalized_similarity, 1.0),
    Scorer.RATIO: (Indel.normalized_similarity, 1.0),
    Scorer.TOKEN_SET: (fuzz.token_set_ratio, 100.0),
    Scorer.JARO_WINKLER: (JaroWinkler.normalized_similarity, 1.0),
}


def score_grid(
    mapping: FieldMapping, reading: Reading, documents: Values, reference: Values
) -> Scores:
    """Return scores [documents, reference]."""
    match mapping:
        case ExactMapping():
            document_codes, reference_codes = _shared_codes(documents, reference)
            equal = _are_equal(
                (document_codes[:, None], documents.numbers[:, None]),
                (reference_codes[None, :], reference.numbers[None, :]),
            )
            if not credits_near_misses(mapping, reading):
                return equal.astype(np.float64)
            prints = prints_of(documents), prints_of(reference)
            return _near_miss(equal, _text_grid(Scorer.RATIO, *prints))
        case FuzzyMapping():
            texts = documents.texts.tolist(), reference.texts.tolist()
            if mapping.scorer is Scorer.IDF:
                similarity = idf.score_grid(reading.token_weights, *texts)
            else:
                similarity = _text_grid(mapping.scorer, *texts)
            return np.where(similarity < mapping.min_score, 0.0, similarity)
        case DateRangeMapping() | NumericRangeMapping():
            return _score_window(mapping, documents.numbers[:, None], reference.numbers[None, :])
        case _:
            assert_never(mapping)


def score_pairs(
    mapping: FieldMapping, reading: Reading, documents: Values, reference: Values
) -> Scores:
    """Return scores [pairs] of values at the same place."""
    match mapping:
        case ExactMapping():
            document_codes, reference_codes = _shared_codes(documents, reference)
            equal = _are_equal(
                (document_codes, documents.numbers), (reference_codes, reference.numbers)
            )
            if not credits_near_misses(mapping, reading):
                return equal.astype(np.float64)
            prints = prints_of(documents), prints_of(reference)
            return _near_miss(equal, _text_pairs(Scorer.RATIO, *prints))
        case FuzzyMapping():
            texts = documents.texts.tolist(), reference.texts.tolist()
            if mapping.scorer is Scorer.IDF:
                similarity = idf.score_pairs(reading.token_weights, *texts)
            else:
                similarity = _text_pairs(mapping.scorer, *texts)
            return np.where(similarity < mapping.min_score, 0.0, similarity)
        case DateRangeMapping() | NumericRangeMapping():
            return _score_window(mapping, documents.numbers, reference.numbers)
        case _:
            assert_never(mapping)


def credits_near_misses(mapping: ExactMapping, reading: Reading) -> bool:
    """Whether unequal values score by how similar their prints are."""
    is_strict = mapping.case_sensitive or mapping.verbatim
    return mapping.near and not is_strict and reading.holds_identifiers


def prints_of(values: Values) -> list[str]:
    """Return the texts whose similarity tells how near a miss is."""
    return [fold_lookalikes(text) for text in values.texts.tolist()]


def _text_grid(scorer: Scorer, documents: list[str], reference: list[str]) -> Scores:
    function, scale = _SCORERS[scorer]
    similarity: Scores = process.cdist(
        documents,
        reference,
        scorer=function,
        dtype=np.float64,
        workers=1,  # several processes share the machine
    )
    return similarity if scale == 1.0 else similarity / scale


def _text_pairs(scorer: Scorer, documents: list[str], reference: list[str]) -> Scores:
    function, scale = _SCORERS[scorer]
    similarity: Scores = process.cpdist(
        documents,
        reference,
        scorer=function,
        dtype=np.float64,
        workers=1,
    )
    return similarity if scale == 1.0 else similarity / scale


def _shared_codes(
    documents: Values, reference: Values
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the texts of both sides alike, so that equal texts have equal codes."""
    codes: dict[str, int] = {}
    both = [
        np.array([codes.setdefault(text, len(codes)) for text in side.texts], dtype=np.int64)
        for side in (documents, reference)
    ]
    return both[0], both[1]


def _are_equal(
    document: tuple[NDArray[np.int64], Scores], reference: tuple[NDArray[np.int64], Scores]
) -> NDArray[np.bool_]:
    """Compare by number where both sides have one, else by code of the text (broadcasts)."""
    (document_codes, document_numbers), (reference_codes, reference_numbers) = document, reference
    same_text: NDArray[np.bool_] = document_codes == reference_codes
    by_number = ~(np.isnan(document_numbers) | np.isnan(reference_numbers))
    return np.where(by_number, document_numbers == reference_numbers, same_text)


def _near_miss(equal: NDArray[np.bool_], similarity: Scores) -> Scores:
    span = 1 - NEAR_MISS_LEAST_SIMILARITY
    credit = np.clip((similarity - NEAR_MISS_LEAST_SIMILARITY) / span, 0.0, 1.0)
    return np.where(equal, 1.0, NEAR_MISS_MOST_CREDIT * credit)


def _score_window(
    mapping: DateRangeMapping | NumericRangeMapping, document: Scores, reference: Scores
) -> Scores:
    """1 at equality, .5 at the tolerance, 0 at twice that, linear; flat: 1 inside, 0 outside."""
    distance = np.abs(document - reference)
    tolerance = _tolerance(mapping, reference)
    if mapping.flat:
        slack = _ROUNDING * (np.abs(document) + np.abs(reference))
        inside = distance <= tolerance + np.where(tolerance > 0, slack, 0.0)
        return inside.astype(np.float64)
    # Tolerance 0 means equality: a tiny width has the linear fall reach 0 for any difference.
    width = np.maximum(2 * tolerance, np.finfo(np.float64).tiny)
    with np.errstate(over="ignore"):
        return np.clip(1 - distance / width, 0.0, 1.0)


def _tolerance(mapping: DateRangeMapping | NumericRangeMapping, reference: Scores) -> Scores:
    if isinstance(mapping, DateRangeMapping):
        return np.full_like(reference, mapping.tolerance_days)
    if mapping.tolerance_absolute is not None:
        return np.full_like(reference, mapping.tolerance_absolute)
    return np.abs(reference) * (mapping.tolerance_percent / 100)
