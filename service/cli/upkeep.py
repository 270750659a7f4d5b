"""What does an operator do to the database itself, beside a running service or without one?"""

import asyncio

import typer

from service.cli import keys
from service.domain.errors import StartupError
from service.settings import Settings, load
from service.store import schema, secret_key
from service.store.database import Database

_NOT_LOST = (
    "The secret key is not lost: MATCHSTREAM_SECRET_KEY or the data directory has it, and webhooks "
    "work. Nothing was changed. To change the key all the same, take it away from there first."
)


def migrate() -> None:
    """Bring the database to this release's schema.

      matchstream migrate

    A start of the service does so too.
    """
    number = asyncio.run(_migrate(load()))
    typer.echo(f"The database is at migration {number}.")


def rekey() -> None:
    """Forget a secret key that is lost, so that the service starts with another one.

      matchstream rekey

    Webhooks are disabled until each gets a new secret.
    """
    asyncio.run(forget_secret_key(load()))
    typer.echo("Webhooks are disabled until each gets a new secret (rotate-secret) and is enabled.")


async def _migrate(settings: Settings) -> int:
    async with keys.store_url(settings) as url:
        return await schema.migrate(url)


async def forget_secret_key(settings: Settings) -> None:
    """Let the database go from its key; raises StartupError where that is not lost."""
    async with (
        keys.store_url(settings) as url,
        Database.open(url, pool_size=1) as database,
        database.transaction() as connection,
    ):
        if await secret_key.is_here(connection, settings.data_dir, settings.plain_secret_key):
            raise StartupError(_NOT_LOST)
        await secret_key.let_go(connection)
