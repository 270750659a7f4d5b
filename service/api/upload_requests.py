"""What does the request of an upload ask for, and in which form does its content come?"""

import codecs
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from starlette.requests import Request

from service.api import multipart
from service.api.limits import JSON_TYPE, check_content_length, check_content_type
from service.api.multipart import MULTIPART_TYPE, Form
from service.api.wire import invalid, listed
from service.domain.errors import Problem, UnsupportedMediaTypeError
from service.domain.identifiers import CLIENT_ID_MAX_LENGTH, DEFAULT_COLLECTION
from service.engine.spool import Spool
from service.ingest import parquet_table
from service.ingest.encodings import Encoding
from service.ingest.instructions import (
    FORMATS_BY_SUFFIX,
    UNREAD_SUFFIXES,
    Instructions,
    UploadFormat,
    UploadTarget,
)

NDJSON_TYPE = "application/x-ndjson"
MAX_NAME_LENGTH = 200
_FORMATS_BY_TYPE: Final = {
    NDJSON_TYPE: UploadFormat.NDJSON,
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": UploadFormat.XLSX,
    "application/vnd.apache.parquet": UploadFormat.PARQUET,
}
_ENCODINGS: Final = {
    "utf-8": Encoding.UTF_8,
    "utf-8-sig": Encoding.UTF_8,
    "ascii": Encoding.UTF_8,
    "utf-16": Encoding.UTF_16,
    "utf-16-le": Encoding.UTF_16_LE,
    "utf-16-be": Encoding.UTF_16_BE,
    "cp1252": Encoding.WINDOWS_1252,
    # What is called so is nearly always the other, which has all of it and quotation marks.
    "iso8859-1": Encoding.WINDOWS_1252,
}
_FILE_PARTS: Final = ("delimiter", "encoding", "sheet")
_ROWS_PARTS: Final = ("id_column", *_FILE_PARTS)
_OPTIONS_OF: Final = {
    "delimiter": (UploadFormat.CSV,),
    "encoding": (UploadFormat.CSV,),
    "sheet": (UploadFormat.XLSX,),
}
# What a client may write for a tab, which is hard to type.
_DELIMITER_NAMES: Final = {"\\t": "\t", "tab": "\t"}
# How much of a file's name an error shows.
_SHOWN_NAME = 80
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
    file_format = _file_format(form)
    _check_options(form, file_format, problems)
    instructions = Instructions(
        target=UploadTarget.REFERENCE_DATA,
        format=file_format,
        file_name=form.filename[:_SHOWN_NAME] or None,
        id_column=form.fields.get("id_column") or None,
        delimiter=_delimiter(form, problems),
        encoding=_encoding(form, problems),
        sheet=form.fields.get("sheet") or None,
    )
    if problems:
        raise invalid(tuple(problems))
    return instructions


async def document_form(request: Request, spool: Spool) -> Instructions:
    """Read the form of an upload of documents."""
    known = ("id_column", "filename_column", "collection", *_FILE_PARTS)
    form = await multipart.read(request, spool, known)
    problems: list[Problem] = []
    collection = form.fields.get("collection", DEFAULT_COLLECTION)
    if not 1 <= len(collection) <= CLIENT_ID_MAX_LENGTH:
        message = f"`collection` must have 1 to {CLIENT_ID_MAX_LENGTH} characters."
        problems.append(Problem("invalid_value", message, "/collection"))
    file_format = _file_format(form)
    _check_options(form, file_format, problems)
    instructions = Instructions(
        target=UploadTarget.DOCUMENTS,
        format=file_format,
        file_name=form.filename[:_SHOWN_NAME] or None,
        id_column=form.fields.get("id_column") or None,
        filename_column=form.fields.get("filename_column") or None,
        collection=collection,
        delimiter=_delimiter(form, problems),
        encoding=_encoding(form, problems),
        sheet=form.fields.get("sheet") or None,
    )
    if problems:
        raise invalid(tuple(problems))
    return instructions


def _file_format(form: Form) -> UploadFormat:
    suffix = PurePath(form.filename).suffix.lower()
    if suffix in UNREAD_SUFFIXES:
        raise UnsupportedMediaTypeError(
            f"Files like {form.filename[:80]} are not read here; send CSV, XLSX, NDJSON or Parquet."
        )
    found = FORMATS_BY_SUFFIX.get(suffix) or _FORMATS_BY_TYPE.get(form.file_type)
    if found is UploadFormat.PARQUET and not parquet_table.is_available():
        raise UnsupportedMediaTypeError(
            "This installation does not read Parquet: send CSV, or have pyarrow installed with it."
        )
    return found or UploadFormat.CSV


def _encoding(form: Form, problems: list[Problem]) -> Encoding | None:
    given = form.fields.get("encoding")
    if not given:
        return None
    try:
        found = _ENCODINGS.get(codecs.lookup(given).name)
    except (LookupError, ValueError):
        found = None
    if found is None:
        known = listed([each.value for each in Encoding])
        message = f"The encoding {given[:80]!r} is not read here; known are {known}."
        problems.append(Problem("invalid_value", message, "/encoding"))
    return found


def _check_options(form: Form, file_format: UploadFormat, problems: list[Problem]) -> None:
    """Note options that say nothing of a file of this format, or what it cannot be."""
    given = {name for name, value in form.fields.items() if value}
    for name, formats in _OPTIONS_OF.items():
        if name in given and file_format not in formats:
            # NDJSON is UTF-8 by definition: to say so is no mistake.
            if name == "encoding" and _ENCODINGS.get(form.fields[name].lower()) is Encoding.UTF_8:
                continue
            message = f"`{name}` says nothing of {file_format.value.upper()} files: leave it out."
            problems.append(Problem("invalid_value", message, f"/{name}"))


def _delimiter(form: Form, problems: list[Problem]) -> str | None:
    given = form.fields.get("delimiter")
    if not given:
        # An empty one is kept, so that it can be told from none where one is needed.
        return given
    delimiter = _DELIMITER_NAMES.get(given, given)
    if len(delimiter) != 1 or delimiter in _NO_DELIMITERS:
        message = "`delimiter` must be one character, and no quotation mark or line end."
        problems.append(Problem("invalid_value", message, "/delimiter"))
    return delimiter
