"""How much of the bare search's speed is left through the service, results and events written?

Both have their turns one after the other: the machine is not equally fast all the time.
"""

import asyncio
import resource
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from service.app import create_app
from service.cli import logs
from service.domain.runs import Run
from service.engine.signals import QUEUE
from service.matching.index import build
from service.matching.search import search
from service.settings import Settings
from tests.benchmarks import report
from tests.benchmarks.bench_search import CORES, Taken, on_cores
from tests.benchmarks.bench_service import load, titled
from tests.data.tasks import Task, generate_invoices

ROWS, DOCUMENTS = 100_000, 20_000
# The first of them loads the index.
TURNS = 6


@dataclass(frozen=True, slots=True)
class Turn:
    """Seconds that the search alone took, and from the request of a run to its end."""

    bare: float
    through: float

    @property
    def ratio(self) -> float:
        """What is left of the speed of the search."""
        return self.bare / self.through


def main() -> None:
    """Print documents per second of both, and where the service's time goes."""
    logs.configure("warning")
    task = generate_invoices(ROWS, DOCUMENTS, seed=1)
    index = build(task.rules, task.row_ids, task.columns)
    with (
        tempfile.TemporaryDirectory() as folder,
        on_cores(search, index, task.rules, task.documents, TURNS) as take,
    ):
        (first, *warm), own_seconds = asyncio.run(measure(Path(folder), task, take))
    bare = median(DOCUMENTS / turn.bare for turn in warm)
    through = median(DOCUMENTS / turn.through for turn in warm)
    ratios = sorted(turn.ratio for turn in warm)
    table = titled(
        f"{DOCUMENTS:,} documents x {ROWS:,} rows, {CORES} cores", "case", "documents/s", "ratio"
    )
    table.add_row("search alone, two processes", f"{bare:,.0f}", "1.00x")
    table.add_row(
        "through the service, first run", f"{DOCUMENTS / first.through:,.0f}", f"{first.ratio:.2f}x"
    )
    table.add_row("through the service, warm", f"{through:,.0f}", f"{median(ratios):.2f}x")
    table.caption = (
        f"medians of {len(warm)} turns, {ratios[0]:.2f}x to {ratios[-1]:.2f}x; "
        f"the service's own process: {own_seconds:.1f} s of CPU in {TURNS} runs"
    )
    Console().print(table)
    report.write(
        "through",
        {
            "rows": ROWS,
            "documents": DOCUMENTS,
            "bare": bare,
            "first": DOCUMENTS / first.through,
            "warm": through,
            "first_ratio": first.ratio,
            "warm_ratios": ratios,
        },
    )


def seconds_of(run: Run) -> float:
    """Seconds from the request to the end."""
    if run.rows_processed != DOCUMENTS:
        raise RuntimeError(f"the run has not completed: {run.error}")
    return (run.updated_at - run.created_at).total_seconds()


async def measure(
    data_dir: Path, task: Task, take: Callable[[], Taken]
) -> tuple[list[Turn], float]:
    """Let both have their turns; also the CPU seconds of this process, the service's own."""
    app = create_app(Settings(data_dir=data_dir, workers=CORES))
    turns = []
    async with app.router.lifespan_context(app):
        services = app.state.services
        world = await load(services.database, task)
        before = resource.getrusage(resource.RUSAGE_SELF)
        for _ in range(TURNS):
            bare = await asyncio.to_thread(take)
            run = await world.queue()
            services.signals.notify(QUEUE)
            ended = await world.wait_until_ended(run, services.signals)
            turns.append(Turn(bare.seconds, seconds_of(ended)))
        after = resource.getrusage(resource.RUSAGE_SELF)
    return turns, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
