"""How does a command put a question to the service, and which words do all such commands share?"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from service.cli import address
from service.cli.client import Client, JsonObject
from service.domain.errors import MatchstreamError
from service.settings import load

Answer = TypeVar("Answer")

COMPLETED = 20
COMPLETION_SECONDS = 2.0


def run_ids(incomplete: str) -> list[tuple[str, str]]:
    """Complete the id of a run: the newest ones, with what they are; none where none answers."""
    try:
        asked = first_of("/v1/matching/runs", COMPLETED)
        found = ask(None, lambda client: asyncio.wait_for(asked(client), COMPLETION_SECONDS))
    except (MatchstreamError, TimeoutError):
        # A shell that completes has no place for a sentence.
        return []
    return [
        (run["id"], f"{run['status']} {run['created_at']}")
        for run in found
        if run["id"].startswith(incomplete)
    ]


Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Service to ask; by default the one of MATCHSTREAM_URL, else the one on the data "
        "directory. MATCHSTREAM_API_KEY has the key to it.",
    ),
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.", autocompletion=run_ids)]
Limit = Annotated[int, typer.Option(metavar="N", help="How many at most.", min=1)]


def ask(url: str | None, question: Callable[[Client], Awaitable[Answer]]) -> Answer:
    """Put a question to the service that is named, or that runs on the data directory."""
    found = address.find(load(), url)

    async def put() -> Answer:
        async with Client(found.url, found.key) as client:
            return await question(client)

    return asyncio.run(put())


async def first(client: Client, path: str, filters: dict[str, str], limit: int) -> list[JsonObject]:
    """Return the first `limit` items of a list."""
    found: list[JsonObject] = []
    async for item in client.walk(path, filters):
        found.append(item)
        if len(found) == limit:
            break
    return found


def first_of(path: str, limit: int) -> Callable[[Client], Awaitable[list[JsonObject]]]:
    """Return the question for the first `limit` items of a list."""
    return lambda client: first(client, path, {}, limit)
