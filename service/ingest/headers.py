"""Are the names of a table's columns fit to be names, or is that row no header at all?"""

import re
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TypeAlias

from service.ingest.limits import MAX_COLUMN_NAME_CHARACTERS, MAX_COLUMNS
from service.ingest.problems import Problems, UnreadableError

# Below how many lines of titles a header is looked for.
LOOKED_AT = 20
Row: TypeAlias = Sequence[str | None]

_NUMBER = re.compile(r"\W*\d")


def check_column_names(names: list[str], problems: Problems) -> None:
    """Note empty, repeated, too long and too many names; raises UnreadableError for any."""
    if len(names) > MAX_COLUMNS:
        message = f"There are {len(names):,} columns; at most {MAX_COLUMNS:,} are read."
        raise problems.stop("too_many_columns", message)
    places: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if not name:
            message = (
                f"Column {place} of the header has no name: give it one, or delete the column."
            )
            problems.add("empty_column_name", message)
        elif len(name) > MAX_COLUMN_NAME_CHARACTERS:
            message = (
                f"The name of column {place} is longer than {MAX_COLUMN_NAME_CHARACTERS} "
                "characters."
            )
            problems.add("column_name_too_long", message)
        elif name in places:
            message = (
                f"The header names the column {name!r} more than once, as columns {places[name]} "
                f"and {place}: rename one of them."
            )
            problems.add("repeated_column", message, column=name)
        places.setdefault(name, place)
    if problems:
        raise UnreadableError


def advise_below(names: Sequence[str], rows: Iterable[tuple[int, Row]]) -> str | None:
    """Say that the header seems to be one of these rows; None where none seems to be one."""
    for line, row in islice(rows, LOOKED_AT):
        advice = advise(names, row, line)
        if advice is not None:
            return advice
    return None


def advise(names: Sequence[str], row: Row, line: int) -> str | None:
    """Say that `names` may be a title, and the row in this line the header; None where it is not.

    A title fills few of the cells; a header fills all of its own, each differently, and none of
    them with what begins as a number or a date does.
    """
    texts = [(cell or "").strip() for cell in row]
    while texts and not texts[-1]:
        texts.pop()
    named = sum(map(bool, names))
    is_header = all(texts) and len(set(texts)) == len(texts) and not any(map(_NUMBER.match, texts))
    if len(texts) < max(2, 2 * named) or not is_header:
        return None
    return (
        f"The first line has names for {named} of {len(texts)} columns only: if it is a title, "
        f"delete all lines above the header, which seems to be line {line}."
    )
