"""How fast is the index of a large table made and found again, and how much memory does it take?

One million generated orders, six mappings, two processes: as in a service on two cores.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from service.domain.configs import MatchingRules
from service.domain.documents import RunDocument
from service.domain.identifiers import DocumentId, RunId, new_id
from service.engine import chunks, index_building, index_cache
from service.engine.chunks import ChunkJob, ChunkOutcome, match_chunk
from service.engine.executors import local_pool
from service.engine.index_building import IndexJob, make_index
from service.matching import index_file
from service.matching.index import build_from_rows
from service.matching.rows_file import RowsFile
from tests import jobs
from tests.benchmarks import report
from tests.data import make_invoices
from tests.data.tasks import INVOICE_MAPPINGS
from tests.pools import compute

ROWS, DOCUMENTS = 1_000_000, 400
PROCESSES = 2
REPEATS = 2
RULES = MatchingRules(field_mappings=INVOICE_MAPPINGS)
MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Building:
    """Seconds of the steps from a file of rows to a saved index, in one process."""

    parsing: float
    typing_and_layout: float
    saving: float
    megabytes: float
    peak_megabytes: float


def main() -> None:
    """Print the figures, and write them as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        job, documents = prepare(Path(folder))
        building = min(
            (measure_building(job) for _ in range(REPEATS)),
            key=lambda each: each.parsing + each.typing_and_layout + each.saving,
        )
        figures = asyncio.run(measure_service(job, documents))
    seconds = building.parsing + building.typing_and_layout
    figures |= {
        "rows": ROWS,
        "mappings": len(INVOICE_MAPPINGS),
        "building": asdict(building),
        "rows_per_second": ROWS / seconds,
        "rows_per_second_saving_included": ROWS / (seconds + building.saving),
    }
    report.write("index", figures)
    table = Table(title=f"Index of {ROWS:,} generated orders, {len(INVOICE_MAPPINGS)} mappings")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in flatten(figures):
        table.add_row(name, f"{value:,.3f}" if value < 10 else f"{value:,.0f}")
    Console().print(table)


def flatten(figures: object, name: str = "") -> Iterable[tuple[str, float]]:
    """Yield every number with the path to it."""
    if isinstance(figures, dict):
        for key, value in figures.items():
            yield from flatten(value, f"{name} {key}".strip())
    elif isinstance(figures, list):
        for place, value in enumerate(figures):
            yield from flatten(value, f"{name} {place + 1}")
    elif isinstance(figures, int | float):
        yield name, figures


def prepare(folder: Path) -> tuple[IndexJob, list[RunDocument]]:
    """Write the rows as an export does, and return what is to be made of them."""
    orders, invoices, _ = make_invoices.generate(  # type: ignore[no-untyped-call]
        ROWS, DOCUMENTS, 1, "normal"
    )
    encoder = msgspec.json.Encoder()
    path = folder / "rows.ndjson"
    with path.open("wb") as file:
        file.writelines(
            encoder.encode([order[0], [value or None for value in order]]) + b"\n"
            for order in orders
        )
    rows = RowsFile(path=path, row_count=ROWS, columns=tuple(make_invoices.PO_COLS))
    job = IndexJob(path=folder / "orders.index", rows=rows, mappings=index_cache.ask(RULES))
    documents = [
        RunDocument(
            DocumentId(invoice[0]),
            None,
            json.dumps(dict(zip(make_invoices.INV_COLS, invoice, strict=True))),
        )
        for invoice in invoices
    ]
    return job, documents


def measure_building(job: IndexJob) -> Building:
    """Time the steps in a process of their own."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_index", str(job.rows.path)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return Building(**json.loads(answer.stdout.splitlines()[-1]))


def build_here(path: Path) -> Building:
    """Time the steps in this process."""
    rows_file = RowsFile(path=path, row_count=ROWS, columns=tuple(make_invoices.PO_COLS))
    mappings = index_cache.ask(RULES)
    started = time.perf_counter()
    rows = rows_file.read(frozenset(mapping.target for mapping in mappings))
    parsed = time.perf_counter()
    index = build_from_rows(mappings, rows)
    built = time.perf_counter()
    saved = path.with_suffix(".saved")
    with saved.open("w+b") as file:
        index_file.save(index, file)
    status = Path("/proc/self/status").read_text().split()
    return Building(
        parsed - started,
        built - parsed,
        time.perf_counter() - built,
        saved.stat().st_size / MEGABYTE,
        int(status[status.index("VmHWM:") + 1]) * 1024 / MEGABYTE,
    )


async def measure_service(job: IndexJob, documents: list[RunDocument]) -> dict[str, object]:
    """Make the index by a pool as a first run does, and find it with fresh processes."""
    preload = (chunks.__name__, index_building.__name__, jobs.__name__)
    async with local_pool(PROCESSES, preload) as pool:
        await compute(pool, jobs.own_memory, [0] * PROCESSES)
        started = time.perf_counter()
        (made,) = await compute(pool, make_index, [job])
        first_run = time.perf_counter() - started
        assert made.error is None
    job.rows.path.unlink()
    async with local_pool(PROCESSES, preload) as pool:
        idle = await compute(pool, jobs.own_memory, [0] * PROCESSES)
        started = time.perf_counter()
        loading = await compute(pool, jobs.time_loading, [job.path] * PROCESSES)
        found_again = time.perf_counter() - started
        half = len(documents) // PROCESSES
        parts = [documents[:half], documents[half:]] * 4
        outcomes = await compute(pool, match_chunk, [chunk(job.path, part) for part in parts])
        assert all(isinstance(outcome, ChunkOutcome) for outcome in outcomes)
        searching = await compute(pool, jobs.own_memory, [0] * PROCESSES)
        assert len({each.pid for each in searching}) == PROCESSES
    return {
        "first_run_waits_seconds": first_run,
        "next_run_waits_seconds": found_again,
        "map_and_verify_seconds": max(loading),
        "idle_process": [own_and_share(each) for each in idle],
        "searching_process": [own_and_share(each) for each in searching],
    }


def own_and_share(memory: jobs.Memory) -> dict[str, float]:
    """Name the megabytes of a process."""
    return {
        "own_megabytes": memory.own_megabytes,
        "proportional_megabytes": memory.proportional_megabytes,
    }


def chunk(index: Path, documents: list[RunDocument]) -> ChunkJob:
    """Match some documents."""
    return ChunkJob(
        run_id=RunId(new_id()),
        index=index,
        rules=RULES,
        is_first=False,
        documents=tuple(documents),
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(asdict(build_here(Path(sys.argv[1])))))
    else:
        main()
