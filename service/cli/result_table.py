"""How are results written to a file? As its name says: CSV, JSON or NDJSON."""

import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

from service.cli.client import RunHandle
from service.cli.input_file import STANDARD
from service.domain.errors import InvalidInputError, MatchstreamError

# By the file's ending: what the service is asked for. A list in JSON is made here.
FORMATS = {"": "csv", ".csv": "csv", ".txt": "csv", ".json": "json", ".ndjson": "ndjson",
           ".jsonl": "ndjson"}  # fmt: skip


def check(out: str) -> None:
    """Raise InvalidInputError when nothing can be written there."""
    if out == STANDARD:
        return
    path = Path(out)
    if path.suffix.lower() not in FORMATS:
        raise InvalidInputError(f"--out {out}: name a file that ends in .csv, .json or .ndjson.")
    if not path.absolute().parent.is_dir():
        raise InvalidInputError(f"--out {out}: there is no folder {path.absolute().parent}.")
    if path.is_dir():
        raise InvalidInputError(f"--out {out} is a folder: name a file.")


async def write(handle: RunHandle, out: str) -> None:
    """Write the results to a file that is whole or not there, or as CSV to standard output.

    Raises MatchstreamError where the file cannot be written.
    """
    if out == STANDARD:
        await _copy(handle, "csv", sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    path = Path(out)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            await _copy(handle, FORMATS[path.suffix.lower()], file)
        unfinished.replace(path)
    except OSError as error:
        raise MatchstreamError(
            f"{out} cannot be written ({error.strerror}); the run's results are still there: "
            f"matchstream results {handle.id}"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


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
    """Turn lines into the items of one list; a line may end in a later part."""
    rest, begin = b"", b"[\n"
    async for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            file.write(begin + line)
            begin = b",\n"
    file.write(b"[]\n" if begin == b"[\n" else b"\n]\n")
