"""Does each strategy score pairs as the contract says?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz
from rapidfuzz.distance import JaroWinkler

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    NumericRangeMapping,
    Scorer,
)
from service.matching.columns import type_documents, type_reference
from service.matching.comparators import score_grid, score_pairs
from service.matching.normalize import distinct_tokens, normalize
from tests.unit.matching import naive


def score(mapping: FieldMapping, document: str | float, reference: str) -> float:
    reading, references = type_reference(mapping, [reference])
    return float(
        score_grid(mapping, reading, type_documents(mapping, reading, [document]), references)[0, 0]
    )


def exact(
    *, near: bool = False, case_sensitive: bool = False, verbatim: bool = False
) -> ExactMapping:
    return ExactMapping(
        source="s", target="t", weight=1,
        near=near, case_sensitive=case_sensitive, verbatim=verbatim,
    )  # fmt: skip


def fuzzy(scorer: Scorer = Scorer.TOKEN_SORT, min_score: float = 0.0) -> FuzzyMapping:
    return FuzzyMapping(source="s", target="t", weight=1, scorer=scorer, min_score=min_score)


def numeric(
    percent: float = 5.0, absolute: float | None = None, *, flat: bool = False
) -> NumericRangeMapping:
    return NumericRangeMapping(
        source="s", target="t", weight=1,
        tolerance_percent=percent, tolerance_absolute=absolute, flat=flat,
    )  # fmt: skip


def dates(days: float = 7, *, flat: bool = False) -> DateRangeMapping:
    return DateRangeMapping(source="s", target="t", weight=1, tolerance_days=days, flat=flat)


ALL_MAPPINGS = [
    exact(), exact(near=True), exact(case_sensitive=True), exact(verbatim=True, near=True),
    *(fuzzy(scorer, 0.3) for scorer in Scorer), dates(), dates(0), dates(2, flat=True),
    numeric(), numeric(0), numeric(absolute=0), numeric(absolute=1.5), numeric(3, flat=True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("mapping", "document", "reference", "expected"),
    [
        (exact(), "PO 2023-0001", "po20230001", 1.0),
        (exact(), "PO-1", "PO-2", 0.0),
        (exact(), "1.700,00", "1700.00", 1.0),
        (exact(), 1700, "1700.00", 1.0),
        (exact(), "1.5", "15", 0.0),
        (exact(), "-5", "5", 0.0),
        (exact(), "007", "7", 0.0),
        (exact(), "(310) 475 3585", "3104753585", 1.0),
        (exact(), "1 March 2024", "2024-03-01", 1.0),
        (exact(), True, "TRUE", 1.0),
        (exact(case_sensitive=True), "ab", "AB", 0.0),
        (exact(case_sensitive=True), "É-b", "Eb", 1.0),
        (exact(verbatim=True), "1.0", "1", 0.0),
        (exact(verbatim=True), "a b", "ab", 0.0),
        (exact(near=True), "PO-10001", "po 10001", 1.0),
        (exact(near=True), "abcdefgh12", "abcdefgh13", 0.9 * (0.9 - 0.7) / 0.3),
        (exact(near=True), "PO-2O24-OOl7", "PO-2024-0017", 0.9),
        (exact(near=True), "8/Z4/0OO56I7", "B/24/0005617", 0.9),
        (exact(near=True), "4500OO0735", "4500000735", 0.9),
        (exact(near=True), "abc", "xyz01", 0.0),
        (exact(near=True), "", "xyz01", 0.0),
        (exact(near=True, case_sensitive=True), "AB-123O", "AB-1230", 0.0),
        (exact(near=True, verbatim=True), "AB-123O", "AB-1230", 0.0),
        (exact(), "4500OO0735", "4500000735", 0.0),
        # No identifiers: words, short codes, amounts, years, dates.
        (exact(near=True), "married", "unmarried", 0.0),
        (exact(near=True), "B12", "B1", 0.0),
        (exact(near=True), "30705.3", "3070.53", 0.0),
        (exact(near=True), "2024", "2025", 0.0),
        (exact(near=True), "2024-03-01", "2024-03-02", 0.0),
    ],
)
def test_exact(mapping: FieldMapping, document: str, reference: str, expected: float) -> None:
    assert score(mapping, document, reference) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("mapping", "document", "reference", "expected"),
    [
        (dates(), "2024-03-01", "2024-03-01", 1.0),
        (dates(), "2024-03-08", "2024-03-01", 0.5),
        (dates(), "2024-02-23", "2024-03-01", 0.5),
        (dates(), "2024-03-15", "2024-03-01", 0.0),
        (dates(), "2025-03-15", "2024-03-01", 0.0),
        (dates(0), "2024-03-01", "2024-03-01", 1.0),
        (dates(0), "2024-03-02", "2024-03-01", 0.0),
        (dates(flat=True), "2024-03-08", "2024-03-01", 1.0),
        (dates(flat=True), "2024-03-09", "2024-03-01", 0.0),
        (numeric(), "100", "100", 1.0),
        (numeric(), "105", "100", 0.5),
        (numeric(), "110", "100", 0.0),
        (numeric(), "-100", "100", 0.0),
        (numeric(), "-105", "-100", 0.5),
        (numeric(), "0", "0", 1.0),
        (numeric(), "0.01", "0", 0.0),
        (numeric(0), "100.01", "100", 0.0),
        (numeric(absolute=2), "102", "100", 0.5),
        (numeric(absolute=0), "100", "100", 1.0),
        (numeric(absolute=0), "1e99", "-1e99", 0.0),
        (numeric(10, flat=True), "1.1", "1", 1.0),
        (numeric(10, flat=True), "1.11", "1", 0.0),
        (numeric(0, flat=True), "1.0000000000000002", "1", 0.0),
    ],
)
def test_windows_fall_from_the_value_to_twice_the_tolerance(
    mapping: FieldMapping, document: str, reference: str, expected: float
) -> None:
    assert score(mapping, document, reference) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("document", "better", "worse"),
    [
        ("Systems Axion Bergen Ltd", "Axion Bergen Systems", "Axion Verona Systems"),
        ("MEYER UND CO KG", "Meyer & Co. KG", "Meier Und Sohn"),
        ("Dvořák Ocel s.r.o.", "Dvorak Ocel", "Dvořák Obaly s.r.o."),
        ("Vega Logistik Nord", "Vega Logistik Nord GmbH", "Vega"),
    ],
)
def test_token_sort_prefers_the_same_company(document: str, better: str, worse: str) -> None:
    assert score(fuzzy(), document, better) > score(fuzzy(), document, worse)


def test_below_min_score_counts_nothing() -> None:
    similarity = score(fuzzy(), "abcd", "abcx")
    assert similarity == pytest.approx(0.75)
    assert score(fuzzy(min_score=similarity), "abcd", "abcx") == similarity
    assert score(fuzzy(min_score=similarity + 1e-9), "abcd", "abcx") == 0.0


@given(st.text(min_size=1), st.text(min_size=1))
def test_scorers_are_the_named_ones_on_normalised_text(first: str, second: str) -> None:
    a, b = normalize(first), normalize(second)
    words = distinct_tokens(a), distinct_tokens(b)
    expected = {
        Scorer.IDF: naive.score_idf(naive.Words([frozenset(words[1].split())]), *words),
        Scorer.TOKEN_SORT: fuzz.token_sort_ratio(a, b) / 100,
        Scorer.TOKEN_SET: fuzz.token_set_ratio(a, b) / 100,
        Scorer.RATIO: fuzz.ratio(a, b) / 100,
        Scorer.JARO_WINKLER: JaroWinkler.similarity(a, b),
    }
    for scorer, similarity in expected.items():
        assert score(fuzzy(scorer), first, second) == pytest.approx(similarity, abs=1e-12)


VALUES = st.one_of(
    st.text(alphabet="ab1 .-Éß", min_size=1, max_size=6).filter(str.strip),
    st.sampled_from(["12", "12.0", "1.234", "2024-03-01", "03/04/2024", "12/25/2024", "-7", "0"]),
)
# Documents do not always read 1.234 as the column does: see NumberStyle.
SETTLED_VALUES = VALUES.filter(lambda text: text != "1.234")


@pytest.mark.parametrize("mapping", ALL_MAPPINGS)
@given(
    documents=st.lists(VALUES, min_size=1, max_size=4),
    rows=st.lists(VALUES, min_size=1, max_size=4),
)
def test_grid_and_pairs_agree_and_stay_between_0_and_1(
    mapping: FieldMapping, documents: list[str], rows: list[str]
) -> None:
    reading, references = type_reference(mapping, rows)
    values = type_documents(mapping, reading, documents)
    grid = np.nan_to_num(score_grid(mapping, reading, values, references), nan=0.0)
    assert grid.min() >= 0
    assert grid.max() <= 1
    for place in range(len(rows)):
        repeated = references.take(np.full(len(documents), place))
        pairs = np.nan_to_num(score_pairs(mapping, reading, values, repeated), nan=0.0)
        assert pairs.tolist() == grid[:, place].tolist()


@pytest.mark.parametrize(
    "mapping", [exact(), exact(near=True), *map(fuzzy, Scorer), dates(), numeric(absolute=3)]
)
@given(first=SETTLED_VALUES, second=SETTLED_VALUES)
def test_sides_may_change_places(mapping: FieldMapping, first: str, second: str) -> None:
    reading, references = type_reference(mapping, [first, second])
    documents = type_documents(mapping, reading, [first, second])
    grid = np.nan_to_num(score_grid(mapping, reading, documents, references), nan=0.0)
    assert grid.tolist() == grid.T.tolist()
