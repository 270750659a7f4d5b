"""How is a CSV file read as a stream of rows, and what can be wrong with one?"""

import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Final

from service.ingest import headers, quotation_marks
from service.ingest.csv_lines import Lines, RowTooLongError, is_utf8
from service.ingest.encodings import Encoding
from service.ingest.limits import (
    BLOCK_CHARACTERS,
    BLOCK_ROWS,
    MAX_ROW_CHARACTERS,
    MAX_VALUE_CHARACTERS,
)
from service.ingest.problems import Problems, UnreadableError
from service.ingest.tables import Cells, TableBlock

if TYPE_CHECKING:
    from _csv import Reader

DEFAULT_DELIMITER = ","
OTHER_DELIMITERS: Final = (";", "\t", "|")
DELIMITER_NAMES: Final = {";": "';'", "\t": "a tab", "|": "'|'", ",": "','"}
# Spreadsheets write and read this line above the header.
_SEPARATOR_LINE = re.compile(r'"?sep=([^\w\r\n"\0\ufeff])"?[\r\n]+', re.IGNORECASE)
_LINE_END = re.compile("\r\n|\r|\n")


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
        self._file = file
        self._start = file.tell()
        self._delimiter = delimiter
        self._encoding = encoding
        self._problems = problems
        self._lines = Lines(file, encoding)
        self._number = 0
        # What stands above the header and is no row of the table.
        self._lines_above = 0

    def blocks(self) -> Iterator[TableBlock]:
        """Yield the rows in order."""
        try:
            reader = self._reader()
            self._read_header(reader)
            yield from self._read_rows(reader)
        except RowTooLongError:
            message = (
                f"{self._place()} is longer than {MAX_ROW_CHARACTERS:,} characters: "
                "is a quotation mark left open?"
            )
            raise self._problems.stop("row_too_long", message, row=self._row()) from None
        except csv.Error as error:
            self._explain(error)
            raise UnreadableError from error
        finally:
            self._lines.release()

    def _reader(self) -> "Reader":
        """Read on from the first line, unless all it does is to name the delimiter."""
        lines = iter(self._lines)
        first = next(lines, "")
        named = _SEPARATOR_LINE.fullmatch(first)
        if named is not None:
            self._delimiter = self._delimiter or named[1]
            self._lines_above = 1
            self._lines.end_row()
        rest = lines if named is not None else chain([first], lines)
        return csv.reader(rest, delimiter=self._delimiter or DEFAULT_DELIMITER, strict=True)

    def _read_header(self, reader: "Reader") -> None:
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
        if not all(header):
            self._look_below(header, reader)
        headers.check_column_names(header, self._problems)
        self._lines.end_row()
        self.columns = header
        self._number = 1

    def _look_below(self, names: list[str], reader: "Reader") -> None:
        """Say where the header seems to be, if these rather are a title."""
        advice = None
        # What is wrong further down is not what is wrong here.
        with suppress(csv.Error, RowTooLongError):
            rows = ((self._line(reader, row), row) for row in reader)
            advice = headers.advise_below(names, rows)
        if advice is not None:
            raise self._problems.stop("title_above_header", advice)

    def _line(self, reader: "Reader", row: list[str]) -> int:
        """Return the line in which the row begins that was just read."""
        inside = sum(len(_LINE_END.findall(value)) for value in row)
        return self._lines_above + reader.line_num - inside

    def _check_delimiter(self, header: list[str]) -> None:
        if self._delimiter or len(header) > 1:
            return
        for other in OTHER_DELIMITERS:
            if other in header[0]:
                advice = "say so with delimiter"
                if self._delimiter == "":
                    advice = (
                        "say so with delimiter, which came empty: curl's -F drops what follows a "
                        f"semicolon, so type --form-string 'delimiter={other}'"
                    )
                message = (
                    f"The header has one column only, {header[0][:80]!r}: if the columns are "
                    f"separated by {DELIMITER_NAMES[other]}, {advice}."
                )
                raise self._problems.stop("wrong_delimiter", message)

    def _read_rows(self, reader: "Reader") -> Iterator[TableBlock]:
        lines, width = self._lines, len(self.columns)
        rows: list[Cells] = []
        for row in reader:
            lines.open_characters = 0
            if lines.row_characters:
                lines.end_row()
            if len(row) != width or lines.fault:
                if not row and not lines.fault:
                    continue
                self._note_bad_row(row, reader)
            rows.append(row)  # type: ignore[arg-type]  # str is one of the two that cells are
            self._number += 1
            if len(rows) == BLOCK_ROWS or lines.block_characters >= BLOCK_CHARACTERS:
                if not self._problems:
                    yield TableBlock(self._number - len(rows), rows)
                lines.block_characters = 0
                rows = []
        if rows and not self._problems:
            yield TableBlock(self._number - len(rows), rows)

    def _note_bad_row(self, row: list[str], reader: "Reader") -> None:
        if self._lines.fault:
            message = f"Row {self._number} {self._lines.fault}."
            self._lines.fault = None
            column = _bad_column(row, self.columns)
            self._problems.add("bad_text", message, row=self._number, column=column)
            return
        message = f"Row {self._number} has {len(row)} values, but the header has "
        message += f"{len(self.columns)} columns."
        if self._number <= headers.LOOKED_AT:
            advice = headers.advise(self.columns, row, self._line(reader, row))
            if advice is not None:
                message = f"{message} {advice}"
                raise self._problems.stop("ragged_row", message, row=self._number)
        self._problems.add("ragged_row", message, row=self._number)

    def _explain(self, error: csv.Error) -> None:
        """Note in our words what the csv module complains of, and where that is."""
        text = str(error)
        if text.startswith("field larger than"):
            message = (
                f"{self._place()} has a value longer than {MAX_VALUE_CHARACTERS:,} characters: "
                "is a quotation mark left open?"
            )
            self._problems.add("value_too_long", message, row=self._row())
            return
        place, column = self._place(), None
        fault = self._find_fault()
        if fault is not None:
            place += f" (line {fault.line} of the file)"
            column = self.columns[fault.column] if fault.column < len(self.columns) else None
        if column is not None:
            place += f", column {column[:80]!r},"
        message = (
            "opens a quotation mark that is never closed."
            if text.startswith("unexpected end of data")
            else "has text behind a closing quotation mark: one inside a value is written twice."
        )
        self._problems.add(
            "unbalanced_quotes", f"{place} {message}", row=self._row(), column=column
        )

    def _find_fault(self) -> quotation_marks.Fault | None:
        """Read the file once more up to the row that cannot be read."""
        self._lines.release()
        self._file.seek(self._start)
        self._lines = Lines(self._file, self._encoding)
        delimiter = self._delimiter or DEFAULT_DELIMITER
        return quotation_marks.locate(self._lines.unbounded(), delimiter)

    def _place(self) -> str:
        return f"Row {self._number}" if self._number else "The header"

    def _row(self) -> int | None:
        return self._number or None


def _bad_column(row: list[str], columns: list[str]) -> str | None:
    for name, value in zip(columns, row, strict=False):
        if "\0" in value or not is_utf8(value):
            return name
    return None
