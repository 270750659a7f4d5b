"""What does a field hold, typed once as arrays that comparators can take?"""

import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    NumericRangeMapping,
    Scorer,
)
from service.domain.documents import FieldValue
from service.matching.bulk_forms import (
    Arrangement,
    normalize_all,
    squash_all,
    squash_all_keeping_case,
)
from service.matching.idf import TokenWeights, weigh_tokens
from service.matching.normalize import squash
from service.matching.parsing_dates import DateReadings, read_dates
from service.matching.parsing_numbers import NumberStyle, bounded, infer_style, read_numbers
from service.matching.texts import Texts

MISSING = -1
# An identifier, not a number, as in the typing of reference columns: a leading zero or more
# digits than a float keeps.
_LEADING_ZERO = re.compile(r"\D*0\d")
_MOST_DIGITS = 15
_PROBED_TEXTS = 100
_SHORT_TEXT = 5
# What tables are filled with where there is no text.
_PLACEHOLDER = re.compile(r"[?._/\s\u2013\u2014-]*|#?n/a", re.IGNORECASE)


class Kind(StrEnum):
    """What a mapping's values are compared as."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a mapping reads its values; settled by the mapping and the reference column alone.

    Documents are read by it too, so a document reads the same whatever others stand beside it.
    """

    kind: Kind
    day_first: bool = True
    number_style: NumberStyle = field(default_factory=NumberStyle)
    token_weights: TokenWeights = field(default_factory=TokenWeights)
    holds_identifiers: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Distinct values in the form a comparator takes: comparison texts [n] and float64 [n].

    The floats are days since 1970-01-01 or amounts, NaN where a value has none; texts are empty
    for the strategies that compare by float alone.
    """

    texts: NDArray[np.object_] | Texts
    numbers: NDArray[np.float64]

    def take(self, which: NDArray[np.integer]) -> "Values":
        """Return the values at the given places, in that order."""
        return Values(self.texts.take(which), self.numbers[which])


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The values of one field over documents or rows: int32 codes [rows] into `values`.

    A code of MISSING stands for a value that is not there or could not be read.
    """

    values: Values
    codes: NDArray[np.int32]


def factorize(keys: Iterable[Hashable]) -> tuple[NDArray[np.int32], list[Hashable]]:
    """Number distinct keys in order of first appearance; None becomes MISSING."""
    numbers: dict[Hashable, int] = {}
    codes = np.fromiter(
        (MISSING if key is None else numbers.setdefault(key, len(numbers)) for key in keys),
        dtype=np.int32,
    )
    return codes, list(numbers)


def text_of(value: FieldValue) -> str | None:
    """Write a JSON scalar as the text a table would hold; None for null and blank text."""
    match value:
        case None:
            return None
        case str():
            return value if value.strip() else None
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def text_for(mapping: FieldMapping, value: FieldValue) -> str | None:
    """Write a JSON scalar as the text that a mapping takes; None when it is missing."""
    text = text_of(value)
    if text is None or (isinstance(mapping, FuzzyMapping) and is_placeholder(text)):
        return None
    return text


def is_placeholder(text: str) -> bool:
    """Whether a text stands for none, as "?" and "n/a" do."""
    return bool(_PLACEHOLDER.fullmatch(text.strip()))


def is_unreadable(value: FieldValue) -> bool:
    """Whether a value that a mapping counts as missing is there: neither blank nor a filler."""
    text = text_of(value)
    return text is not None and not is_placeholder(text)


def type_reference(mapping: FieldMapping, texts: Sequence[str]) -> tuple[Reading, Values]:
    """Type a reference column's distinct, non-blank texts and say how documents are to be read."""
    match mapping:
        case FuzzyMapping():
            return _type_fuzzy(mapping, texts)
        case DateRangeMapping():
            dates = read_dates(texts)
            return _type_dates(mapping, texts, dates, day_first=mapping.day_first)
        case NumericRangeMapping():
            return _type_numbers(mapping, texts)
        case ExactMapping():
            reading, values = _type_exact(mapping, texts)
            is_identifying = _are_identifiers(reading.kind, texts[:_PROBED_TEXTS])
            return replace(reading, holds_identifiers=is_identifying), values
        case _:
            assert_never(mapping)


