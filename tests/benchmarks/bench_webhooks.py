"""How fast do queued deliveries drain, against a bare loop that posts the same bodies?

Both post to the same receiver, in a process of its own, over as many connections. The bare loop
signs nothing, keeps no order and writes nothing down.
"""

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import httpx2
from rich.console import Console

from service.cli import logs
from service.domain.events import EventType
from service.engine import signals
from service.engine.webhooks import DeliveryOptions
from service.store import embedded, schema
from service.store.database import Database
from service.store.secret_box import SecretBox
from tests import receiver, story, webhook_desk
from tests.benchmarks import report
from tests.benchmarks.bench_service import titled
from tests.seeding import make_world
from tests.webhook_desk import Clock, Desk, Setting

WEBHOOKS, RUNS, EVENTS_PER_RUN = 20, 50, 10
DELIVERIES = WEBHOOKS * RUNS * EVENTS_PER_RUN
# The bare loop is as fast with fewer.
BARE_POSTS = 2_000
SLOTS = DeliveryOptions().slots
PATIENCE_SECONDS = 300.0


def main() -> None:
    """Print deliveries per second of both."""
    logs.configure("warning")
    with receiving_process() as port:
        figures = asyncio.run(measure(port))
    bare, engine = figures["bare"], figures["engine"]
    table = titled(
        f"{DELIVERIES:,} deliveries, {WEBHOOKS} webhooks, {RUNS} runs each, {SLOTS} at once",
        "case",
        "deliveries/s",
        "ratio",
    )
    table.add_row("httpx2 in a bare loop", f"{bare:,.0f}", "1.00x")
    table.add_row("the delivery engine", f"{engine:,.0f}", f"{engine / bare:.2f}x")
    table.caption = (
        f"writing an event: {figures['event_ms_alone']:.2f} ms without webhooks, "
        f"{figures['event_ms']:.2f} ms with {WEBHOOKS}"
    )
    Console().print(table)
    report.write("webhooks", {"deliveries": DELIVERIES, "webhooks": WEBHOOKS, **figures})


async def measure(port: int) -> dict[str, float]:
    """Queue, then drain; the bare loop before and after, so that neither has the better hour."""
    async with opened_desk() as desk:
        alone = await write_events(desk)
        for number in range(WEBHOOKS):
            await desk.add(f"http://127.0.0.1:{port}/{number}", types=tuple(EventType))
        with_webhooks = await write_events(desk)
        before = await post_bare(port, await bodies(desk))
        engine = await drain(desk)
        after = await post_bare(port, await bodies(desk))
    return {
        "bare": (before + after) / 2,
        "engine": engine,
        "event_ms_alone": alone,
        "event_ms": with_webhooks,
    }


@asynccontextmanager
async def opened_desk() -> AsyncIterator[Desk]:
    """A workspace on a PostgreSQL of its own, which writes to the disk as a real one does."""
    with tempfile.TemporaryDirectory() as folder:
        async with embedded.start(Path(folder) / "data") as url:
            await schema.migrate(url)
            async with Database.open(url) as database, signals.running(database) as live:
                world = await make_world(database, documents=1)
                yield Desk(world, live, SecretBox.with_new_key(), Clock())


async def write_events(desk: Desk) -> float:
    """Write all events of all runs; return milliseconds for each."""
    started = time.perf_counter()
    for _ in range(RUNS):
        told = await story.begin(desk.world)
        for _ in range(EVENTS_PER_RUN - 3):
            await told.tell()
        await told.end()
    return (time.perf_counter() - started) * 1000 / (RUNS * EVENTS_PER_RUN)


async def bodies(desk: Desk) -> list[bytes]:
    """Return the bodies of the events, again and again, as many as the bare loop posts."""
    async with desk.database.connection() as connection:
        records = await connection.fetch("SELECT data FROM events ORDER BY workspace_seq")
    texts = [record["data"].encode() for record in records]
    return (texts * (BARE_POSTS // len(texts) + 1))[:BARE_POSTS]


async def post_bare(port: int, texts: list[bytes]) -> float:
    """Post the texts from as many tasks as the engine has slots; return posts per second."""
    left = iter(texts)
    limits = httpx2.Limits(max_connections=SLOTS, max_keepalive_connections=SLOTS)
    headers = {"Content-Type": "application/json"}
    async with httpx2.AsyncClient(limits=limits, trust_env=False, headers=headers) as client:

        async def work(number: int) -> None:
            url = f"http://127.0.0.1:{port}/{number % WEBHOOKS}"
            for text in left:
                (await client.post(url, content=text)).raise_for_status()

        started = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(SLOTS):
                tasks.create_task(work(number))
        return len(texts) / (time.perf_counter() - started)


async def drain(desk: Desk) -> float:
    """Start an engine on what is queued; return deliveries per second until the last is written."""
    started = time.perf_counter()
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        webhook_desk.sending(
            desk.database, desk.signals, desk.box, desk.clock, Setting()
        ) as engine,
    ):
        while await pending(desk):
            engine._written.clear()
            await engine._written.wait()
    seconds = time.perf_counter() - started
    async with desk.database.connection() as connection:
        delivered = await connection.fetchval(
            "SELECT count(*) FROM deliveries WHERE status = 'delivered' AND attempts = 1"
        )
    if delivered != DELIVERIES:
        raise RuntimeError(f"{delivered} of {DELIVERIES} were delivered at the first attempt")
    return DELIVERIES / seconds


async def pending(desk: Desk) -> bool:
    """Whether something has still to be sent."""
    async with desk.database.connection() as connection:
        found = await connection.fetchval(
            "SELECT true FROM deliveries WHERE status = 'pending' LIMIT 1"
        )
    return found is not None


@contextmanager
def receiving_process() -> Iterator[int]:
    """Run a receiver that takes everything in a process of its own; yields its port."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_receive, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join()


def _receive(pipe: Connection) -> None:
    async def receive() -> None:
        async with receiver.receiving() as hook:
            pipe.send(hook.port)
            await asyncio.to_thread(pipe.recv)

    asyncio.run(receive())


if __name__ == "__main__":
    main()
