"""Where do worker processes find the rows of a reference version? In a file that all of them read.

A version never changes, so its file is written once and found again by later runs.
"""

import asyncio
import os
from collections import defaultdict
from pathlib import Path

from service.domain.reference import ReferenceVersion
from service.store import reference
from service.store.database import Database

# The most recently used files that are kept; the rest is written again when a run needs it.
MAX_FILES = 16
SUFFIX = ".ndjson"


class ReferenceFiles:
    """A bounded directory of files, one per reference version."""

    def __init__(self, directory: Path, database: Database) -> None:
        """Use `directory`, which must exist and belong to this process alone."""
        self._directory = directory
        self._database = database
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def provide(self, version: ReferenceVersion) -> Path:
        """Return the path of the version's file, written now if it is not there yet.

        A line per row, in order of position: `["row id", ["value", null, …]]`.
        """
        name = f"{version.reference_data_id}-{version.generation}-{version.row_count}{SUFFIX}"
        path = self._directory / name
        async with self._locks[name]:
            if not _mark_used(path):
                await self._write(version, path)
        return path

    async def _write(self, version: ReferenceVersion, path: Path) -> None:
        unfinished = path.with_suffix(".unfinished")
        async with self._database.connection() as connection:
            await reference.export_version(connection, version, unfinished)
        unfinished.replace(path)
        _forget_oldest(self._directory)


def _mark_used(path: Path) -> bool:
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _forget_oldest(directory: Path) -> None:
    newest_first = sorted(
        directory.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns, reverse=True
    )
    for path in newest_first[MAX_FILES:]:
        path.unlink(missing_ok=True)
