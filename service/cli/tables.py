"""How is a list printed? For a person in columns, for a program tab separated or as JSON."""

import json
import sys
from collections.abc import Mapping, Sequence
from shutil import get_terminal_size
from typing import Annotated, TypeAlias

import typer
from rich.cells import cell_len, set_cell_size

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Row: TypeAlias = Mapping[str, object]

GAP = "  "
_LEAST_WIDTH = 8
_ELLIPSIS = "…"


def print_rows(rows: Sequence[Row], columns: Sequence[str], *, as_json: bool) -> None:
    """Write the columns of the rows below a header; as JSON all there is, and no header.

    On a terminal the columns are aligned, and cut where they would not fit it. Elsewhere a tab
    parts them, and nothing is cut.
    """
    if as_json:
        for row in rows:
            print_json(row)
        return
    lines = [tuple(columns), *(tuple(_cell(row.get(name)) for name in columns) for row in rows)]
    if sys.stdout.isatty():
        width = get_terminal_size().columns
        for line in aligned(lines, width):
            typer.echo(line)
        return
    for cells in lines:
        typer.echo("\t".join(cells))


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
