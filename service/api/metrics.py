"""How busy is the service? In figures for Prometheus, without a name or an id in them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api import parameters
from service.api.context import services
from service.api.request_ids import state_of
from service.domain.errors import UnavailableError
from service.store import run_counts
from service.store.database import Database

log = structlog.get_logger()

LAG_EVERY_SECONDS = 0.25
_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5)
_REPLY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)
# The methods that routes have: whatever else a client sends is one more.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER = "other"
_ROUTE = "route"


class Metrics:
    """The figures of one process; those of runs and of the database are taken when asked for."""

    def __init__(self) -> None:
        """Start at zero."""
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "matchstream_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._reply_seconds = Histogram(
            "matchstream_reply_seconds",
            "Time from a request to the begin of its reply.",
            ("method", "route"),
            buckets=_REPLY_BUCKETS,
            registry=registry,
        )
        self._lag_seconds = Histogram(
            "matchstream_event_loop_lag_seconds",
            f"How late the event loop wakes a task that slept {LAG_EVERY_SECONDS:g} seconds.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self._runs = Gauge(
            "matchstream_runs", "Runs that have not ended.", ("status",), registry=registry
        )
        self._connections = Gauge(
            "matchstream_database_connections",
            "Connections of this process to the database.",
            ("state",),
            registry=registry,
        )
        self._is_database_up = Gauge(
            "matchstream_database_up", "Whether the database answered now.", registry=registry
        )

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request whose reply has just begun."""
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        route = route_of(scope)
        self._requests.labels(method, route, str(status)).inc()
        self._reply_seconds.labels(method, route).observe(seconds)

    @asynccontextmanager
    async def watching_loop(self) -> AsyncIterator[None]:
        """Measure the lag of the event loop as long as the block lasts."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self._watch_loop())
            try:
                yield
            finally:
                task.cancel()

    async def _watch_loop(self) -> None:
        while True:
            await self.measure_lag()

    async def measure_lag(self) -> None:
        """Sleep for a moment, and note how much longer it was."""
        clock = asyncio.get_running_loop().time
        due = clock() + LAG_EVERY_SECONDS
        await asyncio.sleep(LAG_EVERY_SECONDS)
        self._lag_seconds.observe(max(0.0, clock() - due))

    async def take(self, database: Database) -> None:
        """Take the figures of runs and of the database as they are now."""
        usage = database.usage
        self._connections.labels("busy").set(usage.busy)
        self._connections.labels("idle").set(usage.idle)
        try:
            async with database.connection() as connection:
                alive = await run_counts.alive(connection)
        except UnavailableError:
            # The gauge says so; the other figures are worth having just then.
            self._is_database_up.set(0)
            return
        self._is_database_up.set(1)
        for status, count in alive.items():
            self._runs.labels(status.value).set(count)

    def routes(self) -> list[BaseRoute]:
        """Return the route that shows them, which needs no key."""
        return [Route("/metrics", self._answer)]

    async def _answer(self, request: Request) -> Response:
        parameters.query(request, ())
        await self.take(services(request).database)
        return Response(
            generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


def note_route(scope: Scope, path: str) -> None:
    """Let a request be counted under its route's path as the table of routes writes it."""
    state_of(scope)[_ROUTE] = path


def route_of(scope: Scope) -> str:
    """Return the path under which a request is counted; it names no resource."""
    route: str = state_of(scope).get(_ROUTE, _OTHER)
    return route


class CountedRequests:
    """Counts every request, and how long its reply took to begin."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: Iterable[str]) -> None:
        """Wrap `app`; `paths` are those of pages, which are counted under themselves."""
        self.app = app
        self._metrics = metrics
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on as it comes, so that streams stay streams."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        if scope["path"] in self._paths:
            note_route(scope, scope["path"])

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                seconds = time.perf_counter() - began
                self._metrics.count(scope, message["status"], seconds)
                _note(scope, message["status"], seconds)
            await send(message)

        await self.app(scope, receive, send_counted)


def _note(scope: Scope, status: int, seconds: float) -> None:
    """Log a request of the API, under its route: a path may name a document."""
    route = route_of(scope)
    if route.startswith("/v1"):
        log.debug(
            "request_answered",
            action="answer",
            method=scope["method"],
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )
