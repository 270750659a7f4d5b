"""What does a form with one file say, and where do the file's bytes go while it comes in?"""

from collections.abc import Collection
from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from service.api.wire import did_you_mean, invalid, shown
from service.domain.errors import InvalidInputError, Problem
from service.engine.spool import Spool

MULTIPART_TYPE = "multipart/form-data"
FILE = "file"
MAX_FIELD_BYTES = 10_000
MAX_HEADER_BYTES = 4_000
MAX_HEADERS = 8


@dataclass(slots=True)
class Form:
    """The text fields of a form, and what it says of its file; an empty field is as none."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str = ""
    file_type: str = ""


async def read(request: Request, spool: Spool, known: Collection[str]) -> Form:
    """Read the form, its file into the spool.

    Raises InvalidInputError for a form that is broken, has no file or two, or a field that is
    not `known`, and PayloadTooLargeError.
    """
    _, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if not boundary:
        raise _broken("its Content-Type has no boundary")
    parts = _Parts(known)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": parts.begin,
                "on_header_field": parts.add_to_header_name,
                "on_header_value": parts.add_to_header_value,
                "on_header_end": parts.end_header,
                "on_headers_finished": parts.begin_content,
                "on_part_data": parts.add_content,
                "on_part_end": parts.end,
                "on_end": parts.end_form,
            },
            max_header_count=MAX_HEADERS,
            max_header_size=MAX_HEADER_BYTES,
        )
        async for chunk in request.stream():
            parser.write(chunk)
            for content in parts.take_file_content():
                await spool.write(content)
    except FormParserError as error:
        raise _broken("its parts are not well formed") from error
    if not parts.is_complete:
        raise _broken("it ends before its last boundary")
    if not parts.has_file:
        message = f"A part named `{FILE}` with a file is needed."
        raise invalid((Problem("required", message, f"/{FILE}"),))
    await spool.finish()
    return parts.form


class _Parts:
    """Gathers what the parser calls out, part by part."""

    def __init__(self, known: Collection[str]) -> None:
        self.form = Form()
        self.is_complete = False
        self.has_file = False
        self._known = known
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._text = bytearray()
        self._file_content: list[bytes] = []

    def begin(self) -> None:
        self._headers = {}
        self._text = bytearray()

    def add_to_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def add_to_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def end_header(self) -> None:
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def begin_content(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        self._name = _text(options.get(b"name", b""), "the name of a part")
        if self._name not in self._known and self._name != FILE:
            known = (FILE, *self._known)
            message = f"The part {shown(self._name)} is not known here. "
            message += did_you_mean(self._name, known)
            raise invalid((Problem("unknown_key", message, f"/{self._name}"),))
        if self._name in self.form.fields or (self._name == FILE and self.has_file):
            message = f"The part {shown(self._name)} is given twice."
            raise invalid((Problem("duplicate_key", message, f"/{self._name}"),))
        if self._name == FILE:
            self.has_file = True
            self.form.filename = _text(options.get(b"filename", b""), "the name of the file")
            if not self.form.filename:
                message = (
                    f"The part `{FILE}` is no file; curl sends one with `-F {FILE}=@rows.csv`."
                )
                raise invalid((Problem("no_file", message, f"/{FILE}"),))
            kind = self._headers.get(b"content-type", b"").split(b";")[0].strip()
            self.form.file_type = kind.decode("latin-1").lower()

    def add_content(self, data: bytes, start: int, end: int) -> None:
        if self._name == FILE:
            self._file_content.append(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > MAX_FIELD_BYTES:
            message = f"The part {shown(self._name)} is longer than {MAX_FIELD_BYTES:,} bytes."
            raise invalid((Problem("too_long", message, f"/{self._name}"),))

    def end(self) -> None:
        if self._name != FILE:
            text = _text(bytes(self._text), f"the part `{self._name}`")
            self.form.fields[self._name] = text

    def end_form(self) -> None:
        self.is_complete = True

    def take_file_content(self) -> list[bytes]:
        content, self._file_content = self._file_content, []
        return content


def _text(raw: bytes, what: str) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise _broken(f"{what} is not valid UTF-8") from None
    if "\0" in text:
        raise _broken(f"{what} has a NUL character")
    return text


def _broken(reason: str) -> InvalidInputError:
    message = f"The form cannot be read: {reason}."
    return invalid((Problem("invalid_form", message, ""),))
