"""Where did an error come from, without what it says of anyone's data?

The message of an error may hold a record's values: the driver's quotes the row, a validator's the
input. A log tells types, places in the code, and what is known to be harmless.
"""

import traceback
from collections.abc import Iterator

# What these say is about code.
_OF_CODE = (AttributeError, ImportError, NameError, NotImplementedError, RecursionError, TypeError)
# What other errors say in words of their own, and never of values.
_DETAILS = ("errno", "sqlstate", "schema_name", "table_name", "column_name", "constraint_name")
_CAUSED = "The above led to:\n"
MAX_CHAIN = 20


def describe(error: BaseException) -> str:
    """Return the error and what led to it, oldest first, as a traceback without messages."""
    return "".join(_lines(error, MAX_CHAIN)).rstrip("\n")


def _lines(error: BaseException, depth: int) -> Iterator[str]:
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None and depth:
        yield from _lines(earlier, depth - 1)
        yield _CAUSED
    yield from traceback.format_tb(error.__traceback__)
    yield f"{_name(error)}{_said(error)}\n"
    for note in getattr(error, "__notes__", ()):
        yield f"{note}\n"
    if isinstance(error, BaseExceptionGroup) and depth:
        for number, part in enumerate(error.exceptions, 1):
            yield f"Part {number} of {len(error.exceptions)}:\n"
            yield from _lines(part, depth - 1)


def _name(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def _said(error: BaseException) -> str:
    if isinstance(error, _OF_CODE):
        return f": {error}"
    details = {name: getattr(error, name, None) for name in _DETAILS}
    told = ", ".join(f"{name}={value}" for name, value in details.items() if value is not None)
    return f" ({told})" if told else ""
