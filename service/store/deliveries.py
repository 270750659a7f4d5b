"""Which deliveries has a webhook had, how did each attempt go, and how are more asked for?"""

from collections.abc import Sequence
from uuid import UUID

from service.domain.identifiers import DeliveryId, EventId, RunId, WebhookId, new_id
from service.domain.webhooks import PING, Attempt, Delivery, DeliveryStatus, Webhook
from service.store import delivery_lanes
from service.store.database import Connection, Record, fetch_one

# A delivery that is sent again and again keeps all its attempts, and shows the latest.
ATTEMPTS_SHOWN = 20

_ABOVE_ALL_IDS = UUID(int=2**128 - 1)
_BELOW_ALL_IDS = UUID(int=0)

_FETCH = "SELECT * FROM deliveries WHERE id = $1 AND webhook_id = $2"


async def fetch(
    connection: Connection, webhook_id: WebhookId, delivery_id: DeliveryId
) -> Delivery | None:
    """Return the delivery, None when the webhook has no such one."""
    record = await connection.fetchrow(_FETCH, delivery_id, webhook_id)
    if record is None:
        return None
    return (await _with_attempts(connection, [record]))[0]


# Compared by both columns, which only the index of both can answer: one that is asked for webhook
# and id apart may be answered by walking all ids.
_LIST_PAGE = """
SELECT * FROM deliveries
WHERE (webhook_id, id) < ($1, $2) AND (webhook_id, id) >= ($1, $3)
ORDER BY webhook_id DESC, id DESC
LIMIT $4
"""
_LIST_PAGE_OF_STATUS = """
SELECT * FROM deliveries
WHERE (webhook_id, id) < ($1, $2) AND (webhook_id, id) >= ($1, $3) AND status = $5
ORDER BY webhook_id DESC, id DESC
LIMIT $4
"""


async def list_page(
    connection: Connection,
    webhook_id: WebhookId,
    status: DeliveryStatus | None,
    after: DeliveryId | None,
    limit: int,
) -> Sequence[Delivery]:
    """Return up to `limit` deliveries, the newest first, from the one that follows `after` on."""
    place = (webhook_id, after or _ABOVE_ALL_IDS, _BELOW_ALL_IDS, limit)
    if status is None:
        records = await connection.fetch(_LIST_PAGE, *place)
    else:
        records = await connection.fetch(_LIST_PAGE_OF_STATUS, *place, status.value)
    return await _with_attempts(connection, records)


_COUNT = """
SELECT count(*) FROM deliveries WHERE webhook_id = $1 AND ($2::text IS NULL OR status = $2)
"""


async def count(
    connection: Connection, webhook_id: WebhookId, status: DeliveryStatus | None
) -> int:
    """Return how many deliveries of the status, or of any, the webhook has."""
    number: int = await connection.fetchval(_COUNT, webhook_id, status)
    return number


_PING = """
INSERT INTO deliveries (webhook_id, workspace_id, event_id, type, lane)
VALUES ($1, $2, $3, $4, $3)
RETURNING *
"""


async def insert_ping(connection: Connection, webhook: Webhook) -> Delivery:
    """Queue a message that says nothing but that it arrives."""
    record = await fetch_one(connection, _PING, webhook.id, webhook.workspace_id, new_id(), PING)
    return _delivery(record, ())


_AGAIN = """
UPDATE deliveries
SET status = 'pending', tries = 0, next_attempt_at = NULL, finished_at = NULL,
    place = nextval('delivery_places'), is_enlisted = false
WHERE id = $1 AND webhook_id = $2 AND status <> 'pending'
  AND (workspace_seq IS NULL OR EXISTS (
      SELECT FROM events
      WHERE events.workspace_id = deliveries.workspace_id
        AND events.workspace_seq = deliveries.workspace_seq
  ))
RETURNING *
"""
_LANE = "SELECT lane FROM deliveries WHERE id = $1 AND webhook_id = $2 AND status = 'pending'"


async def redeliver(
    connection: Connection, webhook_id: WebhookId, delivery_id: DeliveryId
) -> Delivery | None:
    """Send a finished delivery once more, behind what waits; one that waits goes on at once.

    Return None when its event is there no more. What sends locks lanes before deliveries, so this
    locks one or the other: nothing may follow in the transaction that needs either.
    """
    # It may come to its end between the two looks.
    for _ in range(2):
        record = await connection.fetchrow(_AGAIN, delivery_id, webhook_id)
        if record is not None:
            return (await _with_attempts(connection, [record]))[0]
        lane = await connection.fetchval(_LANE, delivery_id, webhook_id)
        if lane is not None:
            await delivery_lanes.make_due(connection, webhook_id, lane)
            return await fetch(connection, webhook_id, delivery_id)
    return None


_ATTEMPTS = """
SELECT attempts.*
FROM unnest($1::uuid[]) AS delivery (id)
CROSS JOIN LATERAL (
    SELECT * FROM delivery_attempts WHERE delivery_id = delivery.id ORDER BY number DESC LIMIT $2
) AS attempts
ORDER BY number
"""


async def _with_attempts(connection: Connection, records: Sequence[Record]) -> list[Delivery]:
    attempts: dict[UUID, list[Attempt]] = {record["id"]: [] for record in records}
    for record in await connection.fetch(_ATTEMPTS, list(attempts), ATTEMPTS_SHOWN):
        attempts[record["delivery_id"]].append(
            Attempt(
                record["started_at"],
                record["duration_ms"],
                record["status_code"],
                record["error"],
                record["reply"],
            )
        )
    return [_delivery(record, attempts[record["id"]]) for record in records]


def _delivery(record: Record, attempts: Sequence[Attempt]) -> Delivery:
    return Delivery(
        id=DeliveryId(record["id"]),
        webhook_id=WebhookId(record["webhook_id"]),
        event_id=EventId(record["event_id"]),
        run_id=RunId(record["run_id"]) if record["run_id"] else None,
        type=record["type"],
        status=DeliveryStatus(record["status"]),
        attempts=tuple(attempts),
        attempt_count=record["attempts"],
        next_attempt_at=record["next_attempt_at"],
        created_at=record["created_at"],
        finished_at=record["finished_at"],
    )
