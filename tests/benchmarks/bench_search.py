"""How many documents a second does the search match, against comparing everything?

Both sides use two cores and get their values typed: parsing and index building are reported apart.
Ratios are of time on the clock, and of the processors' time, which what else runs changes less.
"""

import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.sharedctypes import SynchronizedArray
from multiprocessing.synchronize import Barrier
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Indel
from rich.console import Console
from rich.table import Table

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    MatchingRules,
    MissingPolicy,
    NumericRangeMapping,
    Scorer,
)
from service.domain.results import MAX_CANDIDATES
from service.matching import bruteforce
from service.matching.batch import DocumentBatch, compile_documents
from service.matching.bruteforce import TopRows
from service.matching.columns import MISSING
from service.matching.index import ReferenceIndex, build
from service.matching.match import match_documents
from service.matching.search import search
from tests.benchmarks import report
from tests.data import tasks
from tests.data.tasks import Task

# How often each side has its turn, by rows: what takes milliseconds is disturbed most by others.
TURNS = {1_000: 20, 10_000: 20, 100_000: 9, 1_000_000: 3}
SIZES = tuple(TURNS)
CORES = 2
DOCUMENTS = 500
# A baseline gets as many documents as make about this many pairs.
BASELINE_PAIRS = 20_000_000

_VENDOR = FuzzyMapping(
    source="vendor_name", target="vendor_name", weight=0.30, scorer=Scorer.TOKEN_SORT
)
_DESCRIPTION = replace(_VENDOR, source="description", target="description", weight=0.10)
TABLE_A = MatchingRules(
    field_mappings=(
        ExactMapping(source="po_number", target="po_number", weight=0.25, near=False),
        _VENDOR,
        NumericRangeMapping(
            source="amount", target="amount", weight=0.20, tolerance_percent=2, flat=True
        ),
        DateRangeMapping(
            source="invoice_date", target="order_date", weight=0.10, tolerance_days=60, flat=True
        ),
        ExactMapping(source="currency", target="currency", weight=0.05, near=False),
        _DESCRIPTION,
    ),
    missing=MissingPolicy.ZERO,
)
TABLE_B = MatchingRules(field_mappings=tasks.INVOICE_MAPPINGS)

Search = Callable[[ReferenceIndex, MatchingRules, DocumentBatch, tuple[()]], TopRows]


def texts_alone(vendor: float, description: float, scorer: Scorer) -> MatchingRules:
    """Return rules of two fuzzy mappings."""
    return MatchingRules(
        field_mappings=(
            replace(_VENDOR, weight=vendor, scorer=scorer),
            replace(_DESCRIPTION, weight=description, scorer=scorer),
        )
    )


@dataclass(frozen=True, slots=True)
class Case:
    """Rules, the sizes to try them at, and what they are compared with."""

    name: str
    rules: MatchingRules
    sizes: tuple[int, ...]
    baseline: str


