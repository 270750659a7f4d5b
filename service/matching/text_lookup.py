"""Where among many texts does a given one stand, without an object for each of them?"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.matching.texts import Texts

# A text's hash is the sum of its bytes times the powers of BASE, modulo 2**64. BASE is odd, so
# that it has an inverse and sums over all texts tell those of each.
_BASE = 0x9E3779B97F4A7C15
_MODULUS = 1 << 64
_BLOCK_TEXTS = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class TextLookup:
    """Finds a text among `texts`: `places` int32 [texts] in order of `hashes`, uint64 [texts]."""

    texts: Texts
    places: NDArray[np.int32]
    hashes: NDArray[np.uint64]

    @classmethod
    def of(cls, texts: Texts) -> "TextLookup":
        """Make the texts ready to be found."""
        starts = range(0, len(texts), _BLOCK_TEXTS)
        blocks = [texts.offsets[start : start + _BLOCK_TEXTS + 1] for start in starts]
        hashes = [_hash_texts(Texts(texts.blob, offsets)) for offsets in blocks]
        every = np.concatenate([np.empty(0, dtype=np.uint64), *hashes])
        places = np.argsort(every, kind="stable").astype(np.int32)
        return cls(texts, places, every[places])

    def find(self, text: str) -> int | None:
        """Return the first place of a text, None when it is not there."""
        wanted = _hash_text(text)
        begin, end = (np.searchsorted(self.hashes, wanted, side=side) for side in ("left", "right"))
        places = self.places[begin:end]
        return next((int(place) for place in places if self.texts[place] == text), None)


@dataclass(frozen=True, slots=True, eq=False)
class TextTable(Mapping[str, float]):
    """Numbers by text: `numbers` float64 [texts] belong to `texts` in order of code points."""

    texts: Texts
    numbers: NDArray[np.float64]

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> "TextTable":
        """Hold a table whose keys stand in order of code points."""
        values = np.fromiter(numbers.values(), np.float64, len(numbers))
        return cls(Texts.of(numbers), values)

    def __getitem__(self, text: str) -> float:  # type: ignore[explicit-override] # from 3.12
        """Return the number of a text; KeyError when it has none."""
        place = bisect_left(range(len(self)), text, key=self.texts.__getitem__)
        if place == len(self) or self.texts[place] != text:
            raise KeyError(text)
        return float(self.numbers[place])

    def __iter__(self) -> Iterator[str]:  # type: ignore[explicit-override] # from 3.12
        """Yield the texts in order."""
        return iter(self.texts)

    def __len__(self) -> int:  # type: ignore[explicit-override] # from 3.12
        """Return the number of texts."""
        return len(self.texts)


def _hash_text(text: str) -> np.uint64:
    """Return the hash that `_hash_texts` gives the text."""
    return np.uint64(_hash_texts(Texts.of([text]))[0])


def _hash_texts(texts: Texts) -> NDArray[np.uint64]:
    """Return the hash of each text, without a loop over them."""
    start = texts.offsets[0]
    content = texts.blob[start : texts.offsets[-1]].astype(np.uint64)
    bounds = texts.offsets - start
    sums = np.zeros(len(content) + 1, dtype=np.uint64)
    np.cumsum(content * _powers(_BASE, len(content)), out=sums[1:])
    shift = _powers(pow(_BASE, -1, _MODULUS), len(content) + 1)[bounds[:-1]]
    hashes: NDArray[np.uint64] = (sums[bounds[1:]] - sums[bounds[:-1]]) * shift
    return hashes


def _powers(base: int, count: int) -> NDArray[np.uint64]:
    """Return the powers of the base from 0 on, modulo 2**64."""
    factors = np.full(count, base, dtype=np.uint64)
    factors[:1] = 1
    powers: NDArray[np.uint64] = np.cumprod(factors)
    return powers
