"""How soon do a thousand readers of a run hear of an event, and what does each of them cost?

The service reads the events from PostgreSQL, in which another process writes them; the delay counts
from the commit. The baseline is the same fan-out written directly on sse-starlette with a queue in
memory for each reader, and no database: its delay counts from the first queue. Readers are bare
sockets in a process of their own.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx2
from rich.console import Console
from rich.table import Table

from service.engine import signals
from service.store import embedded
from service.store.database import Database
from tests import story
from tests.benchmarks import report
from tests.seeding import make_world
from tests.service_process import running

READERS = 1_000
WARM_READERS = 20
EVENTS = 24
INTERVAL_SECONDS = 0.25
AIM_P99_MS, AIM_READER_KB = 250, 60
# About as long as the data of a progress event.
DATA = json.dumps({"type": "run.progress", "progress": {"filler": "x" * 500}})

# Writes an event; returns its number and the moment when it could be read.
Tell = Callable[[], Awaitable[tuple[int, float]]]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one way; times in milliseconds from an event to each of its readers."""

    expected: int
    received: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    kilobytes_per_reader: float
    cpu_microseconds_per_delivery: float


@dataclass(frozen=True, slots=True)
class Server:
    """What is measured: the process, the stream's address, how to get in, how to tell."""

    pid: int
    url: str
    headers: Mapping[str, str]
    tell: Tell


def main() -> None:
    """Print one row per way."""
    with tempfile.TemporaryDirectory() as folder:
        ours = asyncio.run(measure_service(Path(folder)))
    baseline = asyncio.run(measure_baseline())
    names = ("received", "p50 ms", "p99 ms", "worst ms", "kB a reader", "CPU µs a delivery")
    table = Table(title=f"{READERS:,} readers of one run, {1 / INTERVAL_SECONDS:.0f} events/s")
    for name in ("way", *names):
        table.add_column(name, justify="right")
    for way, found in (("sse-starlette, queues", baseline), ("Matchstream", ours)):
        table.add_row(
            way,
            f"{found.received:,} of {found.expected:,}",
            *(f"{value:.1f}" for value in shown(found)),
        )
    ratios = [mine / theirs for mine, theirs in zip(shown(ours), shown(baseline), strict=True)]
    table.add_row("ratio", "", *(f"{ratio:.2f}x" for ratio in ratios))
    table.caption = f"aims: p99 under {AIM_P99_MS} ms, under {AIM_READER_KB} kB a reader"
    Console().print(table)
    report.write("fanout", {"matchstream": asdict(ours), "baseline": asdict(baseline)})
    if ours.received != ours.expected:
        raise RuntimeError("events were lost")


def shown(figures: Figures) -> tuple[float, ...]:
    """Return what is compared."""
    return (
        figures.p50_ms,
        figures.p99_ms,
        figures.worst_ms,
        figures.kilobytes_per_reader,
        figures.cpu_microseconds_per_delivery,
    )


async def measure_service(folder: Path) -> Figures:
    """Let a service without an engine tell of a run that is written here."""
    async with embedded.start(folder / "database") as url:
        with running(folder / "data", "serve --no-engine", {"DATABASE_URL": url}) as service:
            async with Database.open(url) as database, signals.running(database) as live:
                begun = await story.begin(await make_world(database, documents=1))

                async def tell() -> tuple[int, float]:
                    await begun.tell()
                    moment = time.monotonic()
                    begun.wake(live)
                    return begun.last, moment

                pid, stream = service.process.pid, f"{service.url}{begun.path}"
                return await measure(Server(pid, stream, service.headers, tell))


async def measure_baseline() -> Figures:
    """Let the baseline tell of events from memory."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.fanout_baseline", stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().strip()
        number = 0
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as client:

            async def tell() -> tuple[int, float]:
                nonlocal number
                number += 1
                reply = await client.post("/publish", content=json.dumps([number, DATA]))
                return number, float(reply.text)

            return await measure(Server(process.pid, f"{url}/events", {}, tell))
    finally:
        process.terminate()
        await process.wait()


async def measure(server: Server) -> Figures:
    """Measure memory and time of a server with all readers, after a few that warm it up."""
    await watch(server, WARM_READERS, events=4)
    before = own_memory(server.pid)
    return await watch(server, READERS, EVENTS, before)


async def watch(server: Server, readers: int, events: int, before: int = 0) -> Figures:
    """Tell so many events to so many readers; `before` is the memory without them."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmarks.fanout_readers",
        server.url,
        str(readers),
        str(events),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=1 << 26,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(dict(server.headers)).encode())
    process.stdin.close()
    assert await process.stdout.readline() == b"ready\n"
    began = cpu_seconds(server.pid)
    told: dict[int, float] = {}
    due = time.monotonic()
    for _ in range(events):
        number, moment = await server.tell()
        told[number] = moment
        due += INTERVAL_SECONDS
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    found = json.loads(await process.stdout.readline())["moments"]
    spent, memory = cpu_seconds(server.pid) - began, own_memory(server.pid)
    await process.wait()
    delays = [
        1000 * (moment - told[int(number)])
        for number, moments in found.items()
        if int(number) in told
        for moment in moments
    ]
    cut = statistics.quantiles(delays, n=100)
    return Figures(
        expected=readers * events,
        received=len(delays),
        p50_ms=cut[49],
        p99_ms=cut[98],
        worst_ms=max(delays),
        kilobytes_per_reader=(memory - before) / 1000 / readers,
        cpu_microseconds_per_delivery=1e6 * spent / len(delays),
    )


def own_memory(pid: int) -> int:
    """Read how many bytes of memory a process has of its own."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Private_"))


def cpu_seconds(pid: int) -> float:
    """Read how long a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
