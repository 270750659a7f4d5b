"""What is a run: one matching of documents against reference data, and how its status may move."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from service.domain.ai import AiFigures
from service.domain.identifiers import (
    ConfigId,
    DocumentId,
    ReferenceDataId,
    RunId,
    WorkerId,
    WorkspaceId,
)

MAX_ATTEMPTS_WITHOUT_PROGRESS = 5
CONFIDENCE_DIGITS = 4
# Confidences are summed as whole ten-thousandths, so that the mean has no rounding of its own.
CONFIDENCE_UNITS = 10_000


class RunStatus(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    AI_RESOLVING = "ai_resolving"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended (an `ai-resolve` may open a completed one again)."""
        return self in TERMINAL_STATUSES


TERMINAL_STATUSES = frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED})

TRANSITIONS: dict[RunStatus, frozenset[RunStatus]] = {
    RunStatus.QUEUED: frozenset({RunStatus.RUNNING, RunStatus.FAILED, RunStatus.CANCELLED}),
    RunStatus.RUNNING: frozenset(
        {RunStatus.AI_RESOLVING, RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED}
    ),
    RunStatus.AI_RESOLVING: frozenset({RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED}),
    RunStatus.COMPLETED: frozenset({RunStatus.AI_RESOLVING}),
    RunStatus.FAILED: frozenset(),
    RunStatus.CANCELLED: frozenset(),
}


def sources_of(status: RunStatus) -> tuple[RunStatus, ...]:
    """Return the statuses from which `status` may be reached."""
    return tuple(source for source, targets in TRANSITIONS.items() if status in targets)


class Phase(StrEnum):
    """What a run is busy with, in the order in which phases follow each other."""

    QUEUED = "queued"
    LOADING = "loading"
    MATCHING = "matching"
    AI_RESOLVING = "ai_resolving"
    FINISHING = "finishing"
    DONE = "done"


class TriggeredBy(StrEnum):
    """Who or what asked for a run."""

    MANUAL = "manual"
    API = "api"
    SCHEDULE = "schedule"
    SMART = "smart"


@dataclass(frozen=True, slots=True)
class RunWarning:
    """Something that did not stop the run: how often it happened, and one example."""

    code: str
    count: int
    sample: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write a run: it ends when another worker claims the run with a new attempt."""

    run_id: RunId
    worker_id: WorkerId
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as it stands after its event number `last_event_id`.

    Counters are None until work starts; `confidence_sum` is in ten-thousandths over the matched
    results; `rows_per_second` is None until the first documents are done. `ai` is None for a run
    without an AI pass, which may have opened a completed run again at `resumed_at`, after
    `seconds_worked_before`. `lost_documents` is set when documents of its collection were deleted
    while it was under way.
    """

    id: RunId
    workspace_id: WorkspaceId
    matching_config_id: ConfigId
    reference_data_id: ReferenceDataId
    status: RunStatus
    phase: Phase
    triggered_by: TriggeredBy
    dry_run: bool
    collection: str
    document_ids: tuple[DocumentId, ...] | None
    config_version: int | None
    reference_data_version: int | None
    rows_total: int | None
    rows_processed: int | None
    rows_matched: int | None
    confidence_sum: int
    rows_per_second: float | None
    warnings: tuple[RunWarning, ...]
    error: str | None
    lost_documents: bool = False
    attempts_without_progress: int
    version: int
    last_event_id: int
    created_at: datetime
    started_at: datetime | None
    resumed_at: datetime | None = None
    seconds_worked_before: float = 0.0
    completed_at: datetime | None
    updated_at: datetime
    ai: AiFigures | None = None

    @property
    def avg_confidence(self) -> float | None:
        """Mean confidence of the matched results, rounded to 4 digits; None when there is none."""
        if not self.rows_matched:
            return None
        mean = self.confidence_sum / (CONFIDENCE_UNITS * self.rows_matched)
        return round(mean, CONFIDENCE_DIGITS)

    @property
    def seconds_worked(self) -> float | None:
        """From start to end, without the time that the run lay completed; None until it ended."""
        began = self.resumed_at or self.started_at
        if began is None or self.completed_at is None:
            return None
        return round(self.seconds_worked_before + (self.completed_at - began).total_seconds(), 3)

    @property
    def phase_progress(self) -> float:
        """Share of the phase that is done, in [0, 1].

        Of a run that was stopped before its end, the share of its documents that have a result.
        """
        if self.status is RunStatus.COMPLETED:
            return 1.0
        if self.phase is Phase.AI_RESOLVING:
            return self.ai.share_done if self.ai else 0.0
        if self.phase not in (Phase.MATCHING, Phase.DONE) or not self.rows_total:
            return 0.0
        return round((self.rows_processed or 0) / self.rows_total, 4)

    @property
    def estimated_seconds_remaining(self) -> float | None:
        """Remaining documents of the phase over its rate so far, in seconds.

        0 once the run has ended.
        """
        if self.status.is_terminal:
            return 0.0
        if self.status is RunStatus.AI_RESOLVING:
            return self.ai.seconds_remaining if self.ai else None
        if not self.rows_per_second or self.rows_total is None:
            return None
        return round((self.rows_total - (self.rows_processed or 0)) / self.rows_per_second, 1)
