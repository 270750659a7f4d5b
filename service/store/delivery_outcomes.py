"""What is written of attempts? All that follows from them, where the lane is still ours.

The attempt, the delivery's status, the lane's next turn and the webhook's health are written in one
transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.identifiers import DeliveryId, WorkerId
from service.domain.webhooks import Attempt, Verdict, reason_to_disable
from service.store import delivery_lanes
from service.store.database import Connection, Database
from service.store.delivery_lanes import Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a claimed lane's delivery; all None where nothing in it was pending.

    `attempt` is None where none was made, since the event is gone. `counts` tells whether a failure
    speaks against the webhook at `url`.
    """

    lane: Lane
    delivery_id: DeliveryId | None = None
    verdict: Verdict | None = None
    attempt: Attempt | None = None
    url: str | None = None
    counts: bool = False


async def record(
    database: Database, worker_id: WorkerId, outcomes: Sequence[Outcome], now: datetime
) -> None:
    """Write what became of claimed lanes, and let go of them.

    What belongs to a lane that another worker took meanwhile is left out: that worker tries again.
    """
    async with database.transaction() as connection:
        held = await delivery_lanes.hold(connection, worker_id, [each.lane for each in outcomes])
        ours = [each for each in outcomes if (each.lane.webhook_id, each.lane.lane) in held]
        await _write_deliveries(connection, ours, now)
        await _let_go(connection, ours, now)
        await _write_health(connection, ours, now)


_FINISH = """
WITH told AS (
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::int[],
                         $6::int[], $7::text[], $8::text[])
        AS told (id, status, next_attempt_at, started_at, duration_ms, status_code, error, reply)
), written AS (
    UPDATE deliveries
    SET status = told.status, next_attempt_at = told.next_attempt_at,
        finished_at = CASE WHEN told.status <> 'pending' THEN $9::timestamptz END,
        tries = tries + (told.started_at IS NOT NULL)::int,
        attempts = attempts + (told.started_at IS NOT NULL)::int
    FROM told WHERE deliveries.id = told.id AND deliveries.status = 'pending'
    RETURNING deliveries.id, deliveries.attempts
)
INSERT INTO delivery_attempts
    (delivery_id, number, started_at, duration_ms, status_code, error, reply)
SELECT id, attempts, started_at, duration_ms, status_code, error, reply
FROM written JOIN told USING (id)
WHERE started_at IS NOT NULL
"""


async def _write_deliveries(
    connection: Connection, outcomes: Sequence[Outcome], now: datetime
) -> None:
    rows = [
        (each.delivery_id, each.verdict, each.attempt)
        for each in outcomes
        if each.verdict is not None
    ]
    await connection.execute(
        _FINISH,
        [delivery_id for delivery_id, _, _ in rows],
        [verdict.status.value for _, verdict, _ in rows],
        [verdict.next_attempt_at for _, verdict, _ in rows],
        [attempt and attempt.started_at for _, _, attempt in rows],
        [attempt and attempt.duration_ms for _, _, attempt in rows],
        [attempt and attempt.status_code for _, _, attempt in rows],
        [attempt and attempt.error for _, _, attempt in rows],
        [attempt and attempt.reply for _, _, attempt in rows],
        now,
    )


_CLOSE = """
DELETE FROM delivery_lanes
USING unnest($1::uuid[], $2::uuid[]) AS ours (webhook_id, lane)
WHERE delivery_lanes.webhook_id = ours.webhook_id AND delivery_lanes.lane = ours.lane
  AND NOT EXISTS (
      SELECT FROM deliveries
      WHERE deliveries.webhook_id = ours.webhook_id AND deliveries.lane = ours.lane
        AND status = 'pending'
  )
"""
_GO_ON = """
UPDATE delivery_lanes
SET due_at = coalesce(ours.due_at, $4), worker_id = NULL, lease_until = NULL
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS ours (webhook_id, lane, due_at)
WHERE delivery_lanes.webhook_id = ours.webhook_id AND delivery_lanes.lane = ours.lane
"""


async def _let_go(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Close the lanes that have nothing left; the others are due with their first delivery."""
    keys = delivery_lanes.columns([each.lane for each in outcomes])
    await connection.execute(_CLOSE, *keys)
    due = [each.verdict and each.verdict.next_attempt_at for each in outcomes]
    await connection.execute(_GO_ON, *keys, due, now)


_LOCK_WEBHOOKS = """
SELECT id, url, failing_since FROM webhooks
WHERE id = ANY($1::uuid[]) AND (failing_since IS NOT NULL OR id = ANY($2::uuid[]))
ORDER BY id
FOR NO KEY UPDATE
"""
_SET_HEALTH = """
UPDATE webhooks
SET failing_since = $2, enabled = enabled AND $3::text IS NULL,
    disabled_reason = CASE WHEN enabled AND $3 IS NOT NULL THEN $3 ELSE disabled_reason END
WHERE id = $1
"""


async def _write_health(connection: Connection, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Note which webhooks fail, which do no more, and disable those that must be.

    Costs one read where all is well and was before.
    """
    tried = [_Tried(each, each.attempt) for each in outcomes if each.attempt is not None]
    ids = [each.outcome.lane.webhook_id for each in tried]
    failed = [each.outcome.lane.webhook_id for each in tried if not each.attempt.is_success]
    for webhook in await connection.fetch(_LOCK_WEBHOOKS, ids, failed):
        # What an address answered does not speak against another one.
        key = (webhook["id"], webhook["url"])
        about = [each for each in tried if (each.outcome.lane.webhook_id, each.outcome.url) == key]
        failing_since, reason = _examine(about, webhook["failing_since"], now)
        if reason is not None or failing_since != webhook["failing_since"]:
            await connection.execute(_SET_HEALTH, webhook["id"], failing_since, reason)


@dataclass(frozen=True, slots=True)
class _Tried:
    outcome: Outcome
    attempt: Attempt


def _examine(
    tried: Sequence[_Tried], failing_since: datetime | None, now: datetime
) -> tuple[datetime | None, str | None]:
    """Return since when the webhook fails, and why it must be disabled if it must."""
    reason = None
    for each in tried:
        if each.attempt.is_success:
            failing_since = None
        elif each.outcome.counts:
            failing_since = failing_since or each.attempt.started_at
        reason = reason or reason_to_disable(each.attempt, failing_since, now)
    return failing_since, reason
