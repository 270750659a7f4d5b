"""How is a list printed? For a person in columns, for a program tab separated or as JSON."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from shutil import get_terminal_size
from typing import Annotated, TypeAlias

import typer
from rich.cells import cell_len, set_cell_size

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Row: TypeAlias = Mapping[str, object]

GAP = "  "
_LEAST_WIDTH = 8
_ELLIPSIS = "…"
# Columns whose cells stay whole: ids and times; ids of others' making only up to so many signs.
_WHOLE = ("id", "_at")
_LONGEST_WHOLE = 36
_SECONDS = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}Z$")
_TIME = re.compile(r"^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\dZ$")


class Listed:
    """A list that is printed as its rows come: below a header, or as JSON all there is of each.

    On a terminal its columns are aligned when it is whole, and cut where they would not fit.
    Elsewhere a tab parts them, and nothing is cut, or kept.
    """

    def __init__(self, columns: Sequence[str], *, as_json: bool) -> None:
        """Print these columns, when the first row has come or it is certain that none does."""
        self._columns = columns
        self._as_json = as_json
        self._is_aligned = sys.stdout.isatty() and not as_json
        self._lines: list[Sequence[str]] = [] if as_json else [columns]

    def add(self, row: Row) -> None:
        """Print the row, or keep what is shown of it."""
        if self._as_json:
            print_json(row)
            return
        self._lines.append([_cell(row.get(name)) for name in self._columns])
        if not self._is_aligned:
            self.close()

    def close(self) -> None:
        """Print what was kept."""
        if self._is_aligned:
            self._lines = [[line] for line in aligned(self._lines, get_terminal_size().columns)]
        for cells in self._lines:
            typer.echo("\t".join(cells))
        self._lines = []


def print_rows(rows: Iterable[Row], columns: Sequence[str], *, as_json: bool) -> None:
    """Print a list whose rows are there."""
    listed = Listed(columns, as_json=as_json)
    for row in rows:
        listed.add(row)
    listed.close()


def print_json(value: object) -> None:
    """Write a value on a line; in signs that any terminal has, where ours has not all."""
    is_plain = not sys.stdout.encoding.lower().startswith("utf")
    typer.echo(json.dumps(value, ensure_ascii=is_plain))


def aligned(lines: Sequence[Sequence[str]], width: int) -> list[str]:
    """Lay cells out in columns, the widest of which are cut until a line fits the width.

    Times are told to the second before that, and to the day before one would be left out. Ids,
    which one copies, and times are not cut. The last columns are left out where they have no room.
    """
    if _total(_widths(lines)) > width:
        lines = [[_SECONDS.sub(r"\1Z", cell) for cell in line] for line in lines]
    if _total(_leasts(lines)) > width:
        lines = [[_TIME.sub(r"\1", cell) for cell in line] for line in lines]
    widths, leasts = _widths(lines), _leasts(lines)
    while len(widths) > 1 and _total(leasts) > width:
        widths.pop()
        leasts.pop()
    while _total(widths) > width and widths[1:] != leasts[1:]:
        loose = [place for place in range(1, len(widths)) if widths[place] > leasts[place]]
        widths[max(loose, key=widths.__getitem__)] -= 1
    return [
        GAP.join(_fit(cell, size) for cell, size in zip(line, widths, strict=False)).rstrip()
        for line in lines
    ]


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(*lines, strict=True)]


def _leasts(lines: Sequence[Sequence[str]]) -> list[int]:
    """Return how narrow each column may become; of the first nothing is cut."""
    first, *others = zip(*lines, strict=True)
    return [max(map(cell_len, first)), *map(_least, others)]


def printable(text: str) -> str:
    """Write a text that came from elsewhere so that it moves no terminal and no column."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def _least(column: Sequence[str]) -> int:
    name, *cells = column
    size = max(map(cell_len, column))
    if not name.endswith(_WHOLE):
        return min(size, _LEAST_WIDTH)
    whole = max(map(cell_len, cells), default=0)
    return min(size, max(_LEAST_WIDTH, min(whole, _LONGEST_WHOLE)))


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _fit(text: str, size: int) -> str:
    """Make a text as wide as its column; some signs take two places, some none."""
    if cell_len(text) <= size:
        return set_cell_size(text, size)
    return set_cell_size(text, size - 1) + _ELLIPSIS


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return printable(str(value))
