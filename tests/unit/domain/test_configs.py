"""Are weights normalised, and does every mapping's evidence have a name of its own?"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.configs import (
    ExactMapping,
    FieldMapping,
    FuzzyMapping,
    evidence_keys,
    normalize_weights,
)


def mapping(source: str, target: str, weight: float = 1.0) -> FieldMapping:
    return ExactMapping(source=source, target=target, weight=weight)


weights = st.lists(st.floats(0, 1e6), min_size=1, max_size=32).filter(lambda each: sum(each) > 0)


@given(weights)
def test_normalised_weights_sum_to_one_and_keep_their_proportions(
    given_weights: list[float],
) -> None:
    mappings = [mapping("a", "b", weight) for weight in given_weights]
    normalized = normalize_weights(mappings)
    assert math.isclose(sum(each.weight for each in normalized), 1.0)
    total = sum(given_weights)
    for before, after in zip(given_weights, normalized, strict=True):
        assert math.isclose(after.weight * total, before, abs_tol=1e-9)


@given(weights)
def test_normalising_twice_changes_nothing_more(given_weights: list[float]) -> None:
    once = normalize_weights([mapping("a", "b", weight) for weight in given_weights])
    assert normalize_weights(once) == once


@pytest.mark.parametrize(
    ("pairs", "keys"),
    [
        ([("a", "x"), ("b", "x")], ("a", "b")),
        ([("a", "x"), ("a", "y")], ("a→x", "a→y")),
        ([("ai", "x"), ("b", "y")], ("ai→x", "b")),
        ([("a", "x"), ("b", "z"), ("a", "x")], ("a→x", "b", "a→x#2")),
        ([("a", "x"), ("a", "x"), ("a", "x")], ("a→x", "a→x#2", "a→x#3")),
    ],
)
def test_evidence_is_keyed_by_source_unless_the_source_recurs(
    pairs: list[tuple[str, str]], keys: tuple[str, ...]
) -> None:
    assert evidence_keys([mapping(*pair) for pair in pairs]) == keys


names = st.text("ab", min_size=1, max_size=2)


@given(st.lists(st.tuples(names, names), min_size=1, max_size=12))
def test_no_two_mappings_share_a_key(pairs: list[tuple[str, str]]) -> None:
    keys = evidence_keys([FuzzyMapping(source=s, target=t, weight=1) for s, t in pairs])
    assert len(set(keys)) == len(pairs)
