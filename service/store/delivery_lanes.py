"""Which delivery goes out next, to whom, and what became of it?

A lane is what has to arrive in order: the events of one run at one webhook. Its row tells when
its first pending delivery is due, and who is at it: one worker at a time, for as long as its lease
lasts by the database's clock. When something is due, the caller's clock says.

    event ─► delivery ─► enlist ─► lane ─► claim ─► (record | release) ─► due again | gone
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.domain.identifiers import DeliveryId, EventId, WebhookId, WorkerId
from service.store.database import Connection, Database, Record
from service.store.secret_box import SecretBox, UndecipherableError

LEASE_SECONDS = 30.0
ENLISTED_AT_ONCE = 1_000

# "deliver" as bytes: any fixed number does, as long as no other lock of ours has it.
_ENLISTING = 0x64656C69766572
# PostgreSQL ends a session that stands still with what others need.
_TRY_LOCK = """
SELECT pg_try_advisory_xact_lock($1),
       set_config('idle_in_transaction_session_timeout', '5s', true)
"""
_NEW = """
SELECT id, webhook_id, lane FROM deliveries WHERE NOT is_enlisted ORDER BY place LIMIT $1
"""
# Everyone locks lanes before deliveries, and lanes in the order of their keys: nobody waits in a
# circle. Not DO NOTHING: a lane that is about to be removed must wait for us, or we for it.
_OPEN = """
INSERT INTO delivery_lanes (webhook_id, lane, due_at)
SELECT DISTINCT webhook_id, lane, $3::timestamptz
FROM unnest($1::uuid[], $2::uuid[]) AS new (webhook_id, lane)
ORDER BY webhook_id, lane
ON CONFLICT (webhook_id, lane) DO UPDATE SET due_at = delivery_lanes.due_at
"""
_MARK = "UPDATE deliveries SET is_enlisted = true WHERE id = ANY($1::uuid[])"


async def enlist(database: Database, now: datetime) -> bool:
    """Open lanes for new deliveries; return whether there may be more of them."""
    async with database.transaction() as connection:
        # One process at a time is enough.
        if not await connection.fetchval(_TRY_LOCK, _ENLISTING):
            return False
        records = await connection.fetch(_NEW, ENLISTED_AT_ONCE)
        if records:
            webhook_ids = [record["webhook_id"] for record in records]
            lanes = [record["lane"] for record in records]
            await connection.execute(_OPEN, webhook_ids, lanes, now)
            await connection.execute(_MARK, [record["id"] for record in records])
    return len(records) == ENLISTED_AT_ONCE


@dataclass(frozen=True, slots=True)
class Lane:
    """The right to send a lane's first delivery: it ends with the lease, or with a later claim."""

    webhook_id: WebhookId
    lane: UUID
    claim: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What to send, signed by `secrets` (the newest first); `tries` counts this attempt too.

    `data` is the event as streams tell it, None where the event is there no more.
    """

    delivery_id: DeliveryId
    event_id: EventId
    type: str
    data: str | None
    created_at: datetime
    tries: int
    is_ping: bool
    url: str
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A lane and its first delivery; `parcel` is None where nothing in it is pending.

    `is_suspect` tells that the webhook's last attempt failed.
    """

    lane: Lane
    parcel: Parcel | None
    is_suspect: bool


@dataclass(frozen=True, slots=True)
class Room:
    """How many more lanes a worker can take: for webhooks that work, and for those that fail.

    `per_webhook` and, for one that fails, `per_suspect` bound what is under way in all processes.
    """

    healthy: int
    suspect: int
    per_webhook: int
    per_suspect: int


# One turn for every webhook before the second of any; in a webhook, what is due longest.
_DUE = """
WITH due AS (
    SELECT lanes.webhook_id, lanes.lane, lanes.due_at,
           webhooks.failing_since IS NOT NULL AS is_suspect,
           row_number() OVER (PARTITION BY lanes.webhook_id ORDER BY lanes.due_at) AS turn
    FROM webhooks
    CROSS JOIN LATERAL (
        SELECT count(*) AS number FROM delivery_lanes
        WHERE delivery_lanes.webhook_id = webhooks.id AND lease_until > now()
    ) AS under_way
    CROSS JOIN LATERAL (
        SELECT * FROM delivery_lanes
        WHERE delivery_lanes.webhook_id = webhooks.id AND due_at <= $1::timestamptz
          AND (lease_until IS NULL OR lease_until <= now())
        ORDER BY due_at
        LIMIT greatest(0, least(
            CASE WHEN failing_since IS NULL THEN $4::int ELSE $5::int END - under_way.number,
            CASE WHEN failing_since IS NULL THEN $2::int ELSE $3::int END
        ))
        FOR UPDATE SKIP LOCKED
    ) AS lanes
    WHERE webhooks.enabled AND EXISTS (SELECT FROM secret_key WHERE fingerprint = $6)
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY is_suspect ORDER BY turn, due_at) AS rank FROM due
)
SELECT webhook_id, lane, set_config('idle_in_transaction_session_timeout', '5s', true)
FROM ranked
WHERE rank <= CASE WHEN is_suspect THEN $3 ELSE $2 END
"""
# A statement of its own: joined to the one above, it would read all lanes.
_TAKE = """
WITH claimed AS (
    UPDATE delivery_lanes
    SET worker_id = $1, lease_until = now() + make_interval(secs => $5), claims = claims + 1
    FROM unnest($2::uuid[], $3::uuid[]) AS due (webhook_id, lane)
    WHERE delivery_lanes.webhook_id = due.webhook_id AND delivery_lanes.lane = due.lane
    RETURNING delivery_lanes.*
)
SELECT claimed.webhook_id, claimed.lane, claimed.claims, webhooks.url, webhooks.secret,
       webhooks.failing_since IS NOT NULL AS is_suspect,
       CASE WHEN webhooks.previous_secret_until > $4 THEN webhooks.previous_secret END
           AS previous_secret,
       head.id, head.event_id, head.workspace_seq, head.type, head.tries, head.created_at,
       events.data, events.created_at AS event_created_at
FROM claimed
JOIN webhooks ON webhooks.id = claimed.webhook_id
LEFT JOIN LATERAL (
    SELECT * FROM deliveries
    WHERE deliveries.webhook_id = claimed.webhook_id AND deliveries.lane = claimed.lane
      AND status = 'pending'
    ORDER BY place
    LIMIT 1
) AS head ON true
LEFT JOIN events ON events.workspace_id = head.workspace_id
                AND events.workspace_seq = head.workspace_seq
"""


