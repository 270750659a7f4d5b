"""How are many texts held as two arrays, without an object for each of them?"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

# Lone surrogates are no UTF-8, but JSON can hold them: they are written like any other character.
_ENCODING, _ERRORS = "utf-8", "surrogatepass"
_LINE_END = ord("\n")
# So few texts, and those of more bytes than these on average, are taken one by one: to gather the
# bytes of all at first is up to three times as fast for many short ones, and as much slower else.
_FEW_TEXTS = 128
_SHORT_BYTES = 16
# Bound on memory: to gather a byte takes some twenty.
_MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Texts(Sequence[str]):
    """Texts by place: text `n` is the UTF-8 in `blob[offsets[n]:offsets[n + 1]]`.

    `blob` is uint8, `offsets` int64 [texts + 1]. A text becomes an object when it is asked for.
    """

    blob: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Texts":
        """Hold the texts, in their order; if they are held so already, the same ones."""
        if isinstance(texts, Texts):
            return texts
        held = list(texts)
        joined = "".join(held)
        blob = np.frombuffer(joined.encode(_ENCODING, _ERRORS), dtype=np.uint8)
        if not len(blob):
            return cls.blank(len(held))
        lengths: Iterable[int] = map(len, held)
        if len(blob) != len(joined):
            lengths = (len(text.encode(_ENCODING, _ERRORS)) for text in held)
        offsets = np.zeros(len(held) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(lengths, np.int64, len(held)), out=offsets[1:])
        return cls(blob, offsets)

    @classmethod
    def blank(cls, count: int) -> "Texts":
        """Hold empty texts, in the memory of one."""
        offsets = np.broadcast_to(np.int64(0), count + 1)
        return cls(np.empty(0, dtype=np.uint8), offsets)

    @classmethod
    def concatenate(cls, parts: Sequence["Texts"]) -> "Texts":
        """Hold the texts of all parts, one part after another."""
        blobs = [part.blob[part.offsets[0] : part.offsets[-1]] for part in parts]
        lengths = [np.diff(part.offsets) for part in parts]
        offsets = np.zeros(sum(map(len, lengths)) + 1, dtype=np.int64)
        np.cumsum(np.concatenate([offsets[:0], *lengths]), out=offsets[1:])
        return cls(np.concatenate([np.empty(0, dtype=np.uint8), *blobs]), offsets)

    def __len__(self) -> int:  # type: ignore[explicit-override] # from 3.12
        """Return the number of texts."""
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(  # type: ignore[explicit-override] # from 3.12
        self, place: int | slice
    ) -> str | list[str]:
        """Return the text at a place, or a list of those of a stretch."""
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            if step != 1:
                return self.tolist()[place]
            return Texts(self.blob, self.offsets[start : max(start, stop) + 1]).tolist()
        place = range(len(self))[place]
        begin, end = self.offsets[place : place + 2]
        return str(self.blob[begin:end].data, _ENCODING, _ERRORS)

    def __iter__(self) -> Iterator[str]:  # type: ignore[explicit-override] # from 3.12
        """Yield the texts in their order."""
        return iter(self.tolist())

    def check(self) -> None:
        """Raise UnicodeDecodeError if the texts are no UTF-8."""
        str(self.blob.data, _ENCODING, _ERRORS)

    def take(self, which: NDArray[np.integer]) -> NDArray[np.object_]:
        """Return the texts at the given places, which are none from the end, in that order."""
        begins, ends = self.offsets[which], self.offsets[which + 1]
        taken, held = (ends - begins).sum(), self.offsets[-1] - self.offsets[0]
        if len(which) >= len(self) and held <= min(taken, _MOST_BYTES):
            # Each is made once, however often it is taken.
            return _array(self.tolist()).take(which)
        if len(which) < _FEW_TEXTS or taken > min(_SHORT_BYTES * len(which), _MOST_BYTES):
            return _array(self._decode(begins, ends))
        return _array(self.pick(which).tolist())

    def pick(self, which: NDArray[np.integer]) -> "Texts":
        """Hold the texts at the given places, in that order."""
        lengths = self.offsets[which + 1] - self.offsets[which]
        offsets = np.zeros(len(which) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        places = np.repeat(self.offsets[which] - offsets[:-1], lengths)
        places += np.arange(len(places))
        return Texts(self.blob[places], offsets)

    def _decode(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> list[str]:
        view = memoryview(self.blob)  # type: ignore[arg-type]  # an array lends its memory
        return [
            str(view[begin:end], _ENCODING, _ERRORS)
            for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
        ]

    def tolist(self) -> list[str]:
        """Return all texts as objects, as an array of them would."""
        first = self.offsets[0]
        content = self.blob[first : self.offsets[-1]]
        if not len(self) or (content == _LINE_END).any():
            return self._decode(self.offsets[:-1], self.offsets[1:])
        # Decoded as one text, and split at line ends: several times faster than one by one.
        ends = self.offsets[1:] - first + np.arange(len(self))
        lines = np.full(len(content) + len(self), _LINE_END, dtype=np.uint8)
        is_content = np.ones(len(lines), dtype=np.bool_)
        is_content[ends] = False
        lines[is_content] = content
        return str(lines[:-1].data, _ENCODING, _ERRORS).split("\n")


def _array(texts: list[str]) -> NDArray[np.object_]:
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array
