"""What would a plain double loop answer: one call per pair, sums by hand, a sort at the end?"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from rapidfuzz import fuzz
from rapidfuzz.distance import Indel, JaroWinkler

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    MatchingRules,
    MissingPolicy,
    NumericRangeMapping,
    Scorer,
)
from service.domain.documents import FieldValue
from service.matching.columns import text_of, type_documents, type_reference

# A value as compared: its text, its day or amount (NaN for none), and how an identifier looks in
# print ("" for none); None when missing.
Value = tuple[str, float, str]
Typed = Value | None


@dataclass
class Words:
    """The words of each distinct text of a column, and the weights worked out so far."""

    texts: list[frozenset[str]]
    weights: dict[str, float] = field(default_factory=dict)


LOOKALIKES = dict(zip("oilsbgz", "0115862", strict=True))

SCORERS: dict[Scorer, Callable[[str, str], float]] = {
    Scorer.TOKEN_SORT: lambda a, b: fuzz.ratio(a, b) / 100,
    Scorer.RATIO: lambda a, b: fuzz.ratio(a, b) / 100,
    Scorer.TOKEN_SET: lambda a, b: fuzz.token_set_ratio(a, b) / 100,
    Scorer.JARO_WINKLER: JaroWinkler.similarity,
}


def prepare(
    rules: MatchingRules,
    rows: Sequence[Mapping[str, str | None]],
    documents: Sequence[Mapping[str, FieldValue]],
) -> tuple[list[list[Typed]], list[list[Typed]]]:
    """Type rows and documents, one list of values per mapping each."""
    typed_rows, typed_documents = [], []
    for mapping in rules.field_mappings:
        texts = [row[mapping.target] for row in rows]
        present = [text for text in texts if text and _is_there(mapping, text)]
        reading, values = type_reference(mapping, present)
        is_near = reading.holds_identifiers and _allows_near(mapping)
        queue = iter(zip(values.texts.tolist(), values.numbers.tolist(), strict=True))
        column = [next(queue) if _is_there(mapping, text) else None for text in texts]
        typed_rows.append([_type(mapping, value, is_near) for value in column])
        fields: list[Typed] = []
        for document in documents:
            value = document.get(mapping.source)
            if value is None or not _is_there(mapping, text_of(value)):
                fields.append(None)
                continue
            one = type_documents(mapping, reading, [value])
            fields.append(_type(mapping, (one.texts[0], float(one.numbers[0])), is_near))
        typed_documents.append(fields)
    return typed_rows, typed_documents


def search(
    rules: MatchingRules,
    typed: tuple[list[list[Typed]], list[list[Typed]]],
    exclusions: Collection[tuple[int, int]] = (),
) -> list[list[tuple[int, float]]]:
    """Return up to five (row, confidence) per document, best first."""
    rows, documents = typed
    words = [
        Words([frozenset(text.split()) for text in {value[0] for value in column if value}])
        for column in rows
    ]
    answer = []
    for document in range(len(documents[0])):
        fields = [column[document] for column in documents]
        weights = _weights(rules, fields)
        found = []
        for row in range(len(rows[0])):
            total, is_agreeing = 0.0, False
            for place, mapping in enumerate(rules.field_mappings):
                value, reference = fields[place], rows[place][row]
                if value is not None and reference is not None:
                    part = weights[place] * _score(mapping, words[place], value, reference)
                    is_agreeing |= part > 0
                    total += part
                elif value is not None and rules.missing is MissingPolicy.LENIENT:
                    total += weights[place] * 0.25
            if is_agreeing and (document, row) not in exclusions:
                found.append((row, total))
        answer.append(sorted(found, key=lambda pair: (-pair[1], pair[0]))[:5])
    return answer


def _is_there(mapping: FieldMapping, text: str | None) -> bool:
    bare = text.strip() if text else ""
    if isinstance(mapping, FuzzyMapping) and bare.lower() in ("n/a", "#n/a"):
        return False
    signs = " \t\n?._/-–—" if isinstance(mapping, FuzzyMapping) else ""  # noqa: RUF001
    return bool(bare.strip(signs) if signs else bare)


def _allows_near(mapping: FieldMapping) -> bool:
    if not isinstance(mapping, ExactMapping) or mapping.case_sensitive or mapping.verbatim:
        return False
    return mapping.near


def _type(mapping: FieldMapping, value: tuple[str, float] | None, is_near: bool) -> Typed:
    is_window = isinstance(mapping, DateRangeMapping | NumericRangeMapping)
    if value is None or (is_window and math.isnan(value[1])):
        return None
    looks = "".join(LOOKALIKES.get(letter, letter) for letter in value[0]) if is_near else ""
    return *value, looks


def _weights(rules: MatchingRules, fields: list[Typed]) -> list[float]:
    weights = [mapping.weight for mapping in rules.field_mappings]
    if rules.missing is MissingPolicy.ZERO or None not in fields:
        return weights
    present = 0.0
    for weight, value in zip(weights, fields, strict=True):
        present += 0.0 if value is None else weight
    return [weight / max(present, 0.4) for weight in weights]


def score_idf(words: Words, first: str, second: str) -> float:
    """Return the share of both texts' weight that has a similar word on the other side.

    Adds up in the same order as `service.matching.idf`, so that the bits must be equal.
    """
    sides = [sorted(set(text.split())) for text in (first, second)]
    sums = [_cover(words, *sides), _cover(words, *reversed(sides))]
    covered, mass = sums[0][0] + sums[1][0], sums[0][1] + sums[1][1]
    return 2 * covered / (covered + mass) if mass else 0.0


def _cover(words: Words, tokens: list[str], others: list[str]) -> tuple[float, float]:
    covered = mass = 0.0
    for token in tokens:
        weight = _weigh(words, token)
        covered += weight * max((_compare_tokens(token, other) for other in others), default=0.0)
        mass += weight
    return covered, mass


def _compare_tokens(first: str, second: str) -> float:
    similarity = Indel.normalized_similarity(first, second)
    if similarity >= 0.75:
        return similarity
    shorter, longer = sorted((first, second), key=len)
    return 0.75 if len(shorter) >= 3 and longer.startswith(shorter) else 0.0


def _weigh(words: Words, token: str) -> float:
    if token not in words.weights:
        words.weights[token] = _weight_of(words.texts, token)
    return words.weights[token]


def _weight_of(texts: list[frozenset[str]], token: str) -> float:
    count = sum(token in text for text in texts)
    if not count:
        # A word that no text has is as rare as the rarest that one has.
        counts = [sum(known in text for text in texts) for known in frozenset().union(*texts)]
        count = min(filter(None, counts), default=0)
    return math.log(1 + len(texts) / count) if count else 0.0


def _score(
    mapping: FieldMapping,
    words: Words,
    document: Value,
    reference: Value,
) -> float:
    match mapping:
        case FuzzyMapping(scorer=Scorer.IDF):
            similarity = score_idf(words, document[0], reference[0])
            return similarity if similarity >= mapping.min_score else 0.0
        case FuzzyMapping():
            similarity = SCORERS[mapping.scorer](document[0], reference[0])
            return similarity if similarity >= mapping.min_score else 0.0
        case ExactMapping():
            return _score_exact(document, reference)
        case DateRangeMapping():
            return _fall(abs(document[1] - reference[1]), mapping.tolerance_days, mapping.flat)
        case NumericRangeMapping():
            tolerance = mapping.tolerance_absolute
            if tolerance is None:
                tolerance = abs(reference[1]) * (mapping.tolerance_percent / 100)
            return _fall(abs(document[1] - reference[1]), tolerance, mapping.flat)
        case _:
            assert_never(mapping)


def _score_exact(document: Value, reference: Value) -> float:
    if math.isnan(document[1]) or math.isnan(reference[1]):
        is_equal = document[0] == reference[0]
    else:
        is_equal = document[1] == reference[1]
    if is_equal or not document[2]:
        return float(is_equal)
    similarity = Indel.normalized_similarity(document[2], reference[2])
    return 0.9 * min(max((similarity - 0.7) / 0.3, 0.0), 1.0)


def _fall(distance: float, tolerance: float, is_flat: bool) -> float:
    if distance == 0:
        return 1.0
    if tolerance == 0:
        return 0.0
    if is_flat:
        return float(distance <= tolerance)
    return max(1 - distance / (2 * tolerance), 0.0)
