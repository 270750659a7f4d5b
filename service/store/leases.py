"""Who may write a run now? One worker at a time, for as long as it keeps its lease alive.

Time is the database's clock. A claim raises the run's `attempt`: what an earlier owner still
holds is worth nothing from then on, since every statement it runs names its own attempt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.identifiers import RunId, WorkerId
from service.domain.runs import Lease, Run
from service.store import runs
from service.store.database import Connection


@dataclass(frozen=True, slots=True)
class Claim:
    """A run with the lease on it."""

    lease: Lease
    run: Run


# A run whose lease ran out may be claimed, and so may one of our own that we no longer work on
# (after the database was away); never one that we still work on, even if its lease ran out.
# Fair between workspaces: fewest runs at work first.
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
    claimed_at = now(), attempts_without_progress = attempts_without_progress + 1
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


# A run under way tells something every few seconds. One that has been silent for so long is stuck
# in a way that nobody noticed: its lease is left to run out, and its work is stopped.
SILENT_SECONDS = 60.0

_RENEW = """
UPDATE runs SET lease_until = now() + make_interval(secs => $4)
FROM unnest($2::uuid[], $3::int[]) AS held (run_id, attempt)
WHERE runs.id = held.run_id AND runs.attempt = held.attempt AND runs.worker_id = $1
  AND (runs.status = 'queued'
       OR (runs.status IN ('running', 'ai_resolving')
           AND greatest(runs.updated_at, runs.claimed_at) > now() - make_interval(secs => $5)))
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


async def release(connection: Connection, lease: Lease) -> None:
    """End a lease whose attempt failed, so that another worker may claim the run at once."""
    await connection.execute(_RELEASE, lease.run_id, lease.worker_id, lease.attempt, 0)


async def give_back(connection: Connection, lease: Lease) -> None:
    """End a lease for no fault of the run: the attempt does not count against it."""
    await connection.execute(_RELEASE, lease.run_id, lease.worker_id, lease.attempt, 1)


_END_ALL = """
UPDATE runs SET worker_id = NULL, lease_until = NULL WHERE lease_until IS NOT NULL
"""


async def end_all(connection: Connection) -> None:
    """End every lease: for the start of a service that owns its database alone.

    Whoever held one is gone, since the embedded server died with its owner.
    """
    await connection.execute(_END_ALL)
