"""Is there no room on the disk for what a run needs, and what does its user get to know then?"""

import errno
import shutil
from pathlib import Path

from service.domain.errors import MatchingFailedError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


# One more segment of PostgreSQL's log, or an upload of some size.
LEAST_FREE_BYTES = 32 * 2**20


def shortage(directory: Path, least_bytes: int = LEAST_FREE_BYTES) -> str | None:
    """Say that there is little room left on the disk of a directory that may not be there yet."""
    there = next(place for place in (directory, *directory.parents) if place.exists())
    free = shutil.disk_usage(there).free
    if free >= least_bytes:
        return None
    return f"Only {free / 2**20:.0f} MiB are left on the disk of the data directory: free some."


def is_used_up(error: OSError) -> bool:
    """Whether a file could not be written because the disk, or our share of it, is full."""
    return error.errno in _NO_ROOM


def used_up(error: OSError) -> MatchingFailedError:
    """Return the error of a run that cannot go on for want of room."""
    return MatchingFailedError(
        f"There is no room on the disk for the reference data ({error.strerror}): free some, "
        "then run again."
    )
