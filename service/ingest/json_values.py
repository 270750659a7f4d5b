"""How is JSON read so that numbers keep their digits and nothing is lost or repeated unseen?"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring
from typing import BinaryIO, TypeAlias, cast

from service.ingest.limits import MAX_NUMBER_CHARACTERS, MAX_ROW_CHARACTERS, MAX_VALUE_CHARACTERS
from service.ingest.problems import Problems

BYTE_ORDER_MARK = "\ufeff"

_SURROGATE = re.compile("[\ud800-\udfff]")
# Far below the smallest double; PostgreSQL would have to write out every zero.
_TINY_EXPONENT = re.compile("[eE]-0*[1-9][0-9]{3}")
_RISKY_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


class WrittenNumber(str):
    """A JSON number as it was written."""

    __slots__ = ()


Scalar: TypeAlias = str | WrittenNumber | bool | None
JsonValue: TypeAlias = "Scalar | list[JsonValue] | dict[str, JsonValue]"


class BadJsonError(Exception):
    """The text is not JSON that we take; the message goes on from "Row 3 "."""


def decode(text: str) -> JsonValue:
    """Return the value; numbers are `WrittenNumber`s. Raises BadJsonError."""
    return _decode(text, _WITH_NUMBERS)


def decode_texts(text: str) -> JsonValue:
    """Return the value; numbers are strings like any other. Raises BadJsonError."""
    return _decode(text, _WITH_TEXTS)


def _decode(text: str, decoder: json.JSONDecoder) -> JsonValue:
    try:
        return cast(JsonValue, decoder.decode(text))
    except json.JSONDecodeError as error:
        message = f"is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        raise BadJsonError(message) from error
    except RecursionError as error:
        raise BadJsonError("is nested too deeply.") from error


def encode_text(text: str) -> str:
    """Write a string as JSON, without escapes that are not needed."""
    return encode_basestring(text)


def encode(value: Scalar) -> str:
    """Write a scalar as JSON, a number with the digits it came with."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, WrittenNumber):
        return str(value)
    return encode_basestring(value)


def fault_of(value: JsonValue) -> str | None:
    """Say what keeps a value from being stored, or None; goes on from "Row 3, column x "."""
    if isinstance(value, list | dict):
        return f"is {'a list' if isinstance(value, list) else 'an object'}, not a single value"
    if isinstance(value, WrittenNumber):
        if len(value) > MAX_NUMBER_CHARACTERS or not math.isfinite(float(value)):
            return "is a number too large to be kept"
        if _TINY_EXPONENT.search(value):
            return "is a number too small to be kept"
        return None
    return text_fault(value) if isinstance(value, str) else None


def text_fault(text: str) -> str | None:
    """Say what keeps a text from being stored, or None."""
    if "\0" in text:
        return "contains a NUL character"
    if not text.isascii() and _SURROGATE.search(text):
        return "contains a lone surrogate, which is no character"
    if len(text) > MAX_VALUE_CHARACTERS:
        return f"is longer than {MAX_VALUE_CHARACTERS:,} characters"
    return None


def may_hide_faults(text: str) -> bool:
    """Tell whether a text of JSON is long or escapes NUL or surrogates: else all can be stored."""
    return len(text) > MAX_VALUE_CHARACTERS or _RISKY_ESCAPE.search(text) is not None


def lines(file: BinaryIO, problems: Problems) -> Iterator[str]:
    """Yield the lines of an NDJSON file that are not blank; one that is not UTF-8 yields "".

    Rows count from 1, blank lines are not counted. Raises UnreadableError behind a line that
    is too long.
    """
    number = 0
    while raw := file.readline(MAX_ROW_CHARACTERS + 1):
        if len(raw) > MAX_ROW_CHARACTERS:
            message = f"Row {number + 1} is longer than {MAX_ROW_CHARACTERS:,} bytes."
            raise problems.stop("row_too_long", message, row=number + 1)
        if raw.isspace():
            continue
        number += 1
        try:
            line = raw.decode()
        except UnicodeDecodeError:
            problems.add("bad_text", f"Row {number} is not valid UTF-8.", row=number)
            line = ""
        yield line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line


def _object(pairs: Sequence[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise BadJsonError(f"names the key {key[:80]!r} more than once.")
            seen.add(key)
    return members


def _refuse_constant(name: str) -> JsonValue:
    raise BadJsonError(f"contains {name}, which is not JSON.")


def _decoder(number: type[str]) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_object,
        parse_float=number,
        parse_int=number,
        parse_constant=_refuse_constant,
    )


_WITH_NUMBERS = _decoder(WrittenNumber)
_WITH_TEXTS = _decoder(str)
