"""How much of the bare search's speed is left through the service, results and events written?"""

import asyncio
import resource
import tempfile
from pathlib import Path

from rich.console import Console

from service.app import create_app
from service.cli import logs
from service.domain.runs import Run
from service.engine.signals import QUEUE
from service.matching.index import build
from service.matching.search import search
from service.settings import Settings
from tests.benchmarks import report
from tests.benchmarks.bench_search import CORES, time_on_cores
from tests.benchmarks.bench_service import load, titled
from tests.data.tasks import Task, generate_invoices

ROWS, DOCUMENTS = 100_000, 20_000
RUNS = 3


def main() -> None:
    """Print documents per second of both, and where the service's time goes."""
    logs.configure("warning")
    task = generate_invoices(ROWS, DOCUMENTS, seed=1)
    index = build(task.rules, task.row_ids, task.columns)
    bare = DOCUMENTS / time_on_cores(search, index, task.rules, task.documents, RUNS).seconds
    with tempfile.TemporaryDirectory() as folder:
        runs, own_seconds = asyncio.run(measure_runs(Path(folder), task))
    first, *warm = [DOCUMENTS / seconds_of(run) for run in runs]
    best = max(warm)
    table = titled(
        f"{DOCUMENTS:,} documents x {ROWS:,} rows, {CORES} cores", "case", "documents/s", "ratio"
    )
    table.add_row("search alone, two processes", f"{bare:,.0f}", "1.00x")
    table.add_row("through the service, first run", f"{first:,.0f}", f"{first / bare:.2f}x")
    table.add_row("through the service, warm", f"{best:,.0f}", f"{best / bare:.2f}x")
    table.caption = f"the service's own process: {own_seconds:.1f} s of CPU in {RUNS} runs"
    Console().print(table)
    report.write(
        "through",
        {"rows": ROWS, "documents": DOCUMENTS, "bare": bare, "first": first, "warm": best},
    )


def seconds_of(run: Run) -> float:
    """Seconds from the request to the end."""
    if run.rows_processed != DOCUMENTS:
        raise RuntimeError(f"the run has not completed: {run.error}")
    return (run.updated_at - run.created_at).total_seconds()


async def measure_runs(data_dir: Path, task: Task) -> tuple[list[Run], float]:
    """Run again and again; also the CPU seconds of this process, which is the service's own."""
    app = create_app(Settings(data_dir=data_dir, workers=CORES))
    ended = []
    async with app.router.lifespan_context(app):
        services = app.state.services
        world = await load(services.database, task)
        before = resource.getrusage(resource.RUSAGE_SELF)
        for _ in range(RUNS):
            run = await world.queue()
            services.signals.notify(QUEUE)
            ended.append(await world.wait_until_ended(run, services.signals))
        after = resource.getrusage(resource.RUSAGE_SELF)
    return ended, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
