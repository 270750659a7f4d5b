"""Which requests under an Idempotency-Key are on their way here, so that nobody takes them over?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog

from service.domain.errors import UnavailableError
from service.store import idempotency
from service.store.database import Database
from service.store.idempotency import Attempt

log = structlog.get_logger()

RENEWAL_SECONDS = idempotency.LEASE.total_seconds() / 3


class RequestLeases:
    """The leases of this process's requests; a long upload outlives the first of them."""

    def __init__(self) -> None:
        """Begin with none."""
        self._held: dict[UUID, Attempt] = {}

    def hold(self, attempt: Attempt) -> None:
        """Renew its lease from now on."""
        self._held[attempt.id] = attempt

    def drop(self, attempt: Attempt) -> None:
        """Renew its lease no longer."""
        self._held.pop(attempt.id, None)

    async def renew(self, database: Database) -> None:
        """Renew all of them now."""
        if self._held:
            async with database.connection() as connection:
                await idempotency.renew(connection, list(self._held.values()))

    @asynccontextmanager
    async def renewing(self, database: Database) -> AsyncIterator[None]:
        """Renew all of them from time to time, as long as the block lasts."""
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(self._keep_renewing(database))
            try:
                yield
            finally:
                task.cancel()

    async def _keep_renewing(self, database: Database) -> None:
        while True:
            await asyncio.sleep(RENEWAL_SECONDS)
            try:
                await self.renew(database)
            except UnavailableError as error:
                log.warning("database_away", action="renew_requests", reason=str(error))
