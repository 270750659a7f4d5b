"""In which shape do the readers of tables hand on what they read?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

Cells = list[str | None]


@dataclass(frozen=True, slots=True)
class TableBlock:
    """Some rows that follow each other, the first with number `first`.

    A row may be shorter than the columns known by now: what is not there is missing.
    """

    first: int
    rows: list[Cells]


class TableReader(Protocol):
    """Reads a table once, from start to end.

    After the first block `columns` holds the names known so far, after the last one all of them.
    What is wrong goes into a `Problems`; a block with a problem in it is not handed on, and
    UnreadableError says that nothing more can be read.
    """

    columns: list[str]

    def blocks(self) -> Iterator[TableBlock]:
        """Yield the rows in order."""
        ...
