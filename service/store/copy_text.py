"""How is a row written in PostgreSQL's COPY text format?

Format: https://www.postgresql.org/docs/current/sql-copy.html (text), array literals:
https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO. No text may hold NUL, which
PostgreSQL cannot store, or a lone surrogate, which UTF-8 cannot encode: ValueError.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias
from uuid import UUID

CopyValue: TypeAlias = str | int | float | bool | UUID | Sequence[str | None] | None

NULL = "\\N"
_NO_NUL = "PostgreSQL cannot store a text with a NUL character."


def encode_rows(rows: Iterable[Sequence[CopyValue | bytes]]) -> bytes:
    """Return rows as one block, one line each; floats keep every digit.

    Bytes are a text in UTF-8: JSON comes so, and need not be decoded on its way.
    """
    return b"".join(b"\t".join(map(_encode_bytes, row)) + b"\n" for row in rows)


def encode_row(values: Sequence[CopyValue]) -> str:
    """Return one row as a line with its line end; floats keep every digit."""
    return "\t".join(map(encode_value, values)) + "\n"


def _encode_bytes(value: CopyValue | bytes) -> bytes:
    if not isinstance(value, bytes):
        return encode_value(value).encode()
    if b"\0" in value:
        raise ValueError(_NO_NUL)
    return (
        value.replace(b"\\", b"\\\\")
        .replace(b"\t", b"\\t")
        .replace(b"\n", b"\\n")
        .replace(b"\r", b"\\r")
    )


def encode_value(value: CopyValue) -> str:
    """Return one value as the text between two tabs."""
    if value is None:
        return NULL
    if isinstance(value, str):
        return encode_text(value)
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int | UUID):
        return str(value)
    return encode_array(value)


def encode_text(value: str) -> str:
    """Return a text with backslash, tab and line ends escaped."""
    if "\0" in value:
        raise ValueError(_NO_NUL)
    # Four searches of memory are faster than one pass of a regular expression or a table.
    return (
        value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    )


def encode_array(values: Sequence[str | None]) -> str:
    """Return a one-dimensional `text[]`; every element is quoted, None becomes NULL."""
    if not values:
        return "{}"
    if None in values:
        return "{" + ",".join(map(_encode_element, values)) + "}"
    # NUL cannot occur in a value, so it may stand between them while all are escaped at once.
    joined = "\0".join(values)  # type: ignore[arg-type]  # None was looked for above
    if joined.count("\0") != len(values) - 1:
        raise ValueError(_NO_NUL)
    return '{"' + _escape_elements(joined).replace("\0", '","') + '"}'


# Neither can occur in a text that UTF-8 can encode: they part texts that are escaped together.
_BETWEEN_VALUES = "\ud800"
_BETWEEN_ROWS = "\ud801"


def encode_texts(values: Sequence[str]) -> list[str]:
    """Do what `encode_text` does for each of the texts, all at once."""
    if not values:
        return []
    return encode_text(_BETWEEN_ROWS.join(values)).split(_BETWEEN_ROWS)


def encode_arrays(rows: Sequence[Sequence[str | None]]) -> list[str]:
    """Do what `encode_array` does for each of the rows; those without missing values at once."""
    if not rows or not all(rows):
        return list(map(encode_array, rows))
    try:
        joined = _BETWEEN_ROWS.join(map(_BETWEEN_VALUES.join, rows))  # type: ignore[arg-type]
    except TypeError:
        # A value is missing.
        return list(map(encode_array, rows))
    if "\0" in joined:
        raise ValueError(_NO_NUL)
    if joined.count(_BETWEEN_VALUES) != sum(map(len, rows)) - len(rows):
        raise ValueError("UTF-8 cannot encode a lone surrogate.")
    escaped = _escape_elements(joined).replace(_BETWEEN_VALUES, '","')
    return [f'{{"{row}"}}' for row in escaped.split(_BETWEEN_ROWS)]


def _encode_element(value: str | None) -> str:
    if value is None:
        return "NULL"
    if "\0" in value:
        raise ValueError(_NO_NUL)
    return f'"{_escape_elements(value)}"'


def _escape_elements(value: str) -> str:
    # Escaped twice: for the array literal, whose backslashes are then escaped for COPY.
    return (
        value.replace("\\", "\\\\\\\\")
        .replace('"', '\\\\"')
        .replace("\t", "\\t")
        .replace("\n", "\\n")
        .replace("\r", "\\r")
    )
