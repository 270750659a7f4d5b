"""Is there no room on the disk for what a run needs, and what does its user get to know then?"""

import errno

from service.domain.errors import MatchingFailedError

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_used_up(error: OSError) -> bool:
    """Whether a file could not be written because the disk, or our share of it, is full."""
    return error.errno in _NO_ROOM


def used_up(error: OSError) -> MatchingFailedError:
    """Return the error of a run that cannot go on for want of room."""
    return MatchingFailedError(
        f"There is no room on the disk for the reference data ({error.strerror}): free some, "
        "then run again."
    )