def type_documents(
    mapping: FieldMapping, reading: Reading, values: Sequence[str | int | float]
) -> Values:
    """Type the distinct values of documents the way the reference column is read."""
    texts = [text_of(value) or "" for value in values]
    if reading.kind is Kind.TEXT:
        return _type_texts(mapping, texts)
    if reading.kind is Kind.DATE:
        days = read_dates(texts).settle(day_first=reading.day_first)
        return Values(_comparison_texts(mapping, texts), days)
    numbers = read_numbers(texts, reading.number_style.three_place_marks)
    for place, value in enumerate(values):
        if isinstance(value, int | float) and not isinstance(value, bool):
            numbers[place] = bounded(value)
    if isinstance(mapping, ExactMapping):
        numbers[[_is_identifier(text) for text in texts]] = np.nan
    return Values(_comparison_texts(mapping, texts), numbers)


def _type_texts(mapping: FieldMapping, texts: Sequence[str]) -> Values:
    return Values(_comparison_texts(mapping, texts), np.full(len(texts), np.nan))


def _type_fuzzy(mapping: FuzzyMapping, texts: Sequence[str]) -> tuple[Reading, Values]:
    values = _type_texts(mapping, texts)
    if mapping.scorer is not Scorer.IDF:
        return Reading(Kind.TEXT), values
    return Reading(Kind.TEXT, token_weights=weigh_tokens(values.texts.tolist())), values


def _type_dates(
    mapping: FieldMapping, texts: Sequence[str], dates: DateReadings, *, day_first: bool
) -> tuple[Reading, Values]:
    evident = dates.evident_order()
    reading = Reading(Kind.DATE, day_first=day_first if evident is None else evident)
    days = dates.settle(day_first=reading.day_first)
    return reading, Values(_comparison_texts(mapping, texts), days)


def _type_numbers(mapping: FieldMapping, texts: Sequence[str]) -> tuple[Reading, Values]:
    style = infer_style(texts)
    numbers = read_numbers(texts, style.own_decimal_marks)
    reading = Reading(Kind.NUMBER, number_style=style)
    return reading, Values(_comparison_texts(mapping, texts), numbers)


def _type_exact(mapping: ExactMapping, texts: Sequence[str]) -> tuple[Reading, Values]:
    """Compare by date or number when every text of the column is one, else as text.

    The first few texts are tried first: they rule out most columns of plain text at once.
    """
    if mapping.verbatim:
        return Reading(Kind.TEXT), _type_texts(mapping, texts)
    few = texts[:_PROBED_TEXTS]
    if few and not np.isnan(read_dates(few).settle(day_first=True)).any():
        reading, values = _type_dates(mapping, texts, read_dates(texts), day_first=True)
        if not np.isnan(values.numbers).any():
            return reading, values
    if few and not np.isnan(read_numbers(few, frozenset())).any():
        reading, values = _type_numbers(mapping, texts)
        if not (np.isnan(values.numbers).any() or any(map(_is_identifier, texts))):
            return reading, values
    return Reading(Kind.TEXT), _type_texts(mapping, texts)


def _are_identifiers(kind: Kind, texts: Sequence[str]) -> bool:
    """Whether most texts have a digit and are not short; numbers must be digits alone, too.

    So orders, phones and tax numbers are identifiers; amounts, years, codes and words are not.
    """
    if kind is Kind.DATE or (kind is Kind.NUMBER and not all(map(str.isdecimal, texts))):
        return False
    squashed = [squash(text) for text in texts]
    found = sum(len(text) >= _SHORT_TEXT and any(map(str.isdecimal, text)) for text in squashed)
    return 2 * found > len(texts)


def _is_identifier(text: str) -> bool:
    return bool(_LEADING_ZERO.match(text)) or sum(map(str.isdecimal, text)) > _MOST_DIGITS


def _comparison_texts(mapping: FieldMapping, texts: Sequence[str]) -> Texts:
    match mapping:
        case FuzzyMapping(scorer=Scorer.TOKEN_SORT):
            return normalize_all(texts, Arrangement.SORTED)
        case FuzzyMapping(scorer=Scorer.IDF):
            return normalize_all(texts, Arrangement.DISTINCT)
        case FuzzyMapping():
            return normalize_all(texts, Arrangement.AS_WRITTEN)
        case ExactMapping(verbatim=True):
            return Texts.of(texts)
        case ExactMapping(case_sensitive=True):
            return squash_all_keeping_case(texts)
        case ExactMapping():
            return squash_all(texts)
        case DateRangeMapping() | NumericRangeMapping():
            return Texts.blank(len(texts))
        case _:
            assert_never(mapping)
