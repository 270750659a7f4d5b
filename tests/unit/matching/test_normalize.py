"""Do spelling habits vanish from normalised text, and nothing else?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.matching.normalize import (
    distinct_tokens,
    fold_lookalikes,
    normalize,
    sort_tokens,
    split_words,
    squash,
    squash_keeping_case,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Müller & Söhne", "muller and sohne"),
        ("Rossi+Richter", "rossi and richter"),
        ("Weiß ﬁne Łódź Ørsted", "weiss fine lodz orsted"),
        ("Đorđe Æther Œuvre Þór Yıldız", "dorde aether oeuvre thor yildiz"),  # noqa: RUF001
        ("İSTANBUL", "istanbul"),
        ("  arnie\tmorton's,\u00a0Chicago ", "arnie morton s chicago"),
        ("ＦＵＬＬ ｗｉｄｔｈ １２", "full width 12"),  # noqa: RUF001
        ("٣٤ rue", "34 rue"),
        ("Ромашка Ёлка", "ромашка елка"),
        ("Ἀθῆναι", "αθηναι"),
        ("東京 タワー", "東京 タワー"),
        ("ガス", "ガス"),
        ("한국", "한국"),
        ("बिक्री कर", "बिक्री कर"),
        ("שָׁלוֹם", "שלום"),
        ("مُحَمَّد", "محمد"),
        ("*** ", "***"),
        ("🍕  🍕", "🍕 🍕"),
        ("\u0301", "\u0301"),
    ],
)
def test_folds_spelling_and_keeps_every_script(text: str, expected: str) -> None:
    assert normalize(text) == expected


@pytest.mark.parametrize(
    "spelling",
    [
        "GmbH", "G.m.b.H.", "g m b h", "Ltd.", "LIMITED", "Inc", "S.A.", "S/A", "SA", "s.r.o.",
        "s. r. o.", "a. s.", "A.Ş.", "Sp. z o.o.", "Sp. z o. o.", "SP Z OO", "S p. z o. o.",
        "GmbH & Co. KG", "GmbH u. Co. KG", "GmbH+Co KG", "GmbH & Co. Kommanditgesellschaft",
        "Gesellschaft mit beschränkter Haftung", "Société à responsabilité limitée",
        "Societe par actions simplifiee", "Spółka z ograniczoną odpowiedzialnością",
        "společnost s ručením omezeným", "Ltd. Şti.", "LTD STI", "e. K.", "Co.", "HB", "B.V.",
        "L.L.C.", "Pty Ltd", "Sdn. Bhd.", "S. de R.L. de C.V.",
    ],
)  # fmt: skip
def test_legal_forms_do_not_count(spelling: str) -> None:
    assert normalize(f"Vega Logistik {spelling}") == "vega logistik"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GmbH", "gmbh"),
        ("Ltd. GmbH", "ltd gmbh"),
        ("SPA Berlin", "spa berlin"),
        ("A.S. Roma", "a s roma"),
        ("ООО Ромашка", "ромашка"),  # noqa: RUF001
        ("Société anonyme Vega", "vega"),
        ("Metz Unity Drukkerij NV (Leiden)", "metz unity drukkerij leiden"),
        ("Omni S GmbH A", "omni"),
        ("Incorporate Ideas", "incorporate ideas"),
    ],
)
def test_a_form_that_may_be_the_name_stays(text: str, expected: str) -> None:
    assert normalize(text) == expected


@pytest.mark.parametrize(
    ("text", "folded", "kept"),
    [
        ("PO-2023/000 0861", "po20230000861", "PO20230000861"),
        ("AT&T", "att", "ATT"),
        ("Łódź", "lodz", "Lodz"),
        ("Straße", "strasse", "Strasse"),
        ("--", "--", "--"),
        ("\u0301", "\u0301", "\u0301"),
    ],
)
def test_squash_leaves_letters_and_digits(text: str, folded: str, kept: str) -> None:
    assert squash(text) == folded
    assert squash_keeping_case(text) == kept


def test_words_of_a_text_keep_legal_forms() -> None:
    assert split_words("3. März 2024, GmbH") == ["3", "marz", "2024", "gmbh"]


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)
    assert squash(squash(text)) == squash(text)


@given(st.text())
def test_only_blank_text_becomes_empty(text: str) -> None:
    assert bool(normalize(text)) == bool(text.strip())
    assert bool(squash(text)) == bool(text.strip())


@given(st.lists(st.sampled_from(["a", "gmbh", "co", "kg", "s", "o", "r", "ltd", "x"])))
def test_legal_forms_that_meet_are_dropped_at_once(words: list[str]) -> None:
    once = normalize(" ".join(words))
    assert normalize(once) == once
    assert bool(once) == bool(words)


@given(st.permutations(["vega", "nord", "2000"]))
def test_word_order_does_not_count_after_sorting(words: list[str]) -> None:
    assert sort_tokens(" ".join(words)) == "2000 nord vega"


@pytest.mark.parametrize(
    ("normalized", "tokens"),
    [
        ("vega nord vega 12", "12 nord vega"),
        ("東京電力", "京電 東京 電力"),
        ("東", "東"),
        ("abc東京ガス 電", "abc ガス 京ガ 東京 電"),
        ("삼성 전자", "삼성 전자"),
        ("", ""),
    ],
)
def test_tokens_are_distinct_words_or_pairs_of_letters_without_spaces(
    normalized: str, tokens: str
) -> None:
    assert distinct_tokens(normalized) == tokens


def test_letters_that_pass_for_digits_look_like_them() -> None:
    assert fold_lookalikes("po2o24ool7sb") == "p02024001758"
    assert fold_lookalikes("acdefhjkmnpqrtuvwxy") == "acdefhjkmnpqrtuvwxy"
