"""Which forms do comparisons look at, for a whole column of texts at once?

Each text gets what `normalize` gives it alone. Most characters stand for the same plain letters,
or a space, wherever they occur: texts of such characters are translated together, as arrays. The
others, and texts of signs only, take the way of `normalize` one by one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.matching import normalize
from service.matching.legal_forms import drop_legal_forms
from service.matching.texts import Texts

# Bound on memory: so many texts are translated at once.
_BLOCK_TEXTS = 65_536
_POINTS = 0x110000


def squash_all(texts: Sequence[str]) -> Texts:
    """Return `squash` of each text."""
    return _squash_all(texts, _SQUASHED, normalize.squash)


def squash_all_keeping_case(texts: Sequence[str]) -> Texts:
    """Return `squash_keeping_case` of each text."""
    return _squash_all(texts, _SQUASHED_KEEPING_CASE, normalize.squash_keeping_case)


def normalize_all(texts: Sequence[str]) -> list[str]:
    """Return `normalize` of each text."""
    normalized = []
    for start in range(0, len(texts), _BLOCK_TEXTS):
        block = texts[start : start + _BLOCK_TEXTS]
        translated = _translate(block, _WORDS)
        normalized += [
            normalize.normalize(text) if is_special else " ".join(drop_legal_forms(words.split()))
            for text, words, is_special in zip(
                block, translated.texts.tolist(), translated.is_special.tolist(), strict=True
            )
        ]
    return normalized


@dataclass(frozen=True, slots=True, eq=False)
class _Translated:
    """Texts of ASCII characters, and those of which they are not the whole truth."""

    texts: Texts
    is_special: NDArray[np.bool_]


class _Table(dict[int, bytes | None]):
    """What characters stand for, asked once of a rule for texts; None where that may depend."""

    def __init__(self, rule: Callable[[str], str]) -> None:
        """Start empty."""
        super().__init__()
        self._rule = rule

    def __missing__(self, point: int) -> bytes | None:
        """Work out what the character stands for between two letters."""
        text = self._rule(f"a{chr(point)}a")
        self[point] = text[1:-1].encode() if text.isascii() else None
        return self[point]


_WORDS = _Table(lambda text: " ".join(normalize.split_words(text)))
_SQUASHED = _Table(normalize.squash)
_SQUASHED_KEEPING_CASE = _Table(normalize.squash_keeping_case)


def _squash_all(texts: Sequence[str], table: _Table, squash: Callable[[str], str]) -> Texts:
    parts = []
    for start in range(0, len(texts), _BLOCK_TEXTS):
        block = texts[start : start + _BLOCK_TEXTS]
        translated = _translate(block, table)
        part = translated.texts
        if translated.is_special.any():
            squashed = part.tolist()
            for place in np.flatnonzero(translated.is_special).tolist():
                squashed[place] = squash(block[place])
            part = Texts.of(squashed)
        parts.append(part)
    return Texts.concatenate(parts)


def _translate(texts: Sequence[str], table: _Table) -> _Translated:
    """Put what the table says in the place of each character.

    Special are texts with a character whose meaning may depend on others, and those of which
    nothing but spaces is left.
    """
    points, offsets = _points_of(texts)
    is_present = np.zeros(_POINTS, dtype=np.bool_)
    is_present[points] = True
    present = np.flatnonzero(is_present)
    meanings = [table[point] for point in present.tolist()]
    place_of = np.zeros(_POINTS if len(present) == 0 else int(present[-1]) + 1, dtype=np.int32)
    place_of[present] = np.arange(len(present))
    places = place_of[points]
    written, ends = _write(places, [meaning or b"" for meaning in meanings])
    translated = Texts(written, ends[offsets])
    is_special = _lack_letters(translated)
    is_doubtful = np.array([meaning is None for meaning in meanings], dtype=np.bool_)
    if is_doubtful.any():
        found = np.flatnonzero(is_doubtful[places])
        is_special[np.searchsorted(offsets, found, side="right") - 1] = True
    return _Translated(translated, is_special)


def _points_of(texts: Sequence[str]) -> tuple[NDArray[np.unsignedinteger], NDArray[np.int64]]:
    """Return the code points of all texts, and where each text begins and ends among them."""
    joined = "".join(texts)
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=offsets[1:])
    if joined.isascii():
        return np.frombuffer(joined.encode(), dtype=np.uint8), offsets
    return np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4"), offsets


def _write(
    places: NDArray[np.int32], meanings: Sequence[bytes]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Write the meanings at the places one after another; return them, and where each begins.

    The begins have one place more, for the end.
    """
    lengths = np.array([len(meaning) for meaning in meanings], dtype=np.int64)[places]
    begins = np.zeros(len(places) + 1, dtype=np.int64)
    np.cumsum(lengths, out=begins[1:])
    written = np.empty(begins[-1], dtype=np.uint8)
    longest = max(map(len, meanings), default=0)
    spelled = np.zeros((longest, len(meanings)), dtype=np.uint8)
    for place, meaning in enumerate(meanings):
        spelled[: len(meaning), place] = np.frombuffer(meaning, dtype=np.uint8)
    for letter, of_meanings in enumerate(spelled):
        is_there = np.flatnonzero(lengths > letter)
        written[begins[is_there] + letter] = of_meanings[places[is_there]]
    return written, begins


def _lack_letters(texts: Texts) -> NDArray[np.bool_]:
    """Tell which of the texts are empty, or spaces alone."""
    letters = np.zeros(len(texts.blob) + 1, dtype=np.int32)
    np.cumsum(texts.blob != ord(" "), out=letters[1:])
    is_blank: NDArray[np.bool_] = np.diff(letters[texts.offsets]) == 0
    return is_blank
