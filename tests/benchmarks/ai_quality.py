"""What does a model of known accuracy make of the rules' answers, and what does that cost?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from service.domain.configs import AiOptions, MatchingRules
from service.domain.runs import Run
from service.store.database import Database
from tests.benchmarks.ai_scenes import Databases, Scene, staged
from tests.data.tasks import Task, generate_invoices, load_restaurants
from tests.fake_ai.limits import VendorLimits
from tests.fake_ai.policies import by_truth, fingerprint
from tests.seeding import add_config, add_documents, add_reference

ACCURACY = 0.95
MAX_SHARE = 0.25
ROWS, DOCUMENTS = 10_000, 1_000
# Seeds that chose nothing else.
SEEDS = (31, 32)
WIDE = VendorLimits(requests=60_000, input_tokens=60_000_000, output_tokens=20_000_000)


@dataclass(frozen=True, slots=True)
class Case:
    """A set with the threshold of its config."""

    name: str
    task: Task
    threshold: float


def cases() -> list[Case]:
    """The sets, by the default threshold and by one that suits them better."""
    found = []
    for seed in SEEDS:
        task = generate_invoices(ROWS, DOCUMENTS, seed, "hard")
        found += [Case(f"invoices, hard, seed {seed}", task, at) for at in (0.85, 0.70)]
    return [*found, Case("restaurants", load_restaurants(), 0.85)]


async def measure(databases: Databases, folder: Path) -> list[dict[str, Any]]:
    """Match every case by rules, then let the pass look at no more than MAX_SHARE."""
    rows = []
    for place, case in enumerate(cases()):
        place_of = folder / f"quality-{place}"
        async with staged(await databases.fresh(), place_of, WIDE, 0, 20) as scene:
            scene.vendor.behaviour.latency_seconds = 0.01
            rows.append(await measure_case(scene, case))
    return rows


async def measure_case(scene: Scene, case: Case) -> dict[str, Any]:
    """Run one case with the pass on; the rules' answer stands in each result, too."""
    rules = replace(case.task.rules, threshold=case.threshold, ai=AiOptions(max_share=MAX_SHARE))
    scene.vendor.behaviour.policy = by_truth(truth_of(case.task, rules), ACCURACY)
    run = await scene.finished(await start(scene, case.task, rules))
    if run.ai is None or run.ai.to_resolve != run.ai.resolved:
        raise RuntimeError(f"not all is resolved: {run.ai}")
    found = await matches(scene.world.database, run)
    total = len(case.task.documents)
    return {
        "set": case.name,
        "threshold": case.threshold,
        "f1_before": f1([by_rules for by_rules, _ in found], case.task),
        "f1_after": f1([with_ai for _, with_ai in found], case.task),
        "share_sent": run.ai.to_resolve / total,
        "usd_per_1000": run.ai.cost_usd / total * 1_000,
    }


def truth_of(task: Task, rules: MatchingRules) -> Mapping[str, frozenset[str]]:
    """The true rows of each document, all by the fingerprints of what is sent."""
    mappings = [(each.source, each.target) for each in rules.field_mappings]

    def of(row: Mapping[str, Any], place: int) -> str:
        return fingerprint({pair[0]: row.get(pair[place]) for pair in mappings})

    return {
        of(document, 0): frozenset(of(task.rows[row], 1) for row in rows)
        for document, rows in zip(task.documents, task.truth, strict=True)
    }


async def start(scene: Scene, task: Task, rules: MatchingRules) -> Run:
    """Put the task into the database, and queue a run over it."""
    world = scene.world
    columns = list(task.rows[0])
    rows = [
        (str(place), [row[name] or None for name in columns]) for place, row in enumerate(task.rows)
    ]
    reference = await add_reference(world.database, world.workspace_id, rows, columns)
    documents = {
        f"{place:06}": {name: value or None for name, value in document.items()}
        for place, document in enumerate(task.documents)
    }
    await add_documents(world.database, world.workspace_id, documents)
    config = await add_config(world.database, world.workspace_id, reference, rules)
    return await world.queue(matching_config_id=config, reference_data_id=reference, ai=True)


async def matches(database: Database, run: Run) -> list[tuple[int | None, int | None]]:
    """Return for each document the row that the rules matched, and the one that holds now."""
    async with database.connection() as connection:
        records = await connection.fetch(
            """
            SELECT matched_reference_row_id AS now, candidates -> 0 ->> 'reference_row_id' AS best,
                   (candidates -> 0 ->> 'confidence')::float8 >= (rules ->> 'threshold')::float8
                       AS is_match
            FROM results JOIN runs ON runs.id = results.run_id
            WHERE run_id = $1 ORDER BY document_id
            """,
            run.id,
        )
    return [
        (
            int(each["best"]) if each["is_match"] else None,
            None if each["now"] is None else int(each["now"]),
        )
        for each in records
    ]


def f1(claims: Sequence[int | None], task: Task) -> float:
    """Hold claims against the truth."""
    made = [each for each in claims if each is not None]
    right = sum(
        claim in rows for claim, rows in zip(claims, task.truth, strict=True) if claim is not None
    )
    return 2 * right / (len(made) + sum(map(bool, task.truth)))
