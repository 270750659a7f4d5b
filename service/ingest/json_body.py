"""What does a JSON request body say that carries rows or documents in a list?"""

from dataclasses import dataclass
from typing import BinaryIO

from service.ingest.instructions import Instructions
from service.ingest.json_values import (
    BYTE_ORDER_MARK,
    BadJsonError,
    JsonValue,
    WrittenNumber,
    decode,
    text_fault,
)
from service.ingest.limits import MAX_JSON_DOCUMENTS, MAX_NAME_CHARACTERS
from service.ingest.problems import Problems, escape_pointer

_REFERENCE_KEYS = ("name", "data", "id_column")
_ROWS_KEYS = ("data", "id_column")
_DOCUMENT_KEYS = ("documents",)


@dataclass(frozen=True, slots=True)
class ReferenceBody:
    """The rows of a body and what stands beside them."""

    rows: list[JsonValue]
    name: str | None
    id_column: str | None


def reference_data(file: BinaryIO, instructions: Instructions, problems: Problems) -> ReferenceBody:
    """Read `{name, data, id_column?}`, without `name` where none is needed.

    Raises UnreadableError when it is anything else.
    """
    keys = _REFERENCE_KEYS if instructions.needs_name else _ROWS_KEYS
    body = _read(file, keys, problems)
    name = _text(body, "name", problems)
    if name is not None:
        check_name(name, problems)
    elif "name" not in body and instructions.needs_name:
        problems.add("missing", "A `name` is needed.", pointer="/name")
    id_column = instructions.id_column
    if "id_column" in body:
        id_column = _text(body, "id_column", problems)
    rows = _list(body, "data", problems)
    return ReferenceBody(rows, name, id_column)


def documents(file: BinaryIO, problems: Problems) -> list[JsonValue]:
    """Read `{documents}`; raises UnreadableError when it is anything else."""
    body = _read(file, _DOCUMENT_KEYS, problems)
    rows = _list(body, "documents", problems)
    if len(rows) > MAX_JSON_DOCUMENTS:
        message = (
            f"There are {len(rows):,} documents; a JSON body may have {MAX_JSON_DOCUMENTS:,}: "
            "send NDJSON, which has no such limit."
        )
        raise problems.stop("too_many_documents", message, pointer="/documents")
    return rows


def check_name(name: str, problems: Problems) -> None:
    """Note a name that is blank, too long or cannot be stored."""
    fault = text_fault(name)
    if not name.strip() or len(name) > MAX_NAME_CHARACTERS:
        fault = f"must have 1 to {MAX_NAME_CHARACTERS} characters"
    if fault:
        problems.add("bad_name", f"The `name` {fault}.", pointer="/name")


def _read(file: BinaryIO, keys: tuple[str, ...], problems: Problems) -> dict[str, JsonValue]:
    try:
        text = file.read().decode().removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError:
        raise problems.stop("bad_text", "The body is not valid UTF-8.", pointer="") from None
    try:
        body = decode(text)
    except BadJsonError as error:
        raise problems.stop("bad_json", f"The body {error}", pointer="") from error
    if not isinstance(body, dict):
        raise problems.stop("not_an_object", "The body is not a JSON object.", pointer="")
    for key in body:
        if key not in keys:
            message = f"There is no key {key[:80]!r}; the keys are {', '.join(keys)}."
            problems.add("unknown_key", message, pointer=_pointer(key))
    return body


def _pointer(key: str) -> str:
    return "/" + escape_pointer(key[:80].encode(errors="backslashreplace").decode())


def _text(body: dict[str, JsonValue], key: str, problems: Problems) -> str | None:
    value = body.get(key)
    if isinstance(value, str) and not isinstance(value, WrittenNumber):
        return value
    if value is not None or (key == "name" and key in body):
        problems.add("bad_type", f"`{key}` must be a string.", pointer=f"/{key}")
    return None


def _list(body: dict[str, JsonValue], key: str, problems: Problems) -> list[JsonValue]:
    value = body.get(key)
    if not isinstance(value, list):
        message = f"`{key}` must be a list of objects."
        raise problems.stop("bad_type", message, pointer=f"/{key}")
    return value
