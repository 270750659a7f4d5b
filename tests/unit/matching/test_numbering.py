"""Are texts numbered alike by the kernel and by Python: equal ones equally, as they appear?"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.matching.columns import MISSING
from service.matching.compiled import load_kernel
from service.matching.numbering import number, number_by_kernel, number_texts
from service.matching.texts import Texts

ALIKE = st.text(st.sampled_from("a\0ö\ud800"), max_size=20)


def test_values_are_numbered_as_they_appear_and_none_is_missing() -> None:
    numbered = number(["b", None, "", "b", "a"])
    assert numbered.texts.tolist() == ["b", "", "a"]
    assert numbered.codes.tolist() == [0, MISSING, 1, 0, 2]
    assert numbered.codes.dtype == np.int32


def check(texts: list[str]) -> None:
    kernel = load_kernel()
    assert kernel is not None
    one, other = number(texts), number_by_kernel(kernel, Texts.of(texts))
    assert other.texts.tolist() == one.texts.tolist()
    assert other.codes.tolist() == one.codes.tolist()
    assert other.codes.dtype == one.codes.dtype


@given(st.lists(ALIKE))
def test_the_kernel_numbers_texts_as_python_does(texts: list[str]) -> None:
    check(texts)


@pytest.mark.parametrize("distinct", [1, 63, 64, 65, 5_000])
def test_many_texts_are_numbered_batch_by_batch(distinct: int) -> None:
    draw = np.random.default_rng(0)
    check([f"text {place}" * (place % 4) for place in draw.integers(0, distinct, 20_000)])


def test_a_part_of_texts_is_numbered_alone() -> None:
    texts = Texts.of(["Vega", "Omni", "Vega", "Alto"])
    part = Texts(texts.blob, texts.offsets[1:4])
    assert number_texts(part).texts.tolist() == ["Omni", "Vega"]
    assert number_texts(part).codes.tolist() == [0, 1]
