"""What do the routes of runs promise?"""

from collections.abc import Mapping

from service.api import runs
from service.api.contract.models import Deleted
from service.api.contract.operation import (
    JSON,
    UUID,
    Body,
    Operation,
    Query,
    json_reply,
    list_query,
    one_of,
)
from service.api.contract.run_models import Progress, Run, RunDetail, RunPage
from service.api.polling import MAX_WAIT_SECONDS
from service.api.routes import Handler
from service.api.run_requests import RunRequest
from service.domain.runs import RunStatus, TriggeredBy

TAG = "Runs"
_WAITING = (
    "`Prefer: wait=30` together with `If-None-Match` holds the reply until something has changed, "
    f"for at most that many seconds, up to {MAX_WAIT_SECONDS}."
)

OPERATIONS: Mapping[Handler, Operation] = {
    runs.start_run: Operation(
        id="start_run",
        tag=TAG,
        summary="Start a run",
        description="Queues a run of the config over the documents named, over a collection, or "
        "over those that the config targets. The run keeps the config and the reference data as "
        "they are when it begins.",
        body=Body({JSON: RunRequest}, is_required=False, example={"collection": "default"}),
        replies={202: json_reply("The run is queued.", Run, "Location")},
        errors=("conflict", "ai_not_configured"),
    ),
    runs.start_smart_run: Operation(
        id="start_smart_run",
        tag=TAG,
        summary="Start a run with the AI pass",
        description="As a run, and then a language model decides on the borderline results.",
        body=Body({JSON: RunRequest}, is_required=False, example={"collection": "default"}),
        replies={202: json_reply("The run is queued.", Run, "Location")},
        errors=("conflict", "ai_not_configured"),
    ),
    runs.resolve_by_ai: Operation(
        id="resolve_by_ai",
        tag=TAG,
        summary="Resolve a run by AI",
        description="Opens a completed run again: a language model decides on its borderline "
        "results. What was reviewed or decided by it before stays.",
        replies={202: json_reply("The AI pass is queued.", Run, "Location")},
        errors=("conflict", "ai_not_configured"),
    ),
    runs.list_runs: Operation(
        id="list_runs",
        tag=TAG,
        summary="List runs",
        query=list_query(
            runs.RUN_LIST,
            Query("config_id", UUID, "Runs of this config."),
            Query("status", one_of(RunStatus), "Runs with this status."),
            Query("triggered_by", one_of(TriggeredBy), "Runs that this asked for."),
        ),
        headers=("If-None-Match",),
        replies={200: json_reply("A page, newest first.", RunPage, "ETag", "Link")},
    ),
    runs.get_run: Operation(
        id="get_run",
        tag=TAG,
        summary="Show a run",
        description=f"Once the run has ended, with its 50 most confident results. {_WAITING}",
        headers=("If-None-Match", "Prefer"),
        replies={
            200: json_reply("The run.", RunDetail, "ETag", "Retry-After", "Preference-Applied")
        },
    ),
    runs.get_progress: Operation(
        id="get_progress",
        tag=TAG,
        summary="Show how far a run is",
        description=f"Light: made for polling, with `If-None-Match`. {_WAITING}",
        headers=("If-None-Match", "Prefer"),
        replies={
            200: json_reply("How far it is.", Progress, "ETag", "Retry-After", "Preference-Applied")
        },
    ),
    runs.cancel_run: Operation(
        id="cancel_run",
        tag=TAG,
        summary="Cancel a run",
        description="What is done is kept.",
        replies={200: json_reply("The run, cancelled or about to be.", Run)},
        errors=("conflict",),
    ),
    runs.delete_run: Operation(
        id="delete_run",
        tag=TAG,
        summary="Delete a run",
        description="Only one that has ended. Its results, their reviews and its events go too, "
        "and pairs rejected in it count no longer.",
        replies={200: json_reply("It is gone.", Deleted)},
        errors=("conflict",),
    ),
}
