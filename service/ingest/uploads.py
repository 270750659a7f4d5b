"""How is an upload read, whatever it is written in, as the rows it is to become?"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, assert_never

from service.domain.names import nearest
from service.domain.reference import Column
from service.ingest import document_rows, json_body, json_values, row_ids
from service.ingest.column_types import ColumnTypes
from service.ingest.csv_table import CsvTable
from service.ingest.document_rows import DocumentRow
from service.ingest.instructions import Instructions, Outcome, UploadFormat
from service.ingest.json_table import JsonTable, rows_of_lines, rows_of_list
from service.ingest.limits import MAX_PROBLEMS
from service.ingest.parquet_table import ParquetTable
from service.ingest.problems import Problems, UnreadableError
from service.ingest.tables import Cells, TableReader
from service.ingest.xlsx_table import XlsxTable


@dataclass(frozen=True, slots=True)
class ReferenceBlock:
    """Some rows of reference data that follow each other, with their ids; `first` is a number."""

    first: int
    ids: list[str]
    rows: list[Cells]


class ReferenceUpload:
    """Reference data as it is read from `file`, once; `outcome` is there when `blocks` ends."""

    def __init__(self, file: BinaryIO, instructions: Instructions) -> None:
        """Read `file` from where it stands."""
        self.outcome = Outcome()
        self.id_column = instructions.id_column
        self._arranged = instructions.columns
        self._file = file
        self._instructions = instructions
        self._name: str | None = None
        self._types = ColumnTypes()
        is_json = instructions.format is UploadFormat.JSON
        self._problems = Problems("/data" if is_json else None)

    def blocks(self) -> Iterator[ReferenceBlock]:
        """Yield the rows in order; nothing more once there is a problem."""
        count = 0
        columns: Sequence[str] = ()
        try:
            table = self._table()
            for block in self._read(table):
                count += len(block.rows)
                yield block
            columns = table.columns if self._arranged is None else self._arranged
            if not count and not self._problems:
                where = self._instructions.place
                message = f"There are no rows{where}: reference data needs one."
                self._problems.add("no_rows", message)
        except UnreadableError:
            pass
        types = self._types.result(len(columns))
        self.outcome = Outcome(
            row_count=count,
            columns=tuple(map(Column, columns, types, self._types.has_values(len(columns)))),
            name=self._name,
            id_column=self.id_column,
            problems=tuple(self._problems.found),
        )

    def _read(self, table: TableReader) -> Iterator[ReferenceBlock]:
        for block in table.blocks():
            place = row_ids.locate(table.columns, self.id_column, "id_column", self._problems)
            if place is None:
                ids = row_ids.count_up(block, self._instructions.first_position)
            else:
                ids = row_ids.read(block, place, self.id_column or "", self._problems)
            rows = block.rows
            if self._arranged is not None:
                rows = arrange(rows, table.columns, self._arranged, self._problems)
            if not self._problems:
                self._types.feed(rows)
                yield ReferenceBlock(block.first, ids, rows)

    def _table(self) -> TableReader:
        match self._instructions.format:
            case UploadFormat.CSV | UploadFormat.XLSX | UploadFormat.PARQUET:
                return file_table(self._file, self._instructions, self._problems)
            case UploadFormat.NDJSON:
                lines = json_values.lines(self._file, self._problems)
                rows = rows_of_lines(lines, json_values.decode_texts, self._problems)
                return JsonTable(rows, self._problems)
            case UploadFormat.JSON:
                body = json_body.reference_data(self._file, self._instructions, self._problems)
                self._name, self.id_column = body.name, body.id_column
                return JsonTable(rows_of_list(body.rows), self._problems)
            case _ as never:
                assert_never(never)


def arrange(
    rows: list[Cells], names: Sequence[str], columns: Sequence[str], problems: Problems
) -> list[Cells]:
    """Put the values of rows into the order of `columns`; notes names that are not among them."""
    if list(names) == list(columns):
        return rows
    unknown = [name for name in names if name not in columns]
    for name in unknown:
        near = nearest(name, columns)
        question = f" Did you mean {near!r}?" if near is not None else ""
        message = (
            f"The reference data has no column {name!r}.{question} Rows with other columns "
            "replace the ones that are there; they cannot be added to them."
        )
        problems.add("unknown_column", message, column=name)
    if unknown:
        raise UnreadableError
    places = [names.index(column) if column in names else None for column in columns]
    return [
        [None if place is None or place >= len(row) else row[place] for place in places]
        for row in rows
    ]


class DocumentUpload:
    """Documents as they are read from `file`, once; `outcome` is there when `blocks` ends."""

    def __init__(self, file: BinaryIO, instructions: Instructions) -> None:
        """Read `file` from where it stands."""
        self.outcome = Outcome()
        self._file = file
        self._instructions = instructions
        is_json = instructions.format is UploadFormat.JSON
        self._problems = Problems("/documents" if is_json else None)

    def blocks(self) -> Iterator[list[DocumentRow]]:
        """Yield the documents in order; nothing more once there is a problem."""
        count = 0
        try:
            for block in self._read():
                count += len(block)
                yield block
            if not count and not self._problems:
                message = f"There are no documents{self._instructions.place}."
                self._problems.add("no_documents", message)
        except UnreadableError:
            pass
        self.outcome = Outcome(row_count=count, problems=tuple(self._problems.found))

    def _read(self) -> Iterator[list[DocumentRow]]:
        match self._instructions.format:
            case UploadFormat.CSV | UploadFormat.XLSX | UploadFormat.PARQUET:
                table = file_table(self._file, self._instructions, self._problems)
                return document_rows.from_table(table, self._instructions, self._problems)
            case UploadFormat.NDJSON:
                lines = json_values.lines(self._file, self._problems)
                rows = rows_of_lines(lines, json_values.decode, self._problems)
                return document_rows.from_objects(rows, self._instructions, self._problems)
            case UploadFormat.JSON:
                body = json_body.documents(self._file, self._problems)
                rows = rows_of_list(body)
                return document_rows.from_objects(rows, self._instructions, self._problems)
            case _ as never:
                assert_never(never)


def file_table(file: BinaryIO, instructions: Instructions, problems: Problems) -> TableReader:
    """Return the reader of a CSV, XLSX or Parquet file."""
    if instructions.format is UploadFormat.XLSX:
        return XlsxTable(file, instructions.sheet, problems)
    if instructions.format is UploadFormat.PARQUET:
        return ParquetTable(file, problems)
    return CsvTable(file, instructions.delimiter, problems, instructions.encoding)


def find_repeats(file: BinaryIO, instructions: Instructions, number: int) -> Outcome:
    """Read `file` twice: for the id of the row with that number, then for all rows that have it."""
    row_id = _id_of(file, instructions, number)
    file.seek(0)
    upload = ReferenceUpload(file, instructions)
    rows: list[int] = []
    count = 0
    for block in upload.blocks():
        count += block.ids.count(row_id)
        if row_id in block.ids and len(rows) <= MAX_PROBLEMS:
            rows += [place for place, each in enumerate(block.ids, block.first) if each == row_id]
    problems = Problems("/data" if instructions.format is UploadFormat.JSON else None)
    if len(rows) == 1:
        message = (
            f"Row {rows[0]} has the id {row_id!r}, and so has a row that is there already: leave "
            "it out, or replace all rows with PUT."
        )
        problems.add("repeated_id", message, row=rows[0], column=upload.id_column)
        return Outcome(problems=tuple(problems.found))
    with suppress(UnreadableError):
        for row in rows[1:]:
            message = f"Row {row} has the id {row_id!r} that row {rows[0]} has too."
            problems.add("repeated_id", message, row=row, column=upload.id_column)
    advice = row_ids.ADVICE if instructions.needs_name else row_ids.ADVICE_FOR_MORE_ROWS
    summary = row_ids.sum_up(upload.id_column, row_id, rows, count)
    return Outcome(problems=tuple(problems.found), summary=f"{summary}: {advice}")


def _id_of(file: BinaryIO, instructions: Instructions, number: int) -> str:
    file.seek(0)
    for block in ReferenceUpload(file, instructions).blocks():
        if number < block.first + len(block.rows):
            return block.ids[number - block.first]
    raise ValueError(f"There is no row {number}.")
