"""Is the `idf` score the one defined, to the last bit, and does it prefer the right company?"""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.configs import FuzzyMapping, Scorer
from service.matching.columns import type_documents, type_reference
from service.matching.idf import TokenWeights, score_grid, score_pairs, weigh_tokens
from tests.unit.matching import naive

IDF = FuzzyMapping(source="s", target="t", weight=1, scorer=Scorer.IDF)

TOKENS = st.sampled_from(
    ["a", "b", "ab", "aab", "vega", "vegas", "vgea", "logistik", "logistics", "nord", "norden",
     "omni", "omnia", "omniaplan", "1", "12", "1234", "12345", "東京", "東京都"]
)  # fmt: skip
TEXTS = st.sets(TOKENS, max_size=6).map(lambda tokens: " ".join(sorted(tokens)))
COLUMNS = st.lists(TEXTS, max_size=8)


def rank(document: str, rows: Sequence[str]) -> list[str]:
    reading, values = type_reference(IDF, rows)
    typed = type_documents(IDF, reading, [document])
    scores = score_grid(reading.token_weights, typed.texts.tolist(), values.texts.tolist())[0]
    order = sorted(range(len(rows)), key=lambda row: -scores[row])
    return [rows[row] for row in order]


def test_tokens_weigh_by_how_few_distinct_texts_have_them() -> None:
    weights = weigh_tokens(["nord vega", "nord omni", "nord omni", "omni"])
    assert weights.by_token == {
        "nord": math.log(1 + 3 / 2), "omni": math.log(1 + 3 / 2), "vega": math.log(1 + 3 / 1),
    }  # fmt: skip
    assert list(weights.by_token) == sorted(weights.by_token)
    assert weights.unknown == weights.by_token["vega"]
    assert weigh_tokens([]).unknown == 0.0


def test_what_is_not_covered_counts_half() -> None:
    weights = TokenWeights({"nord": 1.0, "vega": 3.0}, unknown=4.0)
    # "vegas" finds "vega" (8 of 9 letters) and weighs 4, as a token that the column lacks.
    covered = (4 + 3) * (1 - 1 / 9)
    assert score_grid(weights, ["vegas"], ["nord vega"])[0, 0] == 2 * covered / (covered + 4 + 4)
    assert score_grid(weights, ["nord"], ["nord vega"])[0, 0] == (2 + 2) / (2 + 1 + 4)
    assert score_grid(weights, ["omni"], ["nord vega"])[0, 0] == 0.0


@pytest.mark.parametrize(
    ("token", "other", "best"),
    [
        ("abcd", "abce", 0.75), ("abc", "abd", 0.0), ("abcdefg", "abcde", 10 / 12),
        ("ver", "verpackungen", 0.75), ("ve", "verpackungen", 0.0), ("verp", "vxrpackungen", 0.0),
    ],
)  # fmt: skip
def test_tokens_are_similar_from_three_quarters_on_or_when_one_begins_the_other(
    token: str, other: str, best: float
) -> None:
    weights = TokenWeights(unknown=1.0)
    score = pytest.approx(2 * best / (best + 1))
    assert score_pairs(weights, [token, other], [other, token]).tolist() == [score, score]
    assert score_grid(weights, [token], [other])[0, 0] == score


def test_a_text_without_tokens_has_no_score() -> None:
    weights = TokenWeights(unknown=1.0)
    assert score_grid(weights, ["", "vega"], ["", "vega"]).tolist() == [[0.0, 0.0], [0.0, 1.0]]
    assert score_pairs(weights, ["", "vega"], ["", ""]).tolist() == [0.0, 0.0]
    assert score_grid(weights, [], ["vega"]).shape == (0, 1)
    assert score_grid(weights, ["vega"], []).shape == (1, 0)


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        ("Vega Logistik", ["Vega Logistics", "Vega Transport", "Omni Logistik"]),
        ("Kowalski Transport", ["Kowalsky Transport", "Kowalska Spedycja", "Meyer Transport"]),
        ("東京電力", ["東京電力ホールディングス", "東京建物", "関西電力"]),
        ("ไทยเบฟเวอเรจ", ["ไทยเบฟเวอเรจ จำกัด", "ไทยออยล์"]),
        ("VEGA LOGISTIK GMBH, Billing Dept", ["Vega Logistik", "Vega Nord", "Nord Logistik"]),
    ],
)
def test_a_rare_word_tells_more_than_a_common_one(document: str, rows: list[str]) -> None:
    filler = [f"{name} {trade}" for name in ("Axion", "Borea", "Cadex") for trade in
              ("Logistik", "Transport", "Logistics", "Nord")]  # fmt: skip
    assert rank(document, [*rows, *filler])[0] == rows[0]


@given(COLUMNS, COLUMNS, COLUMNS)
def test_grid_and_pairs_are_the_definition_to_the_last_bit(
    column: list[str], documents: list[str], reference: list[str]
) -> None:
    weights = weigh_tokens(column)
    words = naive.Words([frozenset(text.split()) for text in set(column)])
    grid = score_grid(weights, documents, reference).tolist()
    pairs = [(first, second) for first in documents for second in reference]
    expected = [naive.score_idf(words, first, second) for first, second in pairs]
    assert [score for scores in grid for score in scores] == expected
    firsts, seconds = [first for first, _ in pairs], [second for _, second in pairs]
    assert score_pairs(weights, firsts, seconds).tolist() == expected
    assert score_grid(weights, reference, documents).T.tolist() == grid


@given(COLUMNS.filter(any))
def test_a_text_is_wholly_like_itself(column: list[str]) -> None:
    texts = [text for text in column if text]
    assert set(score_pairs(weigh_tokens(column), texts, texts).tolist()) == {1.0}


def test_long_texts_have_the_same_score_in_grid_and_pairs() -> None:
    first = " ".join(f"{number:04}" for number in range(0, 4200, 2))
    second = " ".join(f"{number:04}" for number in range(0, 6300, 3))
    weights = weigh_tokens([first, second, "0000"])
    grid = score_grid(weights, [first, "0000"], [second, "0003"])
    pairs = score_pairs(weights, [first, first, "0000", "0000"], [second, "0003"] * 2)
    assert grid.ravel().tolist() == pairs.tolist()
