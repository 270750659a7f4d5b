"""Is brute force the plain double loop, only faster?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    MatchingRules,
    MissingPolicy,
    NumericRangeMapping,
    Scorer,
    normalize_weights,
)
from service.domain.documents import FieldValue
from service.domain.identifiers import ReferenceRowId
from service.matching import bruteforce
from service.matching.batch import compile_documents
from service.matching.bruteforce import MAX_BLOCK_CELLS, MAX_BLOCK_DOCUMENTS, NO_ROW, TopRows
from service.matching.index import build
from tests.unit.matching import naive

FIELDS = ("a", "b", "c")
TEXTS = st.one_of(
    st.none(),
    st.sampled_from(
        ["", " ", "?", " --", "N/A", "Vega", "vega ltd", "Vega Nord", "Véga", "Omni", "12", "12.5",
         "13", "1.234", "2024-03-01", "2024-03-05", "03/04/2024", "x9", "東京", "東京都",
         "PO-10001", "PO-1OOO1", "p010002", "po-10001"]
    ),
    st.text(max_size=4),
)  # fmt: skip
VALUES = st.one_of(TEXTS, st.integers(-20, 20), st.sampled_from([12.5, 1.234, True]))
DOCUMENTS = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, VALUES)), max_size=5)
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(FIELDS, TEXTS)), max_size=12)


@st.composite
def mappings(draw: st.DrawFn) -> FieldMapping:
    common: dict[str, Any] = {
        "source": draw(st.sampled_from(FIELDS)),
        "target": draw(st.sampled_from(FIELDS)),
        "weight": draw(st.sampled_from([0.0, 0.1, 0.3, 1.0])),
    }
    options: list[FieldMapping] = [
            ExactMapping(**common), ExactMapping(**common, near=True),
            ExactMapping(**common, verbatim=True), ExactMapping(**common, case_sensitive=True),
            FuzzyMapping(**common), FuzzyMapping(**common, scorer=Scorer.TOKEN_SET),
            FuzzyMapping(**common, scorer=Scorer.JARO_WINKLER, min_score=0.5),
            FuzzyMapping(**common, scorer=Scorer.RATIO), FuzzyMapping(**common, scorer=Scorer.IDF),
            FuzzyMapping(**common, scorer=Scorer.IDF, min_score=0.6), DateRangeMapping(**common),
            DateRangeMapping(**common, flat=True, tolerance_days=4),
            NumericRangeMapping(**common), NumericRangeMapping(**common, tolerance_absolute=2.0),
            NumericRangeMapping(**common, tolerance_percent=0),
    ]  # fmt: skip
    return draw(st.sampled_from(options))


@st.composite
def rule_sets(draw: st.DrawFn) -> MatchingRules:
    drawn = draw(st.lists(mappings(), min_size=1, max_size=4))
    if not any(mapping.weight for mapping in drawn):
        drawn.append(FuzzyMapping(source="a", target="a", weight=1.0))
    missing = draw(st.sampled_from(MissingPolicy))
    return MatchingRules(field_mappings=normalize_weights(drawn), missing=missing)


def search(
    rules: MatchingRules,
    rows: Sequence[Mapping[str, str | None]],
    documents: Sequence[Mapping[str, FieldValue]],
    exclusions: frozenset[tuple[int, int]] = frozenset(),
) -> TopRows:
    row_ids = [ReferenceRowId(str(row)) for row in range(len(rows))]
    columns = {name: [row[name] for row in rows] for name in FIELDS}
    index = build(rules, row_ids, columns)
    batch = compile_documents(index, rules, documents)
    return bruteforce.search(index, rules, batch, exclusions)


@given(
    rule_sets(), ROWS, DOCUMENTS, st.frozensets(st.tuples(st.integers(0, 6), st.integers(0, 13)))
)
def test_equals_the_double_loop(
    rules: MatchingRules,
    rows: list[dict[str, str | None]],
    documents: list[dict[str, FieldValue]],
    exclusions: frozenset[tuple[int, int]],
) -> None:
    top = search(rules, rows, documents, exclusions)
    expected = naive.search(rules, naive.prepare(rules, rows, documents), exclusions)
    for document, best in enumerate(expected):
        count = len(best)
        assert top.scores[document, :count] == pytest.approx([score for _, score in best])
        assert (top.positions[document, count:] == NO_ROW).all()
        assert (top.scores[document, count:] == 0).all()
        # Positions agree up to rounding: the loop's own scorers may differ in the last bit.
        confidences = dict(
            pair for pair in zip(top.positions[document], top.scores[document], strict=True)
        )
        for row, score in best:
            assert confidences.get(row, best[-1][1]) == pytest.approx(score)


@given(rule_sets(), ROWS, DOCUMENTS, st.integers(1, 3))
def test_chunking_changes_no_bit(
    rules: MatchingRules,
    rows: list[dict[str, str | None]],
    documents: list[dict[str, FieldValue]],
    length: int,
) -> None:
    whole = search(rules, rows, documents)
    starts = range(0, len(documents), length)
    parts = [search(rules, rows, documents[start : start + length]) for start in starts]
    for name in ("positions", "scores"):
        pieces = [getattr(whole, name)[:0], *(getattr(part, name) for part in parts)]
        assert np.concatenate(pieces).tolist() == getattr(whole, name).tolist()


def test_equal_scores_stand_in_row_order_across_blocks() -> None:
    rules = MatchingRules(field_mappings=(FuzzyMapping(source="a", target="a", weight=1.0),))
    block = MAX_BLOCK_CELLS // MAX_BLOCK_DOCUMENTS
    names = {3: "Vega", block - 1: "Vega", block: "Vega", block + 5: "Nord Vega", 2 * block: "Vega"}
    rows: list[dict[str, str | None]] = [
        {"a": names.get(row, "Omni"), "b": None, "c": None} for row in range(2 * block + 1)
    ]
    documents: list[dict[str, FieldValue]] = [{"a": "vega"}] * (MAX_BLOCK_DOCUMENTS + 1)
    last = len(documents) - 1
    top = search(rules, rows, documents, frozenset({(last, block - 1), (last, 0)}))
    assert top.positions[0].tolist() == [3, block - 1, block, 2 * block, block + 5]
    assert top.positions[last, :4].tolist() == [3, block, 2 * block, block + 5]
    omni = search(rules, rows, [{"a": "omni"}], frozenset({(0, 0), (0, 2)}))
    assert omni.positions[0].tolist() == [1, 4, 5, 6, 7]


def test_rows_that_agree_in_nothing_are_no_candidates() -> None:
    rules = MatchingRules(field_mappings=(ExactMapping(source="a", target="a", weight=1.0),))
    top = search(rules, [{"a": "x", "b": "", "c": ""}], [{"a": "y"}, {}])
    assert (top.positions == NO_ROW).all()


@pytest.mark.parametrize(
    ("missing", "confidence"),
    [(MissingPolicy.LENIENT, 1.0), (MissingPolicy.IGNORE, 1.0), (MissingPolicy.ZERO, 0.6)],
)
def test_weight_of_a_missing_field_is_spread_or_lost(
    missing: MissingPolicy, confidence: float
) -> None:
    rules = MatchingRules(
        field_mappings=(
            ExactMapping(source="a", target="a", weight=0.6),
            ExactMapping(source="b", target="b", weight=0.4),
        ),
        missing=missing,
    )
    row = {"a": "x", "b": "y", "c": None}
    assert search(rules, [row], [{"a": "x"}]).scores[0, 0] == confidence


@pytest.mark.parametrize(
    ("missing", "confidence", "score"),
    [
        (MissingPolicy.LENIENT, 0.7, 0.25),
        (MissingPolicy.IGNORE, 0.6, 0),
        (MissingPolicy.ZERO, 0.6, 0),
    ],
)
def test_a_value_that_the_row_lacks_scores_a_quarter_or_nothing(
    missing: MissingPolicy, confidence: float, score: float
) -> None:
    rules = MatchingRules(
        field_mappings=(
            ExactMapping(source="a", target="a", weight=0.6),
            FuzzyMapping(source="b", target="b", weight=0.4),
        ),
        missing=missing,
    )
    rows: list[dict[str, str | None]] = [
        {"a": "x", "b": "omni", "c": None},
        {"a": "x", "b": None, "c": None},
        {"a": "x", "b": "?", "c": None},
        {"a": "y", "b": None, "c": None},
    ]
    top = search(rules, rows, [{"a": "x", "b": "vega"}])
    order = [1, 2, 0] if score else [0, 1, 2]
    assert top.positions[0].tolist() == [*order, NO_ROW, NO_ROW]
    assert top.scores[0, order.index(1)] == confidence
    assert top.field_scores[0, order.index(2)].tolist() == [1, score]


def test_little_that_is_there_is_never_certain() -> None:
    rules = MatchingRules(
        field_mappings=(
            ExactMapping(source="a", target="a", weight=0.1),
            ExactMapping(source="b", target="b", weight=0.9),
        )
    )
    row = {"a": "x", "b": "y", "c": None}
    assert search(rules, [row], [{"a": "x"}]).scores[0, 0] == pytest.approx(0.25)


def test_an_empty_reference_row_wins_nothing() -> None:
    rules = MatchingRules(
        field_mappings=(
            FuzzyMapping(source="a", target="a", weight=0.5),
            ExactMapping(source="b", target="b", weight=0.5),
        )
    )
    rows: list[dict[str, str | None]] = [
        {"a": "vega", "b": None, "c": None},
        {"a": "vegas", "b": "1", "c": None},
    ]
    assert search(rules, rows, [{"a": "vega", "b": "1"}]).positions[0, 0] == 1
