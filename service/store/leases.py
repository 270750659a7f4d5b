"""Who may write a run now? One worker at a time, for as long as it keeps its lease alive.

Time is the database's clock. A claim raises the run's `attempt`: what an earlier owner still
holds is worth nothing from then on, since every statement it runs names its own attempt.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from service.domain.identifiers import RunId, WorkerId
from service.domain.runs import Lease, Run
from service.store import runs
from service.store.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Claim:
    """A run with the lease on it."""

    lease: Lease
    run: Run


# A run whose lease ran out may be claimed, and so may one of our own that we no longer work on
# (after the database was away); never one that we still work on, even if its lease ran out.
# Fair between workspaces: fewest runs at work first. A run that is still ours was interrupted by
# the database, not by our death: that attempt does not count.
_CLAIM = """
WITH busy AS (
    SELECT workspace_id, count(*) AS under_way FROM runs
    WHERE status IN ('queued', 'running', 'ai_resolving') AND lease_until > now()
    GROUP BY workspace_id
), candidate AS (
    SELECT runs.id FROM runs LEFT JOIN busy USING (workspace_id)
    WHERE runs.status IN ('queued', 'running', 'ai_resolving')
      AND (runs.lease_until IS NULL OR runs.lease_until < now() OR runs.worker_id = $1)
      AND runs.id <> ALL($3::uuid[])
    ORDER BY coalesce(busy.under_way, 0), runs.created_at, runs.id
    LIMIT 1
    FOR UPDATE OF runs SKIP LOCKED
)
UPDATE runs
SET worker_id = $1, lease_until = now() + make_interval(secs => $2), attempt = attempt + 1,
    claimed_at = now(),
    attempts_without_progress = attempts_without_progress + (worker_id IS DISTINCT FROM $1)::int
FROM candidate WHERE runs.id = candidate.id
RETURNING runs.*
"""


async def claim(
    connection: Connection, worker_id: WorkerId, lease_seconds: float, busy_with: Sequence[RunId]
) -> Claim | None:
    """Take one run that waits for a worker, for `lease_seconds`; None when there is none."""
    record = await connection.fetchrow(_CLAIM, worker_id, lease_seconds, busy_with)
    if record is None:
        return None
    run = runs.from_record(record)
    return Claim(Lease(run.id, worker_id, record["attempt"]), run)


# The name of a session that writes under a lease.
_NAME_SESSION = (
    "SELECT set_config('application_name', 'matchstream run ' || $1::text || ' ' || $2::text, true)"
)


@asynccontextmanager
async def writing(database: Database, lease: Lease) -> AsyncIterator[Connection]:
    """Lend a transaction to write the run in, which `end_stalled` finds by the lease's name."""
    async with database.transaction() as connection:
        await connection.execute(_NAME_SESSION, str(lease.run_id), str(lease.attempt))
        yield connection


# A process that was stopped in the middle of a transaction keeps what it locked and inserted: its
# heir would wait for that, or not even get to see the run.
_END_STALLED = """
WITH writers AS (
    SELECT pid, split_part(application_name, ' ', 3)::uuid AS run_id,
           split_part(application_name, ' ', 4)::int AS attempt
    FROM pg_stat_activity
    WHERE datname = current_database()
      AND application_name ~ '^matchstream run [0-9a-f-]{36} [0-9]+$'
)
SELECT runs.id, pg_terminate_backend(writers.pid)
FROM writers JOIN runs ON runs.id = writers.run_id
WHERE runs.attempt > writers.attempt
   OR (runs.attempt = writers.attempt AND runs.lease_until < now())
"""


async def end_stalled(connection: Connection) -> list[RunId]:
    """End the sessions that write a run under a lease which is over; return those runs."""
    records = await connection.fetch(_END_STALLED)
    return [RunId(record["id"]) for record in records]


# A run under way tells something every few seconds. One that has been silent for so long is stuck
# in a way that nobody noticed: its lease is left to run out, and its work is stopped.
SILENT_SECONDS = 60.0

# Whoever locks several runs does so in the order of their ids: nobody waits in a circle.
_RENEW = """
WITH ours AS (
    SELECT runs.id
    FROM runs JOIN unnest($2::uuid[], $3::int[]) AS held (run_id, attempt)
      ON runs.id = held.run_id AND runs.attempt = held.attempt
    WHERE runs.worker_id = $1
      AND (runs.status = 'queued'
           OR (runs.status IN ('running', 'ai_resolving')
               AND greatest(runs.updated_at, runs.claimed_at) > now() - make_interval(secs => $5)))
    ORDER BY runs.id
    FOR NO KEY UPDATE OF runs
)
UPDATE runs SET lease_until = now() + make_interval(secs => $4)
FROM ours WHERE runs.id = ours.id
RETURNING runs.id
"""


async def renew(
    connection: Connection, worker_id: WorkerId, held: Sequence[Lease], lease_seconds: float
) -> set[RunId]:
    """Prolong leases; a run missing from the answer was cancelled, taken over, or is stuck."""
    records = await connection.fetch(
        _RENEW,
        worker_id,
        [lease.run_id for lease in held],
        [lease.attempt for lease in held],
        lease_seconds,
        SILENT_SECONDS,
    )
    return {RunId(record["id"]) for record in records}


_RELEASE = """
UPDATE runs
SET worker_id = NULL, lease_until = NULL,
    attempts_without_progress = greatest(attempts_without_progress - $4, 0)
WHERE id = $1 AND worker_id = $2 AND attempt = $3
"""


async def release(connection: Connection, lease: Lease) -> bool:
    """End a lease whose attempt failed, so that another worker may claim the run at once.

    Returns whether there is a run to claim: not one that has ended, or belongs to another.
    """
    return await _release(connection, lease, attempts_forgiven=0)


async def give_back(connection: Connection, lease: Lease) -> bool:
    """End a lease as `release` does, for no fault of the run: the attempt does not count."""
    return await _release(connection, lease, attempts_forgiven=1)


async def _release(connection: Connection, lease: Lease, attempts_forgiven: int) -> bool:
    status = await connection.execute(
        _RELEASE, lease.run_id, lease.worker_id, lease.attempt, attempts_forgiven
    )
    return status == "UPDATE 1"


_GIVE_ALL_BACK = """
WITH ours AS (
    SELECT id FROM runs
    WHERE worker_id = $1 AND status IN ('queued', 'running', 'ai_resolving')
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE runs
SET worker_id = NULL, lease_until = NULL,
    attempts_without_progress = greatest(attempts_without_progress - 1, 0)
FROM ours WHERE runs.id = ours.id
"""


async def give_all_back(connection: Connection, worker_id: WorkerId) -> None:
    """End what a worker that stops still holds: claimed in the moment in which it was stopped."""
    await connection.execute(_GIVE_ALL_BACK, worker_id)


_END_ALL = """
UPDATE runs SET worker_id = NULL, lease_until = NULL WHERE lease_until IS NOT NULL
"""


async def end_all(connection: Connection) -> None:
    """End every lease: for the start of a service that owns its database alone.

    Whoever held one is gone, since the embedded server died with its owner.
    """
    await connection.execute(_END_ALL)
