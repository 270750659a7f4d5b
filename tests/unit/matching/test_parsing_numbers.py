"""Are amounts read as their writers meant them?"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.matching.parsing_numbers import NumberStyle, bounded, infer_style, read_numbers

NO_MARKS: frozenset[str] = frozenset()


def read(text: str, decimal_marks: frozenset[str] = NO_MARKS) -> float | None:
    value = float(read_numbers([text], decimal_marks)[0])
    return None if math.isnan(value) else value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1234.5", 1234.5), ("1.234,56", 1234.56), ("1,234.56", 1234.56),
        ("1 234,56", 1234.56), ("1\u00a0234,56", 1234.56), ("1\u202f234 567,5", 1234567.5),
        ("1'234.50", 1234.5), ("1’234.50", 1234.5), ("1.234.567", 1234567),  # noqa: RUF001
        ("12,34,567.89", 1234567.89), ("$1,234.56", 1234.56), ("EUR 1.234,56", 1234.56),
        ("1.234,56 €", 1234.56), ("US$ 3", 3), ("5 kr.", 5), ("R$ 1.234,50", 1234.5),
        ("12,-", 12), ("12.–", 12), ("5 %", 5), ("1e5", 1e5), ("1.5E-3", 0.0015),  # noqa: RUF001
        ("1.234e3", 1234), ("0.123", 0.123), (",5", 0.5), ("5.", 5), ("1234,567", 1234.567),
        ("00123", 123), ("٣٤", 34), ("+7", 7), ("1.234,5", 1234.5), ("1 234", 1234),
    ],
)  # fmt: skip
def test_reads_both_conventions(text: str, expected: float) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    ["-5", "5-", "(5)", "($5)", "- 5", "\u22125", "€-5", "-€5", "5 EUR-", "5- EUR", "(5,00 €)"],
)
def test_reads_every_kind_of_minus(text: str) -> None:
    assert read(text) == -5


@pytest.mark.parametrize(
    "text",
    [
        "", "-", "abc", "NaN", "inf", "1e999", "9" * 150, "9" * 5000, "1.2.3", "1 23", "(5", "5)",
        "--5", "(-5)", "1.234,5,6", "1,2345.6", "²", "½", "1_000", "310-475-3585", "PO 5",
        "5 pieces", "1,5e3", "12:30", "1'23", "1\n2",
    ],
)  # fmt: skip
def test_what_is_no_amount_is_unreadable(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize("text", ["1.234", "1,234", "999.000"])
def test_a_doubtful_mark_separates_thousands_unless_told_otherwise(text: str) -> None:
    plain = text.replace(",", ".")
    assert read(text) == float(plain) * 1000
    assert read(text, frozenset(".,")) == float(plain)


@pytest.mark.parametrize(
    ("texts", "own", "in_documents"),
    [
        (["10.50", "1.234"], ".", "."),
        (["10.50", "3.25"], ".", ""),
        (["0.125"], ".", "."),
        (["1.234"], "", ""),
        (["1.234,50", "x", "7"], ",", ""),
        (["1,5", "1.5"], ".,", ""),
        (["10.5", "7"], ".", ""),
        (["10", "7"], "", ""),
        ([], "", ""),
    ],
)
def test_a_column_shows_its_decimal_mark(texts: list[str], own: str, in_documents: str) -> None:
    assert infer_style(texts) == NumberStyle(frozenset(own), frozenset(in_documents))


@pytest.mark.parametrize(("value", "expected"), [(3, 3.0), (2.5, 2.5), (-(10**99), -1e99)])
def test_numbers_of_json_stay(value: float, expected: float) -> None:
    assert bounded(value) == expected


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 10**400, 1e200])
def test_numbers_beyond_any_amount_are_unreadable(value: float) -> None:
    assert math.isnan(bounded(value))


@given(st.decimals(-(10**12), 10**12, places=2).map(str))
def test_a_plain_decimal_reads_the_same_alone_and_among_others(text: str) -> None:
    assert read(text) == float(text)
    assert read_numbers(["1.234,5", text], NO_MARKS)[1] == float(text)


@given(st.lists(st.text(alphabet="0123456789.,' -+()eE%$€", max_size=12)))
def test_every_text_reads_as_a_finite_number_or_not_at_all(texts: list[str]) -> None:
    assert not any(math.isinf(value) for value in read_numbers(texts, NO_MARKS))
