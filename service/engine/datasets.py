"""Where does whoever makes an index find the rows of a reference version? In a file.

A version never changes, so its file is written once, for the indexes of all configs.
"""

import asyncio
import fcntl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from service.domain.errors import MatchingFailedError
from service.domain.identifiers import new_id
from service.domain.reference import ReferenceVersion
from service.engine import disk_space, index_cache
from service.store import reference_files
from service.store.database import Database

# The most recently used files that are kept; the rest is written again when a run needs it.
MAX_FILES = 4
SUFFIX = ".ndjson"
UNFINISHED_SUFFIX = ".unfinished"
# Older ones belong to nobody: no export takes so long.
UNFINISHED_SECONDS = 3600.0


@dataclass(slots=True)
class _Use:
    """Who uses a file now: how many, and one of them at a time writes it."""

    users: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class ReferenceFiles:
    """A bounded directory of files, one per reference version."""

    def __init__(self, directory: Path, database: Database) -> None:
        """Use `directory`, readable for this user alone; other processes may share it."""
        self._directory = directory
        self._database = database
        self._in_use: dict[str, _Use] = {}

    @asynccontextmanager
    async def lend(self, version: ReferenceVersion) -> AsyncIterator[Path]:
        """Lend the path of the version's file, written now if it is not there yet.

        A line per row, in order of position: `["row id", ["value", null, …]]`. The file stays
        as long as the block lasts. Raises MatchingFailedError when there is no room for it.
        """
        name = f"{version.reference_data_id}-{version.generation}-{version.row_count}{SUFFIX}"
        path = self._directory / name
        use = self._in_use.setdefault(name, _Use())
        use.users += 1
        try:
            async with use.turn:
                pinned = index_cache.pin(path)
                if pinned is None:
                    await self._write(version, path)
                    pinned = index_cache.pin(path)
                    _forget_oldest(self._directory)
            if pinned is None:
                raise MatchingFailedError(
                    "The saved rows of the reference data were removed right after they were "
                    "written: leave the files in the data directory alone, then run again."
                )
            with pinned:
                yield path
        finally:
            use.users -= 1
            if not use.users:
                del self._in_use[name]

    async def _write(self, version: ReferenceVersion, path: Path) -> None:
        # Somebody may have removed the folder to make room.
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A name of its own: another process may write the same version now.
        unfinished = path.with_name(f"{new_id()}{UNFINISHED_SUFFIX}")
        try:
            async with self._database.connection() as connection:
                await reference_files.export_version(connection, version, unfinished)
            unfinished.replace(path)
        except OSError as error:
            if disk_space.is_used_up(error):
                raise disk_space.used_up(error) from error
            raise
        finally:
            unfinished.unlink(missing_ok=True)


def prepare(directory: Path) -> None:
    """Make the directory, for this user alone; remove what a killed process left unfinished."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    an_hour_ago = time.time() - UNFINISHED_SECONDS
    for path in directory.glob(f"*{UNFINISHED_SUFFIX}"):
        if path.stat().st_mtime < an_hour_ago:
            path.unlink(missing_ok=True)


def _forget_oldest(directory: Path) -> None:
    """Remove all but the last files, unless a process uses them."""
    newest_first = sorted(
        directory.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns, reverse=True
    )
    for path in newest_first[MAX_FILES:]:
        with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
