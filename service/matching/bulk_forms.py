"""Which forms do comparisons look at, for a whole column of texts at once?

Each text gets what `normalize` gives it alone. Most characters stand for the same plain letters,
or a space, wherever they occur: texts of such characters are done by the kernel, if there is one.
The others, and texts of signs only, take the way of `normalize` one by one.
"""

import ctypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from ctypes import addressof
from enum import IntEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from service.matching import normalize
from service.matching.compiled import address, check_memory, load_kernel
from service.matching.kernel_room import NumberingPointers, Room, fill_room, function_of
from service.matching.legal_forms import PARTS, drop_from_stretch, drop_legal_forms
from service.matching.texts import Texts

# Bound on memory: so many texts are done at once.
_BLOCK_TEXTS = 65_536
# So few are faster one by one.
_FEW_TEXTS = 256
# What a character that is read from UTF-8 of any bytes is below.
_POINTS = 0x200000

Form = Callable[[str], str]


class Arrangement(IntEnum):
    """How the words of a normalised text stand; the values of `enum arrangement` in the kernel."""

    AS_WRITTEN = 0
    SORTED = 1
    DISTINCT = 2


def squash_all(texts: Sequence[str]) -> Texts:
    """Return `squash` of each text."""
    return _squash_all(normalize.squash, texts)


def squash_all_keeping_case(texts: Sequence[str]) -> Texts:
    """Return `squash_keeping_case` of each text."""
    return _squash_all(normalize.squash_keeping_case, texts)


def normalize_all(texts: Sequence[str], arrangement: Arrangement) -> Texts:
    """Return `normalize` of each text, with its words arranged."""
    kernel = load_kernel()
    if kernel is None or len(texts) < _FEW_TEXTS:
        return one_by_one(form_of(arrangement), texts)
    return normalize_by_kernel(kernel, texts, arrangement)


def _squash_all(squash: Form, texts: Sequence[str]) -> Texts:
    kernel = load_kernel()
    if kernel is None or len(texts) < _FEW_TEXTS:
        return one_by_one(squash, texts)
    return squash_by_kernel(kernel, texts, squash)


def form_of(arrangement: Arrangement) -> Form:
    """Return what an arrangement asks for of one text."""
    return {
        Arrangement.AS_WRITTEN: normalize.normalize,
        Arrangement.SORTED: lambda text: normalize.sort_tokens(normalize.normalize(text)),
        Arrangement.DISTINCT: lambda text: normalize.distinct_tokens(normalize.normalize(text)),
    }[arrangement]


def one_by_one(form: Form, texts: Iterable[str]) -> Texts:
    """Return the form of each text."""
    return Texts.of(map(form, texts))


def squash_by_kernel(kernel: ctypes.CDLL, texts: Sequence[str], squash: Form) -> Texts:
    """Return the squashed form of each text; `squash` is one of `normalize`."""
    parts = []
    for block in _blocks(texts):
        translated, is_special = _translate(kernel, block, _tables()[squash])
        parts.append(_replace_special(translated, is_special, squash, block))
    return Texts.concatenate(parts)


def normalize_by_kernel(
    kernel: ctypes.CDLL, texts: Sequence[str], arrangement: Arrangement
) -> Texts:
    """Return the normalised form of each text."""
    parts = []
    for block in _blocks(texts):
        words, is_special = _translate(kernel, block, _tables()[normalize.normalize])
        names = _drop_legal_forms(kernel, words, arrangement)
        parts.append(_replace_special(names, is_special, form_of(arrangement), block))
    return Texts.concatenate(parts)


class _Table(dict[int, bytes | None]):
    """What characters stand for, asked once of a rule for texts; None where that may depend."""

    def __init__(self, rule: Form) -> None:
        """Start empty."""
        super().__init__()
        self._rule = rule

    def __missing__(self, point: int) -> bytes | None:
        """Work out what the character stands for between two letters."""
        text = self._rule(f"a{chr(point)}a")
        self[point] = text[1:-1].encode() if text.isascii() else None
        return self[point]


@lru_cache(maxsize=1)
def _tables() -> dict[Form, _Table]:
    return {
        normalize.squash: _Table(normalize.squash),
        normalize.squash_keeping_case: _Table(normalize.squash_keeping_case),
        normalize.normalize: _Table(lambda text: " ".join(normalize.split_words(text))),
    }


