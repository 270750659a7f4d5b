"""Which form of a text do comparisons look at, so that spelling habits do not count?"""

import re
import unicodedata
from collections.abc import Callable
from itertools import groupby, pairwise

from service.matching.legal_forms import drop_legal_forms

# Letters that Unicode does not decompose although most readers write them plain.
_PLAIN_LETTERS = {
    "ß": "ss", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "đ": "d", "ø": "o", "ł": "l", "ı": "i",  # noqa: RUF001
    "ħ": "h", "ŧ": "t", "ŋ": "n", "ĸ": "k", "ẞ": "SS", "Æ": "AE", "Œ": "OE", "Þ": "TH", "Ð": "D",
    "Đ": "D", "Ø": "O", "Ł": "L", "Ħ": "H", "Ŧ": "T", "Ŋ": "N",
}  # fmt: skip

# Marks that are accents and go (Latin, Greek, Cyrillic, Hebrew and Arabic points, tatweel). The
# vowel signs of Indic and Thai scripts are marks as well, but letters to their readers: they stay.
_ACCENT_RANGES = (
    (0x0300, 0x036F), (0x0591, 0x05C7), (0x0610, 0x061A), (0x0640, 0x0640), (0x064B, 0x065F),
    (0x0670, 0x0670), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F),
)  # fmt: skip

# Letters of scripts that set no spaces between words: Thai, Lao, Burmese, Khmer, Chinese, Japanese.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]+"
)

# Letters that scanners and typists take for digits, and the digits.
_LOOKALIKES = str.maketrans("oilsbgz", "0115862")

# `unicodedata` sorts a run of marks in time quadratic in its length. Longer texts come to it with
# their long runs sorted; no letter, digit or space is a mark.
_LONGEST_UNSORTED = 1000
_LONG_RUN = re.compile(r"[^\w\s]{100,}")


def normalize(text: str) -> str:
    """Return folded words joined by single spaces, without company legal forms.

    A text of signs only ("***") is returned folded and trimmed: it is a value too, and only blank
    text becomes empty. Applying this twice gives what applying it once gives.
    """
    folded = _fold(text)
    words = folded.translate(_WORDS).split() or folded.split()
    return " ".join(drop_legal_forms(words)) or text.strip()


def split_words(text: str) -> list[str]:
    """Return the folded words of a text, legal forms included."""
    return _fold(text).translate(_WORDS).split()


def sort_tokens(normalized: str) -> str:
    """Return the words in order of code points: the text that the `token_sort` scorer compares."""
    return " ".join(sorted(normalized.split()))


def distinct_tokens(normalized: str) -> str:
    """Return each word once, in order of code points: the text that the `idf` scorer compares.

    Scripts without spaces give each two neighbouring letters in place of words.
    """
    return " ".join(sorted(set(_UNSPACED.sub(_pair_letters, normalized).split())))


def squash(text: str) -> str:
    """Return the folded letters and digits alone; a text of signs only keeps its signs."""
    folded = _fold(text)
    return folded.translate(_SQUASHED) or "".join(folded.split()) or text.strip()


def fold_lookalikes(squashed: str) -> str:
    """Write the letters of an identifier that pass for digits as digits: o as 0, i and l as 1.

    So two identifiers are as near as their prints look; the length stays.
    """
    return squashed.translate(_LOOKALIKES)


def squash_keeping_case(text: str) -> str:
    """Return what `squash` returns, with capitals kept."""
    plain = _compose(_strip_accents(text))
    return plain.translate(_SQUASHED) or "".join(plain.split()) or text.strip()


def _pair_letters(run: re.Match[str]) -> str:
    pairs = (first + second for first, second in pairwise(run[0]))
    return f" {' '.join(pairs) or run[0]} "


def _fold(text: str) -> str:
    """Fold case, accents, ligatures and width: NFKD, accents dropped, recomposed (NFC)."""
    if text.isascii():
        return text.lower()
    # Folding case yields letters that decompose, and decomposing yields capitals.
    return _compose(_strip_accents(_decompose(text).casefold()).casefold())


def _strip_accents(text: str) -> str:
    return _decompose(text).translate(_PLAIN)


def _decompose(text: str) -> str:
    """Return NFKD, in time linear in the text."""
    if len(text) > _LONGEST_UNSORTED:
        text = _sort_marks(text.translate(_DECOMPOSED))
    return unicodedata.normalize("NFKD", text)


def _compose(decomposed: str) -> str:
    """Return NFC of a text whose characters are decomposed, in time linear in the text."""
    if len(decomposed) > _LONGEST_UNSORTED:
        decomposed = _sort_marks(decomposed)
    return unicodedata.normalize("NFC", decomposed)


def _sort_marks(text: str) -> str:
    """Bring the marks of long runs into canonical order; all other characters stay in place."""
    return _LONG_RUN.sub(_sort_run, text)


def _sort_run(match: re.Match[str]) -> str:
    runs = groupby(match[0], key=lambda character: unicodedata.combining(character) > 0)
    return "".join("".join(sorted(run, key=unicodedata.combining)) for _, run in runs)


class _CharacterTable(dict[int, str]):
    """A table for `str.translate` that asks its rule once for each character it meets."""

    def __init__(self, rule: Callable[[str], str]) -> None:
        """Start empty; `rule` gives the replacement of one character."""
        super().__init__()
        self._rule = rule

    def __missing__(self, code: int) -> str:
        """Work out and keep the replacement of the character."""
        replacement = self[code] = self._rule(chr(code))
        return replacement


def _plain_letter(character: str) -> str:
    if any(first <= ord(character) <= last for first, last in _ACCENT_RANGES):
        return ""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return _PLAIN_LETTERS.get(character, character)


def _decomposed_character(character: str) -> str:
    return unicodedata.normalize("NFKD", character)


def _is_of_word(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _word_character(character: str) -> str:
    if character in "&+":
        return " and "
    return character if _is_of_word(character) else " "


def _squashed_character(character: str) -> str:
    return character if _is_of_word(character) else ""


_DECOMPOSED = _CharacterTable(_decomposed_character)
_PLAIN = _CharacterTable(_plain_letter)
_WORDS = _CharacterTable(_word_character)
_SQUASHED = _CharacterTable(_squashed_character)
