"""Where in a CSV file does a quotation mark stand that cannot be read?"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """The line in which the row begins, and the place of the column in it, counted from 0."""

    line: int
    column: int


def locate(lines: Iterable[str], delimiter: str) -> Fault | None:
    """Read the lines again, up to the first row that cannot be read; None where all can be."""
    row: list[str] = []
    reader = csv.reader(_kept(lines, row), delimiter=delimiter, strict=True)
    while True:
        row.clear()
        line = reader.line_num + 1
        try:
            next(reader)
        except StopIteration:
            return None
        except csv.Error:
            return Fault(line, _column("".join(row), delimiter))


def _kept(lines: Iterable[str], row: list[str]) -> Iterator[str]:
    for line in lines:
        row.append(line)
        yield line


def _column(text: str, delimiter: str) -> int:
    """Return in which column a quoted value is not closed, or goes on when it is."""
    place, is_start, is_quoted, is_closed = 0, True, False, False
    for sign in text:
        if is_quoted:
            is_quoted, is_closed = sign != '"', sign == '"'
        elif sign == delimiter:
            place, is_start, is_closed = place + 1, True, False
        elif sign == '"' and (is_start or is_closed):
            is_quoted, is_start, is_closed = True, False, False
        elif is_closed:
            break
        else:
            is_start = False
    return place
