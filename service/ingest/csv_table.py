"""How is a CSV file read as a stream of rows, and what can be wrong with one?"""

import codecs
import csv
from collections.abc import Iterable, Iterator
from io import StringIO, TextIOWrapper
from typing import BinaryIO, Final

from service.ingest.encodings import Encoding
from service.ingest.limits import (
    BLOCK_CHARACTERS,
    BLOCK_ROWS,
    MAX_COLUMN_NAME_CHARACTERS,
    MAX_COLUMNS,
    MAX_ROW_CHARACTERS,
    MAX_VALUE_CHARACTERS,
)
from service.ingest.problems import Problems, UnreadableError
from service.ingest.tables import Cells, TableBlock

DEFAULT_DELIMITER = ","
OTHER_DELIMITERS: Final = (";", "\t", "|")
DELIMITER_NAMES: Final = {";": "';'", "\t": "a tab", "|": "'|'", ",": "','"}


# How a ZIP archive begins: an Excel workbook is one.
PACKED = b"PK\x03\x04"

# By which codec each encoding is read: with a byte order mark or without.
_CODECS: dict[Encoding, str] = {
    Encoding.UTF_8: "utf-8-sig",
    Encoding.UTF_16: "utf-16",
    Encoding.UTF_16_LE: "utf-16-le",
    Encoding.UTF_16_BE: "utf-16-be",
    Encoding.WINDOWS_1252: "cp1252",
}
_NOT_DECODED: dict[Encoding, str] = {
    each: f"is not valid {each.value.upper()}: say with encoding how the file is written"
    for each in Encoding
} | {
    Encoding.UTF_8: (
        "is not valid UTF-8: save the file as CSV in UTF-8, or say with encoding how it is "
        f"written, {Encoding.WINDOWS_1252.value} for one"
    )
}
_MARK = "matchstream-mark"
# Lines are looked at so many characters at a time, and one by one only where something is wrong.
CHUNK_CHARACTERS = 65_536


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Stand in for what cannot be decoded."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


codecs.register_error(_MARK, _mark)


def encoding_of(start: bytes) -> Encoding:
    """Tell by its byte order mark how a file is encoded: as UTF-8 where it has none.

    No other encoding is guessed, since a wrong guess would pass unseen.
    """
    has_mark = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return Encoding.UTF_16 if has_mark else Encoding.UTF_8


class _RowTooLongError(Exception):
    """The lines of one row are longer than a row may be."""


