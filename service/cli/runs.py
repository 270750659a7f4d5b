"""How does a person follow, list and review runs from a terminal?"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from service.cli import address, match
from service.cli.client import Client, JsonObject, StreamedEvent
from service.cli.display import Bar, progress_of
from service.settings import load

Answer = TypeVar("Answer")

Url = Annotated[str | None, typer.Option(help="Service to use.")]
RunId = Annotated[str, typer.Argument(help="The run's id.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Limit = Annotated[int, typer.Option(help="How many at most.", min=1)]


class Verdict(StrEnum):
    """What a reviewer may say of a result."""

    APPROVED = "approved"
    REJECTED = "rejected"
    PENDING = "pending"


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (watch, runs, results, review):
        app.command()(command)


def watch(run: RunId, url: Url = None, as_json: AsJson = False) -> None:
    """Follow a run to its end; a stream that is cut is resumed.

    matchstream watch 01890000-0000-7000-8000-000000000001

    Ends with 0 when the run completed, 3 when it failed, 130 when it was cancelled. Ctrl-C leaves
    the run alone.
    """
    ended = ask(url, lambda client: _watch(client, run, as_json=as_json))
    if ended["status"] != "completed":
        cancelled = ended["status"] == "cancelled"
        raise typer.Exit(match.EXIT_CANCELLED if cancelled else match.EXIT_FAILED)


async def _watch(client: Client, run_id: str, *, as_json: bool) -> JsonObject:
    handle = client.run(run_id)
    console = Console(stderr=True)
    if as_json:
        async for event in handle.events():
            typer.echo(json.dumps(event.data, ensure_ascii=False))
    elif console.is_terminal:
        with Bar(console, "documents") as bar:
            async for event in handle.events():
                bar.show(progress_of(event))
    else:
        async for event in handle.events():
            typer.echo(_line(event))
    ended = await handle.state()
    if not as_json:
        await match.summarize(handle, ended, lambda line: typer.echo(line, err=True))
    return ended


def _line(event: StreamedEvent) -> str:
    """Write an event for a log: its number, its type and how far the run is."""
    told = progress_of(event)
    return f"{event.number}\t{event.type}\t{told.get('rows_processed')}/{told.get('rows_total')}"


def runs(url: Url = None, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List the newest runs.

    matchstream runs --limit 5
    """
    found = ask(url, lambda client: first(client, "/v1/matching/runs", {}, limit))
    print_items(
        found, ("id", "status", "rows_processed", "rows_matched", "created_at"), as_json=as_json
    )


def results(
    run: RunId,
    url: Url = None,
    limit: Limit = 50,
    status: Annotated[Verdict | None, typer.Option(help="Only with this review.")] = None,
    as_json: AsJson = False,
) -> None:
    """List results of a run, surest first.

    matchstream results RUN --status pending --limit 10
    """
    path = f"/v1/matching/runs/{run}/results"
    filters = {"status": status.value} if status else {}
    found = ask(url, lambda client: first(client, path, filters, limit))
    columns = ("id", "document_id", "matched_reference_row_id", "confidence", "status")
    print_items(found, columns, as_json=as_json)


def review(
    run: RunId,
    result: Annotated[str, typer.Argument(help="The result's id.")],
    verdict: Annotated[Verdict, typer.Argument(help="What holds; pending undoes a review.")],
    notes: Annotated[str | None, typer.Option(help="Why.")] = None,
    row: Annotated[str | None, typer.Option(help="Another candidate's reference row.")] = None,
    url: Url = None,
) -> None:
    """Approve or reject a result.

    matchstream review RUN RESULT approved --notes checked
    """
    body: dict[str, Any] = {"status": verdict.value}
    if notes is not None:
        body["notes"] = notes
    if row is not None:
        body["matched_reference_row_id"] = row
    path = f"/v1/matching/runs/{run}/results/{result}/review"
    reviewed = ask(url, lambda client: client.ask("POST", path, json=body))
    typer.echo(f"{reviewed['document_id']}: {reviewed['status']}")


async def first(client: Client, path: str, filters: dict[str, str], limit: int) -> list[JsonObject]:
    """Return the first `limit` items of a list."""
    found: list[JsonObject] = []
    async for item in client.walk(path, filters):
        found.append(item)
        if len(found) == limit:
            break
    return found


def print_items(items: list[JsonObject], columns: tuple[str, ...], *, as_json: bool) -> None:
    """Write lines of tab-separated values, or of JSON; a header only for a person."""
    if as_json:
        for item in items:
            typer.echo(json.dumps(item, ensure_ascii=False))
        return
    if Console().is_terminal:
        typer.echo("\t".join(columns))
    for item in items:
        typer.echo("\t".join("" if item[name] is None else str(item[name]) for name in columns))


def ask(url: str | None, question: Callable[[Client], Awaitable[Answer]]) -> Answer:
    """Put a question to the service that is named, or that runs on the data directory."""
    found = address.find(load(), url)

    async def put() -> Answer:
        async with Client(found.url, found.key) as client:
            return await question(client)

    return asyncio.run(put())
