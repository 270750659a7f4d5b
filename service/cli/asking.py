"""How does a command put a question to the service, and which words do all such commands share?"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from service.cli import address
from service.cli.answers import JsonObject
from service.cli.client import PAGE_SIZE, Client
from service.cli.tables import Listed
from service.settings import load

Answer = TypeVar("Answer")

Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Service to ask; by default the one of MATCHSTREAM_URL, else the one on the data "
        "directory. MATCHSTREAM_API_KEY has the key to it.",
    ),
]
Limit = Annotated[int, typer.Option(metavar="N", help="How many at most.", min=1)]


def ask(url: str | None, question: Callable[[Client], Awaitable[Answer]]) -> Answer:
    """Put a question to the service that is named, or that runs on the data directory."""
    found = address.find(load(), url)

    async def put() -> Answer:
        async with address.client(found) as client:
            return await question(client)

    return asyncio.run(put())


def show(
    url: str | None,
    asked: tuple[str, dict[str, str]],
    limit: int,
    columns: tuple[str, ...],
    *,
    as_json: bool,
    told: Callable[[JsonObject], JsonObject] = lambda item: item,
) -> None:
    """Print the first items of a list, which `asked` names by its path and its filters.

    `told` says what of an item the columns show; JSON has it as it is.
    """

    async def print_all(client: Client) -> None:
        listed = Listed(columns, as_json=as_json)
        async for item in first(client, *asked, limit):
            listed.add(item if as_json else told(item))
        listed.close()

    ask(url, print_all)


async def first(
    client: Client, path: str, filters: dict[str, str], limit: int
) -> AsyncIterator[JsonObject]:
    """Yield the first `limit` items of a list."""
    left = limit
    async for item in client.walk(path, {"limit": str(min(limit, PAGE_SIZE)), **filters}):
        yield item
        left -= 1
        if left == 0:
            return
