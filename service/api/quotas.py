"""How much may a key still ask of this process in the present minute?"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from service.domain.identifiers import ApiKeyId

WINDOW_SECONDS = 60
# Of this many keys and kinds the present use is remembered; the one that began first goes.
MAX_WINDOWS = 10_000


class Quota(StrEnum):
    """The kinds of requests that are counted apart; a stream counts once."""

    READS = "reads"
    WRITES = "writes"
    UPLOADS = "uploads"


# Generous: a page that polls, a test suite or a thousand watchers stay far below them.
PER_MINUTE: Mapping[Quota, int] = MappingProxyType(
    {Quota.READS: 120_000, Quota.WRITES: 30_000, Quota.UPLOADS: 3_000}
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key stands with one quota, this request counted."""

    quota: Quota
    limit: int
    remaining: int
    reset_seconds: int
    is_exceeded: bool

    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """Return the headers that say so, in the IETF draft's names and in those most know."""
        limit, remaining, reset = self.limit, self.remaining, self.reset_seconds
        return (
            (b"ratelimit-policy", f'"{self.quota}";q={limit};w={WINDOW_SECONDS}'.encode()),
            (b"ratelimit", f'"{self.quota}";r={remaining};t={reset}'.encode()),
            (b"x-ratelimit-limit", str(limit).encode()),
            (b"x-ratelimit-remaining", str(remaining).encode()),
            (b"x-ratelimit-reset", str(reset).encode()),
        )


@dataclass(slots=True)
class _Window:
    ends_at: float
    used: int = 0


class Quotas:
    """Counts the requests of each key, in windows that begin with its first one."""

    def __init__(
        self,
        per_minute: Mapping[Quota, int] = PER_MINUTE,
        clock: Callable[[], float] = time.monotonic,
        max_windows: int = MAX_WINDOWS,
    ) -> None:
        """Allow so many requests; `clock` counts seconds."""
        self._per_minute = per_minute
        self._clock = clock
        self._max_windows = max_windows
        # In the order in which they began, which is the order in which they end.
        self._windows: OrderedDict[tuple[ApiKeyId, Quota], _Window] = OrderedDict()

    def take(self, key: ApiKeyId, quota: Quota) -> Standing:
        """Count one request, unless there is none left."""
        now = self._clock()
        window = self._windows.get((key, quota))
        if window is None or window.ends_at <= now:
            window = self._begin(key, quota, now)
        limit = self._per_minute[quota]
        is_exceeded = window.used >= limit
        if not is_exceeded:
            window.used += 1
        reset = max(1, math.ceil(window.ends_at - now))
        return Standing(quota, limit, limit - window.used, reset, is_exceeded)

    def _begin(self, key: ApiKeyId, quota: Quota, now: float) -> _Window:
        window = _Window(now + WINDOW_SECONDS)
        self._windows.pop((key, quota), None)
        self._windows[key, quota] = window
        if len(self._windows) > self._max_windows:
            self._windows.popitem(last=False)
        return window
