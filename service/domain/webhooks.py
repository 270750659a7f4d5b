"""What is a webhook, what becomes of each delivery to it, and when is it tried again?"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.domain.events import EventType
from service.domain.identifiers import DeliveryId, EventId, RunId, WebhookId, WorkspaceId

# How long to wait before each attempt, the first one included (Standard Webhooks 1.0).
LADDER: tuple[timedelta, ...] = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
# A wait is longer than its step by up to this share, so that many that failed at once spread out.
JITTER = 0.2
LONGEST_RETRY_AFTER = timedelta(hours=24)
DISABLED_AFTER = timedelta(days=5)
# For so long a new secret and the one before it both sign.
ROTATION = timedelta(hours=24)

# What a ping says it is: no event of the workspace.
PING = "webhook.ping"

GONE = 410
_GONE_REASON = "The endpoint answered 410 Gone."
_FAILING_REASON = "Every attempt failed for 5 days."

DEFAULT_TYPES: tuple[EventType, ...] = tuple(
    each for each in EventType if each is not EventType.RUN_PROGRESS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An endpoint that hears of events; `types` None means DEFAULT_TYPES, also later ones.

    `disabled_reason` says why the service disabled it; it is None where a person did.
    """

    id: WebhookId
    workspace_id: WorkspaceId
    url: str
    types: tuple[EventType, ...] | None
    description: str | None
    enabled: bool
    disabled_reason: str | None
    created_at: datetime


class DeliveryStatus(StrEnum):
    """Where a delivery stands.

    `exhausted`: the last attempt of the ladder failed. `dropped`: its event was deleted before it
    could be sent.
    """

    PENDING = "pending"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: the reply's status and first characters, or an `error` where none came."""

    started_at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None
    reply: str | None

    @property
    def is_success(self) -> bool:
        """Whether the endpoint took the message."""
        return self.status_code is not None and 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event on its way to one webhook; `attempts` are its latest, oldest first."""

    id: DeliveryId
    webhook_id: WebhookId
    event_id: EventId
    run_id: RunId | None
    type: str
    status: DeliveryStatus
    attempts: tuple[Attempt, ...]
    attempt_count: int
    next_attempt_at: datetime | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from an attempt: `next_attempt_at` where the delivery is still pending."""

    status: DeliveryStatus
    next_attempt_at: datetime | None = None


def judge(
    attempt: Attempt, tries: int, ended_at: datetime, retry_after: timedelta | None, chance: float
) -> Verdict:
    """Decide what follows from attempt number `tries` (from 1) on the ladder.

    `retry_after` is what the endpoint asked for; it can only make the wait longer. `chance`, in
    [0, 1), is where in the jitter's room the next attempt falls.
    """
    if attempt.is_success:
        return Verdict(DeliveryStatus.DELIVERED)
    if attempt.status_code == GONE or tries >= len(LADDER):
        return Verdict(DeliveryStatus.EXHAUSTED)
    asked = min(retry_after or timedelta(0), LONGEST_RETRY_AFTER)
    wait = max(LADDER[tries], asked) * (1 + JITTER * chance)
    return Verdict(DeliveryStatus.PENDING, ended_at + wait)


def reason_to_disable(
    attempt: Attempt, failing_since: datetime | None, now: datetime
) -> str | None:
    """Say why a webhook must be disabled after the attempt, None where it need not be.

    `failing_since` is when the first of the failures began that no success has come between.
    """
    if attempt.status_code == GONE:
        return _GONE_REASON
    if attempt.is_success or failing_since is None or now - failing_since < DISABLED_AFTER:
        return None
    return _FAILING_REASON
