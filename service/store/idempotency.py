"""Which changes were carried out under which Idempotency-Key, and what was the reply?

claim ─► (effect and record in one transaction) ─► reply kept for a day
      └► released, or taken over when the lease ends, as long as nothing was carried out
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from service.domain.identifiers import ApiKeyId, new_id
from service.store.database import Connection, Record

KEPT = timedelta(hours=24)
LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request that carries a key: its owner, until its lease ends."""

    api_key_id: ApiKeyId
    key: str
    id: UUID


@dataclass(frozen=True, slots=True)
class StoredReply:
    """What was answered; a `body` that is None is not kept."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Completed:
    """What a request with this content was answered."""

    fingerprint: bytes
    reply: StoredReply


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A request whose reply is not known: on its way, or lost together with its process."""

    is_alive: bool
    is_carried_out: bool


_CLAIM = """
INSERT INTO idempotency_records AS record (api_key_id, key, attempt_id, lease_until)
VALUES ($1, $2, $3, clock_timestamp() + $4::interval)
ON CONFLICT (api_key_id, key) DO UPDATE
SET attempt_id = excluded.attempt_id, lease_until = excluded.lease_until,
    created_at = clock_timestamp(), is_carried_out = false,
    fingerprint = NULL, status = NULL, headers = NULL, body = NULL
WHERE record.lease_until < clock_timestamp()
  AND (record.created_at < clock_timestamp() - $5::interval
       OR record.status IS NULL AND NOT record.is_carried_out)
RETURNING record.attempt_id
"""


async def claim(connection: Connection, api_key_id: ApiKeyId, key: str) -> Attempt | None:
    """Begin to work under a key; None where somebody does or did so within a day."""
    attempt = Attempt(api_key_id, key, new_id())
    claimed = await connection.fetchval(_CLAIM, api_key_id, key, attempt.id, LEASE, KEPT)
    return None if claimed is None else attempt


_FIND = """
SELECT *, lease_until >= clock_timestamp() AS is_alive
FROM idempotency_records WHERE api_key_id = $1 AND key = $2
"""


async def find(
    connection: Connection, api_key_id: ApiKeyId, key: str
) -> Completed | Unfinished | None:
    """Return what is known of the request under this key; None when it was released meanwhile."""
    record = await connection.fetchrow(_FIND, api_key_id, key)
    if record is None:
        return None
    if record["status"] is None:
        return Unfinished(record["is_alive"], record["is_carried_out"])
    return Completed(record["fingerprint"], _reply(record))


_CARRY_OUT = """
UPDATE idempotency_records
SET is_carried_out = true, fingerprint = $4, status = $5, headers = $6, body = $7
WHERE api_key_id = $1 AND key = $2 AND attempt_id = $3
RETURNING true
"""


async def carry_out(
    connection: Connection,
    attempt: Attempt,
    fingerprint: bytes | None = None,
    reply: StoredReply | None = None,
) -> bool:
    """Note in the effect's transaction that it happens, and the reply where it is known.

    False when somebody else works under the key: the effect must not happen then.
    """
    is_ours = await connection.fetchval(
        _CARRY_OUT, attempt.api_key_id, attempt.key, attempt.id, fingerprint, *_columns(reply)
    )
    return is_ours is not None


_COMPLETE = """
UPDATE idempotency_records
SET fingerprint = $4, status = $5, headers = $6, body = $7
WHERE api_key_id = $1 AND key = $2 AND attempt_id = $3
"""


async def complete(
    connection: Connection, attempt: Attempt, fingerprint: bytes, reply: StoredReply
) -> None:
    """Keep the reply, unless somebody else works under the key."""
    await connection.execute(
        _COMPLETE, attempt.api_key_id, attempt.key, attempt.id, fingerprint, *_columns(reply)
    )


_RELEASE = """
DELETE FROM idempotency_records
WHERE api_key_id = $1 AND key = $2 AND attempt_id = $3 AND NOT is_carried_out
"""


_END_LEASE = """
UPDATE idempotency_records SET lease_until = clock_timestamp() - interval '1 microsecond'
WHERE api_key_id = $1 AND key = $2 AND attempt_id = $3
"""


async def release(connection: Connection, attempt: Attempt) -> None:
    """Let the key be used anew, unless something was carried out under it: it tells so then."""
    await connection.execute(_RELEASE, attempt.api_key_id, attempt.key, attempt.id)
    await connection.execute(_END_LEASE, attempt.api_key_id, attempt.key, attempt.id)


_RENEW = """
UPDATE idempotency_records AS record SET lease_until = clock_timestamp() + $4::interval
FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS held (api_key_id, key, attempt_id)
WHERE record.api_key_id = held.api_key_id AND record.key = held.key
  AND record.attempt_id = held.attempt_id
"""


async def renew(connection: Connection, attempts: list[Attempt]) -> None:
    """Hold the leases of requests that are under way."""
    owners = [attempt.api_key_id for attempt in attempts]
    keys = [attempt.key for attempt in attempts]
    await connection.execute(_RENEW, owners, keys, [attempt.id for attempt in attempts], LEASE)


_DELETE_OLD = """
DELETE FROM idempotency_records WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM idempotency_records
    WHERE created_at < now() - $1::interval AND lease_until < now()
    ORDER BY created_at LIMIT $2
    FOR UPDATE SKIP LOCKED
))
"""
_BATCH = 1_000


async def delete_old(connection: Connection) -> bool:
    """Delete a batch of records that are older than a day; True when there may be more."""
    status = await connection.execute(_DELETE_OLD, KEPT, _BATCH)
    return int(status.split()[-1]) == _BATCH


def _columns(reply: StoredReply | None) -> tuple[int | None, str | None, bytes | None]:
    if reply is None:
        return None, None, None
    return reply.status, json.dumps(reply.headers), reply.body


def _reply(record: Record) -> StoredReply:
    headers = tuple((name, value) for name, value in json.loads(record["headers"]))
    return StoredReply(record["status"], headers, record["body"])
