"""Who removes what nothing refers to any more, and what is too old? A task, in small batches."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import structlog

from service.domain.errors import UnavailableError
from service.engine.signals import CLEANING, Signals
from service.store import abandoned, idempotency, old_progress, sessions
from service.store.database import Database

log = structlog.get_logger()

# Old versions also become unused without a notice.
INTERVAL_SECONDS = 60.0
# Between two batches: others come first.
PAUSE_SECONDS = 0.02

_STEPS = (
    abandoned.find_unused_versions,
    abandoned.remove_rows,
    abandoned.remove_of_run,
    sessions.delete_ended,
    idempotency.delete_old,
)
KEPT_SECONDS = 7 * 86_400.0


async def clean(database: Database, kept_seconds: float = KEPT_SECONDS) -> None:
    """Remove all that is abandoned now; several processes may do so at once.

    Progress events go once their run has ended for `kept_seconds`.
    """
    for step in (*_STEPS, partial(old_progress.remove, kept_seconds=kept_seconds)):
        is_left = True
        while is_left:
            async with database.transaction() as connection:
                is_left = await step(connection)
            await asyncio.sleep(PAUSE_SECONDS)


async def _keep_clean(database: Database, signals: Signals, kept_seconds: float) -> None:
    with signals.subscribe(CLEANING) as wake:
        while True:
            try:
                await clean(database, kept_seconds)
            except UnavailableError as error:
                log.warning("database_away", action="clean", reason=str(error))
            except Exception:  # One pass: rows that stay for longer are no reason to stop.
                log.exception("cleaning_failed", action="try_later")
            await wake.wait(INTERVAL_SECONDS)


@asynccontextmanager
async def running(
    database: Database, signals: Signals, kept_seconds: float = KEPT_SECONDS
) -> AsyncIterator[None]:
    """Keep the database clean as long as the block lasts; see `clean`."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_keep_clean(database, signals, kept_seconds))
        try:
            yield
        finally:
            task.cancel()
