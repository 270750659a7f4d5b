"""How does an operator make, see and revoke API keys? On the store, beside a running service."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

import typer

from service.cli.commands import Documented
from service.cli.completion import key_ids
from service.cli.tables import AsJson, print_rows, printable
from service.domain.api_keys import NAME_MAX_LENGTH, ApiKey, Scope
from service.domain.errors import (
    InvalidInputError,
    NotFoundError,
    StartupError,
    UnavailableError,
)
from service.domain.identifiers import ApiKeyId
from service.domain.representation import timestamp
from service.settings import Settings, database_place, load
from service.store import api_keys, embedded, schema, workspaces
from service.store.data_directory import Layout
from service.store.database import Connection, connect

ALL_SCOPES = ",".join(Scope)
# What work needs; who may make and revoke keys is chosen on purpose.
USUAL_SCOPES = ",".join((Scope.READ, Scope.WRITE))
MAX_DAYS = 3650
_COLUMNS = (
    "id",
    "name",
    "scopes",
    "status",
    "created_at",
    "last_used_at",
    "expires_at",
    "workspace",
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Make, list and revoke API keys.",
)


@contextmanager
def naming_the_database(settings: Settings) -> Iterator[None]:
    """Say where it was looked for when the server of DATABASE_URL does not answer."""
    try:
        yield
    except UnavailableError as error:
        if settings.database_url is None:
            raise
        place = database_place(settings.database_url)
        raise StartupError(
            f"The database does not answer at {place} ({type(error.__cause__).__name__}): check "
            "DATABASE_URL, and that the server runs."
        ) from error


@asynccontextmanager
async def store_url(settings: Settings) -> AsyncIterator[str]:
    """Yield where the database is: DATABASE_URL, the running service's, or our own meanwhile."""
    async with AsyncExitStack() as stack:
        stack.enter_context(naming_the_database(settings))
        url = settings.database_url
        if url is None:
            joined = embedded.join(settings.data_dir, bin_dir=settings.postgres_bin)
            url = await stack.enter_async_context(joined)
        await schema.migrate(url)
        yield url


@asynccontextmanager
async def _connection(settings: Settings) -> AsyncIterator[Connection]:
    async with store_url(settings) as url:
        connection = await connect(url)
        try:
            yield connection
        finally:
            await connection.close()


def _load_existing() -> Settings:
    """Load the settings; raise NotFoundError where they name data that is not there."""
    settings = load()
    if settings.database_url is None and not _has_database(settings):
        raise NotFoundError(
            f"There is no database in {settings.data_dir}: start in the folder of the service, or "
            "set MATCHSTREAM_DATA_DIR to its data directory."
        )
    return settings


def _has_database(settings: Settings) -> bool:
    return Layout.of(settings.data_dir).cluster.exists()


@app.command(cls=Documented)
def create(
    name: Annotated[str, typer.Option(help="What the key is for.")],
    scopes: Annotated[
        str,
        typer.Option(
            help=f"What it may do, of {ALL_SCOPES}; only with admin does it make and revoke keys."
        ),
    ] = USUAL_SCOPES,
    workspace: Annotated[
        str, typer.Option(help="Which workspace it opens; a new name makes a new one.")
    ] = workspaces.DEFAULT_NAME,
    days: Annotated[
        int | None, typer.Option(min=1, max=MAX_DAYS, help="In how many days it expires.")
    ] = None,
) -> None:
    """Make a key and print it, this once, on standard output.

    matchstream keys create --name dashboard --scopes read --days 90
    """
    settings = load()
    is_new = settings.database_url is None and not _has_database(settings)
    wanted = _NewKey(_checked(name, "key"), _read_scopes(scopes), _checked(workspace, "workspace"))
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    key, is_new_workspace = asyncio.run(_create(settings, wanted, expires_at))
    typer.echo(f"{_opened_by_key(settings, is_new=is_new)} It is shown this once.", err=True)
    if is_new_workspace and workspace != workspaces.DEFAULT_NAME:
        typer.echo(f"The workspace {printable(workspace)} was made for it, and is empty.", err=True)
    typer.echo(key)


