"""Which URLs are there, and what does each ask of the caller's key?

`application(lifespan)` is the whole HTTP side: the lifespan must set `app.state.services` (a
`context.Services`) before it yields. Pages outside `/v1` come in through `pages`.

    request ─► Exchanges ─► CORS ─► Errors ─► Paths ─► Resource ─► key, scope, quota ─► handler
"""

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Lifespan, Receive, Send
from starlette.types import Scope as Connection

from service.api import (
    api_keys,
    auth,
    bulk_reviews,
    collections,
    configs,
    cors,
    deliveries,
    documents,
    errors,
    idempotency,
    metrics,
    reference_changes,
    reference_data,
    reply_headers,
    result_exports,
    results,
    reviews,
    runs,
    stream,
    webhooks,
)
from service.api.context import Caller, services
from service.api.exchanges import Exchanges
from service.api.quotas import Quota
from service.domain.api_keys import Scope
from service.domain.errors import RateLimitedError

_GROUP = re.compile(r"\(\?P<(\w+)>")

Handler: TypeAlias = Callable[[Request, Caller], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path; the key must have `scope`."""

    method: str
    path: str
    handler: Handler
    scope: Scope

    @property
    def quota(self) -> Quota:
        """What a request of it counts as."""
        if self.method == "GET":
            return Quota.READS
        is_upload = self.method != "DELETE" and self.path.startswith(UPLOADED)
        return Quota.UPLOADS if is_upload else Quota.WRITES


REFERENCE_DATA = "/v1/reference-data"
ONE_REFERENCE_DATA = f"{REFERENCE_DATA}/{{reference_data_id}}"
DOCUMENTS = "/v1/documents"
CONFIGS = "/v1/matching/configs"
RUNS = "/v1/matching/runs"
API_KEYS = "/v1/api-keys"
RESULTS = f"{RUNS}/{{run_id}}/results"
WEBHOOKS = "/v1/webhooks"
ONE_WEBHOOK = f"{WEBHOOKS}/{{webhook_id}}"
DELIVERIES = f"{ONE_WEBHOOK}/deliveries"
# What is sent to these is rows or documents, in any number.
UPLOADED = (REFERENCE_DATA, "/v1/matching/reference-data", DOCUMENTS)

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("POST", REFERENCE_DATA, reference_data.create, Scope.WRITE),
    Endpoint("POST", "/v1/matching/reference-data", reference_data.create, Scope.WRITE),
    Endpoint("GET", REFERENCE_DATA, reference_data.list_all, Scope.READ),
    Endpoint("GET", ONE_REFERENCE_DATA, reference_data.read, Scope.READ),
    Endpoint("DELETE", ONE_REFERENCE_DATA, reference_changes.delete, Scope.WRITE),
    Endpoint("GET", f"{ONE_REFERENCE_DATA}/export", reference_changes.export, Scope.READ),
    Endpoint("GET", f"{ONE_REFERENCE_DATA}/rows", reference_data.list_rows, Scope.READ),
    Endpoint("PUT", f"{ONE_REFERENCE_DATA}/rows", reference_changes.replace_rows, Scope.WRITE),
    Endpoint("POST", f"{ONE_REFERENCE_DATA}/rows", reference_changes.append_rows, Scope.WRITE),
    # Ids that clients bring may have slashes.
    Endpoint(
        "GET", f"{ONE_REFERENCE_DATA}/rows/{{row_id:path}}", reference_data.read_row, Scope.READ
    ),
    Endpoint("GET", "/v1/events", stream.workspace_events, Scope.READ),
    Endpoint("GET", "/v1/collections", collections.list_all, Scope.READ),
    Endpoint("GET", DOCUMENTS, documents.list_all, Scope.READ),
    Endpoint("POST", DOCUMENTS, documents.upsert, Scope.WRITE),
    Endpoint("DELETE", DOCUMENTS, documents.delete_all, Scope.WRITE),
    Endpoint("GET", f"{DOCUMENTS}/{{document_id:path}}", documents.read, Scope.READ),
    Endpoint("DELETE", f"{DOCUMENTS}/{{document_id:path}}", documents.delete, Scope.WRITE),
    Endpoint("GET", CONFIGS, configs.list_all, Scope.READ),
    Endpoint("POST", CONFIGS, configs.create, Scope.WRITE),
    Endpoint("GET", f"{CONFIGS}/{{config_id}}", configs.read, Scope.READ),
    Endpoint("PUT", f"{CONFIGS}/{{config_id}}", configs.change, Scope.WRITE),
    Endpoint("DELETE", f"{CONFIGS}/{{config_id}}", configs.delete, Scope.WRITE),
    Endpoint("POST", f"{CONFIGS}/{{config_id}}/run", runs.start_run, Scope.WRITE),
    Endpoint("POST", f"{CONFIGS}/{{config_id}}/smart-run", runs.start_smart_run, Scope.WRITE),
    Endpoint("GET", RUNS, runs.list_runs, Scope.READ),
    Endpoint("GET", f"{RUNS}/{{run_id}}", runs.get_run, Scope.READ),
    Endpoint("DELETE", f"{RUNS}/{{run_id}}", runs.delete_run, Scope.WRITE),
    Endpoint("GET", f"{RUNS}/{{run_id}}/progress", runs.get_progress, Scope.READ),
    Endpoint("GET", f"{RUNS}/{{run_id}}/events", stream.run_events, Scope.READ),
    Endpoint("POST", f"{RUNS}/{{run_id}}/cancel", runs.cancel_run, Scope.WRITE),
    Endpoint("POST", f"{RUNS}/{{run_id}}/ai-resolve", runs.resolve_by_ai, Scope.WRITE),
    Endpoint("GET", API_KEYS, api_keys.list_all, Scope.ADMIN),
    Endpoint("POST", API_KEYS, api_keys.create, Scope.ADMIN),
    Endpoint("GET", f"{API_KEYS}/{{api_key_id}}", api_keys.read, Scope.ADMIN),
    Endpoint("DELETE", f"{API_KEYS}/{{api_key_id}}", api_keys.revoke, Scope.ADMIN),
    Endpoint("GET", "/v1/session", api_keys.who_am_i, Scope.READ),
    Endpoint("GET", RESULTS, results.list_results, Scope.READ),
    Endpoint("GET", f"{RESULTS}/export", result_exports.export, Scope.READ),
    Endpoint("POST", f"{RESULTS}/review", bulk_reviews.review_results, Scope.WRITE),
    Endpoint("GET", f"{RESULTS}/{{result_id}}", results.get_result, Scope.READ),
    Endpoint("POST", f"{RESULTS}/{{result_id}}/review", reviews.review_result, Scope.WRITE),
    Endpoint("GET", f"{RESULTS}/{{result_id}}/history", reviews.list_history, Scope.READ),
    # Admin, reading too: a webhook sends the workspace's data away, and its URL may hold a token.
    Endpoint("GET", WEBHOOKS, webhooks.list_all, Scope.ADMIN),
    Endpoint("POST", WEBHOOKS, webhooks.create, Scope.ADMIN),
    Endpoint("GET", ONE_WEBHOOK, webhooks.read, Scope.ADMIN),
    Endpoint("PATCH", ONE_WEBHOOK, webhooks.change, Scope.ADMIN),
    Endpoint("DELETE", ONE_WEBHOOK, webhooks.delete, Scope.ADMIN),
    Endpoint("POST", f"{ONE_WEBHOOK}/ping", deliveries.ping, Scope.ADMIN),
    Endpoint("POST", f"{ONE_WEBHOOK}/rotate-secret", webhooks.rotate_secret, Scope.ADMIN),
    Endpoint("GET", DELIVERIES, deliveries.list_all, Scope.ADMIN),
    Endpoint("GET", f"{DELIVERIES}/{{delivery_id}}", deliveries.read, Scope.ADMIN),
    Endpoint("POST", f"{DELIVERIES}/{{delivery_id}}/redeliver", deliveries.redeliver, Scope.ADMIN),
)


def application(
    lifespan: Lifespan[Starlette] | None,
    pages: Sequence[BaseRoute] = (),
    endpoints: Sequence[Endpoint] = ENDPOINTS,
    cors_origins: tuple[str, ...] = (),
) -> Starlette:
    """Build the application: the table's routes, `pages`, and what surrounds every request."""
    figures = metrics.Metrics()
    pages = (*figures.routes(), *pages)
    paths = [page.path for page in pages if isinstance(page, Route)]
    app = Application(
        routes=[*api_routes(endpoints), *pages],
        middleware=[
            Middleware(Exchanges, figures, paths),
            *cors.middleware(cors_origins),
            Middleware(errors.Errors),
        ],
        lifespan=lifespan,
    )
    # A path has one spelling: no redirects that a POST would lose its body on.
    app.router.redirect_slashes = False
    app.state.metrics = figures
    return app


def api_routes(endpoints: Sequence[Endpoint] = ENDPOINTS) -> list[Route]:
    """Return one route per path of the table."""
    by_path: defaultdict[str, list[Endpoint]] = defaultdict(list)
    for endpoint in endpoints:
        by_path[endpoint.path].append(endpoint)
    return [Route(path, Resource(methods)) for path, methods in by_path.items()]


class Application(Starlette):
    """Has no layers but those it is given: `Errors` does what Starlette's own two would do."""

    def build_middleware_stack(self) -> ASGIApp:  # type: ignore[explicit-override] # from 3.12
        """Put the layers around the routes."""
        app: ASGIApp = Paths(self.router)
        for each in reversed(self.user_middleware):
            app = each.cls(app, *each.args, **each.kwargs)
        return app


class Paths:
    """Finds the resource of a path by one pattern; all other routes are the router's.

    The router would try one after the other.
    """

    def __init__(self, router: Router) -> None:
        """Join the patterns of the router's resources; the first that fits decides."""
        self._router = router
        self._resources: dict[str, tuple[Resource, Mapping[str, str]]] = {}
        patterns = []
        for place, route in enumerate(router.routes):
            if isinstance(route, Route) and isinstance(route.endpoint, Resource):
                # A name stands once in a pattern.
                names = {f"{name}_{place}": name for name in route.param_convertors}
                pattern = _GROUP.sub(rf"(?P<\1_{place}>", route.path_regex.pattern)
                patterns.append(f"(?P<_{place}>{pattern})")
                self._resources[f"_{place}"] = route.endpoint, names
        self._pattern = re.compile("|".join(patterns))

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        found = self._pattern.match(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await self._router(scope, receive, send)
            return
        resource, names = self._resources[found.lastgroup or ""]
        scope["path_params"] = {name: found[group] for group, name in names.items()}
        await resource(scope, receive, send)


class Resource:
    """All methods of one path, behind the check of key and scope."""

    def __init__(self, endpoints: Sequence[Endpoint]) -> None:
        """Take the path's endpoints; HEAD is answered wherever GET is."""
        self._path = endpoints[0].path
        self._by_method = {endpoint.method: endpoint for endpoint in endpoints}
        if "GET" in self._by_method:
            self._by_method["HEAD"] = self._by_method["GET"]

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Answer one request; raises what the exception handlers turn into problems."""
        metrics.note_route(scope, self._path)
        request = Request(scope, receive, send)
        endpoint = self._by_method.get(request.method)
        if endpoint is None:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(self._by_method))})
        service = services(request)
        caller = await auth.identify(request, service.database, service.callers)
        auth.require_scope(caller, endpoint.scope)
        _count(request, caller, endpoint.quota)
        if request.method not in auth.SAFE_METHODS and idempotency.HEADER in request.headers:
            response = await idempotency.answer(request, caller, endpoint.handler)
        else:
            response = await endpoint.handler(request, caller)
        if request.method == "HEAD":
            response = _without_body(response)
        await response(scope, receive, send)


def _count(request: Request, caller: Caller, quota: Quota) -> None:
    """Count the request, and let the reply say what is left; raises RateLimitedError."""
    standing = services(request).quotas.take(caller.api_key_id, quota)
    reply_headers.add(request.scope, *standing.headers())
    if standing.is_exceeded:
        raise RateLimitedError(
            f"The key `{caller.key_name}` has had its {standing.limit:,} {quota} of this minute: "
            f"go on in {standing.reset_seconds} seconds.",
            standing.reset_seconds,
        )


def _without_body(response: Response) -> Response:
    """Keep status and headers; a stream behind them is never begun."""
    bare = Response(status_code=response.status_code)
    bare.raw_headers = response.raw_headers
    return bare
