"""How are results written to a file? As its name says: CSV, JSON or NDJSON."""

import os
import secrets
import shutil
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import BinaryIO

from service.cli.answers import ClientError, lines
from service.cli.client import RunHandle
from service.cli.input_file import STANDARD
from service.domain.errors import InvalidInputError, MatchstreamError

# By the file's ending: what the service is asked for. A list in JSON is made here.
FORMATS = {".csv": "csv", ".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson"}


def check(out: str) -> None:
    """Raise InvalidInputError when nothing can be written there."""
    if out == STANDARD:
        return
    path = Path(out)
    if path.is_dir():
        raise InvalidInputError(f"--out {out} is a folder: name a file.")
    if path.suffix.lower() not in FORMATS and not _is_device(path):
        raise InvalidInputError(f"--out {out}: name a file that ends in .csv, .json or .ndjson.")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InvalidInputError(f"--out {out}: there is no folder {folder}.")
    # A file that is there is replaced, which its folder must allow; a device is written to.
    written = path if _is_device(path) else path.resolve().parent
    if not os.access(written, os.W_OK):
        raise InvalidInputError(f"--out {out}: {written} may not be written.")


async def write(handle: RunHandle, out: str) -> None:
    """Write the results to a file that is whole or not there, or as CSV to standard output.

    Raises MatchstreamError where the file cannot be written.
    """
    if out == STANDARD:
        await _copy(handle, "csv", sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    try:
        with _opened(Path(out)) as file:
            # A device may have any name, and gets CSV.
            await _copy(handle, FORMATS.get(Path(out).suffix.lower(), "csv"), file)
    except (OSError, ClientError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
        raise MatchstreamError(
            f"{out} cannot be written ({reason}); the run's results are still there: "
            f"matchstream results {handle.id}"
        ) from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Lend a device as it is; else a file beside the place, which is put there when it is whole.

    Its name is its own: two that write the same place are not in each other's way. It gets the
    mode of the one that it replaces.
    """
    if _is_device(path):
        with path.open("wb") as device:
            yield device
        return
    place = path.resolve()
    unfinished = place.with_name(f".{secrets.token_hex(8)}.unfinished")
    try:
        with unfinished.open("xb") as file:
            if place.exists():
                shutil.copymode(place, unfinished)
            yield file
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)


def _is_device(path: Path) -> bool:
    """Whether what is there is no file but a pipe or a device, which must not be replaced."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False


async def _copy(handle: RunHandle, kind: str, file: BinaryIO) -> None:
    asked = "ndjson" if kind == "json" else kind
    path = f"{handle.path}/results/export"
    # Closed here, come what may: nobody else would, where the reader of our output has left.
    async with aclosing(handle.client.download(path, {"format": asked})) as parts:
        if kind == "json":
            await _write_list(parts, file)
            return
        async for part in parts:
            file.write(part)


async def _write_list(parts: AsyncIterator[bytes], file: BinaryIO) -> None:
    """Turn lines into the items of one list."""
    begin = b"[\n"
    async for line in lines(parts):
        file.write(begin + line)
        begin = b",\n"
    file.write(b"[]\n" if begin == b"[\n" else b"\n]\n")