@dataclass(frozen=True, slots=True)
class _NewKey:
    name: str
    scopes: frozenset[Scope]
    workspace: str


def _opened_by_key(settings: Settings, *, is_new: bool) -> str:
    """Say which service a new key is for."""
    if settings.database_url is not None:
        place = database_place(settings.database_url, with_name=True)
        return f"The key is for the database at {place} (DATABASE_URL)."
    made = ", where a new database was made" if is_new else ""
    return f"The key is for the data in {settings.data_dir}{made}."


async def _create(
    settings: Settings, wanted: _NewKey, expires_at: datetime | None
) -> tuple[str, bool]:
    async with _connection(settings) as connection, connection.transaction():
        # The service's own workspace comes first, also where a key for another one is made first.
        workspace_id, is_new = await workspaces.ensure_default(connection), False
        if wanted.workspace != workspaces.DEFAULT_NAME:
            workspace_id, is_new = await workspaces.ensure(connection, wanted.workspace)
        _, key = await api_keys.create(
            connection, workspace_id, wanted.name, wanted.scopes, expires_at
        )
    return key, is_new


def _checked(name: str, what: str) -> str:
    if not 1 <= len(name) <= NAME_MAX_LENGTH or not name.isprintable():
        raise InvalidInputError(
            f"A {what}'s name has 1 to {NAME_MAX_LENGTH} characters that can be printed."
        )
    return name


def _read_scopes(text: str) -> frozenset[Scope]:
    """Read scopes separated by commas."""
    try:
        scopes = frozenset(Scope(word.strip()) for word in text.split(",") if word.strip())
    except ValueError as error:
        raise InvalidInputError(f"{error}: the scopes are {ALL_SCOPES}.") from error
    if not scopes:
        raise InvalidInputError(f"A key needs at least one scope of {ALL_SCOPES}.")
    return scopes


@app.command("list", cls=Documented)
def list_keys(
    workspace: Annotated[str | None, typer.Option(help="Only the keys of this workspace.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the keys of all workspaces, without their secrets.

    matchstream keys list --workspace default
    """
    found = asyncio.run(_list(_load_existing(), workspace))
    now = datetime.now(UTC)
    print_rows([_row(key, name, now) for name, key in found], _COLUMNS, as_json=as_json)


def _row(key: ApiKey, workspace: str, now: datetime) -> dict[str, object]:
    return {
        "id": str(key.id),
        "name": key.name,
        "scopes": sorted(key.scopes),
        "status": key.status(now).value,
        "created_at": timestamp(key.created_at),
        "last_used_at": timestamp(key.last_used_at),
        "expires_at": timestamp(key.expires_at),
        "workspace": workspace,
    }


async def _list(settings: Settings, workspace: str | None) -> list[tuple[str, ApiKey]]:
    async with _connection(settings) as connection:
        names = await workspaces.list_all(connection)
        if workspace is not None and workspace not in names.values():
            known = ", ".join(printable(name) for name in names.values())
            raise NotFoundError(f"There is no workspace {printable(workspace)}; there are {known}.")
        return [
            (name, key)
            for workspace_id, name in names.items()
            if workspace in (None, name)
            for key in await api_keys.list_all(connection, workspace_id)
        ]


@app.command(cls=Documented)
def revoke(
    key_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="The id that `keys list` shows.", autocompletion=key_ids),
    ],
) -> None:
    """Close a key for good; a running service takes it for up to five seconds more.

    matchstream keys revoke 01890000-0000-7000-8000-000000000001
    """
    try:
        known = ApiKeyId(UUID(key_id))
    except ValueError as error:
        raise InvalidInputError(
            f"{key_id!r} is no key's id: `matchstream keys list` shows them."
        ) from error
    asyncio.run(_revoke(_load_existing(), known))
    typer.echo(f"The key {known} opens nothing any more.", err=True)


async def _revoke(settings: Settings, key_id: ApiKeyId) -> None:
    async with _connection(settings) as connection:
        for workspace_id in await workspaces.list_all(connection):
            if await api_keys.revoke(connection, workspace_id, key_id):
                return
    raise NotFoundError(f"There is no open key {key_id}: `matchstream keys list` shows them.")