async def claim(
    database: Database, worker_id: WorkerId, room: Room, now: datetime, box: SecretBox
) -> list[Claim]:
    """Take lanes that are due, with their first deliveries; none while the key is another."""
    wanted = (room.healthy, room.suspect, room.per_webhook, room.per_suspect)
    async with database.transaction() as connection:
        due = await connection.fetch(_DUE, now, *wanted, box.fingerprint)
        if not due:
            return []
        webhook_ids = [record["webhook_id"] for record in due]
        lanes = [record["lane"] for record in due]
        records = await connection.fetch(_TAKE, worker_id, webhook_ids, lanes, now, LEASE_SECONDS)
    return [_claim(record, box) for record in records]


def _claim(record: Record, box: SecretBox) -> Claim:
    lane = Lane(WebhookId(record["webhook_id"]), record["lane"], record["claims"])
    if record["id"] is None:
        return Claim(lane, None, record["is_suspect"])
    is_ping = record["workspace_seq"] is None
    parcel = Parcel(
        delivery_id=DeliveryId(record["id"]),
        event_id=EventId(record["event_id"]),
        type=record["type"],
        data="{}" if is_ping else record["data"],
        created_at=record["event_created_at"] or record["created_at"],
        tries=record["tries"] + 1,
        is_ping=is_ping,
        url=record["url"],
        secrets=_secrets(record, box),
    )
    return Claim(lane, parcel, record["is_suspect"])


def _secrets(record: Record, box: SecretBox) -> tuple[str, ...]:
    """Return what can be read: a secret of a key that was lost may stand beside a new one."""
    found = []
    for stored in (record["secret"], record["previous_secret"]):
        with suppress(UndecipherableError):
            if stored is not None:
                found.append(box.decrypt(stored, record["webhook_id"]))
    return tuple(found)


_HOLD = """
SELECT webhook_id, lane, set_config('idle_in_transaction_session_timeout', '5s', true)
FROM delivery_lanes
JOIN unnest($2::uuid[], $3::uuid[], $4::bigint[]) AS ours (webhook_id, lane, claims)
USING (webhook_id, lane, claims)
WHERE worker_id = $1
ORDER BY webhook_id, lane
FOR UPDATE OF delivery_lanes
"""


async def hold(
    connection: Connection, worker_id: WorkerId, lanes: Sequence[Lane]
) -> set[tuple[WebhookId, UUID]]:
    """Lock those of the lanes that are still the worker's, until the transaction ends."""
    records = await connection.fetch(
        _HOLD, worker_id, *columns(lanes), [lane.claim for lane in lanes]
    )
    return {(WebhookId(record["webhook_id"]), record["lane"]) for record in records}


def columns(lanes: Sequence[Lane]) -> tuple[list[WebhookId], list[UUID]]:
    """Return the keys of lanes as two columns."""
    return [lane.webhook_id for lane in lanes], [lane.lane for lane in lanes]


_RELEASE = """
UPDATE delivery_lanes SET worker_id = NULL, lease_until = NULL
FROM unnest($1::uuid[], $2::uuid[]) AS ours (webhook_id, lane)
WHERE delivery_lanes.webhook_id = ours.webhook_id AND delivery_lanes.lane = ours.lane
"""


async def release(database: Database, worker_id: WorkerId, lanes: Sequence[Lane]) -> None:
    """Give lanes back as they were, so that another worker may take them at once."""
    async with database.transaction() as connection:
        held = await hold(connection, worker_id, lanes)
        kept = [lane for lane in lanes if (lane.webhook_id, lane.lane) in held]
        await connection.execute(_RELEASE, *columns(kept))


# By whatever clock.
_MAKE_DUE = """
WITH waiting AS (
    SELECT webhook_id, lane FROM delivery_lanes
    WHERE webhook_id = $1 AND ($2::uuid IS NULL OR lane = $2)
    ORDER BY webhook_id, lane
    FOR UPDATE SKIP LOCKED
)
UPDATE delivery_lanes SET due_at = '-infinity'
FROM waiting
WHERE delivery_lanes.webhook_id = waiting.webhook_id AND delivery_lanes.lane = waiting.lane
"""


async def make_due(connection: Connection, webhook_id: WebhookId, lane: UUID | None) -> None:
    """Let a lane of the webhook, or all of them (None), go on at once instead of waiting.

    Waits for no lock: it may be called while others are held.
    """
    await connection.execute(_MAKE_DUE, webhook_id, lane)


_END_ALL = """
UPDATE delivery_lanes SET worker_id = NULL, lease_until = NULL WHERE lease_until IS NOT NULL
"""


async def end_all(connection: Connection) -> None:
    """End every lease: for the start of a service that owns its database alone."""
    await connection.execute(_END_ALL)
