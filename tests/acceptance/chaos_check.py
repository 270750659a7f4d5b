"""What must hold after whatever happened? Asked of the tables, for every run there is."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import asyncpg

# Each statement returns the runs, or workspaces, of which it does not hold.
LAWS: dict[str, str] = {
    "a run has ended": """
        SELECT id FROM runs WHERE status NOT IN ('completed', 'failed', 'cancelled')
    """,
    "a completed run has one result for each of its documents": """
        SELECT runs.id FROM runs
        WHERE status = 'completed' AND EXISTS (
            SELECT document_id FROM run_documents WHERE run_id = runs.id
            EXCEPT SELECT document_id FROM results WHERE run_id = runs.id)
    """,
    "a run has no result of another document, and counts its results": """
        SELECT runs.id FROM runs
        WHERE coalesce(rows_processed, 0) <> (SELECT count(*) FROM results WHERE run_id = runs.id)
           OR EXISTS (SELECT document_id FROM results WHERE run_id = runs.id
                      EXCEPT SELECT document_id FROM run_documents WHERE run_id = runs.id)
    """,
    "a run counts its matches and their confidence": """
        SELECT runs.id FROM runs
        WHERE (coalesce(rows_matched, 0), confidence_sum) <> (
            SELECT count(*), coalesce(sum(round(confidence * 10000)), 0)::bigint FROM results
            WHERE run_id = runs.id AND matched_reference_row_id IS NOT NULL)
    """,
    "the results of a run are those of its first documents": """
        SELECT runs.id FROM runs
        WHERE EXISTS (SELECT document_id FROM run_documents
                      WHERE run_id = runs.id AND position < runs.rows_processed
                      EXCEPT SELECT document_id FROM results WHERE run_id = runs.id)
    """,
    "the events of a run are numbered without gap or repeat": """
        SELECT runs.id FROM runs LEFT JOIN events ON events.run_id = runs.id
        GROUP BY runs.id, runs.event_seq
        HAVING (count(*), count(DISTINCT run_seq), min(run_seq), max(run_seq))
            <> (runs.event_seq, runs.event_seq, 1, runs.event_seq)
    """,
    "the events of a workspace are numbered without gap or repeat": """
        SELECT workspaces.id FROM workspaces JOIN events ON events.workspace_id = workspaces.id
        GROUP BY workspaces.id, workspaces.event_seq
        HAVING (count(*), count(DISTINCT workspace_seq), min(workspace_seq), max(workspace_seq))
            <> (workspaces.event_seq, workspaces.event_seq, 1, workspaces.event_seq)
    """,
    "the last event of a run tells its end and its totals": """
        SELECT runs.id FROM runs JOIN events
            ON events.run_id = runs.id AND events.run_seq = runs.event_seq
        WHERE events.type <> 'run.' || runs.status
           OR (events.data::json -> 'run' ->> 'rows_processed')::int
              IS DISTINCT FROM runs.rows_processed
    """,
    "completed runs over the same documents have the same answer": """
        SELECT id FROM runs
        WHERE status = 'completed' AND (rows_total, rows_matched, confidence_sum) <> (
            SELECT rows_total, rows_matched, confidence_sum FROM runs
            WHERE status = 'completed' ORDER BY id LIMIT 1)
    """,
    "no document was given up": """
        SELECT DISTINCT run_id AS id FROM results WHERE error IS NOT NULL
    """,
    "a run that failed was begun too often without progress": """
        SELECT id FROM runs WHERE status = 'failed' AND error NOT LIKE 'The run was begun 5 times%'
    """,
    "nobody holds a lease on a run that has ended": """
        SELECT id FROM runs
        WHERE status IN ('completed', 'failed', 'cancelled')
          AND (lease_until IS NOT NULL OR worker_id IS NOT NULL)
    """,
}

_STATUSES = "SELECT status, count(*) FROM runs GROUP BY status ORDER BY status"
_TOTALS = (
    "SELECT (SELECT count(*) FROM results), (SELECT count(*) FROM events), max(attempt) FROM runs"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found; `violations` name a law and a run that breaks it."""

    statuses: dict[str, int]
    results: int
    events: int
    attempts: int
    violations: list[str] = field(default_factory=list)


def examine(url: str) -> Verdict:
    """Hold all runs in the database against the laws."""
    return asyncio.run(_examine(url))


async def _examine(url: str) -> Verdict:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    try:
        violations = [
            f"{law}: not so of {record['id']}"
            for law, statement in LAWS.items()
            for record in await connection.fetch(statement)
        ]
        totals = await connection.fetchrow(_TOTALS)
        assert totals is not None
        statuses = {row["status"]: row["count"] for row in await connection.fetch(_STATUSES)}
    finally:
        await connection.close()
    return Verdict(statuses, totals[0], totals[1], totals[2] or 0, violations)


def have_ended(url: str) -> bool:
    """Whether all runs have ended; False also while the database is coming up."""

    async def count() -> int:
        connection: asyncpg.Connection[Any] = await asyncpg.connect(url, timeout=10)
        try:
            number: int = await connection.fetchval(
                "SELECT count(*) FROM runs WHERE status IN ('queued', 'running', 'ai_resolving')"
            )
        finally:
            await connection.close()
        return number

    try:
        return not asyncio.run(count())
    except (OSError, asyncpg.PostgresError):
        return False
