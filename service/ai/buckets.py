"""How much of a limit may be used now, and what does the vendor tell of its limits?

The vendor counts over short intervals, too, so that a bucket holds BURST_SECONDS of its rate alone.
"""

from dataclasses import dataclass

# The share of a limit that is aimed at: the rest is for clocks and estimates that differ.
HEADROOM = 0.98
BURST_SECONDS = 1.0
MINUTE = 60.0
# What is told beyond is no limit.
MOST_PER_MINUTE = 1e12


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


@dataclass(frozen=True, slots=True)
class Mark:
    """How a bucket stood when a request took from it."""

    level: float
    used_by_others: float

    def less(self, amount: float) -> "Mark":
        """Return the mark as if so much more had been taken."""
        return Mark(self.level - amount, self.used_by_others)


class Bucket:
    """One limit: fills at its rate up to BURST_SECONDS of it, and may go below zero."""

    def __init__(self, per_minute: float, now: float) -> None:
        """Start full."""
        self.per_minute = per_minute
        self._filled_at = now
        self._share = self._pace = 1.0
        self._level = self._capacity
        # What others were heard to have used, in all.
        self._used_by_others = 0.0

    @property
    def rate(self) -> float:
        """What comes in per second."""
        return self._capacity * self._pace / BURST_SECONDS

    @property
    def _capacity(self) -> float:
        return self.per_minute * HEADROOM * self._share / MINUTE * BURST_SECONDS

    def slow_down(self, share: float, pace: float, now: float) -> None:
        """Use this share of the limit from now on, and let it come in at this part of its rate."""
        if (share, pace) != (self._share, self._pace):
            self._fill(now)
            self._share, self._pace = share, pace

    def delay(self, amount: float, now: float) -> float:
        """Return in how many seconds the amount may be taken.

        More than a burst may be taken when the bucket is full, and is owed then.
        """
        self._fill(now)
        missing = min(amount, self._capacity) - self._level
        # What rounding leaves open is not worth a wait.
        return 0.0 if missing <= 1e-9 * self._capacity else missing / self.rate

    def take(self, amount: float, now: float) -> Mark:
        """Take the amount, whether it is there or not; a negative one gives back."""
        self._fill(now)
        self._level = min(self._level - amount, self._capacity)
        self._forgive()
        return Mark(self._level, self._used_by_others)

    def learn(self, told: Told, mark: Mark, now: float) -> None:
        """Hear from a reply what the limit is, and what remained of it.

        What remained may be as old as the request, whose `mark` says what should have at least:
        the difference is what others use of the same account.
        """
        self._fill(now)
        if told.limit is not None and 1 <= told.limit <= MOST_PER_MINUTE:
            self.per_minute = told.limit
        if told.remaining is not None:
            used = mark.level - told.remaining
            news = used - (self._used_by_others - mark.used_by_others)
            if news > 0:
                self._used_by_others += news
                self._level -= news
        self._forgive()

    def _forgive(self) -> None:
        """Owe no more than a minute brings: the vendor remembers no longer, whatever was told."""
        self._level = max(self._level, -self._capacity * MINUTE / BURST_SECONDS)

    def _fill(self, now: float) -> None:
        if now > self._filled_at:
            self._level = min(self._level + (now - self._filled_at) * self.rate, self._capacity)
            self._filled_at = now
