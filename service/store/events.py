"""What has happened, in order: the table that polling, streams and webhooks all read."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from uuid import UUID

from service.domain import representation
from service.domain.events import Event, EventType
from service.domain.identifiers import EventId, RunId, WorkspaceId, new_id
from service.domain.representation import Json
from service.domain.runs import Run
from service.store.database import Connection, Record, fetch_one

PAGE_LIMIT = 500

# Taken late in a transaction, after the run's row: always that order, and for a short time. All
# others of the workspace wait meanwhile, so PostgreSQL ends a session that stands still with it.
_NEXT_WORKSPACE_SEQ = """
UPDATE workspaces SET event_seq = event_seq + $2 WHERE id = $1
RETURNING event_seq, clock_timestamp() AS created_at,
          set_config('idle_in_transaction_session_timeout', '5s', true)
"""
# With the event goes its outbox: a delivery for each webhook that wants the type. A dry run is the
# affair of who tries something out: what acts on runs that have ended must not take it for one.
_INSERT = """
WITH event AS (
    INSERT INTO events (workspace_id, workspace_seq, id, run_id, run_seq, type, data, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
)
INSERT INTO deliveries (webhook_id, workspace_id, event_id, workspace_seq, run_id, type, lane)
SELECT id, $1, $3, $2, $4, $6, coalesce($4, $3)
FROM webhooks
WHERE workspace_id = $1 AND enabled
  AND (CASE WHEN types IS NULL THEN $6 <> 'run.progress' ELSE $6 = ANY(types) END)
  AND NOT $9::boolean
"""


async def append(
    connection: Connection,
    event_type: EventType,
    workspace_id: WorkspaceId,
    body: Mapping[str, Json],
    run: Run | None = None,
) -> None:
    """Add an event in the transaction of the change it tells.

    `body` is the one key beside the common ones (`run`, `progress`, `result` or
    `reference_data`). With `run`, the event takes the number `run.last_event_id`, which the
    statement that changed the run's row has already raised by one.
    """
    record = await fetch_one(connection, _NEXT_WORKSPACE_SEQ, workspace_id, 1)
    event_id = new_id()
    data: dict[str, Json] = {
        "type": event_type.value,
        "id": str(event_id),
        "created_at": representation.timestamp(record["created_at"]),
        "workspace_seq": record["event_seq"],
    }
    if run is not None:
        data |= {"run_id": str(run.id), "run_seq": run.last_event_id}
    await connection.execute(
        _INSERT,
        workspace_id,
        record["event_seq"],
        event_id,
        run.id if run else None,
        run.last_event_id if run else None,
        event_type.value,
        encode({**data, **body}),
        record["created_at"],
        run is not None and run.dry_run,
    )


# How many events are written as JSON between two turns of the event loop.
_SLICE = 25


async def append_many(
    connection: Connection,
    event_type: EventType,
    run: Run,
    bodies: Iterator[Mapping[str, Json]],
    count: int,
) -> None:
    """Do what `append` does for `count` events of a run, whose number was raised by as many."""
    last = await fetch_one(connection, _NEXT_WORKSPACE_SEQ, run.workspace_id, count)
    for start in range(0, count, _SLICE):
        rows = []
        for place, body in enumerate(islice(bodies, _SLICE), start + 1):
            workspace_seq = last["event_seq"] - count + place
            run_seq = run.last_event_id - count + place
            event_id = new_id()
            data: dict[str, Json] = {
                "type": event_type.value,
                "id": str(event_id),
                "created_at": representation.timestamp(last["created_at"]),
                "workspace_seq": workspace_seq,
                "run_id": str(run.id),
                "run_seq": run_seq,
            }
            rows.append(
                (
                    run.workspace_id,
                    workspace_seq,
                    event_id,
                    run.id,
                    run_seq,
                    event_type.value,
                    encode({**data, **body}),
                    last["created_at"],
                    run.dry_run,
                )
            )
        await connection.executemany(_INSERT, rows)


# Line ends to some readers of streams, although the standard does not say so.
_LINE_ENDS = {ord(mark): f"\\u{ord(mark):04x}" for mark in "\x85\u2028\u2029"}


def encode(data: Mapping[str, Json]) -> str:
    """Write an event's data as JSON that stays one line in whatever reader."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).translate(_LINE_ENDS)


_OF_RUN = """
SELECT * FROM events WHERE run_id = $1 AND run_seq > $2 ORDER BY run_seq LIMIT $3
"""


async def of_run(
    connection: Connection, run_id: RunId, after: int, limit: int = PAGE_LIMIT
) -> list[Event]:
    """Return up to `limit` events of a run with a number above `after`, in order."""
    records = await connection.fetch(_OF_RUN, run_id, after, limit)
    return [_from_record(record) for record in records]


_OF_WORKSPACE = """
SELECT * FROM events
WHERE workspace_id = $1 AND workspace_seq > $2 AND ($4::text[] IS NULL OR type = ANY($4))
ORDER BY workspace_seq LIMIT $3
"""


async def of_workspace(
    connection: Connection,
    workspace_id: WorkspaceId,
    after: int,
    limit: int = PAGE_LIMIT,
    types: Collection[EventType] | None = None,
) -> list[Event]:
    """Return up to `limit` events of a workspace with a number above `after`, in order.

    `types` None means all of them.
    """
    wanted = None if types is None else [each.value for each in types]
    records = await connection.fetch(_OF_WORKSPACE, workspace_id, after, limit, wanted)
    return [_from_record(record) for record in records]


_LAST_NUMBERS = """
SELECT id, event_seq FROM runs WHERE id = ANY($1::uuid[])
UNION ALL
SELECT id, event_seq FROM workspaces WHERE id = ANY($2::uuid[])
"""


async def last_numbers(
    connection: Connection, run_ids: Sequence[RunId], workspace_ids: Sequence[WorkspaceId]
) -> dict[UUID, int]:
    """Return the number of the last event of each run and workspace that is there."""
    records = await connection.fetch(_LAST_NUMBERS, run_ids, workspace_ids)
    return {record["id"]: record["event_seq"] for record in records}


def _from_record(record: Record) -> Event:
    return Event(
        id=EventId(record["id"]),
        workspace_id=WorkspaceId(record["workspace_id"]),
        workspace_seq=record["workspace_seq"],
        run_id=RunId(record["run_id"]) if record["run_id"] else None,
        run_seq=record["run_seq"],
        type=EventType(record["type"]),
        data=record["data"],
        created_at=record["created_at"],
    )
