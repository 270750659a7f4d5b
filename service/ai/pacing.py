"""When may the next request go out, so that the allowed rate is used and never exceeded?

Pure: time comes in as seconds of a monotonic clock, nothing here waits.

    before    delay(load) ─► take(load)           three buckets: requests, input and output tokens
    answered  settle(ticket, what it really took, what the headers say, ...)
    refused   refuse(ticket, advice, ...)         one pause for all, one probe, then a ramp

Requests go out evenly rather than in bursts: see `service/ai/buckets.py`.
"""

import math
import random
from dataclasses import dataclass

from service.ai.buckets import Bucket, Limits, Load, Mark, ToldLimits
from service.ai.expectation import blend

# After a refusal without advice of the vendor: from the first to the longest of these.
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 6.0
MOST_DOUBLINGS = 10
# An advice is followed up to here; the limits themselves are over a minute.
LONGEST_ADVICE_SECONDS = 60.0
PAUSE_JITTER = 0.25
# A single failure may be about its request; so many in a row are about the vendor.
FAILURES_TO_PAUSE = 3
# After a pause the rate comes back within this time, from this share of it.
RAMP_SECONDS = 4.0
RAMP_FROM = 0.5
# In flight may be what the rate makes of the latency, times this, and some.
FLIGHT_FACTOR = 2.0
FLIGHT_SPARE = 4
# How far what a reply says of what remains may be off: the vendor rounds tokens to thousands.
REMAINING_REQUESTS = 1.0
REMAINING_TOKENS = 1_000.0


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to send one request, given at a time."""

    load: Load
    taken_at: float
    requests: Mark
    input_tokens: Mark
    output_tokens: Mark


class Pacer:
    """The state of one vendor's account as this process sees it."""

    def __init__(self, limits: Limits, now: float, max_in_flight: int, seed: int = 0) -> None:
        """Believe in the limits until replies tell better; begin with one request as a probe."""
        self._requests = Bucket(limits.requests, now)
        self._input = Bucket(limits.input_tokens, now)
        self._output = Bucket(limits.output_tokens, now)
        self._max_in_flight = max_in_flight
        # Processes that share an account must not come back at the same moment.
        self._jitter = random.Random(seed)  # noqa: S311 - no secret
        self._share = 1.0
        self._in_flight = 0
        self._is_proven = False
        self._latency: float | None = None
        self._mean = Load(0.0, 0.0)
        self._paused_at = self._paused_until = -math.inf
        self._ramping_since = -math.inf
        self._failures = 0
        self._pauses = 0
        self._failing_since: float | None = None
        self._answered_at = -math.inf

    @property
    def limits(self) -> Limits:
        """What is believed to be allowed now."""
        return Limits(self._requests.per_minute, self._input.per_minute, self._output.per_minute)

    @property
    def in_flight(self) -> int:
        """How many requests wait for their answer."""
        return self._in_flight

    def divide(self, workers: int) -> None:
        """Use only this process's part of the limits, which `workers` processes share."""
        self._share = 1.0 / max(workers, 1)

    def delay(self, load: Load, now: float) -> float:
        """Return in how many seconds the request may go out; infinity: not before another ends."""
        if self._in_flight >= self._flight_cap():
            return math.inf
        pace = self._ramp(now)
        for bucket in (self._requests, self._input, self._output):
            bucket.slow_down(self._share, pace, now)
        return max(
            self._paused_until - now,
            self._requests.delay(1.0, now),
            self._input.delay(load.input_tokens, now),
            self._output.delay(load.output_tokens, now),
        )

    def take(self, load: Load, now: float) -> Ticket:
        """Count a request that goes out now."""
        self._in_flight += 1
        return Ticket(
            load,
            now,
            self._requests.take(1.0, now),
            self._input.take(load.input_tokens, now),
            self._output.take(load.output_tokens, now),
        )

    def settle(self, ticket: Ticket, real: Load, told: ToldLimits, now: float) -> None:
        """Put what an answered request really took in the place of what was expected."""
        self._in_flight -= 1
        self._take_tokens(
            Load(
                real.input_tokens - ticket.load.input_tokens,
                real.output_tokens - ticket.load.output_tokens,
            ),
            now,
        )
        self._learn(ticket, real, told, now)
        latency = now - ticket.taken_at
        first = self._latency is None
        self._latency = blend(latency if self._latency is None else self._latency, latency)
        self._mean = (
            real
            if first
            else Load(
                blend(self._mean.input_tokens, real.input_tokens),
                blend(self._mean.output_tokens, real.output_tokens),
            )
        )
        if self._pauses and not self._is_proven:
            self._ramping_since = now
        self._is_proven = True
        self._failures = self._pauses = 0
        self._failing_since = None
        self._answered_at = now

    def refuse(
        self, ticket: Ticket, advice_seconds: float | None, told: ToldLimits, now: float
    ) -> None:
        """Let everyone pause: the vendor refused the request, and counted nothing of it."""
        self._in_flight -= 1
        self._take_tokens(Load(-ticket.load.input_tokens, -ticket.load.output_tokens), now)
        self._learn(ticket, Load(0.0, 0.0), told, now)
        self._note_failure(now)
        self._pause(ticket, advice_seconds, now)

    def fail(self, ticket: Ticket, now: float) -> None:
        """Count a request that found no answer, which may be about the request or the vendor.

        What it took stays taken: the vendor may have counted it.
        """
        self._in_flight -= 1
        self._note_failure(now)
        if self._failures >= FAILURES_TO_PAUSE:
            self._pause(ticket, None, now)

    def drop(self) -> None:
        """Forget a request that nobody waits for any more; what it took stays taken."""
        self._in_flight -= 1

    def failing_for(self, now: float) -> float:
        """Return for how many seconds no request was answered although several were sent."""
        if self._failing_since is None or self._failures < FAILURES_TO_PAUSE:
            return 0.0
        return now - self._failing_since

    def has_answered_since(self, ticket: Ticket) -> bool:
        """Return whether another request was answered since this one went out."""
        return self._answered_at > ticket.taken_at

    def _take_tokens(self, load: Load, now: float) -> None:
        self._input.take(load.input_tokens, now)
        self._output.take(load.output_tokens, now)

    def _learn(self, ticket: Ticket, real: Load, told: ToldLimits, now: float) -> None:
        more_input = real.input_tokens - ticket.load.input_tokens
        more_output = real.output_tokens - ticket.load.output_tokens
        self._requests.learn(told.requests, ticket.requests.less(REMAINING_REQUESTS), now)
        self._input.learn(
            told.input_tokens, ticket.input_tokens.less(more_input + REMAINING_TOKENS), now
        )
        self._output.learn(
            told.output_tokens, ticket.output_tokens.less(more_output + REMAINING_TOKENS), now
        )

    def _note_failure(self, now: float) -> None:
        self._failures += 1
        if self._failing_since is None:
            self._failing_since = now

    def _pause(self, ticket: Ticket, advice_seconds: float | None, now: float) -> None:
        """Pause, for longer each time; requests that were out together count as one time."""
        is_news = ticket.taken_at >= self._paused_at
        if is_news:
            self._pauses += 1
            self._paused_at = now
        doublings = min(self._pauses - 1, MOST_DOUBLINGS)
        seconds = min(FIRST_PAUSE_SECONDS * 2**doublings, LONGEST_PAUSE_SECONDS)
        if advice_seconds is not None:
            seconds = min(advice_seconds, LONGEST_ADVICE_SECONDS)
        if is_news or advice_seconds is not None:
            jittered = seconds * (1 + PAUSE_JITTER * self._jitter.random())
            self._paused_until = max(self._paused_until, now + jittered)
        self._is_proven = False

    def _ramp(self, now: float) -> float:
        done = min((now - self._ramping_since) / RAMP_SECONDS, 1.0)
        return RAMP_FROM + (1.0 - RAMP_FROM) * done

    def _flight_cap(self) -> int:
        if not self._is_proven or self._latency is None:
            return 1
        rates = [self._requests.rate]
        if self._mean.input_tokens > 0:
            rates.append(self._input.rate / self._mean.input_tokens)
        if self._mean.output_tokens > 0:
            rates.append(self._output.rate / self._mean.output_tokens)
        wanted = math.ceil(min(rates) * self._latency * FLIGHT_FACTOR) + FLIGHT_SPARE
        return min(wanted, self._max_in_flight)
