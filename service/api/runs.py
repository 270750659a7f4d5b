"""How does a client start a run, find it, watch how far it is, and cancel it?"""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from service.api import conditions, filters, limits, pagination, parameters, replies
from service.api.context import Caller, services
from service.api.lookup import find_run
from service.api.results import write_result
from service.api.run_requests import RunRequest, resolve
from service.api.wire import parse
from service.domain import representation
from service.domain.errors import AiNotConfiguredError, ConflictError
from service.domain.identifiers import ConfigId, RunId
from service.domain.runs import Run, RunStatus, TriggeredBy
from service.engine.signals import LEASES, QUEUE, Signals, run_topic, workspace_topic
from service.store import results, runs
from service.store.results import ResultFilter, Sort
from service.store.runs import RunFilter

RUN_LIST = pagination.Listing(key=UUID, filters=("config_id", "status", "triggered_by"))
TOP_RESULTS = 50
# How soon it is worth asking again about a run that is alive.
POLL_SECONDS = "1"


async def start_run(request: Request, caller: Caller) -> Response:
    """Queue a run of a config."""
    config_id = ConfigId(parameters.path_id(request, "config_id", "matching config"))
    parameters.query(request, ())
    service = services(request)
    body = await limits.read_optional_json(request, service.limits.json_bytes)
    wanted = parse(RunRequest, {} if body is None else body)
    if wanted.ai:
        raise AiNotConfiguredError(
            "The AI pass needs a key for the Anthropic API, and this service has none: "
            "leave `ai` out to match by rules."
        )
    async with service.database.transaction() as connection:
        run = await runs.insert(
            connection, await resolve(connection, caller.workspace_id, config_id, wanted)
        )
    service.signals.notify(QUEUE)
    _wake_watchers(service.signals, run)
    return replies.accepted(representation.run(run), f"/v1/matching/runs/{run.id}")


async def list_runs(request: Request, caller: Caller) -> Response:
    """List the workspace's runs, newest first."""
    asked = pagination.read(request, RUN_LIST)
    config_id = filters.identifier(asked.filters, "config_id")
    wanted = RunFilter(
        config_id=None if config_id is None else ConfigId(config_id),
        status=filters.one_of(asked.filters, "status", RunStatus),
        triggered_by=filters.one_of(asked.filters, "triggered_by", TriggeredBy),
    )
    before = None if asked.after is None else RunId(asked.after)
    async with services(request).database.connection() as connection:
        total = asked.total
        if total is None:
            total = await runs.count(connection, caller.workspace_id, wanted)
        page = await runs.page(connection, caller.workspace_id, wanted, before, asked.limit + 1)
    found = pagination.Found(page, total)
    return pagination.reply(request, asked, found, representation.run, lambda run: run.id)


async def get_run(request: Request, caller: Caller) -> Response:
    """Show a run; once it has ended, with its 50 most confident results."""
    parameters.query(request, ())
    run = await find_run(request, caller)
    etag = _tag(run)
    if conditions.is_known(request, etag):
        return _not_modified(run, etag)
    value: dict[str, replies.Json] = dict(representation.run(run))
    if run.status.is_terminal:
        async with services(request).database.connection() as connection:
            top = await results.page(
                connection, run.id, ResultFilter(), Sort.CONFIDENCE, None, TOP_RESULTS
            )
        value["results"] = [write_result(result) for result in top]
    return replies.reply(value, headers=_polling_headers(run, etag))


async def get_progress(request: Request, caller: Caller) -> Response:
    """Tell how far a run is, from its row alone."""
    parameters.query(request, ())
    run = await find_run(request, caller)
    etag = _tag(run)
    if conditions.is_known(request, etag):
        return _not_modified(run, etag)
    return replies.reply(representation.progress(run), headers=_polling_headers(run, etag))


async def cancel_run(request: Request, caller: Caller) -> Response:
    """Cancel a run that is alive; what is done is kept."""
    parameters.query(request, ())
    service = services(request)
    run = await find_run(request, caller)
    async with service.database.transaction() as connection:
        cancelled = await runs.cancel(connection, caller.workspace_id, run.id)
        if cancelled is None:
            now = await runs.fetch(connection, caller.workspace_id, run.id)
            status = now.status if now else run.status
            raise ConflictError(f"The run is {status} already, so it cannot be cancelled.")
    service.signals.notify(LEASES)
    _wake_watchers(service.signals, cancelled)
    return replies.reply(representation.run(cancelled))


def _wake_watchers(signals: Signals, run: Run) -> None:
    signals.notify(run_topic(run.id), workspace_topic(run.workspace_id))


def _tag(run: Run) -> str:
    return conditions.version_tag(run.version, run.last_event_id)


def _not_modified(run: Run, etag: str) -> Response:
    response = replies.not_modified(etag)
    response.headers.update(_polling_headers(run, etag))
    return response


def _polling_headers(run: Run, etag: str) -> dict[str, str]:
    if run.status.is_terminal:
        return {"ETag": etag}
    return {"ETag": etag, "Retry-After": POLL_SECONDS}
