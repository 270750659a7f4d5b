"""Which indexes lie ready on the disk, and who saves the one that is missing?

A bounded directory of files that processes share. Each file has a lock of the kernel: shared by
those who map it, so that nobody removes it meanwhile; whoever builds holds one for its name. The
locks of a process that was killed are free at once.
"""

import fcntl
import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from service import matching
from service.domain.configs import (
    DateRangeMapping,
    FieldMapping,
    FuzzyMapping,
    MatchingRules,
    NumericRangeMapping,
)
from service.domain.reference import ReferenceVersion
from service.engine import disk_space
from service.matching import index_file
from service.matching.array_file import DamagedFileError
from service.matching.index import ReferenceIndex

# What the directory may hold; more only while the files are in use, or if one alone has more.
MAX_BYTES = 8 * 2**30
SUFFIX = ".index"
UNFINISHED_SUFFIX = ".unfinished"
LOCK_SUFFIX = ".lock"
# Enough of a SHA-256 to tell the indexes of one version apart.
_DIGEST_LENGTH = 32


def prepare(directory: Path) -> None:
    """Make the directory, for this user alone; remove what killed processes left unfinished."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    for path in (*directory.glob(f"*{UNFINISHED_SUFFIX}"), *directory.glob(f"*{LOCK_SUFFIX}")):
        with _turn(path.with_suffix(SUFFIX), fcntl.LOCK_NB) as is_ours:
            if is_ours:
                path.with_suffix(UNFINISHED_SUFFIX).unlink(missing_ok=True)
    # Reads some files: now rather than on the event loop.
    _digest_code()


def ask(rules: MatchingRules) -> tuple[FieldMapping, ...]:
    """Return the mappings without what an index does not depend on, so that runs can share it."""
    return tuple(_ask(mapping) for mapping in rules.field_mappings)


def name(version: ReferenceVersion, mappings: Sequence[FieldMapping]) -> str:
    """Name the file of the version's index for the mappings of `ask`.

    Another release of the code that builds indexes gives another name.
    """
    columns = tuple(column.name for column in version.columns)
    asked = repr((_digest_code(), columns, tuple(mappings)))
    digest = hashlib.sha256(asked.encode(errors="surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
    of_rows = f"{version.reference_data_id}-{version.generation}-{version.row_count}"
    return f"{of_rows}-{digest}{SUFFIX}"


def pin(path: Path) -> BinaryIO | None:
    """Open an index, so that it stays until the file is closed; None when it is not there."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    fcntl.flock(file, fcntl.LOCK_SH)
    if not os.fstat(file.fileno()).st_nlink:
        # Removed between the two steps before.
        file.close()
        return None
    os.utime(file.fileno())
    return file


def load(path: Path) -> ReferenceIndex | None:
    """Map an index, which is pinned as long as it is in use; None when none that is whole is there.

    A damaged file is removed.
    """
    file = pin(path)
    if file is None:
        return None
    with file:
        try:
            return index_file.load(file)
        except DamagedFileError:
            with suppress(FileNotFoundError):
                if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                    path.unlink()
            return None


def ensure(path: Path, build: Callable[[], ReferenceIndex]) -> bool:
    """Build and save the index unless it is there; return whether it had to be built.

    Whoever wants the same one meanwhile waits and finds it. Raises MatchingFailedError when there
    is no room for it.
    """
    with _turn(path):
        if load(path) is not None:
            return False
        index = build()
        try:
            _save(index, path)
        except OSError as error:
            if not disk_space.is_used_up(error):
                raise
            forget_oldest(path.parent, max_bytes=0)
            _save_or_fail(index, path)
        pinned = pin(path)
    # Ours stays, though others may seem newer where the clock was set back.
    with pinned or nullcontext():
        forget_oldest(path.parent, MAX_BYTES)
    return True


def forget_oldest(directory: Path, max_bytes: int) -> None:
    """Remove the indexes that were not used for longest and are in use by nobody.

    The last one used stays, however large it is.
    """
    sizes = [(*_used_and_size(path), path) for path in directory.glob(f"*{SUFFIX}")]
    total = 0
    for place, (_, size, path) in enumerate(sorted(sizes, reverse=True)):
        total += size
        if total > max_bytes and place:
            _remove_unused(path)


def _ask(mapping: FieldMapping) -> FieldMapping:
    plain = replace(mapping, source="", weight=1.0)
    match plain:
        case FuzzyMapping():
            return replace(plain, min_score=0.0)
        case DateRangeMapping():
            return replace(plain, tolerance_days=0.0, flat=False)
        case NumericRangeMapping():
            # Wide relative tolerances are laid out in another way.
            return replace(plain, flat=False)
        case _:
            return plain


@lru_cache(maxsize=1)
def _digest_code() -> str:
    """Digest all files of the code that types values and lays out indexes, compiled or not."""
    # Foldings of letters come with Python's edition of Unicode.
    digest = hashlib.sha256(unicodedata.unidata_version.encode())
    for folder in matching.__path__:
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


@contextmanager
def _turn(path: Path, how: int = 0) -> Iterator[bool]:
    """Have the name of an index for oneself; False if `how` is LOCK_NB and another has it."""
    lock = path.with_suffix(LOCK_SUFFIX)
    # Somebody may have removed the folder to make room.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        with lock.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | how)
            except BlockingIOError:
                yield False
                return
            if not os.fstat(file.fileno()).st_nlink:
                # Whoever had it before removed it: others may have made another by now.
                continue
            try:
                yield True
            finally:
                lock.unlink()
            return


def _save(index: ReferenceIndex, path: Path) -> None:
    unfinished = path.with_suffix(UNFINISHED_SUFFIX)
    try:
        with unfinished.open("w+b") as file:
            index_file.save(index, file)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _save_or_fail(index: ReferenceIndex, path: Path) -> None:
    try:
        _save(index, path)
    except OSError as error:
        raise disk_space.used_up(error) from error


def _used_and_size(path: Path) -> tuple[int, int]:
    """Tell when a file was last used, and its bytes; 0 when another process removed it."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _remove_unused(path: Path) -> None:
    with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
