"""What is in a file that is to be matched: which columns has it, as the service will read it?

Nothing is sent before the columns are known, so that a mapping that names another one is refused
while that costs nothing.
"""

import codecs
import hashlib
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from service.cli.csv_form import form_of
from service.domain.errors import InvalidInputError, MatchstreamError
from service.domain.names import nearest
from service.engine import disk_space
from service.ingest import parquet_table
from service.ingest.encodings import Encoding
from service.ingest.instructions import (
    FORMATS_BY_SUFFIX,
    UNREAD_SUFFIXES,
    Instructions,
    UploadFormat,
    UploadTarget,
)
from service.ingest.problems import Problems, UnreadableError
from service.ingest.uploads import file_table

STANDARD = "-"
DIGEST_BYTES = 6
READ_BYTES = 1 << 20
# How files of other formats than CSV begin, by which standard input tells what it is.
_SIGNS = {b"PK\x03\x04": ".xlsx", b"PAR1": ".parquet", b"{": ".ndjson"}
_SHOWN_COLUMNS = 30
_OPTION_OF_UPLOADS = re.compile(r", or say with encoding how it is written[^.]*")
_OTHER_ADVICE = (
    "say with encoding how the file is written",
    "if it is text at all, save it as CSV in UTF-8",
)
_WRAPPED = "fields"


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file whose name tells its format, and that can be read again and again."""

    name: str
    file: IO[bytes]

    @property
    def format(self) -> UploadFormat:
        """How it is written."""
        return FORMATS_BY_SUFFIX.get(Path(self.name).suffix.lower(), UploadFormat.CSV)

    def digest(self, *options: str | None) -> str:
        """Name the content together with how it is read."""
        self.file.seek(0)
        found = hashlib.blake2b(digest_size=DIGEST_BYTES)
        while part := self.file.read(READ_BYTES):
            found.update(part)
        found.update(json.dumps([self.name, *options]).encode())
        self.file.seek(0)
        return found.hexdigest()

    def columns(self, wanted: Collection[str]) -> list[str]:
        """Return the columns, and leave the file at its start.

        Of NDJSON, whose rows may differ, as many rows are read as it takes to find the wanted ones.
        Raises InvalidInputError for a file that cannot be read, or has no rows.
        """
        self.file.seek(0)
        try:
            if self.format is not UploadFormat.NDJSON:
                return self._header()
            return _keys(self, set(wanted))
        finally:
            self.file.seek(0)

    def _header(self) -> list[str]:
        problems = Problems()
        table = file_table(cast("BinaryIO", self.file), self._instructions(), problems)
        has_rows = False
        with suppress(UnreadableError):
            has_rows = any(block.rows for block in table.blocks())
        if problems:
            raise InvalidInputError(f"{self.name}: {for_a_file(problems.found[0].message)}")
        if not has_rows:
            raise InvalidInputError(f"{self.name} has a header, and no row below it.")
        return list(table.columns)

    def _instructions(self) -> Instructions:
        form = form_of(self.name, self.file)
        encoding = form.get("encoding")
        return Instructions(
            target=UploadTarget.DOCUMENTS,
            format=self.format,
            delimiter=form.get("delimiter"),
            encoding=None if encoding is None else Encoding(encoding),
        )


def check_paths(documents: str, reference: str, out: str | None) -> None:
    """Raise InvalidInputError where one path is asked to be two things."""
    if documents == reference == STANDARD:
        raise InvalidInputError("Standard input can be the documents or --against, not both.")
    if out in (None, STANDARD):
        return
    for path in (documents, reference):
        with suppress(OSError):
            if path != STANDARD and Path(path).samefile(str(out)):
                raise InvalidInputError(f"--out {out} is the file {path} itself: name another one.")


@contextmanager
def opened(path: str) -> Iterator[InputFile]:
    """Open a file; of standard input (`-`) make one first, whose length is known.

    Raises InvalidInputError for what is no file, or none that can be read.
    """
    if path == STANDARD:
        with _copied(sys.stdin.buffer, "standard input") as copy:
            yield copy
        return
    suffix = Path(path).suffix.lower()
    if suffix in UNREAD_SUFFIXES:
        raise InvalidInputError(
            f"{path}: files like this are not read; save it as CSV, XLSX, NDJSON or Parquet."
        )
    if FORMATS_BY_SUFFIX.get(suffix) is UploadFormat.PARQUET and not parquet_table.is_available():
        raise InvalidInputError(
            f"{path}: Parquet is read where the extra `parquet` is installed (pip install pyarrow)."
        )
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror}.") from error
    with file:
        if file.seekable():
            yield InputFile(Path(path).name, file)
            return
        with _copied(file, Path(path).name) as copy:
            yield copy


@contextmanager
def _copied(source: IO[bytes], name: str) -> Iterator[InputFile]:
    """Make a file of what can be read only once; how it begins tells its format."""
    with tempfile.TemporaryFile() as copy:
        try:
            shutil.copyfileobj(source, copy)
            copy.flush()
        except OSError as error:
            if not disk_space.is_used_up(error):
                raise InvalidInputError(f"{name} cannot be read: {error.strerror}.") from error
            raise MatchstreamError(
                f"{name} cannot be kept in {tempfile.gettempdir()} for as long as the match takes "
                f"({error.strerror}): free some, or choose another folder with TMPDIR."
            ) from error
        copy.seek(0)
        start = copy.read(max(map(len, _SIGNS))).lstrip()
        suffix = next((each for sign, each in _SIGNS.items() if start.startswith(sign)), ".csv")
        yield InputFile(f"{name}{suffix}", copy)


@contextmanager
def as_documents(source: InputFile, id_column: str | None) -> Iterator[InputFile]:
    """Put NDJSON rows that are plain objects under `fields`, as documents have them.

    Without a column of ids they are named by their numbers, as the service names rows of tables.
    """
    if source.format is not UploadFormat.NDJSON:
        yield source
        return
    if not _is_plain(source):
        if id_column is not None:
            raise InvalidInputError(
                f"{source.name}: rows with `fields` have their id beside them, as `id`: leave out "
                "--document-id."
            )
        yield source
        return
    with tempfile.TemporaryFile() as copy:
        digits = len(str(sum(1 for _ in _lines(source.file))))
        source.file.seek(0)
        for number, line in enumerate(_lines(source.file), start=1):
            row_id = f"row_{number:0{digits}}"
            if id_column is not None:
                row_id = _id_of(line, number, source.name, id_column)
            copy.write(_document(line, row_id))
        copy.seek(0)
        yield InputFile(source.name, copy)


def has_ids(source: InputFile) -> bool:
    """Whether its rows have their ids beside their fields."""
    return source.format is UploadFormat.NDJSON and not _is_plain(source)


def _is_plain(source: InputFile) -> bool:
    row = next(_rows(source), {})
    source.file.seek(0)
    return not isinstance(row.get(_WRAPPED), dict)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    return filter(bytes.strip, file)


def _id_of(line: bytes, number: int, name: str, id_column: str) -> str:
    found = _decoded(line)
    identifier = found.get(id_column) if isinstance(found, dict) else None
    if identifier in (None, ""):
        raise InvalidInputError(f"{name}: row {number} has no {id_column}.")
    return str(identifier)


def _document(line: bytes, row_id: str) -> bytes:
    # The row itself goes on as it was written, with its numbers to the last digit.
    row = line.strip().removeprefix(codecs.BOM_UTF8)
    return b'{"id": %b, "fields": %b}\n' % (json.dumps(row_id).encode(), row)


def _keys(source: InputFile, wanted: set[str]) -> list[str]:
    found: dict[str, None] = {}
    for row in _rows(source):
        fields = row.get(_WRAPPED)
        found |= dict.fromkeys(fields if isinstance(fields, dict) else row)
        if wanted <= found.keys():
            break
    if not found:
        raise InvalidInputError(f"{source.name} is empty.")
    return list(found)


def _rows(source: InputFile) -> Iterator[dict[str, object]]:
    """Yield the rows; raises InvalidInputError at the first line that is none."""
    for number, line in enumerate(_lines(source.file), start=1):
        row = _decoded(line)
        if not isinstance(row, dict):
            raise InvalidInputError(
                f"{source.name}: Row {number} is not a JSON object: write one a line, like "
                '{"number": "A-1", "total": 12.5}.'
            )
        yield row


def _decoded(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def for_a_file(message: str) -> str:
    """Advise what can be done about a file here, where the service names options of an upload."""
    return _OPTION_OF_UPLOADS.sub("", message).replace(*_OTHER_ADVICE)


def check(name: str, known: Collection[str], where: str, what: str) -> None:
    """Raise InvalidInputError, with the nearest name, when there is no such column."""
    if name in known:
        return
    near = nearest(name, known)
    listed = ", ".join(list(known)[:_SHOWN_COLUMNS])
    more = ", …" if len(known) > _SHOWN_COLUMNS else ""
    question = f" Did you mean {near}?" if near is not None else ""
    raise InvalidInputError(
        f"{what}: {where} has no column {name}.{question} It has {listed}{more}."
    )
