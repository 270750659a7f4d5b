"""Are texts found where they stand, however alike they are?"""

from hypothesis import given
from hypothesis import strategies as st

from service.matching import text_lookup
from service.matching.text_lookup import TextLookup, TextTable
from service.matching.texts import Texts

# Few letters, so that texts are alike; with NUL, which adds nothing to a sum over bytes.
ALIKE = st.text(st.sampled_from("a\0ö\ud800"), max_size=6)


@given(st.lists(ALIKE), ALIKE)
def test_a_text_is_found_at_its_first_place(texts: list[str], other: str) -> None:
    lookup = TextLookup.of(Texts.of(texts))
    for text in [*texts, other]:
        assert lookup.find(text) == (texts.index(text) if text in texts else None)


def test_texts_beyond_one_block_are_found() -> None:
    count = text_lookup._BLOCK_TEXTS + 10
    lookup = TextLookup.of(Texts.of(f"row {place}" for place in range(count)))
    assert [lookup.find(f"row {place}") for place in (0, count - 11, count - 1, count)] == [
        0, count - 11, count - 1, None,
    ]  # fmt: skip


@given(st.dictionaries(ALIKE, st.floats(allow_nan=False)), ALIKE)
def test_a_table_reads_like_the_mapping_it_was_made_of(
    numbers: dict[str, float], other: str
) -> None:
    table = TextTable.of({text: numbers[text] for text in sorted(numbers)})
    assert dict(table) == numbers
    assert table.get(other) == numbers.get(other)
