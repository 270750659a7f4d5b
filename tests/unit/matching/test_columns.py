"""Is every field typed the way its reference column reads?"""

import math

import numpy as np
import pytest

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    NumericRangeMapping,
    Scorer,
)
from service.domain.documents import FieldValue
from service.matching.columns import (
    MISSING,
    Kind,
    factorize,
    text_for,
    text_of,
    type_documents,
    type_reference,
)

EXACT = ExactMapping(source="s", target="t", weight=1)
FUZZY = FuzzyMapping(source="s", target="t", weight=1)
NUMERIC = NumericRangeMapping(source="s", target="t", weight=1)
DATES = DateRangeMapping(source="s", target="t", weight=1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None), ("", None), (" \t", None), (" a ", " a "), (True, "true"), (False, "false"),
        (7, "7"), (7.0, "7"), (7.5, "7.5"), (4500000735, "4500000735"),
    ],
)  # fmt: skip
def test_json_values_have_the_text_a_table_would_hold(value: FieldValue, text: str | None) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("text", "is_text"),
    [
        ("?", False), ("--", False), (" \u2013 ", False), ("...", False), ("N/A", False),
        ("#n/a ", False), ("_", False), ("***", True), ("!!!", True), ("?!", True), ("na", True),
        ("-1", True), ("n/a b", True), ("\u4e00", True),
    ],
)  # fmt: skip
def test_fillers_are_no_text_to_a_fuzzy_mapping(text: str, is_text: bool) -> None:
    assert text_for(FUZZY, text) == (text if is_text else None)
    assert text_for(EXACT, text) == text


def test_distinct_values_are_numbered_as_they_appear() -> None:
    codes, distinct = factorize(["b", None, "a", "b"])
    assert codes.tolist() == [0, MISSING, 1, 0]
    assert distinct == ["b", "a"]


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["12", "7.5"], Kind.NUMBER),
        (["4500000735"], Kind.NUMBER),
        (["2024-03-01", "1.4.2024"], Kind.DATE),
        (["20240301"], Kind.DATE),
        (["20240301", "20249999"], Kind.NUMBER),
        (["2024-03-01", "soon"], Kind.TEXT),
        (["0812", "12"], Kind.TEXT),
        (["0.5", "12"], Kind.NUMBER),
        (["1234567890123456"], Kind.TEXT),
        (["12", "x"], Kind.TEXT),
        (["310-475-3585"], Kind.TEXT),
        ([], Kind.TEXT),
    ],
)
def test_exact_compares_by_what_the_whole_column_reads_as(texts: list[str], kind: Kind) -> None:
    assert type_reference(EXACT, texts)[0].kind is kind


@pytest.mark.parametrize(
    ("texts", "are_identifiers"),
    [
        (["PO-2024-0001", "4500000735", "B/24/0000001"], True),
        (["4500000735"], True),
        (["310-475-3585", "(0)30 12345"], True),
        (["DE 136 695 976", "pending", "n/a", "DE136695977", "FR 12 345678901"], True),
        (["pending", "n/a", "DE136695976"], False),
        (["12.50", "10000.00"], False),
        (["2023", "2024"], False),
        (["A1", "A12"], False),
        (["2024-03-01"], False),
        (["EUR", "USD"], False),
        ([], False),
    ],
)
def test_most_values_of_identifiers_are_long_and_have_digits(
    texts: list[str], are_identifiers: bool
) -> None:
    assert type_reference(EXACT, texts)[0].holds_identifiers is are_identifiers


def test_verbatim_never_compares_by_value() -> None:
    verbatim = ExactMapping(source="s", target="t", weight=1, verbatim=True)
    reading, values = type_reference(verbatim, ["12 ", "7"])
    assert reading.kind is Kind.TEXT
    assert values.texts.tolist() == ["12 ", "7"]


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        (FUZZY, "nord vega"),
        (FuzzyMapping(source="s", target="t", weight=1, scorer=Scorer.RATIO), "vega nord"),
        (FuzzyMapping(source="s", target="t", weight=1, scorer=Scorer.IDF), "nord vega"),
        (EXACT, "veganordag"),
        (ExactMapping(source="s", target="t", weight=1, case_sensitive=True), "VegaNordAG"),
        (ExactMapping(source="s", target="t", weight=1, verbatim=True), "Vega-Nord AG"),
    ],
)
def test_each_strategy_compares_its_own_form(mapping: FieldMapping, text: str) -> None:
    assert type_reference(mapping, ["Vega-Nord AG"])[1].texts.tolist() == [text]


@pytest.mark.parametrize(
    ("reference", "value", "number"),
    [
        (["10.50"], "1.234", 1234.0),
        (["10.50"], 1.234, 1.234),
        (["0.125"], "1.234", 1.234),
        (["10.50"], 7, 7.0),
        (["10.50"], 10**400, None),
        (["10.50"], True, None),
        (["10.50"], "007", 7.0),
        (["10.50"], "x", None),
    ],
)
def test_documents_numbers_are_read_as_the_column_is(
    reference: list[str], value: str | float, number: float | None
) -> None:
    reading, _ = type_reference(NUMERIC, reference)
    read = type_documents(NUMERIC, reading, [value]).numbers[0]
    assert math.isnan(read) if number is None else read == number


def test_identifiers_among_documents_are_no_numbers_to_exact() -> None:
    reading, _ = type_reference(EXACT, ["12", "7"])
    values = type_documents(EXACT, reading, ["007", "7.0", 7])
    assert np.isnan(values.numbers).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("reference", "mapping", "iso"),
    [
        (["2024-01-31"], DATES, "2024-04-03"),
        (["31/01/2024"], DATES, "2024-04-03"),
        (["01/31/2024"], DATES, "2024-03-04"),
        (["31/01/2024"], DateRangeMapping(source="s", target="t", weight=1, day_first=False),
         "2024-04-03"),
        (["2024-01-31"], DateRangeMapping(source="s", target="t", weight=1, day_first=False),
         "2024-03-04"),
        (["01/31/2024"], EXACT, "2024-03-04"),
    ],
)  # fmt: skip
def test_documents_dates_follow_the_columns_order_else_the_option(
    reference: list[str], mapping: FieldMapping, iso: str
) -> None:
    reading, _ = type_reference(mapping, reference)
    days = type_documents(mapping, reading, ["03/04/2024"]).numbers[0]
    assert str(np.datetime64("1970-01-01") + np.timedelta64(int(days), "D")) == iso


def test_a_whole_number_can_be_a_compact_date() -> None:
    reading, _ = type_reference(DATES, ["2024-01-31"])
    first, second = type_documents(DATES, reading, [20240131, "2024-01-31"]).numbers
    assert first == second


@pytest.mark.parametrize(
    ("common", "odd"), [("{:d}", "x"), ("{:d}", "0123"), ("2024-01-01T00:00:{:05d}", "soon")]
)
def test_one_odd_value_far_down_makes_a_column_text(common: str, odd: str) -> None:
    texts = [common.format(number) for number in range(1, 200)]
    assert type_reference(EXACT, texts)[0].kind is not Kind.TEXT
    assert type_reference(EXACT, [*texts, odd])[0].kind is Kind.TEXT
