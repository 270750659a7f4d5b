"""How does a client hear of a run's events: as a stream that can be resumed, or as a list?

fresh   ─► snapshot (id = last event) ─► later events … ─► end with the run
resumed ─► events after Last-Event-ID … ─► end with the run; 204 when nothing is left to tell
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing

import anyio
import structlog
from sse_starlette import EventSourceResponse, ServerSentEvent
from sse_starlette.sse import SendTimeoutError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.api import parameters, replies
from service.api.context import Caller, Services, services
from service.api.lookup import find_run
from service.api.wire import invalid
from service.domain import representation
from service.domain.errors import UnavailableError
from service.domain.events import SNAPSHOT
from service.domain.runs import Run
from service.engine.hub import StreamedEvent
from service.store import events, runs

log = structlog.get_logger()

# How long a stream may take to say goodbye when the service stops.
GOODBYE_SECONDS = 2.0
RECONNECT_MILLISECONDS = 2_000
PART_BYTES = 64 * 1024
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
    values = parameters.query(request, ("after", "cursor", "limit"))
    if "after" in values and "cursor" in values:
        raise invalid((parameters.wrong("cursor", "cannot be used together with `after`"),))
    # The cursor of this list is no secret: it is the number of the last event.
    name = "cursor" if "cursor" in values else "after"
    after = 0
    if values.get(name) != "0":
        after = parameters.whole_number(values, name, 0, 10**MAX_DIGITS - 1)
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
    service = services(request)
    return _Stream(
        _blocks(service, run, resume_after),
        ping=service.stream_times.ping_seconds,
        ping_message_factory=lambda: ServerSentEvent(comment="ping", sep="\n"),
        send_timeout=service.stream_times.send_timeout_seconds,
        # The hub ends the streams; this only keeps them from being cut before they have ended.
        shutdown_event=anyio.Event(),
        shutdown_grace_period=GOODBYE_SECONDS,
        sep="\n",
    )


class _Stream(EventSourceResponse):
    """A stream whose reader is dropped, without a fuss, when it takes nothing."""

    async def __call__(  # type: ignore[explicit-override] # from 3.12
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Stream until the end, or until the reader is gone."""
        try:
            await super().__call__(scope, receive, send)
        except* SendTimeoutError:
            log.info("reader_dropped", action="stream", path=scope["path"])


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
    position = run.last_event_id if resume_after is None else resume_after
    if resume_after is None:
        yield snapshot(run)
    if _is_over(run, position):
        return
    try:
        async with aclosing(service.hub.read(run.id, position)) as batches:
            async for batch in batches:
                position = batch[-1].number
                for part in _parts(batch):
                    yield part
                if any(event.ends_run for event in batch):
                    now = await _look_again(service, run)
                    if now is None:
                        return
                    run = now
                if _is_over(run, position):
                    return
    except UnavailableError as error:
        # The client comes back with its last id: nothing is lost.
        log.warning("stream_interrupted", action="stream", run_id=str(run.id), reason=str(error))
    yield b"retry: %d\n\n" % RECONNECT_MILLISECONDS


def _parts(batch: Sequence[StreamedEvent]) -> Iterator[bytes]:
    """Join blocks up to PART_BYTES: a part waits in memory until the reader takes it."""
    part: list[bytes] = []
    size = 0
    for event in batch:
        part.append(event.block)
        size += len(event.block)
        if size >= PART_BYTES:
            yield b"".join(part)
            part, size = [], 0
    if part:
        yield b"".join(part)


def _is_over(run: Run, position: int) -> bool:
    return run.status.is_terminal and position >= run.last_event_id


async def _look_again(service: Services, run: Run) -> Run | None:
    async with service.database.connection() as connection:
        return await runs.fetch(connection, run.workspace_id, run.id)


def snapshot(run: Run) -> bytes:
    """Write where the run stands as the first block of a fresh stream."""
    data: dict[str, representation.Json] = {
        "type": SNAPSHOT,
        "run_id": str(run.id),
        "run_seq": run.last_event_id,
        "run": representation.run(run),
        "progress": representation.progress(run),
    }
    text = events.encode(data)
    return f"id: {run.last_event_id}\nevent: {SNAPSHOT}\ndata: {text}\n\n".encode()
