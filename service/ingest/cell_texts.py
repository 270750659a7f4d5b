"""Which text stands for a value that a file holds as a number, a date or a truth value?"""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

# Beyond this a double no longer tells whole numbers apart.
_LARGEST_WHOLE = 2**53


def write(value: object) -> str | None:
    """Return the text of a value, None where there is none; dates in the forms of ISO 8601.

    Raises TypeError for what is not one single value.
    """
    match value:
        case None:
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float():
            return _number(value)
        case int() | UUID():
            return str(value)
        case Decimal():
            return f"{value:f}"
        case datetime():
            return _moment(value)
        case date() | time():
            return value.isoformat()
        case timedelta():
            return _duration(value)
        case _:
            raise TypeError(f"A value of the type {type(value).__name__} is no single value.")


def _number(value: float) -> str | None:
    """Write a whole number without a point, as it was written into the cell; NaN is no value."""
    if value != value:
        return None
    if value.is_integer() and abs(value) < _LARGEST_WHOLE:
        return str(int(value))
    return repr(value)


def _moment(value: datetime) -> str:
    if value.time() == time() and value.tzinfo is None:
        return value.date().isoformat()
    return value.isoformat()


def _duration(value: timedelta) -> str:
    seconds = round(value.total_seconds())
    hours, rest = divmod(abs(seconds), 3600)
    return f"{'-' if seconds < 0 else ''}{hours}:{rest // 60:02}:{rest % 60:02}"
