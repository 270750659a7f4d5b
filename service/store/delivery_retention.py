"""Which deliveries are kept, and for how long?

What still has to be sent stays whatever its number, and goes by its age only where the webhook is
disabled. A deleted webhook keeps nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from service.domain.identifiers import WebhookId
from service.store.database import Database

# A transaction that still saw a deleted webhook has ended by then.
LINGER = timedelta(hours=1)

_ABOVE_ALL_IDS = UUID(int=2**128 - 1)
_BELOW_ALL_IDS = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Of each webhook the newest deliveries are kept, so many and so long."""

    age: timedelta = timedelta(days=30)
    per_webhook: int = 10_000
    deleted_at_once: int = 1_000


_WEBHOOKS = "SELECT id, enabled, deleted_at IS NOT NULL AS is_deleted FROM webhooks ORDER BY id"


async def sweep(database: Database, now: datetime, kept: Retention | None = None) -> None:
    """Delete what need not be kept, in small steps."""
    kept = kept or Retention()
    async with database.connection() as connection:
        webhooks = await connection.fetch(_WEBHOOKS)
    for webhook in webhooks:
        cleaning = _Cleaning(database, webhook["id"], kept.deleted_at_once)
        if webhook["is_deleted"]:
            await cleaning.delete(_ABOVE_ALL_IDS, with_pending=True)
            await cleaning.forget(now)
        else:
            with_pending = not webhook["enabled"]
            await cleaning.delete(_first_id(now - kept.age), with_pending=with_pending)
            await cleaning.keep_newest(kept.per_webhook)


_DELETE = """
DELETE FROM deliveries WHERE id IN (
    SELECT id FROM deliveries
    WHERE (webhook_id, id) >= ($1, $5) AND (webhook_id, id) < ($1, $2)
      AND (status <> 'pending' OR $3::boolean)
    ORDER BY webhook_id, id
    LIMIT $4
    FOR UPDATE SKIP LOCKED
)
RETURNING true
"""
_OLDEST_KEPT = """
SELECT id FROM deliveries
WHERE (webhook_id, id) < ($1, $3) AND (webhook_id, id) >= ($1, $4)
ORDER BY webhook_id DESC, id DESC
OFFSET $2 LIMIT 1
"""
# One that is under way, or locked by who opens it, comes later.
_DELETE_LANES = """
DELETE FROM delivery_lanes WHERE webhook_id = $1 AND lane IN (
    SELECT lane FROM delivery_lanes WHERE webhook_id = $1
    ORDER BY lane
    FOR UPDATE SKIP LOCKED
)
"""
_DELETE_WEBHOOK = """
DELETE FROM webhooks
WHERE id = $1 AND deleted_at < $2
  AND NOT EXISTS (SELECT FROM deliveries WHERE webhook_id = $1)
  AND NOT EXISTS (SELECT FROM delivery_lanes WHERE webhook_id = $1)
"""


@dataclass(frozen=True, slots=True)
class _Cleaning:
    """Deletes of one webhook, each step in a transaction of its own."""

    database: Database
    webhook_id: WebhookId
    at_once: int

    async def delete(self, before: UUID, *, with_pending: bool) -> None:
        """Delete deliveries with ids below `before`."""
        while True:
            async with self.database.connection() as connection:
                gone = await connection.fetch(
                    _DELETE, self.webhook_id, before, with_pending, self.at_once, _BELOW_ALL_IDS
                )
            if len(gone) < self.at_once:
                return

    async def keep_newest(self, number: int) -> None:
        """Delete finished deliveries that are not among the newest."""
        async with self.database.connection() as connection:
            oldest = await connection.fetchval(
                _OLDEST_KEPT, self.webhook_id, number - 1, _ABOVE_ALL_IDS, _BELOW_ALL_IDS
            )
        if oldest is not None:
            await self.delete(oldest, with_pending=False)

    async def forget(self, now: datetime) -> None:
        """Delete what is left of a deleted webhook."""
        async with self.database.connection() as connection:
            await connection.execute(_DELETE_LANES, self.webhook_id)
            await connection.execute(_DELETE_WEBHOOK, self.webhook_id, now - LINGER)


def _first_id(moment: datetime) -> UUID:
    """Return an id below those of deliveries made from the moment on: UUIDv7 is time first."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
