"""What does a request's body have to be like before anyone looks at what it says?"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
from starlette.requests import Request

from service.domain.errors import (
    InvalidInputError,
    PayloadTooLargeError,
    Problem,
    UnsupportedMediaTypeError,
)
from service.domain.representation import Json

JSON_TYPE = "application/json"
MEBIBYTE = 1024 * 1024

# More than these are no help to anyone, nor are longer ways to them, all together.
MAX_PROBLEMS = 100
MAX_POINTER_CHARACTERS = 65_536
MAX_SHOWN = 80

# Where the body's last text has one half and too little behind it for the decoder to see that the
# other half is not there: neither the begin of an escape, nor the end of the body.
_LAST_HALF_OF_PAIR = re.compile(
    rb"(?<!\\)(?:\\\\)*(\\u[dD][89abAB][0-9a-fA-F]{2})(?!\\u|\\?\Z)[\s\S]{1,5}\Z"
)
# A key or a list index below a container; None is the body itself.
_Place: TypeAlias = "tuple[_Place, str | int] | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most bytes that a request body may have, by its kind."""

    json_bytes: int = MEBIBYTE
    rows_json_bytes: int = 8 * MEBIBYTE
    upload_bytes: int = 4 * 1024 * MEBIBYTE


async def read_json(request: Request, max_bytes: int) -> Json:
    """Read the body as strict JSON.

    Raises UnsupportedMediaTypeError, PayloadTooLargeError or InvalidInputError.
    """
    check_content_type(request, (JSON_TYPE,))
    return decode_json(await read_body(request, max_bytes))


async def read_optional_json(request: Request, max_bytes: int) -> Json:
    """Read the body as strict JSON where there is one; an empty body reads as an empty object."""
    body = await read_body(request, max_bytes)
    if not body:
        return {}
    check_content_type(request, (JSON_TYPE,))
    return decode_json(body)


def check_content_type(request: Request, allowed: tuple[str, ...]) -> str:
    """Return which of the `allowed` media types the body has.

    Raises UnsupportedMediaTypeError, which lists them, also for a charset other than UTF-8.
    """
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise UnsupportedMediaTypeError(
            f"The body is sent with Content-Encoding {encoding}; send it as it is."
        )
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    media_type = media_type.strip().lower()
    if media_type not in allowed:
        given = f"{media_type} is" if media_type else "No Content-Type is given, which is"
        raise UnsupportedMediaTypeError(f"{given} not read here; send {' or '.join(allowed)}.")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters, re.IGNORECASE)
    if charset and charset[1].lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaTypeError(f"The charset {charset[1]} is not read here; send UTF-8.")
    return media_type


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Read the whole body; raises PayloadTooLargeError beyond `max_bytes`."""
    check_content_length(request, max_bytes)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large(max_bytes)
    return bytes(body)


def check_content_length(request: Request, max_bytes: int) -> None:
    """Refuse a body that says itself that it is too large, before any of it is read."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise too_large(max_bytes)


def too_large(max_bytes: int) -> PayloadTooLargeError:
    """Name the limit that a body broke."""
    return PayloadTooLargeError(f"The body is larger than the {max_bytes:,} bytes read here.")


def decode_json(body: bytes) -> Json:
    """Decode strict JSON; raises InvalidInputError that says what is wrong and where.

    NaN and Infinity, numbers beyond a double, invalid UTF-8, lone surrogates, NUL characters
    and a nesting beyond the decoder's are refused: no store or client could give them back. So
    are repeated keys, of which readers elsewhere may take another one than we do.
    """
    try:
        value: Json = msgspec.json.decode(body)
    except UnicodeDecodeError as error:
        raise _not_json("a text in it is not valid UTF-8", None) from error
    except RecursionError as error:
        raise _not_json("it is nested too deeply", None) from error
    except msgspec.DecodeError as error:
        raise _explain(body, str(error)) from error
    if b"\\u0000" in body:
        _refuse_nul(value)
    if b"{" in body:
        _refuse_repeated_keys(body)
    return value


