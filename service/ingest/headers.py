"""Are the names of a table's columns fit to be names, or is that row no header at all?"""

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from service.ingest.limits import MAX_COLUMN_NAME_CHARACTERS, MAX_COLUMNS
from service.ingest.problems import Problems, UnreadableError

# Below how many lines of titles a header is looked for.
LOOKED_AT = 20
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


def is_title_of(names: Sequence[str], row: Sequence[str | None]) -> bool:
    """Whether `names` rather are a title, and `row`, which stands below, the header.

    A title fills few of the cells; a header fills all of its own, each differently, and none of
    them with what begins as a number or a date does.
    """
    texts = [(cell or "").strip() for cell in row]
    while texts and not texts[-1]:
        texts.pop()
    return (
        2 * sum(map(bool, names)) <= len(texts)
        and len(set(texts)) == len(texts)
        and all(texts)
        and not any(map(_NUMBER.match, texts))
    )


def find_below(
    names: Sequence[str], rows: Iterable[tuple[int, Sequence[str | None]]]
) -> int | None:
    """Return the line of the first row that seems to be the header of which `names` are a title."""
    return next((line for line, row in islice(rows, LOOKED_AT) if is_title_of(names, row)), None)


def advise(line: int) -> str:
    """Say what to do where the header seems to be in a line further down."""
    return (
        "The first line is a title rather than a header, which seems to be in line "
        f"{line}: delete the lines above it."
    )
