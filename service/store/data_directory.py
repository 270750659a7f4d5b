"""What lies in a data directory, and which process owns it?"""

import asyncio
import fcntl
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from service.domain.errors import StartupError

# Of folders in the system's temporary place, where a data directory's path is too long.
SOCKET_PREFIX = "matchstream-"
LOCK_SECONDS = 1.0
LOCK_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Layout:
    """What lies where below the data directory."""

    root: Path

    @classmethod
    def of(cls, root: Path) -> "Layout":
        """Lay out a data directory, wherever we go from here."""
        return cls(root.absolute())

    @property
    def cluster(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.root / "postgres"

    @property
    def lock(self) -> Path:
        """Who owns the data directory, and where its server listens."""
        return self.root / "owner.lock"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.root / "postgres.log"


class InUseError(StartupError):
    """Another process has the data directory."""

    code = "data_in_use"


def running_dsn(layout: Layout) -> str | None:
    """Return where the data directory's server listens, None when no process owns it."""
    dsn = (_owners_content(layout) or {}).get("dsn")
    return dsn if isinstance(dsn, str) else None


def owner(layout: Layout) -> str | None:
    """Return the process id of who owns the data directory, None when no process does."""
    content = _owners_content(layout)
    return None if content is None else str(content.get("pid", "?"))


def _owners_content(layout: Layout) -> dict[str, object] | None:
    """Read what the owner has written; None when there is none."""
    try:
        with layout.lock.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _content(file.read())
    except OSError:
        # No file, or none that is ours to read.
        pass
    return None


class Lock:
    """The owner's lock file: held by the kernel for as long as we live."""

    def __init__(self, file: BinaryIO) -> None:
        """Write into the open, locked file."""
        self._file = file

    def say(self, **content: str) -> None:
        """Write who we are, and what others need to find the server."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(json.dumps({"pid": os.getpid(), **content}).encode())
        self._file.flush()


@asynccontextmanager
async def owned(layout: Layout) -> AsyncIterator[Lock]:
    """Make the data directory ours while the context lasts, or name the process that owns it."""
    with _opened(layout) as file:
        await _acquire(file, layout)
        left_behind = _content(file.read()).get("sockets")
        if isinstance(left_behind, str) and Path(left_behind).name.startswith(SOCKET_PREFIX):
            shutil.rmtree(left_behind, ignore_errors=True)
        lock = Lock(file)
        lock.say()
        try:
            yield lock
        finally:
            lock.say()


def _opened(layout: Layout) -> BinaryIO:
    """Open the lock file, in a data directory that is made if it is not there."""
    try:
        # Others may pass through but not look: the server may run as another user than we.
        layout.root.mkdir(mode=0o711, parents=True, exist_ok=True)
        descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        reason = "it is a file" if layout.root.is_file() else error.strerror
        raise StartupError(
            f"The data directory {layout.root} is not writable ({reason}): choose another with "
            "MATCHSTREAM_DATA_DIR."
        ) from error
    return os.fdopen(descriptor, "r+b")


async def _acquire(file: BinaryIO, layout: Layout) -> None:
    """Lock the file; an owner that was just killed is given a moment to be gone."""
    attempts = round(LOCK_SECONDS / LOCK_POLL_SECONDS)
    for _ in range(attempts):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            await asyncio.sleep(LOCK_POLL_SECONDS)
    raise InUseError(
        f"The data directory {layout.root} is in use by process "
        f"{_content(file.read()).get('pid')}: stop it, or choose another with "
        "MATCHSTREAM_DATA_DIR."
    )


def _content(text: bytes) -> dict[str, object]:
    """Read a lock file; one cut off in the middle says nothing."""
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
