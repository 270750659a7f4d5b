"""How does a person follow, list and review runs from a terminal?"""

import sys
from contextlib import closing
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.console import Console

from service.cli import exit_codes, summary
from service.cli.answers import ClientError, JsonObject, StreamedEvent
from service.cli.asking import Limit, Url, ask, first, show
from service.cli.client import CONFIGS, RUNS, Client, segment
from service.cli.completion import RunId, result_ids, run_ids
from service.cli.display import Silence, display_on, progress_of, waiting
from service.cli.tables import AsJson, print_json, print_rows, printable
from service.domain.errors import NotFoundError
from service.domain.runs import RunStatus


class Verdict(StrEnum):
    """What a reviewer may say of a result."""

    APPROVED = "approved"
    REJECTED = "rejected"
    PENDING = "pending"


def watch(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN", help="The run's id; by default the newest.", autocompletion=run_ids
        ),
    ] = None,
    url: Url = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Follow a run to its end; a stream that is cut is resumed.

      matchstream watch
      matchstream watch 01890000-0000-7000-8000-000000000001 --json

    On a terminal it shows a bar, elsewhere a line for each event: number, type, how far it is.

    Ends with 0 when the run completed, 3 when it failed, 130 when it was cancelled. Ctrl-C leaves
    the run alone.
    """
    ended = ask(url, lambda client: _watch(client, run, as_json=as_json))
    if ended["status"] != "completed":
        raise typer.Exit(exit_codes.of_status(ended["status"]))


async def _watch(client: Client, run_id: str | None, *, as_json: bool) -> JsonObject:
    handle = client.run(await _newest(client) if run_id is None else run_id)
    # An id that is none, or a service that is not there, is told at once, and not waited for.
    await handle.state()
    console = Console(stderr=True)
    draws = console.is_terminal and sys.stdout.isatty() and not as_json
    shown = display_on(console, "documents") if draws else Silence()
    with closing(shown) as display:
        tell = display.note if draws else _say
        async for event in handle.events(when_cut=lambda why: tell(waiting(why))):
            display.show(progress_of(event))
            if as_json:
                print_json(event.data)
            elif not draws:
                typer.echo(_line(event))
        ended = await handle.state()
    if not as_json:
        await summary.tell(handle, ended, _say)
    return ended


def _say(line: str) -> None:
    typer.echo(line, err=True)


async def _newest(client: Client) -> str:
    async for run in first(client, RUNS, {}, 1):
        return str(run["id"])
    raise NotFoundError("There is no run yet: `matchstream match --help` says how to start one.")


def _line(event: StreamedEvent) -> str:
    """Write an event for a log: its number, its type and how far the run is."""
    told = progress_of(event)
    done, total = (told.get(name) for name in ("rows_processed", "rows_total"))
    how_far = "-" if total is None else f"{done or 0}/{total}"
    return f"{event.number}\t{event.type}\t{how_far}"


def runs(
    url: Url = None,
    limit: Limit = 20,
    status: Annotated[RunStatus | None, typer.Option(help="Only with this status.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the newest runs.

    matchstream runs --limit 5
    matchstream runs --status running --json | head -1
    """
    filters = {"status": status.value} if status else {}
    if as_json:
        show(url, (RUNS, filters), limit, (), as_json=True)
        return
    found = ask(url, lambda client: _named_runs(client, filters, limit))
    columns = ("id", "status", "name", "rows_processed", "rows_matched", "created_at")
    print_rows(found, columns, as_json=False)


async def _named_runs(client: Client, filters: dict[str, str], limit: int) -> list[JsonObject]:
    """Return the newest runs, each with the name of its match; a deleted one has none."""
    found = [run async for run in first(client, RUNS, filters, limit)]
    missing = {run["matching_config_id"] for run in found}
    names: dict[str, str] = {}
    if missing:
        # The newest are enough, but for runs of old ones.
        async for config in client.walk(CONFIGS, {}):
            names[config["id"]] = config["name"]
            missing.discard(config["id"])
            if not missing:
                break
    return [{**run, "name": names.get(run["matching_config_id"], "")} for run in found]


def cancel(run: RunId, url: Url = None) -> None:
    """Cancel a run; what is done is kept.

    matchstream cancel 01890000-0000-7000-8000-000000000001

    A run that is carried out stops within moments: `watch` follows it to its end.
    """
    told = ask(url, lambda client: client.run(run).cancel())
    typer.echo(f"{told['id']}: {told['status']}")


def results(
    run: RunId,
    url: Url = None,
    limit: Limit = 50,
    status: Annotated[Verdict | None, typer.Option(help="Only with this review.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List results of a run, surest first.

    matchstream results RUN --status pending --limit 10
    """
    path = f"{RUNS}/{segment(run)}/results"
    filters = {"status": status.value} if status else {}
    columns = ("id", "document_id", "matched_reference_row_id", "confidence", "status")
    show(url, (path, filters), limit, columns, as_json=as_json)


def review(
    run: RunId,
    result: Annotated[
        str,
        typer.Argument(
            metavar="RESULT",
            help="The result's id or its document's, as `results` shows them.",
            autocompletion=result_ids,
        ),
    ],
    verdict: Annotated[Verdict, typer.Argument(help="What holds; pending undoes a review.")],
    notes: Annotated[str | None, typer.Option(metavar="TEXT", help="Why.")] = None,
    row: Annotated[
        str | None, typer.Option(metavar="ID", help="Another candidate's reference row.")
    ] = None,
    url: Url = None,
) -> None:
    """Approve or reject a result.

    matchstream review RUN RESULT approved --notes checked
    matchstream review RUN INV-7 approved --row 4712
    """
    body: dict[str, Any] = {"status": verdict.value}
    if notes is not None:
        body["notes"] = notes
    if row is not None:
        body["matched_reference_row_id"] = row
    path = f"{RUNS}/{segment(run)}/results"
    # What can be no id is told before anybody is asked.
    segment(result)
    reviewed = ask(url, lambda client: _review(client, path, result, body))
    typer.echo(f"{printable(reviewed['document_id'])}: {reviewed['status']}")


async def _review(client: Client, results: str, named: str, body: JsonObject) -> JsonObject:
    """Review the result of that id, else the one of the document of that id."""
    if _is_uuid(named):
        try:
            return await client.ask("POST", f"{results}/{segment(named)}/review", json=body)
        except ClientError as error:
            if error.problem != "not_found":
                raise
    async for found in first(client, results, {"document_id": named}, 1):
        return await client.ask("POST", f"{results}/{found['id']}/review", json=body)
    raise NotFoundError(f"The run has no result `{named}`, and no document of that id.")


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
