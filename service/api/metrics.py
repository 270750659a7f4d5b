"""How busy is the service? In figures for Prometheus, without a name or an id in them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from service.api import parameters
from service.api.context import services
from service.api.request_ids import state_of
from service.domain.errors import UnavailableError
from service.store import run_counts
from service.store.database import Database

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
        # Routes, methods and statuses are few.
        self._counters: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
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
        counters = self._counters.get((method, route_of(scope), status))
        if counters is None:
            counters = self._begin(method, route_of(scope), status)
        counted, timed = counters
        counted.inc()
        timed.observe(seconds)

    def _begin(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        """Find the figures of such requests once: finding them takes longer than adding."""
        counted = self._requests.labels(method, route, str(status))
        timed = self._reply_seconds.labels(method, route)
        self._counters[method, route, status] = counted, timed
        return counted, timed

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
