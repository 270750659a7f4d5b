"""How does an engine without an API run in the foreground? Until a signal says stop."""

import asyncio
import signal
from contextlib import AsyncExitStack

import typer

from service.cli import keys
from service.domain.addresses import read_networks
from service.domain.errors import StartupError
from service.engine import engine, signals
from service.engine.engine import EngineOptions
from service.engine.webhook_posts import Access
from service.settings import DAY_SECONDS, Settings
from service.store import schema, secret_key
from service.store.database import Database

READY = "Matchstream worker is ready"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def shared_database(settings: Settings, command: str) -> str:
    """Return the URL of a database that several processes can share; raise where none is named."""
    if settings.database_url is None:
        raise StartupError(
            f"'{command}' does one half of the work, over a PostgreSQL that it shares with the "
            "other half: set DATABASE_URL, or use 'serve', which brings its own and does both."
        )
    return settings.database_url


async def run(settings: Settings) -> None:
    """Carry out runs until a signal comes; then give them back."""
    stopping = asyncio.Event()
    starting = asyncio.current_task()

    def stop() -> None:
        stopping.set()
        if starting is not None:
            starting.cancel()

    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    async with AsyncExitStack() as stack:
        url = shared_database(settings, "worker")
        with keys.naming_the_database(settings):
            await schema.migrate(url)
            database = await stack.enter_async_context(
                Database.open(url, pool_size=settings.database_pool_size)
            )
        live = await stack.enter_async_context(signals.running(database))
        options = EngineOptions(
            data_dir=settings.data_dir,
            processes=settings.workers,
            lease_seconds=settings.lease_seconds,
            progress_kept_seconds=settings.progress_days * DAY_SECONDS,
            ai_plan=settings.ai_plan,
            ai_account=settings.ai_account,
            chunk_limit_seconds=settings.chunk_limit_seconds,
            access=Access(settings.webhook_allow_http, read_networks(settings.webhook_networks)),
            box=await secret_key.open_box(database, settings.data_dir, settings.plain_secret_key),
        )
        await stack.enter_async_context(engine.running(database, live, options, stopping))
        starting = None
        typer.echo(f"{READY}: {settings.workers} processes match.")
        await stopping.wait()
