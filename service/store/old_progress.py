"""Which progress events are too old to keep, and how do they go, a batch at a time?

Only those of runs that ended long ago go, and only when no webhook still waits for something of the
run; what began, ended or reviewed something stays. The hole
in the numbers is all that is left: a stream that is to go on before it begins with a snapshot.
"""

from service.store.abandoned import BATCH_ROWS
from service.store.database import Connection

# One that another process is at, or that somebody reviews now, comes later.
_SOME_RUN = """
SELECT id FROM runs
WHERE completed_at < now() - make_interval(secs => $1)
  AND (progress_removed_at IS NULL OR progress_removed_at < completed_at)
  AND status IN ('completed', 'failed', 'cancelled')
  AND (SELECT true FROM deliveries WHERE lane = runs.id AND deliveries.status = 'pending' LIMIT 1)
      IS NULL
ORDER BY completed_at
LIMIT 1
FOR UPDATE SKIP LOCKED
"""
_REMOVE = """
DELETE FROM events
WHERE run_id = $1 AND run_seq IN (
    SELECT run_seq FROM events WHERE run_id = $1 AND type = 'run.progress'
    ORDER BY run_seq LIMIT $2
)
"""
_NONE_IS_LEFT = "UPDATE runs SET progress_removed_at = clock_timestamp() WHERE id = $1"


async def remove(connection: Connection, kept_seconds: float) -> bool:
    """Remove some progress events of a run that ended so long ago; False when there is none."""
    run_id = await connection.fetchval(_SOME_RUN, kept_seconds)
    if run_id is None:
        return False
    removed = await connection.execute(_REMOVE, run_id, BATCH_ROWS)
    if int(removed.split()[-1]) < BATCH_ROWS:
        await connection.execute(_NONE_IS_LEFT, run_id)
    return True
