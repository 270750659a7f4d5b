"""What could a shell put in for an id that is not typed to its end? What the service has of it."""

import asyncio
from collections.abc import Callable
from typing import Annotated, TypeAlias
from urllib.parse import quote

import typer

from service.cli import asking
from service.cli.answers import JsonObject
from service.cli.client import API_KEYS, RUNS, WEBHOOKS, Client
from service.cli.tables import printable

MOST = 50
# A person waits at the prompt meanwhile.
SECONDS = 2.0

Completions: TypeAlias = list[tuple[str, str]]


def run_ids(context: typer.Context, incomplete: str) -> Completions:
    """Complete the id of a run: the newest ones, with what they are."""
    return _ids(context, RUNS, {}, incomplete, lambda run: f"{run['status']} {run['created_at']}")


def result_ids(context: typer.Context, incomplete: str) -> Completions:
    """Complete the id of a result of the run that was named before: what is yet to be reviewed."""
    path = f"{RUNS}/{quote(str(context.params['run']), safe='')}/results"
    return _ids(context, path, {"status": "pending"}, incomplete, _result)


def webhook_ids(context: typer.Context, incomplete: str) -> Completions:
    """Complete the id of a webhook."""
    return _ids(context, WEBHOOKS, {}, incomplete, lambda webhook: str(webhook["url"]))


def key_ids(context: typer.Context, incomplete: str) -> Completions:
    """Complete the id of an API key of the workspace that our own key opens."""
    return _ids(context, API_KEYS, {}, incomplete, lambda key: str(key["name"]))


def _result(result: JsonObject) -> str:
    return f"{result['document_id']} {result['confidence']}"


def _ids(
    context: typer.Context,
    path: str,
    filters: dict[str, str],
    incomplete: str,
    told: Callable[[JsonObject], str],
) -> Completions:
    """Return the ids that begin so; none where the service says nothing, or not in time."""

    async def question(client: Client) -> list[JsonObject]:
        async with asyncio.timeout(SECONDS):
            return [item async for item in asking.first(client, path, filters, MOST)]

    try:
        found = asking.ask(context.params.get("url"), question)
    except Exception:  # noqa: BLE001 - a prompt that completes has no place for any failure
        return []
    return [
        (each["id"], printable(told(each))) for each in found if each["id"].startswith(incomplete)
    ]


RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.", autocompletion=run_ids)]
