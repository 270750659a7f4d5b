"""How are JSON objects read as the rows of one table, whose columns come as they appear?"""

from collections.abc import Callable, Iterable, Iterator

from service.ingest.json_values import (
    BadJsonError,
    JsonValue,
    fault_of,
    may_hide_faults,
    text_fault,
)
from service.ingest.limits import (
    BLOCK_CHARACTERS,
    BLOCK_ROWS,
    MAX_COLUMN_NAME_CHARACTERS,
    MAX_COLUMNS,
)
from service.ingest.problems import Problems
from service.ingest.tables import Cells, TableBlock

# A row's number, the row as it came, and whether its texts must be looked at one by one.
JsonRow = tuple[int, JsonValue, bool]

_PLAIN = {str, type(None)}


class JsonTable:
    """Rows that are JSON objects with a single value per key; see `TableReader`.

    The columns are the keys of all rows in order of first appearance. Numbers are kept as they
    were written, `true` and `false` as these words, null and absent keys are missing.
    """

    def __init__(self, rows: Iterable[JsonRow], problems: Problems) -> None:
        """Take the rows from `rows_of_lines` or `rows_of_list`."""
        self.columns: list[str] = []
        self._known: set[str] = set()
        self._source = rows
        self._problems = problems

    def blocks(self) -> Iterator[TableBlock]:
        """Yield the rows in order."""
        rows: list[Cells] = []
        number = characters = 0
        for number, row, look_closer in self._source:
            cells = self._cells(number, row, look_closer)
            rows.append(cells)
            characters += sum(map(len, filter(None, cells)))
            if len(rows) == BLOCK_ROWS or characters >= BLOCK_CHARACTERS:
                if not self._problems:
                    yield TableBlock(number - len(rows) + 1, rows)
                rows, characters = [], 0
        if rows and not self._problems:
            yield TableBlock(number - len(rows) + 1, rows)

    def _cells(self, number: int, row: JsonValue, look_closer: bool) -> Cells:
        if not isinstance(row, dict):
            message = f"Row {number} is not a JSON object."
            self._problems.add("not_an_object", message, row=number)
            return []
        if row.keys() - self._known:
            self._add_columns(number, row)
        cells = [row.get(name) for name in self.columns]
        if look_closer or not set(map(type, cells)) <= _PLAIN:
            return [self._cell(number, *pair) for pair in zip(self.columns, cells, strict=True)]
        return cells  # type: ignore[return-value]  # all are str or None, as was just seen

    def _add_columns(self, number: int, row: dict[str, JsonValue]) -> None:
        for name in row:
            if name in self._known:
                continue
            fault = text_fault(name)
            if not name or len(name) > MAX_COLUMN_NAME_CHARACTERS:
                fault = f"must have 1 to {MAX_COLUMN_NAME_CHARACTERS} characters"
            if fault:
                self._problems.add("bad_column_name", f"Row {number}: a key {fault}.", row=number)
            self._known.add(name)
            self.columns.append(name)
        if len(self.columns) > MAX_COLUMNS:
            message = f"By row {number} there are {len(self.columns):,} columns; at most "
            message += f"{MAX_COLUMNS:,} are read."
            raise self._problems.stop("too_many_columns", message, row=number)

    def _cell(self, number: int, name: str, value: JsonValue) -> str | None:
        # A number is stored as text here, so that it may have any size.
        fault = text_fault(value) if isinstance(value, str) else fault_of(value)
        if fault is not None:
            message = f"Row {number}, column {name[:80]!r}: the value {fault}."
            self._problems.add("bad_value", message, row=number, column=name)
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        return value if isinstance(value, str) else None


def rows_of_lines(
    lines: Iterable[str], decode: Callable[[str], JsonValue], problems: Problems
) -> Iterator[JsonRow]:
    """Decode NDJSON lines; one that cannot be decoded is noted and left out."""
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            yield number, decode(line), may_hide_faults(line)
        except BadJsonError as error:
            problems.add("bad_json", f"Row {number} {error}", row=number)


def rows_of_list(rows: Iterable[JsonValue]) -> Iterator[JsonRow]:
    """Number the rows of a list that was decoded as a whole."""
    for number, row in enumerate(rows, start=1):
        yield number, row, True
