"""Which field could compare to which column, and how? A proposal from names, types and values.

A pair's affinity is .55 * likeness of the names + .3 * share of the field's values that the column
has + .25 where both read as dates or both as numbers. The most affine pairs are taken first, each
field and column once.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

NAME_SHARE, VALUE_SHARE, KIND_SHARE = 0.55, 0.3, 0.25
LEAST_AFFINITY = 0.4
# Weights before they are normalised: what tells most counts most.
_WEIGHTS = {"fuzzy": 3.0, "exact": 3.0, "numeric_range": 2.0, "date_range": 1.0}
_CATEGORY_WEIGHT = 0.5
# A column of few different short values (a currency, a country) tells little.
_CATEGORY_VALUES, _CATEGORY_LENGTH = 20, 12
_LONGEST_NAME = 60
# Likeness of names of which one has all words of the other.
_CONTAINED = 0.8

_WORDS = re.compile(r"[^\W_]+")
_DATE = re.compile(r"\s*\d{1,4}[./ -](\d{1,2}|[^\W\d_]{3,9}\.?)[./ ,-]+\d{1,4}(T.*)?\s*|\d{8}")
_NUMBER = re.compile(r"[^\w]*-?[\d.,'\s\u00a0]*\d[\d.,'\s\u00a0]*[^\w]*|[A-Z]{3} ?[\d.,]+")
# With decimals: whole numbers of a text column are rather identifiers.
_AMOUNT = re.compile(r"[^\w]*([A-Z]{3} ?)?-?\d[\d.,'\s]*[.,]\d{1,2}[^\w]*([A-Z]{3})?")
_MOST = 0.8
_KINDS = {"date": _DATE, "number": _NUMBER, "integer": _NUMBER}
_STRATEGIES = {"date": "date_range", "number": "numeric_range", "integer": "numeric_range"}


@dataclass(frozen=True, slots=True)
class Side:
    """A field or a column: its name, its type if known, and some of its values."""

    name: str
    type: str
    values: tuple[str, ...]


def sides(rows: Sequence[Mapping[str, object]], types: Mapping[str, str]) -> list[Side]:
    """Turn sample rows into columns; of a column that `types` does not name the type is text."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [
        Side(
            name,
            types.get(name, "string"),
            tuple(str(row[name]) for row in rows if row.get(name) not in (None, "")),
        )
        for name in names
    ]


def propose(fields: Sequence[Side], columns: Sequence[Side]) -> list[dict[str, object]]:
    """Return mappings in the form of the API, in order of the fields; weights sum to 1."""
    typed = [_typed(column) for column in columns]
    pairs = sorted(
        ((affinity(field, column), field, column) for field in fields for column in typed),
        key=lambda pair: -pair[0],
    )
    taken: dict[str, Side] = {}
    used: set[str] = set()
    for score, field, column in pairs:
        if score >= LEAST_AFFINITY and field.name not in taken and column.name not in used:
            taken[field.name] = column
            used.add(column.name)
    chosen = [(field.name, taken[field.name]) for field in fields if field.name in taken]
    weights = [_weight(column) for _, column in chosen]
    return [
        {
            "source": source,
            "target": column.name,
            "strategy": _strategy(column),
            "weight": round(weight / sum(weights), 2),
        }
        for (source, column), weight in zip(chosen, weights, strict=True)
    ]


def _typed(column: Side) -> Side:
    """Type a column by its values: amounts such as 1.250,00 are stored as text."""
    if column.type != "string" or not column.values:
        return column
    if _share(column.values, _DATE) >= _MOST:
        return replace(column, type="date")
    return replace(column, type="number") if _share(column.values, _AMOUNT) >= _MOST else column


def affinity(field: Side, column: Side) -> float:
    """Say how likely the two mean the same, from 0 to about 1."""
    form = _KINDS.get(column.type)
    same_kind = form is not None and _share(field.values, form) > KIND_SHARE
    if form is not None and field.values and not same_kind:
        return 0.0
    return (
        NAME_SHARE * _name_likeness(field.name, column.name)
        + VALUE_SHARE * _overlap(field.values, column.values)
        + KIND_SHARE * same_kind
    )


def _share(values: Sequence[str], form: re.Pattern[str]) -> float:
    return sum(form.fullmatch(value) is not None for value in values) / max(len(values), 1)


def _name_likeness(one: str, other: str) -> float:
    """Compare names by their words, and letter by letter where few are the same."""
    words, others = (set(_WORDS.findall(name.casefold())) for name in (one, other))
    if words == others:
        return 1.0
    if words and others and (words < others or others < words):
        return _CONTAINED
    shared = len(words & others) / max(len(words | others), 1)
    one, other = one.casefold()[:_LONGEST_NAME], other.casefold()[:_LONGEST_NAME]
    return max(shared, difflib.SequenceMatcher(None, one, other).ratio())


def _overlap(values: Sequence[str], others: Sequence[str]) -> float:
    folded, known = ({value.casefold().strip() for value in side} for side in (values, others))
    return len(folded & known) / max(len(folded), 1)


def _strategy(column: Side) -> str:
    if column.type in _STRATEGIES:
        return _STRATEGIES[column.type]
    return "exact" if _is_category(column) or _is_identifier(column) else "fuzzy"


def _weight(column: Side) -> float:
    return _CATEGORY_WEIGHT if _is_category(column) else _WEIGHTS[_strategy(column)]


def _is_category(column: Side) -> bool:
    """Whether few values come again and again; a short table says nothing about that."""
    distinct = set(column.values)
    is_short = all(len(value) <= _CATEGORY_LENGTH for value in distinct)
    return (
        column.type == "string"
        and is_short
        and len(distinct) <= _CATEGORY_VALUES
        and len(column.values) >= 2 * len(distinct)
    )


def _is_identifier(column: Side) -> bool:
    """Whether most values are one word with a digit in it."""
    marks = [
        any(sign.isdigit() for sign in value) and len(value.split()) == 1 for value in column.values
    ]
    return 2 * sum(marks) > len(marks)
