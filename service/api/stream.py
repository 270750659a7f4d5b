"""How does a client hear of a run's events: as a stream that can be resumed, or as a list?

fresh   ─► snapshot (id = last event) ─► later events … ─► end with the run
resumed ─► events after Last-Event-ID … ─► end with the run; 204 when nothing is left to tell
"""

import json
from collections.abc import AsyncIterator

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from service.api import parameters, replies
from service.api.context import Caller, Services, services
from service.api.lookup import find_run
from service.domain import representation
from service.domain.events import SNAPSHOT
from service.domain.identifiers import RunId, WorkspaceId
from service.domain.runs import Run
from service.store import events, runs

PING_SECONDS = 15
# A reader that takes nothing for so long is dropped.
SEND_TIMEOUT_SECONDS = 20.0
# How long a stream may take to say goodbye when the service stops.
GOODBYE_SECONDS = 2.0
RECONNECT_MILLISECONDS = 2_000
MAX_DIGITS = 18
DEFAULT_LIMIT = 100
MAX_LIMIT = 500


async def run_events(request: Request, caller: Caller) -> Response:
    """Answer with the run's events, as the Accept header asks."""
    run = await find_run(request, caller)
    accept = request.headers.get("accept", "")
    if "application/json" in accept and "text/event-stream" not in accept:
        return await _listed(request, run)
    return _streamed(request, run)


async def _listed(request: Request, run: Run) -> Response:
    values = parameters.query(request, ("after", "limit"))
    after = 0
    if values.get("after") != "0":
        after = parameters.whole_number(values, "after", 0, 10**MAX_DIGITS - 1)
    limit = parameters.whole_number(values, "limit", DEFAULT_LIMIT, MAX_LIMIT)
    async with services(request).database.connection() as connection:
        page = await events.of_run(connection, run.id, after, limit + 1)
    has_more = len(page) > limit
    page = page[:limit]
    last = str(page[-1].run_seq) if page else None
    headers = {}
    if has_more:
        headers["Link"] = f'<{request.url.path}?after={last}&limit={limit}>; rel="next"'
    return replies.reply(
        {
            "data": [replies.stored_json(event.data) for event in page],
            "pagination": {
                "total": run.last_event_id,
                "limit": limit,
                "has_more": has_more,
                "next_cursor": last if has_more else None,
            },
        },
        headers=headers,
    )


def _streamed(request: Request, run: Run) -> Response:
    parameters.query(request, ("last_event_id",))
    resume_after = _resume_point(request, run)
    if resume_after == run.last_event_id and run.status.is_terminal:
        return Response(status_code=204)
    return EventSourceResponse(
        _blocks(services(request), run, resume_after),
        ping=PING_SECONDS,
        ping_message_factory=lambda: ServerSentEvent(comment="ping"),
        send_timeout=SEND_TIMEOUT_SECONDS,
        # The hub ends the streams; this only keeps them from being cut before they have ended.
        shutdown_event=anyio.Event(),
        shutdown_grace_period=GOODBYE_SECONDS,
        sep="\n",
    )


def _resume_point(request: Request, run: Run) -> int | None:
    """Return the number of the last event that the client has; None for a fresh start.

    An id that is malformed or in the future starts afresh, with a snapshot.
    """
    given = request.headers.get("last-event-id") or request.query_params.get("last_event_id", "")
    if not (given.isascii() and given.isdecimal()) or len(given) > MAX_DIGITS:
        return None
    number = int(given)
    return number if number <= run.last_event_id else None


async def _blocks(service: Services, run: Run, resume_after: int | None) -> AsyncIterator[bytes]:
    if resume_after is None:
        yield snapshot(run)
        position = run.last_event_id
    else:
        position = resume_after
    if _is_over(run, position):
        return
    async for batch in service.hub.read(run.id, position):
        position = batch[-1].number
        yield b"".join(event.block for event in batch)
        if any(event.ends_run for event in batch):
            run = await _look_again(service, run.workspace_id, run.id) or run
        if _is_over(run, position):
            return
    yield b"retry: %d\n\n" % RECONNECT_MILLISECONDS


def _is_over(run: Run, position: int) -> bool:
    return run.status.is_terminal and position >= run.last_event_id


async def _look_again(service: Services, workspace_id: WorkspaceId, run_id: RunId) -> Run | None:
    async with service.database.connection() as connection:
        return await runs.fetch(connection, workspace_id, run_id)


def snapshot(run: Run) -> bytes:
    """Write where the run stands as the first block of a fresh stream."""
    data = {
        "type": SNAPSHOT,
        "run_id": str(run.id),
        "run_seq": run.last_event_id,
        "run": representation.run(run),
        "progress": representation.progress(run),
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"id: {run.last_event_id}\nevent: {SNAPSHOT}\ndata: {text}\n\n".encode()
