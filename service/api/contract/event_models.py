"""How do events look in replies and in streams? For their documentation."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from service.api.contract.models import Count, Step, example, sometimes
from service.api.contract.reference_data import ReferenceData
from service.api.contract.run_models import (
    EXAMPLE_PROGRESS,
    RUN_ID,
    Progress,
    ReviewedResult,
    Run,
)
from service.domain.events import EventType


class Event(BaseModel):
    """What happened, with one of `run`, `progress`, `result` or `reference_data`."""

    model_config = example(
        {
            "type": "run.progress",
            "id": "01934f31-4a00-7c9e-8d11-0e4b2a6f7c44",
            "created_at": "2026-03-02T09:18:02.250Z",
            "workspace_seq": 41,
            "run_id": RUN_ID,
            "run_seq": 5,
            "progress": EXAMPLE_PROGRESS,
        }
    )

    type: EventType = Field(description="Ignore types that you do not know: more may come.")
    id: UUID = Field(description="The same wherever the event is told.")
    created_at: datetime
    workspace_seq: Count = Field(description="Rises by one with each event of the workspace.")
    run_id: UUID = sometimes("There where the event is of a run.")
    run_seq: Count = sometimes("Rises by one with each event of the run.")
    run: Run = sometimes("The run, of events that begin or end something.")
    progress: Progress = sometimes("How far the run is, of `run.progress`.")
    result: ReviewedResult = sometimes("The result, of `result.reviewed`.")
    reference_data: ReferenceData = sometimes("The reference data, of events about it.")


class EventStep(Step):
    """Where a page of events stands."""

    total: Count = sometimes(
        "How many events there have been, also those no longer kept; not there with `types`."
    )


class EventPage(BaseModel):
    """A part of the events."""

    data: list[Event]
    pagination: EventStep


class StreamBlock(BaseModel):
    """One block of a stream of events."""

    id: str = sometimes("The number of the event, for `Last-Event-ID`.")
    event: str = sometimes("The type of the event; `run.snapshot` where a fresh stream begins.")
    data: str = sometimes("The event as JSON text.")
    retry: str = sometimes("After how many milliseconds to connect again.")
