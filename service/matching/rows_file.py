"""Which values do the rows in a file have? Columns are numbered while the rows are read.

A line per row: `["row id", ["value", null, …]]`, as `store.reference_files` writes it.
"""

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from service.matching.compiled import address, check_memory, load_kernel
from service.matching.kernel_room import NumberingPointers, Room, function_of
from service.matching.numbering import Numbered, Rows, number
from service.matching.texts import Texts

# Rows are read in stretches of about this many bytes: columns get room for what one can add.
STRETCH_BYTES = 16 * 2**20

_decoder = msgspec.json.Decoder(tuple[str, list[str | None]])


class UnreadableRowsError(Exception):
    """A file does not have the rows it should have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsFile:
    """A file with so many rows; `columns` name the values of each."""

    path: Path
    row_count: int
    columns: Sequence[str]
    stretch_bytes: int = STRETCH_BYTES

    def read(self, wanted: frozenset[str]) -> Rows:
        """Read the wanted ones of the columns; by the kernel where there is one.

        Raises UnreadableRowsError.
        """
        places = {name: place for place, name in enumerate(self.columns) if name in wanted}
        kernel = load_kernel()
        return self.read_here(places) if kernel is None else self.read_by_kernel(kernel, places)

    def read_here(self, places: Mapping[str, int]) -> Rows:
        """Read the values at the places, an object for each."""
        row_ids: list[str] = []
        columns: list[tuple[int, list[str | None]]] = [(place, []) for place in places.values()]
        with self.path.open("rb") as lines:
            for line in lines:
                try:
                    row_id, row = _decoder.decode(line)
                    for place, values in columns:
                        values.append(row[place])
                except (msgspec.DecodeError, UnicodeDecodeError, IndexError) as error:
                    raise UnreadableRowsError(f"After row {len(row_ids)}: {error}") from error
                row_ids.append(row_id)
        self._check(len(row_ids))
        numbered = (number(values) for _, values in columns)
        return Rows(Texts.of(row_ids), dict(zip(places, numbered, strict=True)))

    def read_by_kernel(self, kernel: ctypes.CDLL, places: Mapping[str, int]) -> Rows:
        """Read the values at the places without an object for any of them.

        See `read_rows` in kernel/rows.c.
        """
        function = function_of(kernel, "read_rows", "piipipi")
        pointers = (NumberingPointers * (len(places) + 1))()
        rooms = [
            Room(each, self.row_count, is_numbered=place > 0) for place, each in enumerate(pointers)
        ]
        taken_by = np.full(len(self.columns), len(rooms), dtype=np.int64)
        taken_by[list(places.values())] = np.arange(1, len(rooms))
        done = 0
        for stretch in self._stretches():
            for room in rooms:
                room.extend(len(stretch))
            text = np.frombuffer(stretch, dtype=np.uint8)
            lines = np.count_nonzero(text == ord("\n"))
            read = function(
                address(text), len(text), self.row_count - done, address(taken_by), len(taken_by),
                ctypes.addressof(pointers), len(rooms),
            )  # fmt: skip
            done += check_memory(read)
            if read != lines:
                raise UnreadableRowsError(f"After row {done}: one that cannot be read.")
        self._check(done)
        (row_ids, _), *numbered = (room.take() for room in rooms)
        try:
            for texts, _ in ((row_ids, None), *numbered):
                texts.check()
        except UnicodeDecodeError as error:
            raise UnreadableRowsError("A row is no UTF-8.") from error
        columns = (Numbered(*each) for each in numbered)
        return Rows(row_ids, dict(zip(places, columns, strict=True)))

    def _check(self, row_count: int) -> None:
        if row_count != self.row_count:
            raise UnreadableRowsError(f"There are {row_count} rows, not {self.row_count}.")

    def _stretches(self) -> Iterator[bytearray]:
        """Yield whole lines, some at a time, each with its end."""
        with self.path.open("rb") as file:
            rest = b""
            while block := file.read(self.stretch_bytes):
                end = block.rfind(b"\n") + 1
                if end:
                    yield bytearray().join((rest, memoryview(block)[:end]))
                    rest = block[end:]
                else:
                    rest += block
            if rest:
                yield bytearray(rest + b"\n")
