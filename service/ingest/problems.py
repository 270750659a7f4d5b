"""What is wrong with an upload, place by place, up to a bound?"""

from service.domain.errors import Problem
from service.ingest.limits import MAX_COLUMN_NAME_CHARACTERS, MAX_PROBLEMS


class UnreadableError(Exception):
    """Reading cannot go on behind the problems found so far."""


class Problems:
    """The problems found so far, in order; reading ends with the twentieth.

    `list_pointer` is the JSON pointer of the list that the rows stand in, when there is one: a
    problem in row 3 then also points to `<list_pointer>/2`.
    """

    def __init__(self, list_pointer: str | None = None) -> None:
        """Start with none."""
        self.found: list[Problem] = []
        self._list_pointer = list_pointer

    def __bool__(self) -> bool:
        """Tell whether anything was found."""
        return bool(self.found)

    def add(
        self,
        code: str,
        message: str,
        *,
        row: int | None = None,
        column: str | None = None,
        pointer: str | None = None,
    ) -> None:
        """Note a problem; raises UnreadableError when it is the last that is reported."""
        if column is not None:
            column = _printable(column)
        if pointer is None and self._list_pointer is not None and row is not None:
            pointer = f"{self._list_pointer}/{row - 1}"
            if column is not None:
                pointer += "/" + escape_pointer(column)
        self.found.append(Problem(code, message, pointer=pointer, row=row, column=column))
        if len(self.found) >= MAX_PROBLEMS:
            raise UnreadableError

    def stop(
        self, code: str, message: str, *, row: int | None = None, pointer: str | None = None
    ) -> UnreadableError:
        """Note a problem behind which nothing can be read; raise what this returns."""
        self.add(code, message, row=row, pointer=pointer)
        return UnreadableError()


def _printable(name: str) -> str:
    """Cut a name that came with the upload, and write what UTF-8 cannot encode as an escape."""
    return name[:MAX_COLUMN_NAME_CHARACTERS].encode(errors="backslashreplace").decode()


def escape_pointer(key: str) -> str:
    """Write a key as one step of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
