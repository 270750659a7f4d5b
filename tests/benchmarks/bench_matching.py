"""How many documents a second does brute force match, and how many a plain double loop?"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from service.matching import bruteforce
from service.matching.batch import compile_documents
from service.matching.index import build
from tests.data.tasks import Task, generate_invoices
from tests.unit.matching import naive

SIZES = (1_000, 10_000)
DOCUMENTS = 500
REPEATS = 3
# The double loop is timed on as many documents as make about this many pairs.
NAIVE_PAIRS = 10_000


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds to build the index, and documents per second of both searches."""

    build_seconds: float
    naive_rate: float
    bruteforce_rate: float


def main() -> None:
    """Print one row per number of reference rows; one process, one core."""
    table = Table(title="Brute force against a plain double loop (generated invoices, 6 mappings)")
    headings = ("rows", "index s", "double loop docs/s", "brute force docs/s", "ratio")
    for heading in headings:
        table.add_column(heading, justify="right")
    for rows in SIZES:
        figures = measure(generate_invoices(rows, DOCUMENTS, seed=1))
        table.add_row(
            f"{rows:,}",
            f"{figures.build_seconds:.2f}",
            f"{figures.naive_rate:,.1f}",
            f"{figures.bruteforce_rate:,.0f}",
            f"{figures.bruteforce_rate / figures.naive_rate:,.0f}x",
        )
    Console().print(table)


def measure(task: Task) -> Figures:
    """Time both on the same task; they must agree on the documents that both matched.

    The double loop gets its values typed beforehand: it is charged for comparing only, while
    brute force is charged for typing the documents too.
    """
    columns, row_ids = task.columns, task.row_ids
    build_seconds = _best_of(lambda: build(task.rules, row_ids, columns))
    index = build(task.rules, row_ids, columns)

    def match() -> bruteforce.TopRows:
        batch = compile_documents(index, task.rules, task.documents)
        return bruteforce.search(index, task.rules, batch, ())

    few = task.first_documents(max(1, NAIVE_PAIRS // len(task.rows)))
    typed = naive.prepare(task.rules, task.rows, few.documents)
    started = time.perf_counter()
    expected = naive.search(task.rules, typed)
    naive_seconds = time.perf_counter() - started
    top = match()
    for document, best in enumerate(expected):
        scores = [score for _, score in best]
        if not np.allclose(top.scores[document, : len(best)], scores, rtol=0, atol=1e-9):
            raise AssertionError(f"brute force and double loop differ on document {document}")
    return Figures(
        build_seconds,
        len(few.documents) / naive_seconds,
        len(task.documents) / _best_of(match),
    )


def _best_of(work: Callable[[], object]) -> float:
    """Seconds of the fastest of REPEATS runs: the others measure the neighbours' load."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
