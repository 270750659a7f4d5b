"""How is a list printed? For a person in columns, for a program tab separated or as JSON."""

import json
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

    The first column holds ids, which one copies: it is never cut. The last ones are left out where
    they have no room at all.
    """
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    while len(widths) > 1 and _total([widths[0], *(_least(each) for each in widths[1:])]) > width:
        widths.pop()
    while _total(widths) > width and max(widths[1:], default=0) > _LEAST_WIDTH:
        place = max(range(1, len(widths)), key=widths.__getitem__)
        widths[place] -= 1
    return [
        GAP.join(_fit(cell, size) for cell, size in zip(line, widths, strict=False)).rstrip()
        for line in lines
    ]


def printable(text: str) -> str:
    """Write a text that came from elsewhere so that it moves no terminal and no column."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def _least(size: int) -> int:
    return min(size, _LEAST_WIDTH)


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
