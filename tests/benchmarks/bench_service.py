"""How fast is the service around the matching: a small run, its loop, its watchers?"""

import asyncio
import csv
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.table import Table

from service.app import create_app
from service.cli import logs
from service.domain.configs import MatchingRules, RunTarget
from service.domain.documents import FieldValue
from service.engine.signals import QUEUE
from service.matching.index import build
from service.matching.match import match_documents
from service.settings import Settings
from tests import sse
from tests.data.tasks import INVOICE_MAPPINGS, Task, generate_invoices
from tests.seeding import World, add_config, add_documents, add_reference, add_workspace
from tests.service_process import ServiceProcess, running

RUNS = 20
READERS = 50
LOAD_ROWS, LOAD_DOCUMENTS = 2_000, 20_000
PROBE_SECONDS = 0.005
IDLE_SECONDS = 3.0


def main() -> None:
    """Print one table per question."""
    console = Console()
    # Lines of the service that runs in this process would stand in the middle of a table.
    logs.configure("warning")
    with tempfile.TemporaryDirectory() as folder:
        with running(Path(folder) / "data", "demo") as service:
            service.wait_for("Ctrl-C")
            console.print(asyncio.run(measure_runs(service)))
            console.print(asyncio.run(measure_readers(service)))
        console.print(asyncio.run(measure_loop(Path(folder) / "loop")))


def titled(title: str, *headings: str) -> Table:
    """Make a table whose figures stand to the right."""
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


async def measure_runs(service: ServiceProcess) -> Table:
    """Time the sample's run, warm, from POST to `completed`; baseline: the matching alone."""
    async with client_of(service) as client:
        config = (await client.get("/v1/matching/configs")).json()["data"][0]
        seconds = [await time_a_run(client, config["id"]) for _ in range(RUNS)]
    baseline = time_matching_alone()
    median = statistics.median(seconds)
    table = titled(
        f"200 invoices against 2,450 purchase orders, median of {RUNS}", "case", "ms", "ratio"
    )
    table.add_row("matching alone, one process", f"{baseline * 1000:.0f}", "1.0x")
    table.add_row("POST run to completed", f"{median * 1000:.0f}", f"{median / baseline:.1f}x")
    table.add_row(
        "slowest of them", f"{max(seconds) * 1000:.0f}", f"{max(seconds) / baseline:.1f}x"
    )
    return table


async def time_a_run(client: httpx2.AsyncClient, config_id: str) -> float:
    """Follow a run's stream to its end."""
    began = time.perf_counter()
    reply = await client.post(f"/v1/matching/configs/{config_id}/run")
    told = await sse.read_events(client, reply.json()["links"]["events"])
    seconds = time.perf_counter() - began
    if told[-1].json["run"]["status"] != "completed":
        raise RuntimeError(f"the run has not completed: {told[-1].data}")
    return seconds


def time_matching_alone() -> float:
    """Match the sample here with a warm index: what no service can be faster than on one core."""
    rows, documents = sample("purchase_orders.csv"), sample("invoices.csv")
    rules = MatchingRules(field_mappings=INVOICE_MAPPINGS)
    task = Task(rules, documents, rows, [])
    index = build(rules, task.row_ids, task.columns)
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        match_documents(index, rules, documents)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def sample(name: str) -> list[dict[str, str]]:
    """Read one of the shipped sample's files."""
    text = files("service.cli").joinpath("sample", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


async def measure_readers(service: ServiceProcess) -> Table:
    """Count what 50 readers of one run get; baseline: the events that the run has."""
    async with client_of(service) as client:
        config = (await client.get("/v1/matching/configs")).json()["data"][0]
        run = (await client.post(f"/v1/matching/configs/{config['id']}/run")).json()
        path = run["links"]["events"]
        from_start = {"Last-Event-ID": "0"}
        async with asyncio.TaskGroup() as tasks:
            readers = [
                tasks.create_task(sse.read_events(client, path, from_start)) for _ in range(READERS)
            ]
        expected = (await client.get(run["links"]["self"])).json()["last_event_id"]
    whole = list(range(1, expected + 1))
    in_order = sum([block.number for block in each.result()] == whole for each in readers)
    received = sum(len(each.result()) for each in readers)
    table = titled(f"{READERS} readers of one run", "events expected", "received", "in order")
    table.add_row(f"{READERS * expected:,}", f"{received:,}", f"{in_order} of {READERS}")
    return table


async def measure_loop(data_dir: Path) -> Table:
    """Measure how late the service's loop wakes, with a run at full speed; baseline: idle."""
    app = create_app(Settings(data_dir=data_dir, workers=2))
    async with app.router.lifespan_context(app):
        services = app.state.services
        world = await load(services.database, generate_invoices(LOAD_ROWS, LOAD_DOCUMENTS, 1))
        idle: list[float] = []
        await probe(idle, asyncio.timeout(IDLE_SECONDS))
        busy: list[float] = []
        run = await world.queue()
        services.signals.notify(QUEUE)
        async with asyncio.TaskGroup() as tasks:
            probing = tasks.create_task(probe(busy, asyncio.timeout(None)))
            ended = await world.wait_until_ended(run, services.signals)
            probing.cancel()
    if ended.rows_processed != LOAD_DOCUMENTS:
        raise RuntimeError(f"the run has not completed: {ended.error}")
    table = titled("How late the event loop wakes", "case", "samples", "p50 ms", "p99 ms", "max ms")
    for case, late in (("idle", idle), ("a run at full speed", busy)):
        cut = statistics.quantiles(late, n=100)
        figures = [f"{value * 1000:.2f}" for value in (cut[49], cut[98], max(late))]
        table.add_row(case, f"{len(late):,}", *figures)
    seconds = (ended.updated_at - (ended.started_at or ended.updated_at)).total_seconds()
    ratio = statistics.quantiles(busy, n=100)[98] / statistics.quantiles(idle, n=100)[98]
    table.caption = f"{LOAD_DOCUMENTS / seconds:,.0f} documents/s meanwhile; p99 ratio {ratio:.1f}x"
    return table


async def probe(late: list[float], bound: asyncio.Timeout) -> None:
    """Sleep for 5 ms again and again; note how much longer it took."""
    try:
        async with bound:
            while True:
                began = time.perf_counter()
                await asyncio.sleep(PROBE_SECONDS)
                late.append(time.perf_counter() - began - PROBE_SECONDS)
    except TimeoutError:
        return


async def load(database: Any, task: Task) -> World:
    """Store the reference rows and documents of a task."""
    workspace_id = await add_workspace(database)
    names = list(task.rows[0])
    rows = [
        (row_id, [row[name] for name in names])
        for row_id, row in zip(task.row_ids, task.rows, strict=True)
    ]
    reference_id = await add_reference(database, workspace_id, rows, names)
    documents: dict[str, dict[str, FieldValue]] = {
        f"doc_{place:06}": dict(fields) for place, fields in enumerate(task.documents)
    }
    await add_documents(database, workspace_id, documents)
    config_id = await add_config(database, workspace_id, reference_id, task.rules, RunTarget())
    return World(database, workspace_id, reference_id, config_id)


@asynccontextmanager
async def client_of(service: ServiceProcess) -> AsyncIterator[httpx2.AsyncClient]:
    """Open a client that may hold a connection for each reader."""
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(
        base_url=service.url, headers=service.headers, limits=limits, trust_env=False, timeout=60
    ) as client:
        yield client
