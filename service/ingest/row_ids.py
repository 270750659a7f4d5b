"""Which id does a row of an upload carry, and may it?"""

from collections.abc import Sequence

from service.domain.identifiers import CLIENT_ID_MAX_LENGTH
from service.domain.names import nearest
from service.ingest.problems import Problems
from service.ingest.tables import TableBlock

# How many columns an error lists.
_LISTED_COLUMNS = 30
# What one can do where ids repeat.
ADVICE = "choose another column, or leave it out, and rows are numbered."
ADVICE_FOR_MORE_ROWS = "choose another column, or mend the rows."
ADVICE_FOR_OBJECTS = "give each an id of its own, or leave `id` out."


def locate(columns: Sequence[str], name: str | None, option: str, problems: Problems) -> int | None:
    """Return the place of the column that the option names; None when it names none.

    Raises UnreadableError for a column that is not there, naming the nearest that is.
    """
    if name is None:
        return None
    if name in columns:
        return columns.index(name)
    near = nearest(name, columns)
    question = f" Did you mean {near!r}?" if near is not None else ""
    listed = ", ".join(repr(column) for column in columns[:_LISTED_COLUMNS])
    message = f"There is no column {name!r} for {option}.{question} The columns are {listed}."
    raise problems.stop("unknown_column", message, pointer=f"/{option}")


def count_up(block: TableBlock, behind: int) -> list[str]:
    """Return `row_<n>` for each row, counted from 1 behind so many rows that came before."""
    first = behind + block.first
    return [f"row_{number}" for number in range(first, first + len(block.rows))]


def sum_up(column: str | None, row_id: str, rows: Sequence[int], count: int) -> str:
    """Say that an id repeats: where first, and in how many rows; `rows` are two at least."""
    where = f"The id column {column!r}" if column is not None else "`id`"
    more = f", and in {count:,} rows in all" if count > 2 else ""
    return f"{where} has {row_id!r} in rows {rows[0]} and {rows[1]}{more}"


def read(block: TableBlock, place: int, name: str, problems: Problems) -> list[str]:
    """Return the id of each row: its value in the column at `place`.

    Empty and overlong ids are noted.
    """
    numbers = range(block.first, block.first + len(block.rows))
    try:
        ids = [row[place] or "" for row in block.rows]
    except IndexError:
        ids = [row[place] or "" if place < len(row) else "" for row in block.rows]
    if not all(ids) or max(map(len, ids)) > CLIENT_ID_MAX_LENGTH:
        for number, row_id in zip(numbers, ids, strict=True):
            check(row_id, number, name, problems)
    return ids


def check(row_id: str, number: int, column: str, problems: Problems) -> None:
    """Note an id that is empty or too long."""
    if not row_id:
        message = f"Row {number} has no value in the id column {column!r}."
        problems.add("empty_id", message, row=number, column=column)
    elif len(row_id) > CLIENT_ID_MAX_LENGTH:
        message = f"Row {number}: the id is longer than {CLIENT_ID_MAX_LENGTH} characters."
        problems.add("id_too_long", message, row=number, column=column)
