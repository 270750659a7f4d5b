"""Which runs are there, and what was asked of each? Reading, creating and cancelling them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from service.domain import representation
from service.domain.ai import AiFigures, AiStatus
from service.domain.events import EVENT_OF_STATUS, EventType
from service.domain.identifiers import (
    ConfigId,
    DocumentId,
    ReferenceDataId,
    RunId,
    WorkspaceId,
    new_id,
)
from service.domain.runs import (
    Phase,
    Run,
    RunStatus,
    RunWarning,
    TriggeredBy,
    sources_of,
)
from service.store import events
from service.store.database import Connection, Record, fetch_one


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What a client asks for: which config, over which documents, with or without an AI pass."""

    workspace_id: WorkspaceId
    matching_config_id: ConfigId
    reference_data_id: ReferenceDataId
    triggered_by: TriggeredBy
    collection: str
    document_ids: tuple[DocumentId, ...] | None
    dry_run: bool
    ai: bool = False


_INSERT = """
INSERT INTO runs (id, workspace_id, matching_config_id, reference_data_id, status, phase,
                  triggered_by, dry_run, collection, document_ids, ai_status, event_seq)
VALUES ($1, $2, $3, $4, 'queued', 'queued', $5, $6, $7, $8, $9, 1)
RETURNING *
"""


async def insert(connection: Connection, new: NewRun) -> Run:
    """Queue a run and tell of it, in the caller's transaction."""
    record = await fetch_one(
        connection,
        _INSERT,
        new_id(),
        new.workspace_id,
        new.matching_config_id,
        new.reference_data_id,
        new.triggered_by.value,
        new.dry_run,
        new.collection,
        new.document_ids,
        AiStatus.PENDING if new.ai else None,
    )
    run = from_record(record)
    await tell(connection, run)
    return run


async def tell(connection: Connection, run: Run) -> None:
    """Add the event of the status that the run has just reached."""
    event_type = EVENT_OF_STATUS[run.status]
    body: dict[str, representation.Json] = {"run": representation.run(run)}
    await events.append(connection, event_type, run.workspace_id, body, run)


async def tell_progress(connection: Connection, run: Run) -> None:
    """Add a progress event with the run's counters as they are now."""
    body: dict[str, representation.Json] = {"progress": representation.progress(run)}
    await events.append(connection, EventType.RUN_PROGRESS, run.workspace_id, body, run)


_FETCH = "SELECT * FROM runs WHERE workspace_id = $1 AND id = $2"


async def fetch(connection: Connection, workspace_id: WorkspaceId, run_id: RunId) -> Run | None:
    """Return the run, or None when the workspace has no such run."""
    record = await connection.fetchrow(_FETCH, workspace_id, run_id)
    return from_record(record) if record else None


_FETCH_ALL = "SELECT * FROM runs WHERE id = ANY($1::uuid[])"


async def fetch_all(connection: Connection, run_ids: Sequence[RunId]) -> list[Run]:
    """Return those of the runs that are there, of whatever workspace, in any order."""
    records = await connection.fetch(_FETCH_ALL, run_ids)
    return [from_record(record) for record in records]


_ALIVE = """
SELECT * FROM runs
WHERE workspace_id = $1 AND status IN ('queued', 'running', 'ai_resolving')
ORDER BY created_at, id LIMIT $2
"""


async def alive(connection: Connection, workspace_id: WorkspaceId, limit: int) -> list[Run]:
    """Return up to `limit` runs that have not ended, oldest first."""
    records = await connection.fetch(_ALIVE, workspace_id, limit)
    return [from_record(record) for record in records]


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs of a workspace; None means any."""

    config_id: ConfigId | None = None
    status: RunStatus | None = None
    triggered_by: TriggeredBy | None = None


# Above every id. A plan that must also fit "from the start" cannot use the bound on the index, and
# one that must also fit filters expects so few runs that it reads and sorts all of them.
_NEWEST = UUID(int=2**128 - 1)
_PAGE = """
SELECT * FROM runs WHERE workspace_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3
"""
_FILTERED_PAGE = """
SELECT * FROM runs
WHERE workspace_id = $1
  AND id < $2
  AND ($4::uuid IS NULL OR matching_config_id = $4)
  AND ($5::text IS NULL OR status = $5)
  AND ($6::text IS NULL OR triggered_by = $6)
