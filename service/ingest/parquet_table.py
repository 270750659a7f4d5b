"""How is a Parquet file read as rows of text, where the extra for it is installed?"""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, BinaryIO

from service.ingest import cell_texts
from service.ingest.headers import check_column_names
from service.ingest.json_values import text_fault
from service.ingest.limits import BLOCK_ROWS, MAX_ROW_GROUP_BYTES
from service.ingest.problems import Problems, UnreadableError
from service.ingest.tables import Cells, TableBlock


def is_available() -> bool:
    """Tell whether Parquet can be read here."""
    return find_spec("pyarrow") is not None


class ParquetTable:
    """A Parquet file whose columns have single values, read once; see `TableReader`."""

    def __init__(self, file: BinaryIO, problems: Problems) -> None:
        """Read `file` from its start."""
        self.columns: list[str] = []
        self._file = file
        self._problems = problems

    def blocks(self) -> Iterator[TableBlock]:
        """Yield the rows in order."""
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
        try:
            source = parquet.ParquetFile(self._file, pre_buffer=False)
            self._check(source)
            first = 1
            for batch in source.iter_batches(batch_size=BLOCK_ROWS, use_threads=False):
                columns = [
                    self._values(arrow, first, *each)
                    for each in zip(self.columns, batch.columns, strict=True)
                ]
                rows = [
                    self._write(number, values)
                    for number, values in enumerate(zip(*columns, strict=True), start=first)
                ]
                if rows and not self._problems:
                    yield TableBlock(first, rows)
                first += len(rows)
        except MemoryError:
            raise
        except (arrow.ArrowException, OSError, ValueError) as error:
            message = "The file cannot be read as Parquet: it is damaged, cut off, or none."
            raise self._problems.stop("bad_file", message) from error

    def _check(self, source: Any) -> None:
        metadata, schema = source.metadata, source.schema_arrow
        groups = range(metadata.num_row_groups)
        sizes = [metadata.row_group(place).total_byte_size for place in groups]
        if max(sizes, default=0) > MAX_ROW_GROUP_BYTES:
            message = (
                f"A row group unpacks to more than {MAX_ROW_GROUP_BYTES:,} bytes: write the file "
                "with smaller ones."
            )
            raise self._problems.stop("too_large", message)
        types: Any = import_module("pyarrow.types")
        for field in schema:
            if types.is_nested(field.type) or "binary" in str(field.type):
                message = (
                    f"The column {field.name[:80]!r} is of the type {str(field.type)[:80]}, which "
                    "is no single value."
                )
                self._problems.add("bad_column_type", message, column=field.name)
        names = [field.name for field in schema]
        check_column_names(names, self._problems)
        self.columns = names

    def _write(self, number: int, values: tuple[Any, ...]) -> Cells:
        cells = [cell_texts.write(value) for value in values]
        for name, value in zip(self.columns, cells, strict=True):
            fault = text_fault(value) if value is not None else None
            if fault:
                message = f"Row {number}, column {name[:80]!r}: the value {fault}."
                self._problems.add("bad_value", message, row=number, column=name)
        return cells

    def _values(self, arrow: Any, first: int, name: str, column: Any) -> list[Any]:
        # Python's moments have microseconds.
        if arrow.types.is_timestamp(column.type) and column.type.unit == "ns":
            column = column.cast(arrow.timestamp("us", column.type.tz), safe=False)
        elif arrow.types.is_time64(column.type):
            column = column.cast(arrow.time64("us"), safe=False)
        try:
            values: list[Any] = column.to_pylist()
        except UnicodeDecodeError:
            raise
        except (OverflowError, ValueError) as error:
            message = (
                f"From row {first} on, column {name[:80]!r}: a value of the type "
                f"{str(column.type)[:80]} cannot be read. Dates are read of the years 1 to 9999, "
                "in time zones that are known here."
            )
            self._problems.add("bad_value", message, row=first, column=name)
            raise UnreadableError from error
        return values
