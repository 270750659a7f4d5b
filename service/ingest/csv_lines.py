"""How do the bytes of a CSV file become lines, and what can be wrong with their characters?"""

import codecs
from collections.abc import Iterable, Iterator
from io import StringIO, TextIOWrapper
from typing import BinaryIO

from service.ingest.encodings import Encoding
from service.ingest.limits import MAX_ROW_CHARACTERS

# By which codec each encoding is read: with a byte order mark or without.
_CODECS: dict[Encoding, str] = {
    Encoding.UTF_8: "utf-8-sig",
    Encoding.UTF_16: "utf-16",
    Encoding.UTF_16_LE: "utf-16-le",
    Encoding.UTF_16_BE: "utf-16-be",
    Encoding.WINDOWS_1252: "cp1252",
}
_NOT_DECODED: dict[Encoding, str] = {
    each: f"is not valid {each.value.upper()}: say with encoding how the file is written"
    for each in Encoding
} | {
    Encoding.UTF_8: (
        "is not valid UTF-8: save the file as CSV in UTF-8, or say with encoding how it is "
        f"written, {Encoding.WINDOWS_1252.value} for one"
    )
}
_MARK = "matchstream-mark"
# How a ZIP archive begins: an Excel workbook is one.
PACKED = b"PK\x03\x04"
# Lines are looked at so many characters at a time, and one by one only where something is wrong.
CHUNK_CHARACTERS = 65_536


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Stand in for what cannot be decoded."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


codecs.register_error(_MARK, _mark)


def encoding_of(start: bytes) -> Encoding:
    """Tell by its byte order mark how a file is encoded: as UTF-8 where it has none.

    No other encoding is guessed, since a wrong guess would pass unseen.
    """
    has_mark = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return Encoding.UTF_16 if has_mark else Encoding.UTF_8


class RowTooLongError(Exception):
    """The lines of one row are longer than a row may be."""


class Lines:
    """The lines of a file, bounded in length; what is not in its encoding, and NULs, are noted."""

    def __init__(self, file: BinaryIO, encoding: Encoding | None) -> None:
        """Read `file` from where it stands; without an encoding as its byte order mark says."""
        start = file.read(len(PACKED))
        file.seek(-len(start), 1)
        self.is_packed = start == PACKED
        self._encoding = encoding or encoding_of(start)
        # What cannot be decoded becomes a lone surrogate, which no encoding can stand for.
        self._text = TextIOWrapper(file, encoding=_CODECS[self._encoding], errors=_MARK, newline="")
        self.fault: str | None = None
        self.row_characters = 0
        self.block_characters = 0
        # Since the last row ended, in chunks that were not looked at line by line.
        self.open_characters = 0

    def __iter__(self) -> Iterator[str]:
        """Yield them in order; raises RowTooLongError."""
        while chunk := self._text.read(CHUNK_CHARACTERS):
            # A line end of two characters must not be parted.
            chunk += self._text.readline(MAX_ROW_CHARACTERS + 1)
            lines = StringIO(chunk, newline="")
            if self._is_plain(chunk):
                self.block_characters += len(chunk)
                self.open_characters += len(chunk)
                if self.open_characters > MAX_ROW_CHARACTERS:
                    raise RowTooLongError
                yield from lines
            else:
                yield from self._look_closer(lines)

    def _is_plain(self, chunk: str) -> bool:
        """Whether nothing can be wrong with any line of a chunk, nor with a row that it is in."""
        if self.row_characters or len(chunk) > 2 * CHUNK_CHARACTERS or "\0" in chunk:
            return False
        return chunk.isascii() or is_utf8(chunk)

    def _look_closer(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self.row_characters += len(line)
            if self.row_characters > MAX_ROW_CHARACTERS:
                raise RowTooLongError
            if "\0" in line:
                self.fault = "contains a NUL character"
            if not line.isascii() and not is_utf8(line):
                self.fault = _NOT_DECODED[self._encoding]
            yield line

    def unbounded(self) -> Iterator[str]:
        """Yield the lines without looking at them."""
        while line := self._text.readline(MAX_ROW_CHARACTERS):
            yield line

    def end_row(self) -> None:
        """Count what was read as a row of the block."""
        self.block_characters += self.row_characters
        self.row_characters = 0

    def release(self) -> None:
        """Leave the file open for its owner."""
        self._text.detach()


def is_utf8(line: str) -> bool:
    """Whether there is nothing in it that could not be decoded."""
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True
