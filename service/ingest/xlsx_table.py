"""How is a sheet of an XLSX workbook read as rows of text?

Formulas count by the values that were saved with them; a merged cell's value is the value of each
cell that it covers.
"""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    SheetMetadata,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from service.ingest import cell_texts, headers, workbook_size
from service.ingest.json_values import text_fault
from service.ingest.limits import (
    BLOCK_CHARACTERS,
    BLOCK_ROWS,
    MAX_COLUMNS,
    MAX_SHEETS_LISTED,
    MAX_WORKBOOK_BYTES,
)
from service.ingest.problems import Problems, UnreadableError
from service.ingest.tables import Cells, TableBlock
from service.ingest.workbook_size import NotAWorkbookError


class XlsxTable:
    """A sheet with a header row, its first row that is not empty; see `TableReader`.

    `sheet` None means the first one that is not hidden. Empty rows are skipped and not counted.
    """

    def __init__(self, file: BinaryIO, sheet: str | None, problems: Problems) -> None:
        """Read `file` from its start."""
        self.columns: list[str] = []
        self._file = file
        self._sheet = sheet
        self._problems = problems
        self._number = 0
        self._line = 0

    def blocks(self) -> Iterator[TableBlock]:
        """Yield the rows in order."""
        rows = self._rows(self._open())
        header = next(rows, None)
        if header is None:
            raise self._problems.stop("empty_file", "The sheet is empty.")
        yield from self._read(header, rows)

    def _open(self) -> CalamineSheet:
        try:
            size = workbook_size.measure(self._file, MAX_WORKBOOK_BYTES)
        except NotAWorkbookError as error:
            raise self._problems.stop("bad_file", f"The file {error}") from error
        if size > MAX_WORKBOOK_BYTES:
            message = (
                f"The workbook unpacks to more than {MAX_WORKBOOK_BYTES:,} bytes, which is not "
                "read here: save the sheet as CSV."
            )
            raise self._problems.stop("too_large", message)
        self._file.seek(0)
        try:
            workbook = CalamineWorkbook.from_filelike(self._file)
            return workbook.get_sheet_by_name(self._choose(workbook.sheets_metadata))
        except (CalamineError, OSError) as error:
            message = "The file cannot be read as an XLSX workbook."
            raise self._problems.stop("bad_file", message) from error

    def _choose(self, sheets: Sequence[SheetMetadata]) -> str:
        tables = [sheet for sheet in sheets if sheet.typ == SheetTypeEnum.WorkSheet]
        shown = [sheet.name for sheet in tables if sheet.visible == SheetVisibleEnum.Visible]
        if self._sheet is None:
            if not shown:
                message = "The workbook has no sheet that is not hidden: name one with sheet."
                raise self._problems.stop("no_sheet", message)
            return shown[0]
        if self._sheet not in [sheet.name for sheet in tables]:
            listed = ", ".join(repr(name) for name in shown[:MAX_SHEETS_LISTED])
            message = f"There is no sheet {self._sheet[:80]!r}. The sheets are {listed}."
            raise self._problems.stop("unknown_sheet", message, pointer="/sheet")
        return self._sheet

    def _rows(self, sheet: CalamineSheet) -> Iterator[Cells]:
        """Yield the rows that are not empty, each with the cells that merged ones cover."""
        left = (sheet.start or (0, 0))[1]
        # The last one begins first.
        merged = sorted(sheet.merged_cell_ranges or (), reverse=True)
        covering: list[tuple[tuple[int, int], tuple[int, int], str | None]] = []
        for place, values in enumerate(sheet.iter_rows()):
            cells: Cells = [cell_texts.write(value) or None for value in values]
            while merged and merged[-1][0][0] <= place:
                start, end = merged.pop()
                column = start[1] - left
                value = cells[column] if 0 <= column < len(cells) else None
                covering.append((start, end, value))
            covering = [each for each in covering if each[1][0] >= place]
            if len(covering) > MAX_COLUMNS:
                message = "The merged cells of the sheet lie over each other: save it as CSV."
                raise self._problems.stop("bad_file", message)
            for (_, first), (_, last), value in covering:
                for column in range(max(first - left, 0), min(last - left + 1, len(cells))):
                    cells[column] = value
            if any(cells):
                self._line = (sheet.start or (0, 0))[0] + place + 1
                yield cells

    def _read(self, header: Cells, rows: Iterator[Cells]) -> Iterator[TableBlock]:
        names = [name or "" for name in header]
        while names and not names[-1]:
            names.pop()
        width = len(names)
        if not all(names):
            self._look_below(names, rows)
        self._check_header(names)
        self.columns = names
        block: list[Cells] = []
        characters = 0
        for self._number, cells in enumerate(rows, start=1):
            self._check(cells, width)
            row = cells[:width]
            block.append(row)
            characters += sum(map(len, filter(None, row)))
            if len(block) == BLOCK_ROWS or characters >= BLOCK_CHARACTERS:
                if not self._problems:
                    yield TableBlock(self._number - len(block) + 1, block)
                block, characters = [], 0
        if block and not self._problems:
            yield TableBlock(self._number - len(block) + 1, block)

    def _check_header(self, names: list[str]) -> None:
        for name in names:
            fault = text_fault(name)
            if fault:
                self._problems.add("bad_text", f"The header {fault}.")
                raise UnreadableError
        headers.check_column_names(names, self._problems)

    def _look_below(self, names: list[str], rows: Iterator[Cells]) -> None:
        """Say where the header seems to be, if these rather are a title."""
        advice = headers.advise_below(names, ((self._line, row) for row in rows))
        if advice is not None:
            raise self._problems.stop("title_above_header", advice)

    def _check(self, cells: Cells, width: int) -> None:
        if any(cells[width:]):
            message = f"Row {self._number} has a value in a column without a name."
            advice = headers.advise(self.columns, cells, self._line)
            if advice is not None and self._number <= headers.LOOKED_AT:
                message = f"{message} {advice}"
                raise self._problems.stop("ragged_row", message, row=self._number)
            self._problems.add("ragged_row", message, row=self._number)
        for place, value in enumerate(cells[:width]):
            fault = text_fault(value) if value is not None else None
            if fault:
                name = self.columns[place]
                message = f"Row {self._number}, column {name[:80]!r}: the value {fault}."
                self._problems.add("bad_value", message, row=self._number, column=name)