class _Lines:
    """The lines of a file, bounded in length; what is not in its encoding, and NULs, are noted."""

    def __init__(self, file: BinaryIO, encoding: Encoding | None) -> None:
        start = file.read(len(PACKED))
        file.seek(-len(start), 1)
        self.is_packed = start == PACKED
        self._encoding = encoding or encoding_of(start)
        # What cannot be decoded becomes a lone surrogate, which no encoding can stand for.
        self._text = TextIOWrapper(file, encoding=_CODECS[self._encoding], errors=_MARK, newline="")
        self.fault: str | None = None
        self.row_characters = 0
        self.block_characters = 0
        # Since the last row ended, in chunks that were not looked at line by line.
        self.open_characters = 0

    def __iter__(self) -> Iterator[str]:
        while chunk := self._text.read(CHUNK_CHARACTERS):
            # A line end of two characters must not be parted.
            chunk += self._text.readline(MAX_ROW_CHARACTERS + 1)
            lines = StringIO(chunk, newline="")
            if self._is_plain(chunk):
                self.block_characters += len(chunk)
                self.open_characters += len(chunk)
                if self.open_characters > MAX_ROW_CHARACTERS:
                    raise _RowTooLongError
                yield from lines
            else:
                yield from self._look_closer(lines)

    def _is_plain(self, chunk: str) -> bool:
        """Whether nothing can be wrong with any line of a chunk, nor with a row that it is in."""
        if self.row_characters or len(chunk) > 2 * CHUNK_CHARACTERS or "\0" in chunk:
            return False
        return chunk.isascii() or _is_utf8(chunk)

    def _look_closer(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self.row_characters += len(line)
            if self.row_characters > MAX_ROW_CHARACTERS:
                raise _RowTooLongError
            if "\0" in line:
                self.fault = "contains a NUL character"
            if not line.isascii() and not _is_utf8(line):
                self.fault = _NOT_DECODED[self._encoding]
            yield line

    def end_row(self) -> None:
        self.block_characters += self.row_characters
        self.row_characters = 0

    def release(self) -> None:
        """Leave the file open for its owner."""
        self._text.detach()


def _is_utf8(line: str) -> bool:
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


class CsvTable:
    """A CSV file with a header line, read once; see `TableReader`.

    Blank lines are skipped and not counted. `delimiter` None means a comma, and that a header
    which another delimiter would split is refused; `encoding` None means what the byte order
    mark says, else UTF-8.
    """

    def __init__(
        self,
        file: BinaryIO,
        delimiter: str | None,
        problems: Problems,
        encoding: Encoding | None = None,
    ) -> None:
        """Read `file` from where it stands."""
        self.columns: list[str] = []
        self._delimiter = delimiter
        self._problems = problems
        self._lines = _Lines(file, encoding)
        self._number = 0

    def blocks(self) -> Iterator[TableBlock]:
        """Yield the rows in order."""
        reader = csv.reader(
            iter(self._lines), delimiter=self._delimiter or DEFAULT_DELIMITER, strict=True
        )
        try:
            self._read_header(reader)
            yield from self._read_rows(reader)
        except _RowTooLongError:
            message = (
                f"{self._place()} is longer than {MAX_ROW_CHARACTERS:,} characters: "
                "is a quotation mark left open?"
            )
            raise self._problems.stop("row_too_long", message, row=self._row()) from None
        except csv.Error as error:
            code, message = _explain(error)
            raise self._problems.stop(
                code, f"{self._place()} {message}", row=self._row()
            ) from error
        finally:
            self._lines.release()

    def _read_header(self, reader: Iterator[list[str]]) -> None:
        if self._lines.is_packed:
            message = (
                "This is an Excel workbook or another packed file, and no CSV: a workbook is read "
                "when its name ends with .xlsx."
            )
            raise self._problems.stop("packed_file", message)
        header = next(filter(None, reader), None)
        if header is None:
            raise self._problems.stop("empty_file", "The file is empty.")
        if self._lines.fault:
            raise self._problems.stop("bad_text", f"The header {self._lines.fault}.")
        self._check_delimiter(header)
        check_column_names(header, self._problems)
        self._lines.end_row()
        self.columns = header
        self._number = 1

    def _check_delimiter(self, header: list[str]) -> None:
        if self._delimiter is not None or len(header) > 1:
            return
        for other in OTHER_DELIMITERS:
            if other in header[0]:
                message = (
                    f"The header has one column only, {header[0][:80]!r}: if the columns are "
                    f"separated by {DELIMITER_NAMES[other]}, say so with delimiter."
                )
                raise self._problems.stop("wrong_delimiter", message)

    def _read_rows(self, reader: Iterator[list[str]]) -> Iterator[TableBlock]:
        lines, width = self._lines, len(self.columns)
        rows: list[Cells] = []
        for row in reader:
            lines.open_characters = 0
            if lines.row_characters:
                lines.end_row()
            if len(row) != width or lines.fault:
                if not row and not lines.fault:
                    continue
                self._note_bad_row(row)
            rows.append(row)  # type: ignore[arg-type]  # str is one of the two that cells are
            self._number += 1
            if len(rows) == BLOCK_ROWS or lines.block_characters >= BLOCK_CHARACTERS:
                if not self._problems:
                    yield TableBlock(self._number - len(rows), rows)
                lines.block_characters = 0
                rows = []
        if rows and not self._problems:
            yield TableBlock(self._number - len(rows), rows)

    def _note_bad_row(self, row: list[str]) -> None:
        if self._lines.fault:
            message = f"Row {self._number} {self._lines.fault}."
            self._lines.fault = None
            column = _bad_column(row, self.columns)
            self._problems.add("bad_text", message, row=self._number, column=column)
            return
        message = f"Row {self._number} has {len(row)} values, but the header has "
        message += f"{len(self.columns)} columns."
        self._problems.add("ragged_row", message, row=self._number)

    def _place(self) -> str:
        return f"Row {self._number}" if self._number else "The header"

    def _row(self) -> int | None:
        return self._number or None


def check_column_names(names: list[str], problems: Problems) -> None:
    """Note empty, repeated, too long and too many names; raises UnreadableError for any."""
    if len(names) > MAX_COLUMNS:
        message = f"There are {len(names):,} columns; at most {MAX_COLUMNS:,} are read."
        raise problems.stop("too_many_columns", message)
    seen: set[str] = set()
    for place, name in enumerate(names, start=1):
        if not name:
            problems.add("empty_column_name", f"Column {place} of the header has no name.")
        elif len(name) > MAX_COLUMN_NAME_CHARACTERS:
            message = (
                f"The name of column {place} is longer than {MAX_COLUMN_NAME_CHARACTERS} "
                "characters."
            )
            problems.add("column_name_too_long", message)
        elif name in seen:
            message = f"The header names the column {name!r} more than once."
            problems.add("repeated_column", message, column=name)
        seen.add(name)
    if problems:
        raise UnreadableError


def _bad_column(row: list[str], columns: list[str]) -> str | None:
    for name, value in zip(columns, row, strict=False):
        if "\0" in value or not _is_utf8(value):
            return name
    return None


def _explain(error: csv.Error) -> tuple[str, str]:
    """Say in our words what the csv module complains of."""
    text = str(error)
    if text.startswith("field larger than"):
        message = (
            f"has a value longer than {MAX_VALUE_CHARACTERS:,} characters: "
            "is a quotation mark left open?"
        )
        return "value_too_long", message
    if text.startswith("unexpected end of data"):
        return "unbalanced_quotes", "opens a quotation mark that is never closed."
    return "unbalanced_quotes", "has text behind a closing quotation mark."
