"""What does a process that carries out runs consist of, beside a database and its notices?

pool of processes -> folders of saved files -> door to the AI -> cleaning -> webhooks -> worker
                                                               and back, in reverse order
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from service.domain.ai import Account, Plan
from service.engine import (
    ai_tools,
    chunks,
    cleaning,
    datasets,
    executors,
    index_building,
    index_cache,
    webhook_posts,
    webhooks,
    worker,
)
from service.engine.ai_tools import AiTools
from service.engine.datasets import ReferenceFiles
from service.engine.execute import Tools
from service.engine.indexes import Indexes
from service.engine.name_resolution import SystemResolver
from service.engine.signals import Signals
from service.engine.webhook_posts import Access
from service.engine.webhooks import DeliveryOptions, DeliveryTools
from service.engine.worker import Worker, WorkerOptions
from service.store.database import Database
from service.store.secret_box import SecretBox


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Where the engine keeps its files, how many processes match, and what may take how long.

    Progress events of a run are kept for `progress_kept_seconds` after its end.
    `access` says where webhooks may lead, `box` reads their secrets.
    """

    data_dir: Path
    processes: int
    lease_seconds: float
    chunk_limit_seconds: float
    progress_kept_seconds: float = cleaning.KEPT_SECONDS
    ai_plan: Plan
    # None where there is no AI pass.
    ai_account: Account | None
    access: Access
    box: SecretBox


@asynccontextmanager
async def running(
    database: Database, signals: Signals, options: EngineOptions, stopping: asyncio.Event
) -> AsyncIterator[Worker]:
    """Carry out runs as long as the block lasts, or until `stopping`."""
    async with AsyncExitStack() as stack:
        preload = (chunks.__name__, index_building.__name__)
        pool = await stack.enter_async_context(
            executors.local_pool(options.processes, preload=preload)
        )
        rows, saved = options.data_dir / "reference-files", options.data_dir / "indexes"
        datasets.prepare(rows)
        index_cache.prepare(saved)
        tools = Tools(
            database=database,
            signals=signals,
            executor=pool,
            indexes=Indexes(saved, ReferenceFiles(rows, database), pool),
            ai_plan=options.ai_plan,
            ai=await _open_ai(stack, options),
            chunk_limit_seconds=options.chunk_limit_seconds,
        )
        await stack.enter_async_context(
            cleaning.running(database, signals, options.progress_kept_seconds)
        )
        await _start_webhooks(stack, database, signals, options, stopping)
        owner = WorkerOptions.with_lease(options.lease_seconds)
        yield await stack.enter_async_context(worker.running(tools, owner, stopping))


async def _open_ai(stack: AsyncExitStack, options: EngineOptions) -> AiTools | None:
    if options.ai_account is None:
        return None
    return await stack.enter_async_context(ai_tools.running(options.ai_account, options.ai_plan))


async def _start_webhooks(
    stack: AsyncExitStack,
    database: Database,
    signals: Signals,
    options: EngineOptions,
    stopping: asyncio.Event,
) -> None:
    limits = DeliveryOptions()
    poster = await stack.enter_async_context(
        webhook_posts.opened(options.access, SystemResolver(), limits.slots + limits.suspect_slots)
    )
    tools = DeliveryTools(
        database=database,
        signals=signals,
        poster=poster,
        access=options.access,
        box=options.box,
    )
    await stack.enter_async_context(webhooks.running(tools, stopping, limits))
