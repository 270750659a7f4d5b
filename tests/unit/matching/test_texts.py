"""Are texts held as arrays the same texts when they are asked for?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.matching.texts import Texts

ANY_TEXT = st.text(st.characters())  # lone surrogates included


@given(st.lists(ANY_TEXT))
def test_texts_come_back_as_they_went_in(texts: list[str]) -> None:
    held = Texts.of(texts)
    assert len(held) == len(texts)
    assert list(held) == held.tolist() == texts
    assert [held[place] for place in range(-len(texts), len(texts))] == texts * 2
    assert Texts.of(held) is held
    assert (held[1:], held[:-1], held[::-2]) == (texts[1:], texts[:-1], texts[::-2])
    backwards = np.arange(len(texts))[::-1]
    assert held.take(backwards).tolist() == held.pick(backwards).tolist() == texts[::-1]


@given(st.lists(ANY_TEXT, min_size=1), st.integers(64, 100))
def test_many_texts_are_taken_as_few_are(texts: list[str], count: int) -> None:
    held = Texts.of(texts)
    which = np.arange(count) * 7 % len(texts)
    assert held.take(which).tolist() == [texts[place] for place in which]


def test_many_texts_that_are_too_long_to_be_gathered_are_taken_one_by_one() -> None:
    texts = ["a" * 100_000, "b"]
    which = np.arange(64) % 2
    assert Texts.of(texts).take(which).tolist() == texts * 32


def test_a_place_that_is_not_there_is_an_error() -> None:
    with pytest.raises(IndexError):
        Texts.of(["Vega"])[1]


def test_a_part_of_an_array_of_texts_is_held_in_the_same_memory() -> None:
    held = Texts.of(["Vega", "Öresund", "", "Omni"])
    part = Texts(held.blob, held.offsets[1:4])
    assert part.tolist() == ["Öresund", ""]
