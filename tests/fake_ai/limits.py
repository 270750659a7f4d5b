"""How does the stand-in count what a client may use? In three buckets, as the vendor does."""

import math
from dataclasses import dataclass

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class VendorLimits:
    """What is allowed per minute; a bucket holds `burst_seconds` of it, or one request."""

    requests: float = 4_000
    input_tokens: float = 4_000_000
    output_tokens: float = 800_000
    burst_seconds: float = 2.0


class VendorBucket:
    """One limit: fills continuously, refuses what is not there."""

    def __init__(self, name: str, per_minute: float, least: float, limits: VendorLimits) -> None:
        """Start full; one that holds less than `least` holds that."""
        self.name = name
        self.limit = per_minute
        self.capacity = max(per_minute / MINUTE * limits.burst_seconds, least)
        self.level = self.capacity
        self._at: float | None = None

    def missing_seconds(self, amount: float, now: float) -> float:
        """Return how long it takes until the amount is there; a full bucket is enough for any."""
        self._fill(now)
        missing = min(amount, self.capacity) - self.level
        return 0.0 if missing <= 1e-6 else missing / (self.limit / MINUTE)

    def take(self, amount: float, now: float) -> None:
        """Take the amount; what a full bucket does not hold is owed."""
        self._fill(now)
        self.level -= amount

    def headers(self, rounded_to: int) -> dict[str, str]:
        """What a reply tells of it."""
        remaining = round(max(self.level, 0) / rounded_to) * rounded_to
        prefix = f"anthropic-ratelimit-{self.name}"
        return {
            f"{prefix}-limit": str(math.floor(self.limit)),
            f"{prefix}-remaining": str(math.floor(remaining)),
        }

    def _fill(self, now: float) -> None:
        if self._at is not None:
            filled = self.level + (now - self._at) * self.limit / MINUTE
            self.level = min(filled, self.capacity)
        self._at = now
