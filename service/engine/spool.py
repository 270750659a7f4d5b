"""Where does an upload wait between its last byte in and its first row out? In a nameless file."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from service.domain.errors import PayloadTooLargeError, UnavailableError
from service.engine import disk_space

# Bytes are gathered before a thread writes them, so that not every packet costs a thread's turn.
_WRITE_BYTES = 1_048_576


class Spool:
    """A temporary file of at most `max_bytes`, written once and then read."""

    def __init__(self, file: BinaryIO, max_bytes: int) -> None:
        """Use `opened` instead."""
        self.file = file
        self.size = 0
        self._max_bytes = max_bytes
        self._waiting = bytearray()

    async def write(self, content: bytes) -> None:
        """Add bytes; raises PayloadTooLargeError when there are too many of them."""
        self.size += len(content)
        if self.size > self._max_bytes:
            raise PayloadTooLargeError(
                f"The upload is larger than the {self._max_bytes:,} bytes that are taken here."
            )
        self._waiting += content
        if len(self._waiting) >= _WRITE_BYTES:
            await self._write_out()

    async def finish(self) -> None:
        """Write what still waits; the file is complete then."""
        await self._write_out()
        with _room():
            await asyncio.to_thread(self.file.flush)

    async def _write_out(self) -> None:
        waiting, self._waiting = self._waiting, bytearray()
        with _room():
            await asyncio.to_thread(self.file.write, waiting)


@asynccontextmanager
async def opened(directory: Path, max_bytes: int) -> AsyncIterator[Spool]:
    """Lend a spool in the directory; it is gone at the end, and when the process ends."""
    with _room():
        # Not in a thread: who is cancelled meanwhile could not close what comes to be afterwards.
        file = _open(directory)
    try:
        yield Spool(file, max_bytes)
    finally:
        # Waits for a thread that still writes: the file's own lock sees to that.
        with suppress(OSError):
            # What could not be written is not wanted any more.
            file.close()


@contextmanager
def _room() -> Iterator[None]:
    """Raise UnavailableError where the disk is full."""
    try:
        yield
    except OSError as error:
        if not disk_space.is_used_up(error):
            raise
        raise UnavailableError(
            "There is no room for the upload on the disk of the service: free some in its data "
            "directory, then try again."
        ) from error


def _open(directory: Path) -> BinaryIO:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return cast(BinaryIO, tempfile.TemporaryFile(dir=directory))
