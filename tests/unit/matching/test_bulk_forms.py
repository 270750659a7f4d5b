"""Does every text of a column get the form that it gets alone?"""

from collections.abc import Callable, Sequence
from ctypes import CDLL

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.matching import bulk_forms
from service.matching.bulk_forms import (
    Arrangement,
    form_of,
    normalize_all,
    normalize_by_kernel,
    squash_all,
    squash_all_keeping_case,
    squash_by_kernel,
)
from service.matching.compiled import load_kernel
from service.matching.normalize import squash, squash_keeping_case
from service.matching.texts import Texts

ODD_CHARACTERS = (
    "aZ3 .&+-\n\t\0é\u0301\u0345\u0323ßÆøıİſﬁ½²①Ａ٣٤क\u093fจ\u0e33가\u1161한中ΣςЖ\ud800😀*"  # noqa: RUF001
)
PIECES = [
    "Vega",
    "GmbH",
    "Co.",
    "KG",
    "S.A.",
    "s. r. o.",
    "株式会社",
    " ",
    "and",
    "&",
    "ö",
    "-",
    "Société",
    "anonyme",
]
TEXTS = st.one_of(
    st.text(st.sampled_from(ODD_CHARACTERS)),
    st.lists(st.sampled_from(PIECES), max_size=50).map(" ".join),
    st.text(),
)

AllAtOnce = Callable[[CDLL, Sequence[str]], Texts]
FORMS: list[tuple[AllAtOnce, Callable[[str], str]]] = [
    (lambda kernel, texts: squash_by_kernel(kernel, texts, squash), squash),
    (
        lambda kernel, texts: squash_by_kernel(kernel, texts, squash_keeping_case),
        squash_keeping_case,
    ),
    *(
        (
            lambda kernel, texts, each=each: normalize_by_kernel(kernel, texts, each),
            form_of(each),
        )
        for each in Arrangement
    ),
]


@pytest.fixture(scope="module")
def kernel() -> CDLL:
    found = load_kernel()
    assert found is not None
    return found


@given(st.lists(TEXTS))
def test_all_at_once_is_one_by_one(kernel: CDLL, texts: list[str]) -> None:
    for all_at_once, one in FORMS:
        assert all_at_once(kernel, texts).tolist() == [one(text) for text in texts]


@pytest.mark.parametrize("count", [3, 5_000])
def test_few_and_many_texts_get_the_same_forms(count: int) -> None:
    texts = [
        ("É-{} Ltd", "***", "क\u093f {}")[place % 3].format(place % 100) for place in range(count)
    ]
    assert squash_all(texts).tolist() == [squash(text) for text in texts]
    assert squash_all_keeping_case(texts).tolist() == [squash_keeping_case(text) for text in texts]
    for arrangement in Arrangement:
        expected = [form_of(arrangement)(text) for text in texts]
        assert normalize_all(texts, arrangement).tolist() == expected


@pytest.mark.parametrize(("all_at_once", "one"), FORMS)
def test_blocks_follow_each_other(
    kernel: CDLL, all_at_once: AllAtOnce, one: Callable[[str], str]
) -> None:
    count = 2 * bulk_forms._BLOCK_TEXTS + 3
    texts = [f"{place % 100} Büro & Co. KG" for place in range(count)]
    forms = all_at_once(kernel, texts)
    assert forms[-5:] == [one(text) for text in texts[-5:]]
    assert len(forms) == count


def test_a_text_of_very_many_words_is_one_of_the_others(kernel: CDLL) -> None:
    words = [f"w{place * 7919 % 1000}" for place in range(3_000)]
    texts = ["short", " ".join(words), "s a " * 3_000]
    for all_at_once, one in FORMS:
        assert all_at_once(kernel, texts).tolist() == [one(text) for text in texts]
