"""Is a saved index the index that was built?"""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    MatchingRules,
    NumericRangeMapping,
    Scorer,
)
from service.domain.identifiers import ReferenceRowId
from service.matching import index_file
from service.matching.columns import Column, Reading, Values
from service.matching.idf import TokenWeights
from service.matching.index import ReferenceIndex, build
from service.matching.match import match_documents
from service.matching.parsing_numbers import NumberStyle
from service.matching.reference_column import ReferenceColumn, UnreadableReference
from service.matching.text_lookup import TextLookup
from service.matching.texts import Texts
from tests.data.tasks import Task, load_invoices, load_restaurants


def save_and_load(index: ReferenceIndex, path: Path) -> ReferenceIndex:
    with path.open("w+b") as file:
        index_file.save(index, file)
    with path.open("rb") as file:
        return index_file.load(file)


def check_same(one: object, other: object) -> None:
    """Compare whatever an index consists of, part by part."""
    if isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, np.asarray(other))
    elif isinstance(one, TokenWeights):
        assert isinstance(other, TokenWeights)
        assert (dict(one.by_token), one.unknown) == (dict(other.by_token), other.unknown)
    elif isinstance(one, dict):
        assert isinstance(other, dict)
        check_same(tuple(one.items()), tuple(other.items()))
    elif isinstance(one, tuple):
        assert isinstance(other, tuple)
        for each, its_match in zip(one, other, strict=True):
            check_same(each, its_match)
    elif isinstance(one, ReferenceIndex | ReferenceColumn | Column | Values | Reading
                    | TextLookup | Texts):  # fmt: skip
        for field in fields(one):
            check_same(getattr(one, field.name), getattr(other, field.name))
    else:
        assert one == other


EVERY_KIND = (
    FuzzyMapping(source="a", target="name", weight=1),
    FuzzyMapping(source="a", target="name", weight=1, scorer=Scorer.IDF),
    ExactMapping(source="a", target="name", weight=1, verbatim=True),
    ExactMapping(source="b", target="total", weight=1),
    NumericRangeMapping(source="b", target="total", weight=1),
    DateRangeMapping(source="c", target="due", weight=1),
    ExactMapping(source="c", target="due", weight=1),
    NumericRangeMapping(source="b", target="name", weight=1),
    ExactMapping(source="d", target="phone", weight=1, near=True),
)


@pytest.mark.parametrize("mappings", [EVERY_KIND, EVERY_KIND[:1]])
@pytest.mark.parametrize("count", [0, 1, 4])
def test_every_part_of_an_index_comes_back(
    tmp_path: Path, mappings: tuple[FieldMapping, ...], count: int
) -> None:
    four: dict[str, list[str | None]] = {
        "name": ["Vega Øst Ltd", "VEGA", None, "Vega Øst Ltd"],
        "total": ["1.234,5", "12", "", "1,5"],
        "due": ["04/13/2024", "2024-02-01", "2024-02-30", None],
        "phone": ["030 12345", "0351-54321", "030 12345", ""],
    }
    columns = {name: values[:count] for name, values in four.items()}
    row_ids = [ReferenceRowId(f"r{row}") for row in range(count)]
    built = build(MatchingRules(field_mappings=mappings), row_ids, columns)
    check_same(built, save_and_load(built, tmp_path / "index"))


@pytest.mark.parametrize("load", [load_invoices, load_restaurants])
def test_documents_match_a_saved_index_as_they_match_the_one_that_was_built(
    tmp_path: Path, load: Callable[[], Task]
) -> None:
    task = load()
    built = build(task.rules, task.row_ids, task.columns)
    saved = save_and_load(built, tmp_path / "index")
    excluded = [(0, row_id) for row_id in task.row_ids[:20]]
    documents = task.documents[:100]
    expected = match_documents(built, task.rules, documents, excluded)
    assert match_documents(saved, task.rules, documents, excluded) == expected


def test_no_part_of_an_index_is_forgotten() -> None:
    # Whoever adds a field has to save it as well (`index_file`); then this list may grow.
    known = {
        ReferenceIndex: "rows columns layout",
        ReferenceColumn: "column reading raw_codes raw_texts unreadable",
        UnreadableReference: "target count sample",
        Column: "values codes",
        Values: "texts numbers",
        Reading: "kind day_first number_style token_weights holds_identifiers",
        TokenWeights: "by_token unknown",
        NumberStyle: "own_decimal_marks three_place_marks",
    }
    for kind, names in known.items():
        assert " ".join(field.name for field in fields(kind)) == names
