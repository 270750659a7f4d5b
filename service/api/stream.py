"""How does a client hear of events: as a stream that can be resumed, or as a list?

fresh   ─► snapshot (id = last event) ─► later events …
resumed ─► events after Last-Event-ID …              once they are no longer kept: a snapshot
           a run's stream ends with the run (204 when nothing is left to tell), a workspace's
           stream with the service
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import aclosing

import structlog
from starlette.requests import Request
from starlette.responses import Response

from service.api import auth, event_list, filters, parameters
from service.api.context import Caller, Services, services
from service.api.event_list import MAX_DIGITS, EventList
from service.api.event_stream import EventStream
from service.api.lookup import find_run
from service.api.watched import Watched, WatchedRun, WatchedWorkspace
from service.domain.errors import UnauthorizedError, UnavailableError
from service.domain.events import Event, EventType
from service.engine.event_sources import StreamedEvent
from service.engine.hub import EventsGoneError
from service.store import events, workspaces

log = structlog.get_logger()

RECONNECT_MILLISECONDS = 2_000
PART_BYTES = 64 * 1024
PING = b": ping\n\n"


async def run_events(request: Request, caller: Caller) -> Response:
    """Answer with a run's events, as the Accept header asks."""
    database = services(request).database
    run = await find_run(request, caller)
    if _wants_list(request):

        async def page(after: int, limit: int) -> list[Event]:
            async with database.connection() as connection:
                return await events.of_run(connection, run.id, after, limit)

        listing = EventList(page, lambda event: event.run_seq, run.last_event_id)
        return await event_list.reply(request, listing)
    parameters.query(request, ("last_event_id",))
    watched = WatchedRun(database, run)
    resume_after = _resume_point(request, watched.last)
    if resume_after is not None and watched.is_told(resume_after):
        return Response(status_code=204)
    return _stream(request, blocks(services(request), watched, resume_after))


async def workspace_events(request: Request, caller: Caller) -> Response:
    """Answer with the events of the caller's workspace, as the Accept header asks."""
    database = services(request).database
    types = filters.some_of(request.query_params, "types", EventType)
    if _wants_list(request):

        async def page(after: int, limit: int) -> list[Event]:
            async with database.connection() as connection:
                return await events.of_workspace(
                    connection, caller.workspace_id, after, limit, types
                )

        total = None
        if types is None:
            async with database.connection() as connection:
                total = await workspaces.last_event_id(connection, caller.workspace_id)
        listing = EventList(page, lambda event: event.workspace_seq, total)
        return await event_list.reply(request, listing, ("types",))
    parameters.query(request, ("last_event_id", "types"))
    watched = WatchedWorkspace(database, caller.workspace_id)
    await watched.look_again()
    resume_after = _resume_point(request, watched.last)
    return _stream(request, blocks(services(request), watched, resume_after, types))


def _wants_list(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "text/event-stream" not in accept


def _resume_point(request: Request, last: int) -> int | None:
    """Return the number of the last event that the client has; None for a fresh start.

    An id that is malformed or in the future starts afresh, with a snapshot.
    """
    given = request.headers.get("last-event-id") or request.query_params.get("last_event_id", "")
    if not (given.isascii() and given.isdecimal()) or len(given) > MAX_DIGITS:
        return None
    number = int(given)
    return number if number <= last else None


def _stream(request: Request, content: AsyncGenerator[bytes, None]) -> Response:
    service = services(request)
    allowed = _while_allowed(request, content)
    return EventStream(allowed, service.hub, service.stream_times.send_timeout_seconds)


async def _while_allowed(
    request: Request, content: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    """Pass on what the reader may see: with a key or session that was closed, its streams end."""
    clock = asyncio.get_running_loop().time
    checked_at = clock()
    async with aclosing(content):
        async for part in content:
            if clock() - checked_at >= services(request).stream_times.check_seconds:
                if not await _is_still_allowed(request):
                    return
                checked_at = clock()
            yield part


async def _is_still_allowed(request: Request) -> bool:
    service = services(request)
    try:
        await auth.identify(request, service.database, service.callers)
    except UnauthorizedError:
        return False
    except UnavailableError as error:
        # Streams outlive the database's absence; nothing new comes from it meanwhile.
        log.warning("database_away", action="check_reader", reason=str(error))
    return True


async def blocks(
    service: Services,
    watched: Watched,
    resume_after: int | None,
    types: Collection[EventType] | None = None,
) -> AsyncGenerator[bytes, None]:
    """Yield what a reader gets, in parts of one or more blocks; `types` None means all."""
    position = watched.last if resume_after is None else resume_after
    if resume_after is None:
        yield watched.snapshot()
    try:
        while not watched.is_told(position):
            try:
                async with aclosing(_batches(service, watched, position, types)) as batches:
                    async for batch in batches:
                        for part in _parts(batch):
                            yield part
                        position = batch[-1].number if batch else position
                break
            except EventsGoneError:
                await watched.look_again()
                if watched.is_told(position):
                    return
                position = watched.last
                yield watched.snapshot()
    except UnavailableError as error:
        # The client comes back with its last id: nothing is lost.
        log.warning("stream_interrupted", action="stream", reason=str(error))
    if not watched.is_told(position):
        yield b"retry: %d\n\n" % RECONNECT_MILLISECONDS


async def _batches(
    service: Services, watched: Watched, position: int, types: Collection[EventType] | None
) -> AsyncGenerator[Sequence[StreamedEvent], None]:
    """Yield what the hub reads until all has been told, or the service stops."""
    silence = service.stream_times.ping_seconds
    reading = service.hub.read(watched.source, position, watched.last, silence, types)
    async with aclosing(reading) as batches:
        async for batch in batches:
            yield batch
            if watched.may_end_with(batch):
                await watched.look_again()
            if batch and watched.is_told(batch[-1].number):
                return


def _parts(batch: Sequence[StreamedEvent]) -> Iterator[bytes]:
    """Join blocks up to PART_BYTES: a part waits in memory until the reader takes it.

    An empty batch, which tells of silence, is a ping.
    """
    if not batch:
        yield PING
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
