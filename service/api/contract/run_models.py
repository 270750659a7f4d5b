"""How do runs, their progress and results look in replies? For their documentation."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from service.api.contract.ai_models import AiEvidence, AiPass
from service.api.contract.models import ClientId, Count, Page, Share, example, sometimes
from service.api.contract.reference_data import Scalar
from service.domain.results import MAX_CANDIDATES, ResolvedBy, ReviewStatus, Side
from service.domain.runs import Phase, RunStatus, TriggeredBy

CONFIG_ID = "01934f30-17b2-7a58-8f0e-6f1f3f0c2a11"
RUN_ID = "01934f31-3f0d-7b8e-a7c4-9d2b6e0f4c22"
_PATH = f"/v1/matching/runs/{RUN_ID}"
_STARTED = "2026-03-02T09:18:00.120Z"
_ENDED = "2026-03-02T09:18:04.310Z"

EXAMPLE_RUN: dict[str, Any] = {
    "id": RUN_ID,
    "matching_config_id": CONFIG_ID,
    "status": "completed",
    "triggered_by": "api",
    "rows_total": 120,
    "rows_processed": 120,
    "rows_matched": 113,
    "avg_confidence": 0.9421,
    "dry_run": False,
    "reference_data_version": 1,
    "config_version": 1,
    "warnings": [
        {"code": "unreadable_document_value", "count": 1, "sample": "due: 31.02.2026 (INV-7)"}
    ],
    "ai": None,
    "error": None,
    "created_at": "2026-03-02T09:18:00.000Z",
    "started_at": _STARTED,
    "resumed_at": None,
    "completed_at": _ENDED,
    "seconds_worked": 4.19,
    "version": 9,
    "last_event_id": 9,
    "links": {
        "self": _PATH,
        "config": f"/v1/matching/configs/{CONFIG_ID}",
        "progress": f"{_PATH}/progress",
        "events": f"{_PATH}/events",
        "results": f"{_PATH}/results",
    },
}
EXAMPLE_PROGRESS: dict[str, Any] = {
    "run_id": RUN_ID,
    "status": "running",
    "phase": "matching",
    "phase_progress": 0.5,
    "rows_total": 120,
    "rows_processed": 60,
    "rows_matched": 57,
    "avg_confidence": 0.9433,
    "rows_per_second": 28.6,
    "estimated_seconds_remaining": 2.1,
    "ai": None,
    "started_at": _STARTED,
    "updated_at": "2026-03-02T09:18:02.250Z",
    "last_event_id": 5,
}
_EVIDENCE: dict[str, Any] = {
    "vendor_name": {
        "strategy": "fuzzy",
        "score": 0.98,
        "weight": 0.6,
        "document_value": "ACME Tools",
        "reference_value": "Acme Tools GmbH",
    },
    "amount": {
        "strategy": "numeric_range",
        "score": 1.0,
        "weight": 0.4,
        "document_value": 1249.5,
        "reference_value": "1249.5",
    },
}
EXAMPLE_RESULT: dict[str, Any] = {
    "id": "01934f31-4b7a-7d10-b1e2-5a9c7f3e8d33",
    "document_id": "INV-3310",
    "document_filename": "INV-3310.pdf",
    "matched_reference_row_id": "PO-7001",
    "confidence": 0.988,
    "rule_confidence": 0.988,
    "status": "pending",
    "notes": None,
    "resolved_by": "rules",
    "uncertain": False,
    "error": None,
    "created_at": "2026-03-02T09:18:03.000Z",
    "reviewed_at": None,
    "reviewed_by": None,
    "version": 1,
    "evidence": _EVIDENCE,
    "candidates": [
        {"reference_row_id": "PO-7001", "confidence": 0.988, "evidence": _EVIDENCE},
    ],
}


class RunWarning(BaseModel):
    """What did not stop a run, and how often it was met."""

    code: str
    count: Count
    sample: str | None


class RunLinks(BaseModel):
    """Where a run and what belongs to it are."""

    self: str
    config: str
    progress: str
    events: str
    results: str


class Run(BaseModel):
    """One matching of documents against reference data; its counters are null until it works."""

    model_config = example(EXAMPLE_RUN)

    id: UUID
    matching_config_id: UUID
    status: RunStatus
    triggered_by: TriggeredBy
    rows_total: Count | None
    rows_processed: Count | None
    rows_matched: Count | None = Field(description="Results with a `matched_reference_row_id`.")
    avg_confidence: Share | None = Field(description="Mean over the matched results.")
    dry_run: bool
    reference_data_version: Count | None
    config_version: Count | None
    warnings: list[RunWarning]
    ai: AiPass | None = Field(description="What the AI pass did; null when the run has none.")
    error: str | None = Field(description="What failed, in a sentence to act on.")
    created_at: datetime
    started_at: datetime | None
    resumed_at: datetime | None = Field(
        description="When `ai-resolve` opened the run again; null for one that it did not."
    )
    completed_at: datetime | None
    seconds_worked: float | None = Field(
        description="From start to end, without the time that the run lay completed before it was "
        "opened again; null until it has ended."
    )
    version: Count
    last_event_id: Count = Field(description="The number of the run's latest event.")
    links: RunLinks


class FieldEvidence(BaseModel):
    """What one mapping said of a document and a row."""

    strategy: str
    score: Share
    weight: Share = Field(description="The weight used: that of missing fields is spread.")
    document_value: Scalar
    reference_value: str | None
    unreadable: Side = sometimes(
        "There where a value cannot be read as the date or number that the strategy needs, such as "
        "`31.02.2024`, and counts as missing: which of the two. Blanks and fillers (`n/a`, `?`, "
        "`-`) are missing, and none of these."
    )


class Evidence(BaseModel):
    """What each mapping said, by its `source` (by `source→target` where a source is used twice)."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, FieldEvidence]

    ai: AiEvidence = sometimes("There where the AI was asked.")


