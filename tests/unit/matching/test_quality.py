"""Does the true row come first on the project's data sets, on seeds that nothing was chosen by?"""

import pytest

from service.matching.batch import compile_documents
from service.matching.index import build
from service.matching.search import search
from tests.data.data_sets import SETS
from tests.data.figures import Figures, average, measure
from tests.data.tasks import Task


def measure_defaults(task: Task) -> Figures:
    """Match by the mappings' and the rules' defaults."""
    index = build(task.rules, task.row_ids, task.columns)
    batch = compile_documents(index, task.rules, task.documents)
    return measure(search(index, task.rules, batch, ()), task.truth, task.rules)


@pytest.mark.parametrize("name", SETS)
def test_the_true_row_comes_first(name: str) -> None:
    data = SETS[name]
    figures = average([measure_defaults(data.load(seed)) for seed in data.held_out])
    assert figures.top_1 >= data.first_floor
    assert figures.top_5 >= data.five_floor