def _blocks(texts: Sequence[str]) -> Iterator[Texts]:
    held = Texts.of(texts)
    for start in range(0, len(held), _BLOCK_TEXTS):
        offsets = held.offsets[start : start + _BLOCK_TEXTS + 1]
        yield Texts(held.blob, np.ascontiguousarray(offsets))


def _translate(kernel: ctypes.CDLL, texts: Texts, table: _Table) -> tuple[Texts, NDArray[np.bool_]]:
    """Put what the table says in the place of each character; see `translate` in kernel/forms.c.

    Also tells which texts are special: what the table says is not the whole truth of them.
    """
    find = function_of(kernel, "find_points", "pip")
    write = function_of(kernel, "translate", "ppi" + 6 * "p")
    first, last = texts.offsets[0], texts.offsets[-1]
    is_present = np.zeros(_POINTS, dtype=np.bool_)
    find(address(texts.blob) + int(first), int(last - first), address(is_present))
    present = np.flatnonzero(is_present)
    meanings = [table[point] for point in present.tolist()]
    meant = Texts.of((meaning or b"").decode() for meaning in meanings)
    places = [-1 if meaning is None else place for place, meaning in enumerate(meanings)]
    place_of = np.zeros(_POINTS, dtype=np.int32)
    place_of[present] = places
    longest = int(np.diff(meant.offsets).max(initial=0))
    written = np.empty(int(last - first) * max(1, longest), dtype=np.uint8)
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    is_special = np.empty(len(texts), dtype=np.bool_)
    bounds = np.ascontiguousarray(meant.offsets)
    write(
        address(texts.blob), address(texts.offsets), len(texts),
        address(place_of), address(meant.blob), address(bounds),
        address(written), address(offsets), address(is_special),
    )  # fmt: skip
    return Texts(written[: offsets[-1]].copy(), offsets), is_special


def _replace_special(
    forms: Texts, is_special: NDArray[np.bool_], form: Form, texts: Texts
) -> Texts:
    special = np.flatnonzero(is_special)
    if not len(special):
        return forms
    order = np.arange(len(forms))
    order[special] = len(forms) + np.arange(len(special))
    return Texts.concatenate([forms, one_by_one(form, texts.take(special))]).pick(order)


def _drop_legal_forms(kernel: ctypes.CDLL, words: Texts, arrangement: Arrangement) -> Texts:
    """Drop legal forms from texts of plain words, and arrange what is left.

    The kernel finds the few stretches of words that forms may be in; what is left of each is
    worked out once.
    """
    number = function_of(kernel, "number_stretches", "ppipp")
    write = function_of(kernel, "write_names", "ppippppipp")
    most = int(np.count_nonzero(words.blob == ord(" "))) + len(words)
    pointers = NumberingPointers()
    room = Room(pointers, most, is_numbered=True)
    room.extend(len(words.blob) + most)
    parts, _room_of_parts = _number_parts(kernel)
    given = address(words.blob), address(words.offsets), len(words), addressof(parts)
    check_memory(number(*given, addressof(pointers)))
    stretches, codes = room.take()
    left = Texts.of(map(_leave, stretches))
    bounds = np.ascontiguousarray(left.offsets)
    names = np.empty(len(words.blob), dtype=np.uint8)
    offsets = np.zeros(len(words) + 1, dtype=np.int64)
    done = write(
        *given, address(codes), address(left.blob), address(bounds),
        arrangement, address(names), address(offsets),
    )  # fmt: skip
    check_memory(done)
    return Texts(names[: offsets[-1]].copy(), offsets)


def _leave(stretch: str) -> str:
    """Return what is left of a stretch of words, given with its place before it."""
    place, words = stretch[0], tuple(stretch[1:].split())
    if place == "=":
        return " ".join(drop_legal_forms(words))
    return " ".join(drop_from_stretch(words, is_first=place == "<"))


@lru_cache(maxsize=1)
def _number_parts(kernel: ctypes.CDLL) -> tuple[NumberingPointers, Room]:
    """Number what may be a part of a legal form, so that the kernel can look words up."""
    return fill_room(kernel, Texts.of(sorted(PARTS)))
