"""What does a test of the AI pass talk to: a service, and a stand-in for the model behind it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.domain.ai import Plan
from service.domain.documents import FieldValue
from tests.api import live
from tests.api.live import Live
from tests.fake_ai import vendor
from tests.fake_ai.accounts import account
from tests.fake_ai.vendor import Vendor
from tests.seeding import VENDORS, AiSetup, add_documents


def borderline(count: int) -> dict[str, dict[str, FieldValue]]:
    """Make documents whose vendor is one of ours and whose number is not: .6 by the rules."""
    return {
        f"doc_{place:04}": {
            "vendor": VENDORS[place % len(VENDORS)].upper(),
            "number": f"unknown {place}",
        }
        for place in range(count)
    }


@dataclass(frozen=True, slots=True)
class AiLive:
    """A running service with borderline documents, and the stand-in it asks."""

    live: Live
    vendor: Vendor

    async def resolved(self, **body: Any) -> Any:
        """Return a run with an AI pass that is carried out to its end."""
        return await self.live.completed(ai=True, **body)

    async def results(self, run: Any) -> list[Any]:
        """Return all results of a run, in document order."""
        page = await self.live.get(run["links"]["results"], sort="document", limit=500)
        return list(page["data"])


@asynccontextmanager
async def running(
    database_url: str,
    directory: Path,
    documents: int = 6,
    documents_per_request: int = 20,
    **changes: object,
) -> AsyncIterator[AiLive]:
    """Bring up both as long as the block lasts; `changes` are of the account."""
    stand_in = Vendor()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(vendor.running(stand_in))
        reached = account(url, **changes)
        setup = AiSetup(reached, Plan(documents_per_request=documents_per_request))
        service = await stack.enter_async_context(
            live.running(database_url, directory, documents=0, ai=setup)
        )
        world = service.world
        await add_documents(world.database, world.workspace_id, borderline(documents))
        yield AiLive(service, stand_in)
