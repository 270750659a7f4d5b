"""What does a benchmark of the AI pass run? The real pass and SDK, over PostgreSQL, against the
stand-in for the vendor.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from service.domain.ai import Plan
from service.domain.runs import Run, RunStatus
from service.engine.signals import Signals
from service.store import embedded, schema
from service.store.database import Database
from tests.api.ai_live import borderline
from tests.fake_ai import vendor
from tests.fake_ai.accounts import account
from tests.fake_ai.limits import MINUTE, VendorLimits
from tests.fake_ai.vendor import Behaviour, Served, Vendor
from tests.seeding import AiSetup, World, add_documents, make_world, running_engine

LATENCY_SECONDS = 1.0
# The account starts from what a new one has, and learns the rest.
UNKNOWN = {
    "requests_per_minute": 50,
    "input_tokens_per_minute": 50_000,
    "output_tokens_per_minute": 10_000,
}


@dataclass(frozen=True, slots=True)
class Scene:
    """A world with borderline documents, a running engine, and the stand-in behind it."""

    world: World
    vendor: Vendor
    url: str
    live: Signals

    async def start(self) -> Run:
        """Queue a run with an AI pass over all documents."""
        return await self.world.queue(ai=True)

    async def finished(self, run: Run) -> Run:
        """Return the run once it has ended; it must have completed."""
        ended = await self.world.wait_until_ended(run, self.live)
        if ended.status is not RunStatus.COMPLETED:
            raise RuntimeError(f"the run is {ended.status}: {ended.error}")
        return ended


def new_vendor(limits: VendorLimits, latency_seconds: float = LATENCY_SECONDS) -> Vendor:
    """A stand-in with these limits that keeps no requests."""
    behaviour = Behaviour(latency_seconds=latency_seconds)
    return Vendor(behaviour, limits, keeps_requests=False)


@asynccontextmanager
async def staged(
    url: str,
    directory: Path,
    limits: VendorLimits,
    documents: int,
    documents_per_request: int,
    **changes: object,
) -> AsyncIterator[Scene]:
    """Set a scene on a database of its own; `changes` are of the account, which knows the limits
    unless they say otherwise.
    """
    stand_in = new_vendor(limits)
    known = {
        "requests_per_minute": limits.requests,
        "input_tokens_per_minute": limits.input_tokens,
        "output_tokens_per_minute": limits.output_tokens,
        "timeout_seconds": 30.0,
    }
    async with (
        vendor.running(stand_in) as address,
        Database.open(url) as database,
        running_engine(
            database,
            directory,
            ai=AiSetup(
                account(address, **{**known, **changes}),
                Plan(documents_per_request=documents_per_request),
            ),
        ) as engine,
    ):
        world = await make_world(database, documents=0)
        world.signals = engine.signals
        await add_documents(database, world.workspace_id, borderline(documents))
        yield Scene(world, stand_in, address, engine.signals)


@asynccontextmanager
async def databases(directory: Path) -> AsyncIterator["Databases"]:
    """Lend fresh, migrated databases on a PostgreSQL of our own."""
    async with embedded.start(directory / "postgres") as url:
        yield Databases(url)


class Databases:
    """Makes databases, one per scene."""

    def __init__(self, url: str) -> None:
        """Make them beside the database of the URL."""
        self._url = url
        self._count = 0

    async def fresh(self) -> str:
        """Return the URL of a new database."""
        self._count += 1
        name = f"scene_{self._count}"
        async with (
            Database.open(self._url, pool_size=1) as database,
            database.connection() as connection,
        ):
            await connection.execute(f"CREATE DATABASE {name}")
        head, _, tail = self._url.partition("?")
        url = f"{head.rpartition('/')[0]}/{name}" + (f"?{tail}" if tail else "")
        await schema.migrate(url)
        return url


def used_share(
    served: Sequence[Served], limits: VendorLimits, window: tuple[float, float]
) -> float:
    """Return how much of the limit that binds was used within the window of loop times."""
    begin, end = window
    inside = [each for each in served if begin <= each.at < end]
    minutes = (end - begin) / MINUTE
    return max(
        len(inside) / (limits.requests * minutes),
        sum(each.input_tokens for each in inside) / (limits.input_tokens * minutes),
        sum(each.output_tokens for each in inside) / (limits.output_tokens * minutes),
    )


async def until(moment: float) -> None:
    """Sleep until a loop time."""
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))
