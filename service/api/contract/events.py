"""What do the routes of events promise?"""

from collections.abc import Mapping

from service.api import event_list, stream
from service.api.contract.event_models import EventPage, StreamBlock
from service.api.contract.operation import (
    JSON,
    TEXT,
    Operation,
    Query,
    Reply,
    one_of,
    text,
    whole_number,
)
from service.api.routes import Handler
from service.domain.events import EventType

TAG = "Events"
EVENT_STREAM = "text/event-stream"

_LARGEST_NUMBER = 10**event_list.MAX_DIGITS - 1
_QUERY = (
    Query("after", whole_number(0, _LARGEST_NUMBER), "List: events after this number."),
    Query("cursor", text(1, event_list.MAX_DIGITS), "List: `next_cursor` of the page before."),
    Query(
        "limit",
        whole_number(1, event_list.MAX_LIMIT, event_list.DEFAULT_LIMIT),
        "List: how many items a page has at most.",
    ),
    Query("last_event_id", TEXT, "Stream: the number of the last event you have."),
)
_EVENTS = Reply(
    "The events: a stream that stays open, or a page.",
    {JSON: EventPage, EVENT_STREAM: StreamBlock},
    ("Link",),
)
_RESUMING = (
    "As a stream (server-sent events) or, with `Accept: application/json`, as a list. One that "
    "names the last event it has gets the later ones, without gap or repeat. Where these are no "
    "longer kept (old progress of runs that have ended) a snapshot comes instead. A list shows "
    "what is kept; its `total` counts what has been. Ignore types that you do not know."
)

OPERATIONS: Mapping[Handler, Operation] = {
    stream.run_events: Operation(
        id="list_run_events",
        tag=TAG,
        summary="Follow a run's events",
        description=f"{_RESUMING} A fresh stream begins with `run.snapshot`: the run and its "
        "progress. It ends with the run.",
        query=_QUERY,
        headers=("Last-Event-ID",),
        replies={
            200: _EVENTS,
            204: Reply("The run has ended and nothing is left to tell."),
        },
    ),
    stream.workspace_events: Operation(
        id="list_events",
        tag=TAG,
        summary="Follow all events",
        description=f"{_RESUMING} A fresh stream begins with `workspace.snapshot`: the runs that "
        "have not ended, each with its progress, oldest first and 200 at most (`has_more` says "
        "whether there are more). It goes on until you leave. Numbers are the workspace's; with "
        "`types` they have gaps.",
        query=(
            *_QUERY,
            Query(
                "types",
                {"type": "array", "items": dict(one_of(EventType)), "minItems": 1},
                "Only events of these types, separated by commas.",
            ),
        ),
        headers=("Last-Event-ID",),
        replies={200: _EVENTS},
    ),
}
