"""Does the true row come first on the project's data sets, without tuning to their truth?"""

from collections.abc import Callable

import pytest

from service.matching import bruteforce
from service.matching.batch import compile_documents
from service.matching.index import build
from tests.data import tasks
from tests.data.tasks import Task


def measure_top_1(task: Task) -> float:
    """Share of the documents with a true row whose first candidate is one."""
    index = build(task.rules, task.row_ids, task.columns)
    batch = compile_documents(index, task.rules, task.documents)
    first = bruteforce.search(index, task.rules, batch, ()).positions[:, 0]
    hits = [row in truth for row, truth in zip(first, task.truth, strict=True) if truth]
    return sum(hits) / len(hits)


@pytest.mark.parametrize(
    ("load", "least"),
    [
        (tasks.load_invoices, 0.96),
        (lambda: tasks.generate_invoices(1000, 500, seed=2), 0.96),
        (lambda: tasks.generate_invoices(1000, 500, seed=3, profile="easy"), 0.98),
        (lambda: tasks.load_febrl4().drop_rows(0.15).first_documents(500), 0.995),
        (lambda: tasks.load_dblp_acm().first_documents(500), 0.99),
        (tasks.load_restaurants, 0.99),
    ],
    ids=["invoices", "invoices-seed-2", "invoices-easy", "febrl4", "dblp_acm", "restaurants"],
)
def test_the_true_row_comes_first(load: Callable[[], Task], least: float) -> None:
    assert measure_top_1(load()) >= least
