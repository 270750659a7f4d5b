"""How many connections may this process hold? As many files as the system lets it have open."""

import resource
from contextlib import suppress

# Each reader of a stream holds one; the usual limit is 1,024.
WANTED = 65_536


def allow_many() -> None:
    """Raise this process's own limit up to what it may be; whoever set a higher one keeps it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        # Some systems refuse what they say is allowed: then it stays as it is.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
