"""Does the index hold reference rows as compared and as they came?"""

import numpy as np
import pytest

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FuzzyMapping,
    MatchingRules,
    NumericRangeMapping,
)
from service.domain.errors import MatchingFailedError
from service.domain.identifiers import ReferenceRowId
from service.matching.columns import MISSING
from service.matching.index import ReferenceIndex, build
from service.matching.reference_column import UnreadableReference

NAME = FuzzyMapping(source="name", target="name", weight=0.5)
TOTAL = NumericRangeMapping(source="total", target="total", weight=0.5)


def index_of(*mappings: FuzzyMapping | NumericRangeMapping | DateRangeMapping | ExactMapping,
             **columns: list[str | None]) -> ReferenceIndex:  # fmt: skip
    count = len(next(iter(columns.values())))
    row_ids = [ReferenceRowId(f"r{row}") for row in range(count)]
    return build(MatchingRules(field_mappings=mappings), row_ids, columns)


def test_texts_that_compare_alike_share_a_value_but_keep_their_raw_form() -> None:
    index = index_of(NAME, name=["Vega Ltd", "VEGA", "Omni", "Vega Ltd"])
    column = index.columns[0]
    assert column.column.values.texts.tolist() == ["vega", "omni"]
    assert column.column.codes.tolist() == [0, 0, 1, 0]
    assert column.raw_values(np.arange(4)) == ["Vega Ltd", "VEGA", "Omni", "Vega Ltd"]


def test_empty_and_blank_values_are_missing() -> None:
    index = index_of(NAME, TOTAL, name=["Vega", "", None], total=["  ", None, "12"])
    assert index.columns[0].column.codes.tolist() == [0, MISSING, MISSING]
    assert index.columns[1].column.codes.tolist() == [MISSING, MISSING, 0]
    assert index.columns[1].raw_values(np.arange(3)) == ["  ", None, "12"]
    assert index.unreadable == ()


def test_fillers_are_missing_where_texts_are_compared_by_their_words() -> None:
    paid = ExactMapping(source="paid", target="paid", weight=1)
    index = index_of(
        NAME,
        paid,
        name=["Vega", "?", " - ", "\u2014", "N/A", "#N/A", "n", "nord/a", "-x", "n/"],
        paid=["?", "-", "+", "n/a", "", "yes", "no", "?", "-", "+"],
    )
    assert index.columns[0].column.codes.tolist() == [0, *[MISSING] * 5, 1, 2, 3, 1]
    assert (index.columns[1].column.codes == MISSING).tolist() == [False] * 4 + [True] + [False] * 5
    assert index.columns[0].raw_values(np.arange(1, 3)) == ["?", " - "]
    assert index.unreadable == ()


def test_unreadable_values_are_missing_and_reported_by_rows() -> None:
    due = DateRangeMapping(source="due", target="due", weight=1)
    index = index_of(
        TOTAL,
        due,
        total=["?", "x", "12", "x"],
        due=["2024-02-30", "2024-02-29", None, "2024-02-29"],
    )
    assert index.columns[0].column.codes.tolist() == [MISSING, MISSING, 2, MISSING]
    assert index.unreadable == (
        UnreadableReference("total", 2, "x"),
        UnreadableReference("due", 1, "2024-02-30"),
    )


def test_fillers_are_no_unreadable_dates_or_numbers() -> None:
    assert index_of(TOTAL, total=["n/a", "12", "?", " - "]).unreadable == ()


def test_what_reads_neither_as_number_nor_date_is_still_a_text_to_exact() -> None:
    code = ExactMapping(source="code", target="code", weight=1)
    index = index_of(code, code=["12", "soon", "2024-01-01"])
    assert index.unreadable == ()
    assert np.all(index.columns[0].column.codes != MISSING)


def test_no_rows_make_an_empty_index() -> None:
    index = index_of(NAME, TOTAL, name=[], total=[])
    assert index.row_count == 0
    assert index.unreadable == ()


def test_a_missing_target_is_named() -> None:
    with pytest.raises(MatchingFailedError, match="no column 'total'"):
        index_of(TOTAL, name=["Vega"])


def test_rows_are_found_by_id() -> None:
    index = index_of(NAME, name=["Vega", "Omni"])
    assert index.find_rows([ReferenceRowId("r1"), ReferenceRowId("gone")]) == {"r1": 1}
