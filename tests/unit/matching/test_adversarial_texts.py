"""Can a text that was made to be slow to read hold matching up?

No test here looks at a clock: a reader whose time grows faster than the length of its text does
not come to an end within the time limit of the suite.
"""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.configs import (
    DateRangeMapping,
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    NumericRangeMapping,
)
from service.matching.columns import type_documents, type_reference
from service.matching.legal_forms import _ALL, _DISTINCT, drop_legal_forms
from service.matching.normalize import normalize, squash, squash_keeping_case
from service.matching.parsing_dates import read_dates
from service.matching.parsing_numbers import infer_style, read_numbers

LONGEST_DATE = 60
LONGEST_NUMBER = 200
LONGEST_VALUE = 131_072

LEGAL_FORM_TOKENS = ["s", "a", "o", "r", "l", "sa", "co", "kg", "and", "gmbh", "ltd", "sro", "x"]


def make_texts(length: int) -> list[str]:
    """Return runs of two characters, one after the other and in turns; the tail fits no reading."""
    half = (length - 2) // 2
    pairs = list(product("1 \n.,'-+%(€es:", repeat=2))
    runs = [f"1{first * half}{second * half}x" for first, second in pairs]
    turns = [f"1{(first + second) * half}x" for first, second in pairs]
    return runs + turns


def test_no_short_text_holds_up_the_reading_of_numbers() -> None:
    texts = make_texts(LONGEST_NUMBER)
    assert np.isnan(read_numbers(texts, frozenset())).all()
    assert infer_style(texts).own_decimal_marks == frozenset()


def test_no_short_text_holds_up_the_reading_of_dates() -> None:
    dates = read_dates(make_texts(LONGEST_DATE))
    assert np.isnan(dates.day_first).all()
    assert np.isnan(dates.month_first).all()


@pytest.mark.parametrize(
    ("mapping", "typical"),
    [
        (NumericRangeMapping(source="s", target="t", weight=1), "1.5"),
        (DateRangeMapping(source="s", target="t", weight=1), "2024-01-31"),
        (ExactMapping(source="s", target="t", weight=1), "1.5"),
        (ExactMapping(source="s", target="t", weight=1), "2024-01-31"),
        (FuzzyMapping(source="s", target="t", weight=1), "Vega"),
    ],
)
def test_no_value_holds_up_the_typing_of_documents(mapping: FieldMapping, typical: str) -> None:
    texts = make_texts(LONGEST_DATE) + make_texts(LONGEST_NUMBER)
    texts += [" " * LONGEST_VALUE + "1", "1" * LONGEST_VALUE, "1 " * (LONGEST_VALUE // 2)]
    reading, _ = type_reference(mapping, [typical])
    assert len(type_documents(mapping, reading, texts).numbers) == len(texts)


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("s ", "s"),
        ("\u0301\u0323", ""),
        ("\u0640\u0301\u034f\u0323", ""),
        ("\u094d\u093c", "\u093c\u094d"),
        ("\u094d\u0640\u093c\u0640", "\u093c\u094d"),
        ("\u0f73", "\u0f71\u0f72"),
    ],
    ids=["letters", "accents", "joined accents", "signs", "joined signs", "signs in one"],
)
@pytest.mark.parametrize("fold", [normalize, squash, squash_keeping_case])
def test_a_long_text_folds(fold: Callable[[str], str], unit: str, expected: str) -> None:
    times = LONGEST_VALUE // len(unit)
    folded = fold("x" + unit * times)
    assert folded.replace(" ", "")[1:] == "".join(mark * times for mark in expected)


@pytest.mark.parametrize(
    ("opening", "closing"), [("s ", "a "), ("gmb ", "h "), ("s ", "r o "), ("l l ", "c ")]
)
def test_legal_forms_inside_one_another_are_dropped(opening: str, closing: str) -> None:
    depth = LONGEST_VALUE // len(opening + closing)
    assert normalize(f"vega {opening * depth}{closing * depth}nord") == "vega nord"


def test_many_words_without_a_legal_form_stay() -> None:
    words = ["s", "x"] * (LONGEST_VALUE // 4)
    assert drop_legal_forms(words) == words


@given(st.lists(st.sampled_from(LEGAL_FORM_TOKENS), max_size=16))
def test_legal_forms_go_as_by_reading_all_again_after_each_pass(tokens: list[str]) -> None:
    assert list(drop_legal_forms(tokens)) == drop_naively(tokens)


@given(st.text(alphabet="क\u0301\u0323\u0640\u034f\u094d\u093c\u0f73\u0344*", max_size=8))
def test_marks_fold_the_same_in_a_long_text_as_in_a_short_one(marks: str) -> None:
    short, rest = "q" + marks * 100, "z" * 1000
    for fold in (normalize, squash, squash_keeping_case):
        assert fold(f"{short}z{rest}") == fold(f"{short}z") + rest


def drop_naively(tokens: Sequence[str]) -> list[str]:
    """Drop the longest form at each token from the left, again and again."""
    kept: list[str] = []
    position = 0
    while position < len(tokens):
        lengths = range(len(tokens) - position, 0, -1)
        forms = _ALL if position else _DISTINCT
        joined = (("".join(tokens[position : position + length]), length) for length in lengths)
        length = next((length for form, length in joined if form in forms), 0)
        kept += [] if length else [tokens[position]]
        position += length or 1
    return drop_naively(kept) if kept and len(kept) < len(tokens) else list(tokens)
