"""How often does the true row come first, and how many matches at the threshold are right?"""

from dataclasses import replace

from rich.console import Console
from rich.table import Table

from service.domain.configs import ExactMapping, MissingPolicy
from service.matching.index import build
from service.matching.match import match_documents
from tests.data import tasks
from tests.data.tasks import Task
from tests.unit.matching.test_quality import measure_top_1

DROPPED_SHARE = 0.15


def main() -> None:
    """Print top-1 of documents that have a true row, and F1 of the matches at the threshold."""
    loaded = {
        "invoices": tasks.load_invoices(),
        "invoices, seed 2": tasks.generate_invoices(1000, 500, seed=2),
        "invoices, hard": tasks.generate_invoices(1000, 500, seed=3, profile="hard"),
        "febrl4, 15% dropped": tasks.load_febrl4().drop_rows(DROPPED_SHARE),
        "dblp_acm": tasks.load_dblp_acm(),
        "dblp_acm, 15% dropped": tasks.load_dblp_acm().drop_rows(DROPPED_SHARE),
        "restaurants": tasks.load_restaurants(),
    }
    table = Table(title="Quality on whole data sets (dropped: share of the reference rows)")
    table.add_column("set")
    for heading in ("top-1", "without near", "F1 at .85", "missing: zero"):
        table.add_column(heading, justify="right")
    for name, task in loaded.items():
        figures = (
            measure_top_1(task),
            measure_top_1(_without_near(task)),
            _measure_f1(task),
            _measure_f1(_lose_missing(task)),
        )
        table.add_row(name, *(f"{figure:.4f}" for figure in figures))
    Console().print(table)


def _measure_f1(task: Task) -> float:
    """F1 of the first candidates whose confidence reaches the threshold."""
    index = build(task.rules, task.row_ids, task.columns)
    row_ids = task.row_ids
    matches = match_documents(index, task.rules, task.documents)
    claimed = right = 0
    for match, truth in zip(matches, task.truth, strict=True):
        if match.candidates and match.candidates[0].confidence >= task.rules.threshold:
            claimed += 1
            right += match.candidates[0].reference_row_id in {row_ids[row] for row in truth}
    return 2 * right / (claimed + sum(map(bool, task.truth)))


def _lose_missing(task: Task) -> Task:
    return replace(task, rules=replace(task.rules, missing=MissingPolicy.ZERO))


def _without_near(task: Task) -> Task:
    mappings = tuple(
        replace(mapping, near=False) if isinstance(mapping, ExactMapping) else mapping
        for mapping in task.rules.field_mappings
    )
    return replace(task, rules=replace(task.rules, field_mappings=mappings))