CASES = (
    Case("A: token_sort, flat, no near", TABLE_A, SIZES, "B1"),
    Case("B: the defaults", TABLE_B, SIZES, "brute force"),
    Case("names .7, descriptions .3", texts_alone(0.7, 0.3, Scorer.TOKEN_SORT), SIZES[2:3], "B1"),
    Case("names .5, descriptions .5", texts_alone(0.5, 0.5, Scorer.TOKEN_SORT), SIZES[2:3], "B1"),
    Case("idf, .7 and .3", texts_alone(0.7, 0.3, Scorer.IDF), SIZES[2:3], "brute force"),
)


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds on the clock, and of all processors."""

    seconds: float
    processor_seconds: float


@dataclass(frozen=True, slots=True)
class _Turns:
    """What a process does again and again, when all are ready, and where it notes its clocks."""

    count: int
    barrier: Barrier
    clock: "SynchronizedArray[float]"


def main() -> None:
    """Print a row per case and size; write the same figures as JSON."""
    table = Table(title="Search against comparing everything (generated invoices, two cores)")
    headings = ("case", "rows", "baseline", "its docs/s", "engine docs/s", "ratio", "processors'")
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("case", "baseline") else "right")
    figures = []
    for size in SIZES:
        task = tasks.generate_invoices(size, DOCUMENTS, seed=1)
        for case in (each for each in CASES if size in each.sizes):
            found = measure(case, task)
            figures.append(found)
            table.add_row(
                case.name,
                f"{size:,}",
                case.baseline,
                f"{found['baseline_rate']:,.1f}",
                f"{found['engine_rate']:,.0f}",
                f"{found['ratio']:,.1f}x",
                f"{found['processor_ratio']:,.1f}x",
            )
    of_case_a = {figure["rows"]: figure for figure in figures if figure["case"][0] == "A"}
    smaller, larger = of_case_a[SIZES[2]], of_case_a[SIZES[3]]
    growth = smaller["engine_rate"] / larger["engine_rate"]
    processor_growth = larger["engine_processor_ms"] / smaller["engine_processor_ms"]
    single = measure_single(tasks.generate_invoices(SIZES[2], DOCUMENTS, seed=1))
    console = Console()
    console.print(table)
    console.print(
        f"A document costs {growth:.1f} times as much at 1M rows as at 100k (case A), "
        f"{processor_growth:.1f} times of the processors' time."
    )
    console.print(
        "One document against a warm index of 100k rows, evidence included: "
        f"p50 {single[0]:.2f} ms, p99 {single[1]:.2f} ms."
    )
    report.write(
        "search",
        {
            "cases": figures,
            "growth": growth,
            "processor_growth": processor_growth,
            "single_ms": single,
        },
    )


def measure(case: Case, task: Task) -> dict[str, Any]:
    """Time a case; both sides must agree on the documents that both matched."""
    turns = TURNS[len(task.rows)]
    started = time.perf_counter()
    index = build(case.rules, task.row_ids, task.columns)
    build_seconds = time.perf_counter() - started
    started = time.perf_counter()
    batch = compile_documents(index, case.rules, task.documents)
    typing_seconds = time.perf_counter() - started
    few = task.first_documents(
        max(20, min(len(task.documents), BASELINE_PAIRS // len(task.rows)))
    ).documents
    fewer = compile_documents(index, case.rules, few)
    if case.baseline == "B1":
        found_in_turns = [search_by_cdist(index, case.rules, fewer) for _ in range(turns)]
        baseline, scores = least_of([taken for taken, _ in found_in_turns]), found_in_turns[0][1]
    else:
        baseline = time_on_cores(bruteforce.search, index, case.rules, few, turns)
        scores = bruteforce.search(index, case.rules, fewer, ()).scores
    engine = time_on_cores(search, index, case.rules, task.documents, turns)
    found = search(index, case.rules, batch, ()).scores[: len(few)]
    if not np.allclose(found, scores, rtol=0, atol=1e-5):
        raise AssertionError(f"{case.name}: the search and {case.baseline} differ")
    engine_rate = len(task.documents) / engine.seconds
    baseline_rate = len(few) / baseline.seconds
    engine_each = engine.processor_seconds / len(task.documents)
    baseline_each = baseline.processor_seconds / len(few)
    return {
        "case": case.name,
        "rows": len(task.rows),
        "documents": len(task.documents),
        "cores": CORES,
        "baseline": case.baseline,
        "baseline_documents": len(few),
        "baseline_rate": baseline_rate,
        "engine_rate": engine_rate,
        "ratio": engine_rate / baseline_rate,
        "engine_processor_ms": 1e3 * engine_each,
        "baseline_processor_ms": 1e3 * baseline_each,
        "processor_ratio": baseline_each / engine_each,
        "index_seconds": build_seconds,
        "typing_ms_per_document": 1e3 * typing_seconds / len(task.documents),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure_single(task: Task) -> tuple[float, float]:
    """Milliseconds to match one document, from its fields to its evidence: median and p99."""
    index = build(TABLE_B, task.row_ids, task.columns)
    milliseconds = []
    for document in task.documents:
        started = time.perf_counter()
        match_documents(index, TABLE_B, [document])
        milliseconds.append(1e3 * (time.perf_counter() - started))
    return float(np.median(milliseconds)), float(np.percentile(milliseconds, 99))


def time_on_cores(
    searching: Search, index: ReferenceIndex, rules: MatchingRules, documents: Any, turns: int
) -> Taken:
    """Take the least time of some turns; see `on_cores`."""
    with on_cores(searching, index, rules, documents, turns) as take:
        return least_of([take() for _ in range(turns)])


@contextmanager
def on_cores(
    searching: Search, index: ReferenceIndex, rules: MatchingRules, documents: Any, turns: int
) -> Iterator[Callable[[], Taken]]:
    """Keep processes that share the index; each of `turns` calls has them search their documents.

    They read the clock themselves, from the first that begins to the last that ends: a process
    that waits for them may be woken when they have long begun.
    """
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(CORES + 1)
    parts = [_Turns(turns, barrier, context.Array("d", 3)) for _ in range(CORES)]
    children = [
        context.Process(
            target=_search_part,
            args=(part, searching, index, rules, documents[core::CORES]),
            daemon=True,
        )
        for core, part in enumerate(parts)
    ]
    for child in children:
        child.start()

    def take() -> Taken:
        barrier.wait()
        barrier.wait()
        begun, ended, spent = zip(*(part.clock[:] for part in parts), strict=True)
        return Taken(max(ended) - min(begun), sum(spent))

    yield take
    for child in children:
        child.join()
        if child.exitcode:
            raise AssertionError("A searching process failed.")


def least_of(taken: list[Taken]) -> Taken:
    """Return the least of each: what others on the machine added is no part of the work."""
    return Taken(min(each.seconds for each in taken), min(each.processor_seconds for each in taken))


def _search_part(
    turns: _Turns,
    searching: Search,
    index: ReferenceIndex,
    rules: MatchingRules,
    part: Any,
) -> None:
    batch = compile_documents(index, rules, part)
    searching(index, rules, compile_documents(index, rules, part[:1]), ())
    for _ in range(turns.count):
        turns.barrier.wait()
        begun, spent = time.perf_counter(), time.process_time()
        searching(index, rules, batch, ())
        turns.clock[:] = [begun, time.perf_counter(), time.process_time() - spent]
        turns.barrier.wait()


def search_by_cdist(
    index: ReferenceIndex, rules: MatchingRules, batch: DocumentBatch
) -> tuple[Taken, NDArray[np.float64]]:
    """B1: rapidfuzz over all rows for each fuzzy field on all cores, numpy for the rest.

    Returns the time taken and the best scores. The comparison texts are those of the index, so that
    the answers can be compared.
    """
    texts = {
        place: np.append(
            column.column.values.texts.take(np.arange(len(column.column.values.texts))), ""
        )[column.column.codes].tolist()
        for place, column in enumerate(index.columns)
        if isinstance(rules.field_mappings[place], FuzzyMapping)
    }
    at_once = max(1, min(200, BASELINE_PAIRS // index.row_count))
    best = []
    started, spent = time.perf_counter(), time.process_time()
    for start in range(0, batch.document_count, at_once):
        documents = slice(start, start + at_once)
        scores = np.zeros((len(batch.weights[documents]), index.row_count), dtype=np.float32)
        for place, mapping in enumerate(rules.field_mappings):
            weights = batch.weights[documents, place].astype(np.float32)
            scores += weights[:, None] * _score_rows(
                index, mapping, place, batch, documents, texts.get(place, [])
            )
        top = np.partition(scores, -MAX_CANDIDATES, axis=1)[:, -MAX_CANDIDATES:]
        best.append(-np.sort(-top, axis=1))
    taken = Taken(time.perf_counter() - started, time.process_time() - spent)
    return taken, np.concatenate(best).astype(np.float64)


def _score_rows(
    index: ReferenceIndex,
    mapping: FieldMapping,
    place: int,
    batch: DocumentBatch,
    documents: slice,
    texts: list[str],
) -> NDArray[Any]:
    reference, field = index.columns[place].column, batch.columns[place]
    codes = field.codes[documents]
    if isinstance(mapping, FuzzyMapping):
        asked = np.append(np.asarray(field.values.texts, dtype=object), "")[codes].tolist()
        found: NDArray[np.float32] = process.cdist(
            asked, texts, scorer=Indel.normalized_similarity, dtype=np.float32, workers=CORES
        )
        found[codes == MISSING] = 0
        return found
    if isinstance(mapping, ExactMapping):
        code_of = {text: code for code, text in enumerate(reference.values.texts.tolist())}
        own = np.array([*(code_of.get(text, -2) for text in field.values.texts), -2])
        equal: NDArray[np.bool_] = own[codes][:, None] == reference.codes[None, :]
        return equal
    numbers = np.append(reference.values.numbers, np.nan)[reference.codes]
    asked = np.append(field.values.numbers, np.nan)[codes]
    tolerance: Any = (
        mapping.tolerance_days
        if isinstance(mapping, DateRangeMapping)
        else (np.abs(numbers) * mapping.tolerance_percent / 100)
    )
    inside: NDArray[np.bool_] = np.abs(asked[:, None] - numbers[None, :]) <= tolerance
    return inside
