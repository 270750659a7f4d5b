"""Does every text of a column get the form that it gets alone?"""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.matching import bulk_forms
from service.matching.bulk_forms import normalize_all, squash_all, squash_all_keeping_case
from service.matching.normalize import normalize, squash, squash_keeping_case

ODD_CHARACTERS = (
    "aZ3 .&+-\n\t\0é\u0301\u0345\u0323ßÆøıİſﬁ½²①Ａ٣٤क\u093fจ\u0e33가\u1161한中ΣςЖ\ud800😀*"  # noqa: RUF001
)
PIECES = ["Vega", "GmbH", "Co.", "KG", "S.A.", "s. r. o.", "株式会社", " ", "and", "&", "ö", "-"]
TEXTS = st.one_of(
    st.text(st.sampled_from(ODD_CHARACTERS)),
    st.lists(st.sampled_from(PIECES)).map(" ".join),
    st.text(),
)

FORMS: list[tuple[Callable[[Sequence[str]], Sequence[str]], Callable[[str], str]]] = [
    (normalize_all, normalize),
    (lambda texts: squash_all(texts).tolist(), squash),
    (lambda texts: squash_all_keeping_case(texts).tolist(), squash_keeping_case),
]


@given(st.lists(TEXTS))
def test_all_at_once_is_one_by_one(texts: list[str]) -> None:
    for all_at_once, one in FORMS:
        assert all_at_once(texts) == [one(text) for text in texts]


@pytest.mark.parametrize(("all_at_once", "one"), FORMS)
def test_blocks_follow_each_other(
    all_at_once: Callable[[Sequence[str]], Sequence[str]], one: Callable[[str], str]
) -> None:
    count = 2 * bulk_forms._BLOCK_TEXTS + 3
    texts = [
        ("É-{} Ltd", "***", "क्\u093f {}")[place % 3].format(place % 100) for place in range(count)
    ]
    assert all_at_once(texts)[-5:] == [one(text) for text in texts[-5:]]
    assert len(all_at_once(texts)) == count
