"""How does a client start a run, find it, watch how far it is, and cancel it?"""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from service.api import (
    conditions,
    filters,
    limits,
    pages,
    pagination,
    parameters,
    polling,
    replies,
)
from service.api.context import Caller, Services, services
from service.api.idempotency import commit_with
from service.api.lookup import fetch_run, find_run, read_run
from service.api.pages import Source
from service.api.results import top_results
from service.api.run_requests import RunRequest, resolve
from service.api.snapshots import snapshot
from service.api.wire import parse
from service.domain import representation
from service.domain.errors import AiNotConfiguredError, ConflictError
from service.domain.identifiers import ConfigId, RunId
from service.domain.runs import Run, RunStatus, TriggeredBy
from service.engine.signals import CLEANING, LEASES, QUEUE, Signals, run_topic, workspace_topic
from service.store import abandoned, ai_passes, runs
from service.store.runs import RunFilter

RUN_LIST = pagination.Listing(key=RunId, filters=("config_id", "status", "triggered_by"))
TOP_RESULTS = 50


async def start_run(request: Request, caller: Caller) -> Response:
    """Queue a run of a config."""
    return await _start(request, caller, {})


async def start_smart_run(request: Request, caller: Caller) -> Response:
    """Queue a run of a config with the AI pass on."""
    return await _start(request, caller, {"triggered_by": TriggeredBy.SMART, "ai": True})


async def resolve_by_ai(request: Request, caller: Caller) -> Response:
    """Queue an AI pass over the borderline results of a completed run."""
    parameters.query(request, ())
    service = services(request)
    run = await find_run(request, caller)
    _check_ai(service)
    if run.dry_run:
        raise ConflictError("This was a dry run: start a run with `ai` to have it resolved.")
    async with service.database.transaction() as connection:
        opened = await ai_passes.open_again(connection, caller.workspace_id, run.id)
        if opened is None:
            now = await runs.fetch(connection, caller.workspace_id, run.id)
            status = now.status if now else run.status
            raise ConflictError(f"The run is {status}: only a completed run can be resolved.")
        where = f"/v1/matching/runs/{run.id}"
        response = commit_with(replies.accepted(representation.run(opened), where))
    service.signals.notify(QUEUE)
    _wake_watchers(service.signals, opened)
    return response


async def _start(request: Request, caller: Caller, preset: dict[str, object]) -> Response:
    config_id = ConfigId(parameters.path_id(request, "config_id", "matching config"))
    parameters.query(request, ())
    service = services(request)
    body = await limits.read_optional_json(request, service.limits.json_bytes)
    asked = parse(RunRequest, body)
    unsaid = {key: value for key, value in preset.items() if key not in asked.model_fields_set}
    wanted = asked.model_copy(update=unsaid)
    async with service.database.transaction() as connection:
        request_of_run = await resolve(connection, caller.workspace_id, config_id, wanted)
        if wanted.ai and not wanted.dry_run:
            _check_ai(service)
        run = await runs.insert(connection, request_of_run)
        where = f"/v1/matching/runs/{run.id}"
        response = commit_with(replies.accepted(representation.run(run), where))
    service.signals.notify(QUEUE)
    _wake_watchers(service.signals, run)
    return response


async def list_runs(request: Request, caller: Caller) -> Response:
    """List the workspace's runs, newest first."""
    asked = pagination.read(request, RUN_LIST)
    config_id = filters.identifier(asked.filters, "config_id")
    wanted = RunFilter(
        config_id=None if config_id is None else ConfigId(config_id),
        status=filters.one_of(asked.filters, "status", RunStatus),
        triggered_by=filters.one_of(asked.filters, "triggered_by", TriggeredBy),
    )
    async with snapshot(services(request).database) as connection:
        total = asked.total
        if total is None:
            total = await runs.count(connection, caller.workspace_id, wanted)
        source = Source(
            lambda before, count: runs.page(connection, caller.workspace_id, wanted, before, count),
            representation.run,
            lambda run: run.id,
        )
        page = await pages.fill(source, asked.after, asked.limit)
    return pagination.reply(request, asked, page, total)


async def get_run(request: Request, caller: Caller) -> Response:
    """Show a run; once it has ended, with its 50 most confident results.

    They are fewer where they would be too large for a page. What is shown is as old as the ETag.
    """
    parameters.query(request, ())
    run = await polling.state_of(request, caller)
    if conditions.is_known(request, polling.tag(run)):
        return polling.not_modified(request, run)
    results: Sequence[replies.Json] | None = None
    if run.status.is_terminal:
        run, results = await _with_results(request, caller, run)
    value: dict[str, replies.Json] = dict(representation.run(run))
    if results is not None:
        value["results"] = results
    return replies.reply(value, headers=polling.headers(request, run))


async def _with_results(
    request: Request, caller: Caller, run: Run
) -> tuple[Run, Sequence[replies.Json] | None]:
    """Return an ended run and its best results, of one moment.

    Whatever changes a result gives its run another tag in the same transaction: results read
    between two equal tags are those of the tag. None for a run that an AI pass has opened again.
    """
    service = services(request)
    async with service.database.connection() as connection:
        page = await top_results(service, connection, run.id, TOP_RESULTS)
    if polling.tag(await read_run(request, caller)) == polling.tag(run):
        return run, page.items
    async with snapshot(service.database) as connection:
        run = await fetch_run(connection, request, caller)
        if not run.status.is_terminal:
            return run, None
        return run, (await top_results(service, connection, run.id, TOP_RESULTS)).items


async def get_progress(request: Request, caller: Caller) -> Response:
    """Tell how far a run is, from its row alone."""
    parameters.query(request, ())
    run = await polling.state_of(request, caller)
    if conditions.is_known(request, polling.tag(run)):
        return polling.not_modified(request, run)
    return replies.reply(representation.progress(run), headers=polling.headers(request, run))


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
        response = commit_with(replies.reply(representation.run(cancelled)))
    service.signals.notify(LEASES)
    _wake_watchers(service.signals, cancelled)
    return response


async def delete_run(request: Request, caller: Caller) -> Response:
    """Delete a run that has ended, with its results and events."""
    parameters.query(request, ())
    service = services(request)
    run = await find_run(request, caller)
    async with service.database.transaction() as connection:
        if not await abandoned.delete_run(connection, caller.workspace_id, run.id):
            now = await fetch_run(connection, request, caller)
            raise ConflictError(f"The run is {now.status}: cancel it, or wait until it has ended.")
        response = commit_with(replies.deleted(run.id))
    service.signals.notify(CLEANING, run_topic(run.id))
    return response


def _check_ai(service: Services) -> None:
    if not service.has_ai:
        raise AiNotConfiguredError(
            "The AI pass needs a key for the Anthropic API, and this service has none: set "
            "ANTHROPIC_API_KEY and start the service again, or match by rules alone."
        )


def _wake_watchers(signals: Signals, run: Run) -> None:
    signals.notify(run_topic(run.id), workspace_topic(run.workspace_id))
