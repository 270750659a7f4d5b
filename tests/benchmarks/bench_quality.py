"""Which scorer and options find the true row most often, and do the defaults reach the floors?

What is chosen by some seeds is held against the floors by others (`tests.data.data_sets`).
"""

import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from multiprocessing.pool import Pool

from service.domain.configs import (
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    MatchingRules,
    MissingPolicy,
    Scorer,
)
from service.matching.batch import compile_documents
from service.matching.comparators import credits_near_misses
from service.matching.index import build
from service.matching.reference_column import ReferenceColumn
from service.matching.search import search
from tests.benchmarks import report
from tests.data.data_sets import SETS, DataSet
from tests.data.figures import Figures, average, measure

CORES = 2


@dataclass(frozen=True, slots=True)
class Variant:
    """What may be a default: the scorer of fuzzy mappings, `near` of exact ones, `missing`."""

    scorer: Scorer
    near: bool
    missing: MissingPolicy


_CHOSEN = Variant(
    FuzzyMapping(source="", target="", weight=1).scorer,
    ExactMapping(source="", target="", weight=1).near,
    MatchingRules(field_mappings=()).missing,
)
_Job = tuple[str, int, Scorer]


def main() -> None:
    """Print Markdown tables (several minutes), and write all figures to build/bench."""
    with multiprocessing.get_context("spawn").Pool(CORES) as pool:
        measured = _measure(pool, Scorer, lambda data: data.chosen_by)
        held_out = _measure(pool, [_CHOSEN.scorer], lambda data: data.held_out)
    _print_scorers(measured)
    _print_options(measured)
    _print_floors(held_out)
    report.write(
        "quality",
        {
            "chosen_by": [_flatten(*each) for each in measured.items()],
            "held_out": [_flatten(*each) for each in held_out.items() if each[0][1] == _CHOSEN],
        },
    )


def _measure(
    pool: Pool,
    scorers: Iterable[Scorer],
    seeds_of: Callable[[DataSet], Sequence[int]],
) -> dict[tuple[str, Variant], Figures]:
    """Return the means over the seeds, by name of the set and variant."""
    jobs = [
        (name, seed, scorer)
        for (name, data), scorer in product(SETS.items(), scorers)
        for seed in seeds_of(data)
    ]
    collected: dict[tuple[str, Variant], list[Figures]] = {}
    for (name, _, _), found in zip(jobs, pool.imap(_measure_job, jobs), strict=True):
        for variant, figures in found.items():
            collected.setdefault((name, variant), []).append(figures)
    return {key: average(figures) for key, figures in collected.items()}


def _measure_job(job: _Job) -> dict[Variant, Figures]:
    """Match one task with one scorer, by both missing policies, with and without near misses."""
    name, seed, scorer = job
    task = SETS[name].load(seed)
    found: dict[Variant, Figures] = {}
    for near in (True, False):
        mappings = tuple(_vary(each, scorer, near) for each in task.rules.field_mappings)
        rules = replace(task.rules, field_mappings=mappings)
        index = build(rules, task.row_ids, task.columns)
        for missing in MissingPolicy:
            varied = replace(rules, missing=missing)
            batch = compile_documents(index, varied, task.documents)
            top = search(index, varied, batch, ())
            found[Variant(scorer, near, missing)] = measure(top, task.truth, varied)
        if not any(map(_credits_near_misses, mappings, index.columns)):
            return found | {replace(each, near=False): found[each] for each in found}
    return found


def _credits_near_misses(mapping: FieldMapping, column: ReferenceColumn) -> bool:
    return isinstance(mapping, ExactMapping) and credits_near_misses(mapping, column.reading)


def _vary(mapping: FieldMapping, scorer: Scorer, near: bool) -> FieldMapping:
    if isinstance(mapping, FuzzyMapping):
        return replace(mapping, scorer=scorer)
    return replace(mapping, near=near) if isinstance(mapping, ExactMapping) else mapping


def _flatten(key: tuple[str, Variant], figures: Figures) -> dict[str, str | bool | float]:
    return {"set": key[0], **asdict(key[1]), **asdict(figures)}


def _print_scorers(measured: Mapping[tuple[str, Variant], Figures]) -> None:
    print(f"\nScorers, with near misses and `missing: {_CHOSEN.missing}`.\n")
    print("| set | scorer | top-1 | among five | best F1 | F1 at .85 |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for name, scorer in product(SETS, Scorer):
        figures = measured[name, replace(_CHOSEN, scorer=scorer)]
        print(f"| {name} | {scorer} | {_cells(figures)} |")


def _print_options(measured: Mapping[tuple[str, Variant], Figures]) -> None:
    print(f"\nOptions, with the scorer `{_CHOSEN.scorer}`.\n")
    print("| set | near | missing | top-1 | among five | best F1 | F1 at .85 |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: |")
    for name, near, missing in product(SETS, (True, False), MissingPolicy):
        figures = measured[name, Variant(_CHOSEN.scorer, near, missing)]
        print(f"| {name} | {'on' if near else 'off'} | {missing} | {_cells(figures)} |")


def _print_floors(held_out: Mapping[tuple[str, Variant], Figures]) -> None:
    print("\nDefaults on seeds that chose nothing, against the floors.\n")
    print("| set | top-1 | floor | among five | floor | best F1 | F1 at .85 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, data in SETS.items():
        figures = held_out[name, _CHOSEN]
        first, five, *rest = _cells(figures).split(" | ")
        floors = f"{first} | {data.first_floor:.3f} | {five} | {data.five_floor:.3f}"
        print(f"| {name} | {floors} | {' | '.join(rest)} |")


def _cells(figures: Figures) -> str:
    return " | ".join(f"{figure:.4f}" for figure in asdict(figures).values())


if __name__ == "__main__":
    main()
