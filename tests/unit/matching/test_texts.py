"""Are texts held as arrays the same texts when they are asked for?"""

import sys
import tracemalloc

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


@given(st.lists(ANY_TEXT, min_size=1), st.integers(1, 40), st.integers(0, 200))
def test_many_texts_are_taken_as_few_are(texts: list[str], times: int, count: int) -> None:
    repeated = texts * times
    which = np.arange(count) * 7 % len(repeated)
    assert Texts.of(repeated).take(which).tolist() == [repeated[place] for place in which]


@pytest.mark.parametrize(("length", "count"), [(10_000, 200), (16, 65_000)])
def test_taking_texts_needs_little_more_memory_than_they_do(length: int, count: int) -> None:
    text = "a" * length
    held, which = Texts.of([text] * (count + 1)), np.arange(count)
    tracemalloc.start()
    try:
        taken = held.take(which)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (taken == text).all()
    assert peak < 3 * count * sys.getsizeof(text)


def test_of_few_texts_that_are_taken_often_there_is_one_object_each() -> None:
    taken = Texts.of(["Vega", "Orion"]).take(np.arange(10) % 2)
    assert len(set(map(id, taken))) == 2


def test_a_place_that_is_not_there_is_an_error() -> None:
    with pytest.raises(IndexError):
        Texts.of(["Vega"])[1]


def test_a_part_of_an_array_of_texts_is_held_in_the_same_memory() -> None:
    held = Texts.of(["Vega", "Öresund", "", "Omni"])
    part = Texts(held.blob, held.offsets[1:4])
    assert part.tolist() == ["Öresund", ""]
