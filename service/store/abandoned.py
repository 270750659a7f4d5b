"""Which rows does nothing refer to any more, and how do they go, a batch at a time?"""

from service.domain.identifiers import RunId, WorkspaceId
from service.domain.runs import TERMINAL_STATUSES
from service.store.database import Connection

# What a statement removes at most: a fraction of a second of work, and of locks.
BATCH_ROWS = 5_000


_DELETE_RUN = """
DELETE FROM runs WHERE workspace_id = $1 AND id = $2 AND status = ANY($3::text[]) RETURNING id
"""
_ABANDON_RUN = "INSERT INTO abandoned_runs (run_id) VALUES ($1)"


async def delete_run(connection: Connection, workspace_id: WorkspaceId, run_id: RunId) -> bool:
    """Delete a run that has ended, with its events; False when it has not, or is not there.

    Its results go a little later.
    """
    ended = [status.value for status in TERMINAL_STATUSES]
    if await connection.fetchval(_DELETE_RUN, workspace_id, run_id, ended) is None:
        return False
    await connection.execute(_ABANDON_RUN, run_id)
    return True


# Only a version row that nobody holds: a run that is about to begin holds the one it reads.
_UNUSED_VERSIONS = """
SELECT v.reference_data_id, v.version
FROM reference_versions v
JOIN reference_data d ON d.id = v.reference_data_id
JOIN reference_versions c ON c.reference_data_id = d.id AND c.version = d.current_version
WHERE v.generation < c.generation AND NOT EXISTS (
    SELECT 1 FROM reference_versions same
    JOIN runs r ON r.reference_data_id = same.reference_data_id
               AND r.reference_data_version = same.version
    WHERE same.reference_data_id = v.reference_data_id AND same.generation = v.generation
)
ORDER BY v.reference_data_id, v.version
LIMIT 100
FOR UPDATE OF v SKIP LOCKED
"""
# Asked again now that the rows are locked: a run may have begun between the two.
_ABANDON_VERSIONS = """
WITH gone AS (
    DELETE FROM reference_versions v
    USING unnest($1::uuid[], $2::int[]) AS unused (reference_data_id, version)
    WHERE v.reference_data_id = unused.reference_data_id AND v.version = unused.version
      AND NOT EXISTS (
          SELECT 1 FROM runs r
          WHERE r.reference_data_id = v.reference_data_id AND r.reference_data_version = v.version
      )
    RETURNING v.generation
)
INSERT INTO abandoned_rows (generation)
SELECT DISTINCT generation FROM gone
ON CONFLICT DO NOTHING
"""


async def find_unused_versions(connection: Connection) -> bool:
    """Give up old generations of rows that no run uses; True when there may be more of them."""
    records = await connection.fetch(_UNUSED_VERSIONS)
    await connection.execute(
        _ABANDON_VERSIONS,
        [record["reference_data_id"] for record in records],
        [record["version"] for record in records],
    )
    return bool(records)


_SOME_ROWS = """
SELECT generation FROM abandoned_rows a
WHERE NOT EXISTS (SELECT 1 FROM reference_versions v WHERE v.generation = a.generation)
LIMIT 1
FOR UPDATE OF a SKIP LOCKED
"""
_DELETE_ROWS = """
DELETE FROM reference_rows
WHERE generation = $1 AND position IN (
    SELECT position FROM reference_rows WHERE generation = $1 ORDER BY position LIMIT $2
)
"""
_ROWS_ARE_GONE = "DELETE FROM abandoned_rows WHERE generation = $1"


async def remove_rows(connection: Connection) -> bool:
    """Remove a batch of rows of reference data; False when there is none to remove.

    A generation of which a version is still there waits until that is given up too.
    """
    generation = await connection.fetchval(_SOME_ROWS)
    if generation is None:
        return False
    done = await connection.execute(_DELETE_ROWS, generation, BATCH_ROWS)
    if _count(done) < BATCH_ROWS:
        await connection.execute(_ROWS_ARE_GONE, generation)
    return True


_SOME_RUN = "SELECT run_id FROM abandoned_runs LIMIT 1 FOR UPDATE SKIP LOCKED"
_DELETE_RESULTS = """
DELETE FROM results
WHERE run_id = $1 AND document_id IN (
    SELECT document_id FROM results WHERE run_id = $1 ORDER BY document_id LIMIT $2
)
"""
_DELETE_DOCUMENTS = """
DELETE FROM run_documents
WHERE run_id = $1 AND position IN (
    SELECT position FROM run_documents WHERE run_id = $1 ORDER BY position LIMIT $2
)
"""
_DELETE_EXCLUSIONS = """
DELETE FROM run_exclusions
WHERE run_id = $1 AND document_id IN (
    SELECT document_id FROM run_exclusions WHERE run_id = $1 ORDER BY document_id LIMIT $2
)
"""
_RUN_IS_GONE = "DELETE FROM abandoned_runs WHERE run_id = $1"


async def remove_of_run(connection: Connection) -> bool:
    """Remove a batch of what belonged to a deleted run; False when there is none to remove."""
    run_id = await connection.fetchval(_SOME_RUN)
    if run_id is None:
        return False
    for statement in (_DELETE_RESULTS, _DELETE_DOCUMENTS, _DELETE_EXCLUSIONS):
        if _count(await connection.execute(statement, run_id, BATCH_ROWS)) >= BATCH_ROWS:
            return True
    await connection.execute(_RUN_IS_GONE, run_id)
    return True


def _count(status: str) -> int:
    """Read how many rows a statement touched."""
    return int(status.split()[-1])
