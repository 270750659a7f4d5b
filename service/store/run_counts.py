"""How many runs are alive, over all workspaces?"""

from service.domain.runs import TERMINAL_STATUSES, RunStatus
from service.store.database import Connection

# As the index of runs that are alive says it.
_ALIVE = """
SELECT status, count(*) AS count FROM runs
WHERE status IN ('queued', 'running', 'ai_resolving') GROUP BY status
"""


async def alive(connection: Connection) -> dict[RunStatus, int]:
    """Return how many runs have each status that is no end."""
    counts = {status: 0 for status in RunStatus if status not in TERMINAL_STATUSES}
    for record in await connection.fetch(_ALIVE):
        counts[RunStatus(record["status"])] = record["count"]
    return counts
