"""How much of a limit may be used now, and what does the vendor tell of its limits?

The vendor counts over short intervals, too, so that a bucket holds BURST_SECONDS of its rate alone.
"""

from dataclasses import dataclass

# The share of a limit that is aimed at: the rest is for clocks and estimates that differ.
HEADROOM = 0.98
BURST_SECONDS = 1.0
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What is allowed per minute."""

    requests: float
    input_tokens: float
    output_tokens: float


@dataclass(frozen=True, slots=True)
class Load:
    """The tokens that a request takes of the limits, expected or real."""

    input_tokens: float
    output_tokens: float


@dataclass(frozen=True, slots=True)
class Told:
    """What a reply says of one limit; None where it says nothing."""

    limit: float | None = None
    remaining: float | None = None


@dataclass(frozen=True, slots=True)
class ToldLimits:
    """What a reply says of the three limits."""

    requests: Told = Told()
    input_tokens: Told = Told()
    output_tokens: Told = Told()


NOTHING_TOLD = ToldLimits()


class Bucket:
    """One limit: fills at its rate up to BURST_SECONDS of it, and may go below zero."""

    def __init__(self, per_minute: float, now: float) -> None:
        """Start full."""
        self.per_minute = per_minute
        self._filled_at = now
        self._share = 1.0
        self._level = self._capacity

    @property
    def rate(self) -> float:
        """What comes in per second."""
        return self.per_minute * HEADROOM * self._share / MINUTE

    @property
    def _capacity(self) -> float:
        return self.rate * BURST_SECONDS

    def use_share(self, share: float, now: float) -> None:
        """Let only this share of the limit come in from now on."""
        if share != self._share:
            self._fill(now)
            self._share = share

    def delay(self, amount: float, now: float) -> float:
        """Return in how many seconds the amount may be taken.

        More than a burst may be taken when the bucket is full, and is owed then.
        """
        self._fill(now)
        missing = min(amount, self._capacity) - self._level
        # What rounding leaves open is not worth a wait.
        return 0.0 if missing <= 1e-9 * self._capacity else missing / self.rate

    def take(self, amount: float, now: float) -> None:
        """Take the amount, whether it is there or not; a negative one gives back."""
        self._fill(now)
        self._level = min(self._level - amount, self._capacity)

    def learn(self, told: Told, slack: float, now: float) -> None:
        """Hear from the vendor what the limit is, and what remains of it within `slack`."""
        self._fill(now)
        if told.limit is not None and told.limit > 0:
            self.per_minute = told.limit
        if told.remaining is not None:
            self._level = min(self._level, told.remaining + slack)

    def _fill(self, now: float) -> None:
        if now > self._filled_at:
            self._level = min(self._level + (now - self._filled_at) * self.rate, self._capacity)
            self._filled_at = now
