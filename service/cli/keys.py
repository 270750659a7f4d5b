"""How does an operator make, see and revoke API keys? On the store, beside a running service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated
from uuid import UUID

import typer

from service.domain.api_keys import ApiKey, Scope
from service.domain.errors import InvalidInputError, NotFoundError
from service.domain.identifiers import ApiKeyId
from service.domain.representation import timestamp
from service.settings import Settings, load
from service.store import api_keys, embedded, schema, workspaces
from service.store.database import Connection, connect

ALL_SCOPES = ",".join(Scope)
NAME_MAX_LENGTH = 200

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke API keys.")


@asynccontextmanager
async def store_url(settings: Settings) -> AsyncIterator[str]:
    """Yield where the database is: DATABASE_URL, the running service's, or our own meanwhile."""
    async with AsyncExitStack() as stack:
        url = settings.database_url
        if url is None:
            joined = embedded.join(settings.data_dir, bin_dir=settings.postgres_bin)
            url = await stack.enter_async_context(joined)
        await schema.migrate(url)
        yield url


@asynccontextmanager
async def _connection() -> AsyncIterator[Connection]:
    async with store_url(load()) as url:
        connection = await connect(url)
        try:
            yield connection
        finally:
            await connection.close()


@app.command()
def create(
    name: Annotated[str, typer.Option(help="What the key is for.")],
    scopes: Annotated[str, typer.Option(help="What it may do.")] = ALL_SCOPES,
) -> None:
    """Make a key and print it, this once, on standard output."""
    typer.echo(asyncio.run(_create(name, _read_scopes(scopes))))


async def _create(name: str, scopes: frozenset[Scope]) -> str:
    if not 1 <= len(name) <= NAME_MAX_LENGTH or "\0" in name:
        raise InvalidInputError(f"A key's name has 1 to {NAME_MAX_LENGTH} characters.")
    async with _connection() as connection:
        workspace_id = await workspaces.ensure_default(connection)
        _, key = await api_keys.create(connection, workspace_id, name, scopes)
    return key


def _read_scopes(text: str) -> frozenset[Scope]:
    """Read scopes separated by commas."""
    try:
        scopes = frozenset(Scope(word.strip()) for word in text.split(",") if word.strip())
    except ValueError as error:
        raise InvalidInputError(f"{error}: the scopes are {ALL_SCOPES}.") from error
    if not scopes:
        raise InvalidInputError(f"A key needs at least one scope of {ALL_SCOPES}.")
    return scopes


@app.command("list")
def list_keys() -> None:
    """Print the workspace's keys, without their secrets."""
    for key in asyncio.run(_list()):
        state = "revoked" if key.revoked_at else "open"
        scopes = ",".join(sorted(key.scopes))
        typer.echo(
            "\t".join((str(key.id), key.name, scopes, state, f"{timestamp(key.created_at)}"))
        )


async def _list() -> tuple[ApiKey, ...]:
    async with _connection() as connection:
        return await api_keys.list_all(connection, await workspaces.ensure_default(connection))


@app.command()
def revoke(key_id: Annotated[UUID, typer.Argument(help="The id that `keys list` shows.")]) -> None:
    """Close a key for good; a running service takes it for up to five seconds more."""
    asyncio.run(_revoke(ApiKeyId(key_id)))


async def _revoke(key_id: ApiKeyId) -> None:
    async with _connection() as connection:
        workspace_id = await workspaces.ensure_default(connection)
        if not await api_keys.revoke(connection, workspace_id, key_id):
            raise NotFoundError(f"There is no open key {key_id}.")