def _explain(body: bytes, complaint: str) -> InvalidInputError:
    if not body.strip():
        return _not_json("it is empty", None)
    if body.startswith(b"\xef\xbb\xbf"):
        return _not_json("it starts with a byte order mark; leave it out", 0)
    found = re.search(r"\(byte (\d+)\)$", complaint)
    position = int(found[1]) if found else None
    rest = body[position:] if position is not None else b""
    if rest.lstrip(b"-").startswith((b"NaN", b"Infinity")):
        return _not_json("NaN and Infinity are no JSON numbers; send null", position)
    if "surrogate" in complaint:
        return _not_json("a text in it has half a surrogate pair", position)
    if "truncated" in complaint:
        half = _LAST_HALF_OF_PAIR.search(body)
        if half is not None:
            return _not_json("a text in it has half a surrogate pair", half.start(1))
        return _not_json("it ends too early", len(body))
    reason = re.sub(r"^JSON is malformed: | \(byte \d+\)$| - at `.*`$", "", complaint)
    if position is not None and reason == "trailing characters":
        # Counted from behind the first of them.
        position -= 1
    return _not_json(reason[:1].lower() + reason[1:], position)


def _not_json(reason: str, position: int | None) -> InvalidInputError:
    where = "" if position is None else f" (byte {position})"
    message = f"The body cannot be read as JSON: {reason}{where}."
    return InvalidInputError(message, (Problem("invalid_json", message, pointer=""),))


def _refuse_nul(value: Json) -> None:
    """Raise InvalidInputError that points at the first texts with a NUL character."""
    problems: list[Problem] = []
    characters = 0
    for place, message in _nul_characters(value):
        pointer = _pointer(place)
        characters += len(pointer)
        if problems and (len(problems) == MAX_PROBLEMS or characters > MAX_POINTER_CHARACTERS):
            break
        problems.append(Problem("nul_character", message, pointer))
    if problems:
        raise InvalidInputError("The body has NUL characters.", tuple(problems))


def _nul_characters(value: Json) -> Iterator[tuple[_Place, str]]:
    """Find them in the order of the body; a pointer per value would take far more than the body."""
    pending: list[tuple[_Place, Json]] = [(None, value)]
    while pending:
        place, item = pending.pop()
        if isinstance(item, str) and "\0" in item:
            yield place, "A text must not have NUL characters."
        elif isinstance(item, list):
            parts = [((place, index), part) for index, part in enumerate(item)]
            pending.extend(reversed(parts))
        elif isinstance(item, dict):
            if any("\0" in key for key in item):
                yield place, "A key must not have NUL characters."
            pending.extend(reversed([((place, key), part) for key, part in item.items()]))


def _refuse_repeated_keys(body: bytes) -> None:
    """Raise InvalidInputError that points at the first repeated keys."""
    has_repeats = False

    def keep(pairs: list[tuple[str, Json]]) -> tuple[tuple[str, Json], ...]:
        nonlocal has_repeats
        has_repeats = has_repeats or len({name for name, _ in pairs}) < len(pairs)
        return tuple(pairs)

    # What the numbers are does not matter here.
    decoder = json.JSONDecoder(object_pairs_hook=keep, parse_int=len, parse_float=len)
    try:
        value = decoder.decode(body.decode())
    except RecursionError as error:
        raise _not_json("it is nested too deeply", None) from error
    if not has_repeats:
        return
    problems: list[Problem] = []
    characters = 0
    for place, name in _repeated_keys(value):
        message = f"The key `{name[:MAX_SHOWN]}` is given more than once."
        pointer = _pointer((place, name))
        characters += len(pointer)
        if problems and (len(problems) == MAX_PROBLEMS or characters > MAX_POINTER_CHARACTERS):
            break
        problems.append(Problem("duplicate_key", message, pointer))
    raise InvalidInputError(problems[0].message, tuple(problems))


def _repeated_keys(value: object) -> Iterator[tuple[_Place, str]]:
    """Find them in the order of the body, in which objects are tuples of pairs."""
    pending: list[tuple[_Place, object]] = [(None, value)]
    while pending:
        place, item = pending.pop()
        parts: list[tuple[_Place, object]] = []
        if isinstance(item, list):
            parts = [((place, index), part) for index, part in enumerate(item)]
        elif isinstance(item, tuple):
            seen: Counter[str] = Counter()
            for name, part in item:
                seen[name] += 1
                if seen[name] == 2:
                    yield place, name
                parts.append(((place, name), part))
        pending.extend(reversed(parts))


def _pointer(place: _Place) -> str:
    steps = []
    while place is not None:
        place, step = place
        steps.append(pointer_to("", step))
    return "".join(reversed(steps))


def pointer_to(parent: str, key: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of a member of what `parent` points at."""
    return f"{parent}/{str(key).replace('~', '~0').replace('/', '~1')}"