ORDER BY id DESC
LIMIT $3
"""


async def page(
    connection: Connection,
    workspace_id: WorkspaceId,
    wanted: RunFilter,
    before: RunId | None,
    limit: int,
) -> list[Run]:
    """Return up to `limit` runs, newest first, older than `before`."""
    place = (workspace_id, before or _NEWEST, limit)
    if wanted == RunFilter():
        records = await connection.fetch(_PAGE, *place)
    else:
        filters = (wanted.config_id, wanted.status, wanted.triggered_by)
        records = await connection.fetch(_FILTERED_PAGE, *place, *filters)
    return [from_record(record) for record in records]


_COUNT = """
SELECT count(*) FROM runs
WHERE workspace_id = $1
  AND ($2::uuid IS NULL OR matching_config_id = $2)
  AND ($3::text IS NULL OR status = $3)
  AND ($4::text IS NULL OR triggered_by = $4)
"""


async def count(connection: Connection, workspace_id: WorkspaceId, wanted: RunFilter) -> int:
    """Return how many runs the filter lets through."""
    number: int = await connection.fetchval(
        _COUNT, workspace_id, wanted.config_id, wanted.status, wanted.triggered_by
    )
    return number


_CANCEL = """
UPDATE runs
SET status = 'cancelled', phase = 'done', worker_id = NULL, lease_until = NULL,
    ai_status = CASE WHEN coalesce(ai_status, '') NOT IN ('pending', 'running') THEN ai_status
                     WHEN ai_resolved > 0 THEN 'partial' ELSE 'failed' END,
    ai_error = CASE WHEN ai_status IN ('pending', 'running')
                    THEN 'The run was cancelled before its AI pass had ended.' ELSE ai_error END,
    version = version + 1, event_seq = event_seq + 1,
    completed_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE workspace_id = $1 AND id = $2 AND status = ANY($3::text[])
RETURNING *
"""


async def cancel(connection: Connection, workspace_id: WorkspaceId, run_id: RunId) -> Run | None:
    """Cancel the run and tell of it; None when it is not in a status that may be cancelled.

    The lease ends with the status: whoever was working on the run can write nothing more.
    """
    record = await connection.fetchrow(
        _CANCEL, workspace_id, run_id, sources_of(RunStatus.CANCELLED)
    )
    if record is None:
        return None
    run = from_record(record)
    await tell(connection, run)
    return run


_DOCUMENTS_THAT_EXIST = """
SELECT id FROM documents WHERE workspace_id = $1 AND collection = $2 AND id = ANY($3::text[])
"""


async def missing_documents(
    connection: Connection,
    workspace_id: WorkspaceId,
    collection: str,
    wanted: Sequence[DocumentId],
) -> list[DocumentId]:
    """Return those of the wanted documents that the collection lacks, in the order asked."""
    records = await connection.fetch(_DOCUMENTS_THAT_EXIST, workspace_id, collection, wanted)
    found = {record["id"] for record in records}
    return [document_id for document_id in wanted if document_id not in found]


def from_record(record: Record) -> Run:
    """Read a row of the table `runs`."""
    document_ids = record["document_ids"]
    return Run(
        id=RunId(record["id"]),
        workspace_id=WorkspaceId(record["workspace_id"]),
        matching_config_id=ConfigId(record["matching_config_id"]),
        reference_data_id=ReferenceDataId(record["reference_data_id"]),
        status=RunStatus(record["status"]),
        phase=Phase(record["phase"]),
        triggered_by=TriggeredBy(record["triggered_by"]),
        dry_run=record["dry_run"],
        collection=record["collection"],
        document_ids=None if document_ids is None else tuple(map(DocumentId, document_ids)),
        config_version=record["config_version"],
        reference_data_version=record["reference_data_version"],
        rows_total=record["rows_total"],
        rows_processed=record["rows_processed"],
        rows_matched=record["rows_matched"],
        confidence_sum=record["confidence_sum"],
        rows_per_second=record["rows_per_second"],
        warnings=tuple(RunWarning(**warning) for warning in json.loads(record["warnings"])),
        error=record["error"],
        lost_documents=record["lost_documents"],
        attempts_without_progress=record["attempts_without_progress"],
        version=record["version"],
        last_event_id=record["event_seq"],
        created_at=record["created_at"],
        started_at=record["started_at"],
        resumed_at=record["resumed_at"],
        seconds_worked_before=record["seconds_worked_before"],
        completed_at=record["completed_at"],
        updated_at=record["updated_at"],
        ai=_ai_figures(record),
    )


def _ai_figures(record: Record) -> AiFigures | None:
    if record["ai_status"] is None:
        return None
    return AiFigures(
        status=AiStatus(record["ai_status"]),
        to_resolve=record["ai_to_resolve"],
        resolved=record["ai_resolved"],
        unresolved=record["ai_unresolved"],
        cached=record["ai_cached"],
        requests=record["ai_requests"],
        input_tokens=record["ai_input_tokens"],
        output_tokens=record["ai_output_tokens"],
        cost_nanodollars=record["ai_cost_nanodollars"],
        documents_per_second=record["ai_documents_per_second"],
        is_estimate=record["ai_is_estimate"],
        error=record["ai_error"],
    )
