"""What does the request of an upload ask for, and in which form does its content come?"""

import codecs
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from starlette.requests import Request

from service.api import multipart
from service.api.limits import JSON_TYPE, check_content_length, check_content_type
from service.api.multipart import MULTIPART_TYPE, Form
from service.api.wire import invalid
from service.domain.errors import Problem, UnsupportedMediaTypeError
from service.domain.identifiers import CLIENT_ID_MAX_LENGTH, DEFAULT_COLLECTION
from service.engine.spool import Spool
from service.ingest.instructions import Instructions, UploadFormat, UploadTarget

NDJSON_TYPE = "application/x-ndjson"
MAX_NAME_LENGTH = 200
_NDJSON_SUFFIXES: Final = (".ndjson", ".jsonl")
_UNREAD_SUFFIXES: Final = (".xlsx", ".xls", ".parquet", ".zip", ".gz", ".json")
_ROWS_PARTS: Final = ("id_column", "delimiter", "encoding")
# What a client may write for a tab, which is hard to type.
_DELIMITER_NAMES: Final = {"\\t": "\t", "tab": "\t"}
_NO_DELIMITERS: Final = '"\r\n\0\ufeff'


@dataclass(frozen=True, slots=True)
class FormOptions:
    """What a form says beside its file, checked."""

    instructions: Instructions
    name: str


async def receive(request: Request, spool: Spool, max_bytes: int) -> None:
    """Read a body that is no form into the spool."""
    check_content_length(request, max_bytes)
    async for chunk in request.stream():
        await spool.write(chunk)
    await spool.finish()


def media_type(request: Request, *more: str) -> str:
    """Return how the body comes: as JSON, as a form, or as one of `more`."""
    return check_content_type(request, (JSON_TYPE, MULTIPART_TYPE, *more))


async def reference_form(request: Request, spool: Spool) -> FormOptions:
    """Read the form of an upload of reference data; its name may come from the file's."""
    form = await multipart.read(request, spool, ("name", *_ROWS_PARTS))
    problems: list[Problem] = []
    name = form.fields.get("name", PurePath(form.filename).stem[:MAX_NAME_LENGTH])
    if not name.strip() or len(name) > MAX_NAME_LENGTH:
        message = f"`name` must have 1 to {MAX_NAME_LENGTH} characters."
        problems.append(Problem("invalid_value", message, "/name"))
    return FormOptions(_read_rows_form(form, problems), name)


async def rows_form(request: Request, spool: Spool) -> Instructions:
    """Read the form of an upload of rows for reference data that is there."""
    return _read_rows_form(await multipart.read(request, spool, _ROWS_PARTS), [])


def _read_rows_form(form: Form, problems: list[Problem]) -> Instructions:
    _check_encoding(form, problems)
    instructions = Instructions(
        target=UploadTarget.REFERENCE_DATA,
        format=_file_format(form),
        id_column=form.fields.get("id_column") or None,
        delimiter=_delimiter(form, problems),
    )
    if problems:
        raise invalid(tuple(problems))
    return instructions


async def document_form(request: Request, spool: Spool) -> Instructions:
    """Read the form of an upload of documents."""
    known = ("id_column", "filename_column", "collection", "delimiter", "encoding")
    form = await multipart.read(request, spool, known)
    problems: list[Problem] = []
    collection = form.fields.get("collection", DEFAULT_COLLECTION)
    if not 1 <= len(collection) <= CLIENT_ID_MAX_LENGTH:
        message = f"`collection` must have 1 to {CLIENT_ID_MAX_LENGTH} characters."
        problems.append(Problem("invalid_value", message, "/collection"))
    _check_encoding(form, problems)
    instructions = Instructions(
        target=UploadTarget.DOCUMENTS,
        format=_file_format(form),
        id_column=form.fields.get("id_column") or None,
        filename_column=form.fields.get("filename_column") or None,
        collection=collection,
        delimiter=_delimiter(form, problems),
    )
    if problems:
        raise invalid(tuple(problems))
    return instructions


def _file_format(form: Form) -> UploadFormat:
    suffix = PurePath(form.filename).suffix.lower()
    if suffix in _UNREAD_SUFFIXES:
        raise UnsupportedMediaTypeError(
            f"Files like {form.filename[:80]} are not read here; send CSV or NDJSON."
        )
    if suffix in _NDJSON_SUFFIXES or form.file_type == NDJSON_TYPE:
        return UploadFormat.NDJSON
    return UploadFormat.CSV


def _check_encoding(form: Form, problems: list[Problem]) -> None:
    encoding = form.fields.get("encoding") or "utf-8"
    try:
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        name = ""
    if name not in {"utf-8", "utf-8-sig", "ascii"}:
        message = f"The encoding {encoding[:80]!r} is not read here; send UTF-8."
        problems.append(Problem("invalid_value", message, "/encoding"))


def _delimiter(form: Form, problems: list[Problem]) -> str | None:
    given = form.fields.get("delimiter")
    if not given:
        return None
    delimiter = _DELIMITER_NAMES.get(given, given)
    if len(delimiter) != 1 or delimiter in _NO_DELIMITERS:
        message = "`delimiter` must be one character, and no quotation mark or line end."
        problems.append(Problem("invalid_value", message, "/delimiter"))
    return delimiter
