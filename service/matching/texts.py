"""How are many texts held as two arrays, without an object for each of them?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Lone surrogates are no UTF-8, but JSON can hold them: they are written like any other character.
_ENCODING, _ERRORS = "utf-8", "surrogatepass"


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """Texts by place: text `n` is the UTF-8 in `blob[offsets[n]:offsets[n + 1]]`.

    `blob` is uint8, `offsets` int64 [texts + 1]. A text becomes an object when it is asked for.
    """

    blob: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Texts":
        """Hold the texts, in their order."""
        encoded = [text.encode(_ENCODING, _ERRORS) for text in texts]
        if not any(encoded):
            return cls.blank(len(encoded))
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, encoded), np.int64, len(encoded)), out=offsets[1:])
        return cls(np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets)

    @classmethod
    def blank(cls, count: int) -> "Texts":
        """Hold empty texts, in the memory of one."""
        offsets = np.broadcast_to(np.int64(0), count + 1)
        return cls(np.empty(0, dtype=np.uint8), offsets)

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.offsets) - 1

    def __getitem__(self, place: int) -> str:
        """Return the text at a place."""
        place = range(len(self))[place]
        begin, end = self.offsets[place : place + 2]
        return str(self.blob[begin:end].data, _ENCODING, _ERRORS)

    def __iter__(self) -> Iterator[str]:
        """Yield the texts in their order."""
        return iter(self.tolist())

    def take(self, which: NDArray[np.integer]) -> NDArray[np.object_]:
        """Return the texts at the given places, which are none from the end, in that order."""
        view = memoryview(self.blob)  # type: ignore[arg-type]  # an array lends its memory
        begins, ends = self.offsets[which].tolist(), self.offsets[which + 1].tolist()
        taken = np.empty(len(which), dtype=object)
        taken[:] = [
            str(view[begin:end], _ENCODING, _ERRORS)
            for begin, end in zip(begins, ends, strict=True)
        ]
        return taken

    def tolist(self) -> list[str]:
        """Return all texts as objects, as an array of them would."""
        texts: list[str] = self.take(np.arange(len(self))).tolist()
        return texts
