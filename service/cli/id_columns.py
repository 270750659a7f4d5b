"""Which column tells the rows of a table apart? `ui/static/ids.js` chooses the same."""

import re
from collections.abc import Sequence

from service.cli.suggest import Side

_MEASURE = re.compile(r"\s*([A-Z]{3} ?|(?:[^\w\s]|_)*)-?\d[\d.,' ]*[.,]\d{1,2}\s*([A-Z]{3}|[\W_]*)")
_DAY = re.compile(r"\s*\d{1,4}[./-]\d{1,2}[./-]\d{1,4}")
_MOST = 0.8
# The surest names first.
_NAMES = (
    re.compile(r"(^|[_ -])id$", re.IGNORECASE),
    re.compile(r"(id|number|nummer|nr|no|key|code)$", re.IGNORECASE),
)


def propose(columns: Sequence[Side], row_count: int) -> str | None:
    """Return the column that looks most like an id: named so, never empty, no value twice."""
    unique = [each.name for each in columns if _is_unique(each, row_count)]
    return next((name for form in _NAMES for name in unique if form.search(name)), None)


def _is_unique(column: Side, row_count: int) -> bool:
    values = column.values
    if not column.name or not row_count == len(values) == len(set(values)):
        return False
    measured = [value for value in values if _MEASURE.fullmatch(value) or _DAY.match(value)]
    return len(measured) < _MOST * row_count
