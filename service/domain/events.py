"""What happens that others may want to hear of: the one vocabulary of stream, webhook and list."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.domain.identifiers import EventId, RunId, WorkspaceId
from service.domain.runs import RunStatus


class EventType(StrEnum):
    """The wire names of events."""

    RUN_QUEUED = "run.queued"
    RUN_STARTED = "run.started"
    RUN_PROGRESS = "run.progress"
    RUN_AI_RESOLVING = "run.ai_resolving"
    RUN_COMPLETED = "run.completed"
    RUN_FAILED = "run.failed"
    RUN_CANCELLED = "run.cancelled"
    RESULT_REVIEWED = "result.reviewed"
    REFERENCE_DATA_READY = "reference_data.ready"
    REFERENCE_DATA_FAILED = "reference_data.failed"


EVENT_OF_STATUS: dict[RunStatus, EventType] = {
    RunStatus.QUEUED: EventType.RUN_QUEUED,
    RunStatus.RUNNING: EventType.RUN_STARTED,
    RunStatus.AI_RESOLVING: EventType.RUN_AI_RESOLVING,
    RunStatus.COMPLETED: EventType.RUN_COMPLETED,
    RunStatus.FAILED: EventType.RUN_FAILED,
    RunStatus.CANCELLED: EventType.RUN_CANCELLED,
}

RUN_SNAPSHOT = "run.snapshot"
WORKSPACE_SNAPSHOT = "workspace.snapshot"


@dataclass(frozen=True, slots=True)
class Event:
    """A stored event; numbers rise by one per workspace and, where it has one, per run.

    `data` is the JSON text that goes out as it is.
    """

    id: EventId
    workspace_id: WorkspaceId
    workspace_seq: int
    run_id: RunId | None
    run_seq: int | None
    type: EventType
    data: str
    created_at: datetime
