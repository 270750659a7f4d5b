"""What do all values of a column read as?

The answer is an annotation: a type is named only when every value has one plain form of it, and
`string` otherwise. Memory does not grow with the number of values.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import zip_longest

from service.domain.reference import ColumnType

# A block of values is joined with NUL, which no value contains, and matched as a whole.
_END = "\0"
_DAY = "(?:0?[1-9]|[12][0-9]|3[01])"
_FORMS: dict[ColumnType, str] = {
    # A leading zero or more than 15 digits mean an identifier, not a quantity.
    ColumnType.INTEGER: "-?(?:0|[1-9][0-9]{0,14})",
    # An exponent needs a decimal point or a sign: 12E5 is more often an article number.
    ColumnType.NUMBER: (
        "-?(?![0-9.]{17})(?:0|[1-9][0-9]*)"
        r"(?:(?<![0-9]{16})|\.[0-9]+(?:[eE][+-]?[0-9]{1,3})?|[eE][+-][0-9]{1,3})"
    ),
    ColumnType.DATE: (
        "[0-9]{4}-[01][0-9]-[0-3][0-9](?:[T ][0-9:.]{4,15}(?:Z|[+-][0-9:]{4,6})?)?"
        f"|{_DAY}([./-]){_DAY}\\1[0-9]{{4}}"
    ),
    ColumnType.BOOLEAN: "[Tt]rue|[Ff]alse|TRUE|FALSE",
}
_BLOCKS = {kind: re.compile(f"(?:(?:{form})?{_END})*+") for kind, form in _FORMS.items()}
_ALL = tuple(_FORMS)


class ColumnTypes:
    """The types that the columns of one table can still have."""

    def __init__(self) -> None:
        """Start with no column."""
        self._open: list[tuple[ColumnType, ...]] = []
        self._has_values: list[bool] = []

    def feed(self, rows: Iterable[Sequence[str | None]]) -> None:
        """Look at some more rows; a row that ends early has no value in the later columns."""
        for place, column in enumerate(zip_longest(*rows)):
            if place == len(self._open):
                self._open.append(_ALL)
                self._has_values.append(False)
            if self._open[place]:
                self._narrow(place, set(column))

    def _narrow(self, place: int, values: set[str | None]) -> None:
        values -= {None, ""}
        if not values:
            return
        self._has_values[place] = True
        block = _END.join(filter(None, values)) + _END
        self._open[place] = tuple(
            kind
            for kind in self._open[place]
            if _BLOCKS[kind].fullmatch(block)
            and (kind is not ColumnType.DATE or all(map(_is_date, filter(None, values))))
        )

    def result(self, columns: int) -> tuple[ColumnType, ...]:
        """Return the type of each of the first `columns` columns, in order."""
        self._open += [()] * (columns - len(self._open))
        self._has_values += [False] * (columns - len(self._has_values))
        return tuple(
            kinds[0] if kinds and seen else ColumnType.STRING
            for kinds, seen in zip(self._open, self._has_values, strict=True)
        )

    def has_values(self, columns: int) -> tuple[bool, ...]:
        """Tell which of the first `columns` columns have any value."""
        return (*self._has_values, *[False] * columns)[:columns]


def _is_date(value: str) -> bool:
    """Tell whether an ISO form is in the calendar; other forms have no agreed order to check."""
    if value[4:5] != "-":
        return True
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return False
    return True