class Candidate(BaseModel):
    """A row that may be the document's match."""

    reference_row_id: ClientId
    confidence: Share
    evidence: dict[str, FieldEvidence]


class ReviewedResult(BaseModel):
    """The verdict on one document, as events tell it: without its candidates."""

    id: UUID
    document_id: ClientId
    document_filename: str | None
    matched_reference_row_id: ClientId | None = Field(description="Null: no match.")
    confidence: Share
    rule_confidence: Share = Field(description="Scores times weights of the evidence, summed.")
    status: ReviewStatus
    notes: str | None
    resolved_by: ResolvedBy
    uncertain: bool = Field(
        description="Somebody should look: no match, but at least the config's `review_threshold`, "
        "or a match that leads the second best by less than `ai.min_margin`. False once the AI "
        "pass has decided."
    )
    error: str | None = Field(description="Why the document could not be matched.")
    created_at: datetime
    reviewed_at: datetime | None
    reviewed_by: str | None
    version: Count
    evidence: Evidence = Field(
        description="An event leaves it empty where it is longer than 32 KiB: ask for the result."
    )


class Result(ReviewedResult):
    """The verdict on one document, with the evidence for it."""

    model_config = example(EXAMPLE_RESULT)

    candidates: list[Candidate] = Field(max_length=MAX_CANDIDATES, description="Best first.")


class RunDetail(Run):
    """A run, once it has ended with its most confident results."""

    model_config = example({**EXAMPLE_RUN, "results": [EXAMPLE_RESULT]})

    results: list[Result] = sometimes("There once the run has ended: up to 50.")


class RunPage(Page[Run]):
    """A part of the list of runs."""


class ResultPage(Page[Result]):
    """A part of a run's results."""


class Progress(BaseModel):
    """How far a run is, as of its event `last_event_id`."""

    model_config = example(EXAMPLE_PROGRESS)

    run_id: UUID
    status: RunStatus
    phase: Phase
    phase_progress: Share = Field(description="Never back within a phase.")
    rows_total: Count | None
    rows_processed: Count | None
    rows_matched: Count | None
    avg_confidence: Share | None
    rows_per_second: Annotated[float, Field(ge=0)] | None
    estimated_seconds_remaining: Annotated[float, Field(ge=0)] | None
    ai: AiPass | None = Field(description="What the AI pass did; null when the run has none.")
    started_at: datetime | None
    updated_at: datetime = Field(description="While the run is alive, at least every 5 seconds.")
    last_event_id: Count
