"""Which field could compare to which column, and how? A proposal from names, types and values.

A pair's affinity is .55 * likeness of the names + .6 * share of the field's values that the column
has + .25 where both read as dates or both as numbers. The most affine pairs are taken first, each
field and column once. `ui/static/suggest.js` does the same, value by value.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from service.cli import likeness

NAME_SHARE, VALUE_SHARE, KIND_SHARE = 0.55, 0.6, 0.25
LEAST_AFFINITY = 0.4
# A column of ids whose values the other side has, so many of a column's, names the same things.
SHARED_IDS = 0.1
# Weights before they are normalised: what tells most counts most.
_WEIGHTS = {"fuzzy": 3.0, "exact": 3.0, "numeric_range": 2.0, "date_range": 1.0}
_CATEGORY_WEIGHT = 0.5
# A column of few different short values (a currency, a country) tells little.
_CATEGORY_VALUES, _CATEGORY_LENGTH = 20, 12

# An id that belongs to one thing: with a letter, or long.
_TELLING = re.compile(r"[^\W\d_]|\d{5}")
_DATE = re.compile(r"\s*(\d{1,4}[./ -](\d{1,2}|[^\W\d_]{3,9}\.?)[./ ,-]+\d{1,4}.*|\d{8})\s*")
_NUMBER = re.compile(r"[\W_]*([A-Z]{3} ?)?-?[\d.,'\s]*\d[\d.,'\s]*[\W_]*([A-Z]{3})?")
# With decimals: whole numbers of a text column are rather identifiers.
_AMOUNT = re.compile(r"[\W_]*([A-Z]{3} ?)?-?\d[\d.,'\s]*[.,]\d{1,2}[\W_]*([A-Z]{3})?")
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


def propose_for(
    fields: Sequence[Side], columns: Sequence[Side], document_id: str | None, row_id: str | None
) -> list[dict[str, object]]:
    """Propose where a side's column of ids is left alone, unless the other side has its values."""
    return propose(
        [each for each in fields if each.name != document_id or _is_shared(each, columns)],
        [each for each in columns if each.name != row_id or _is_shared(each, fields)],
    )


def _is_shared(ids: Side, others: Sequence[Side]) -> bool:
    """Whether others name things by these ids; 1, 2, 3 are everywhere, and say nothing."""
    if 2 * sum(_TELLING.search(value) is not None for value in ids.values) < len(ids.values):
        return False
    return any(likeness.of_ids(ids.values, other.values) >= SHARED_IDS for other in others)


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
    """Say how likely the two mean the same, from 0 to 1.4."""
    form = _KINDS.get(column.type)
    same_kind = form is not None and _share(field.values, form) > KIND_SHARE
    if form is not None and field.values and not same_kind:
        return 0.0
    are_numbers = _STRATEGIES.get(column.type) == "numeric_range"
    return (
        NAME_SHARE * likeness.of_names(field.name, column.name)
        + VALUE_SHARE * likeness.of_values(field.values, column.values, are_numbers=are_numbers)
        + KIND_SHARE * same_kind
    )


def _share(values: Sequence[str], form: re.Pattern[str]) -> float:
    return sum(form.fullmatch(value) is not None for value in values) / max(len(values), 1)


def _strategy(column: Side) -> str:
    if column.type in _STRATEGIES and not likeness.names_codes(column.name):
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
