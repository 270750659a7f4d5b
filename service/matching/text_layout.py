"""How are the distinct texts of a column laid out, so that most need not be compared?

By rising length, those of a length in the order of their symbols: then texts of one length lie
together, and each tells how much of its beginning it shares with the one before it.
"""

from collections.abc import Sequence
from ctypes import CDLL
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.matching.columns import MISSING
from service.matching.compiled import SIGNATURE_BITS, address
from service.matching.idf import TokenWeights
from service.matching.normalize import fold_lookalikes

Arrays = dict[str, NDArray[Any]]

_TEXTS_COUNTED = 20_000


def code_points(
    texts: Sequence[str], *, are_prints: bool = False
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the code points of all texts, one after another, and how many each has."""
    joined = "".join(texts)
    if are_prints:
        joined = fold_lookalikes(joined)
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    return points, lengths


def distinct_points(points: NDArray[np.uint32]) -> NDArray[np.uint32]:
    is_there = np.zeros(int(points.max(initial=0)) + 1, dtype=np.bool_)
    is_there[points] = True
    return np.flatnonzero(is_there).astype(np.uint32)


def symbols_of(points: NDArray[np.uint32], alphabet: NDArray[np.uint32]) -> NDArray[np.uint16]:
    """Number characters by their place in the alphabet from 1; 0 for one that is not in it."""
    if not len(alphabet):
        return np.zeros(len(points), dtype=np.uint16)
    places = np.minimum(np.searchsorted(alphabet, points), len(alphabet) - 1)
    return np.where(alphabet[places] == points, places + 1, 0).astype(np.uint16)


def offsets_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each of the texts begins, and where the last one ends."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def lay_out_texts(
    kernel: CDLL,
    points: NDArray[np.uint32],
    lengths: NDArray[np.int64],
    alphabet: NDArray[np.uint32],
) -> Arrays:
    table = np.zeros(int(alphabet[-1]) + 1 if len(alphabet) else 1, dtype=np.uint16)
    table[alphabet] = np.arange(1, len(alphabet) + 1)
    longest = int(lengths.max(initial=0))
    length_starts, by_length = group(kernel, lengths.astype(np.int32), longest + 1)
    unordered, unordered_offsets = table[points], offsets_of(lengths)
    kernel.sort_texts(
        *(address(unordered), address(unordered_offsets), longest),
        *(address(length_starts), address(by_length)),
    )
    offsets, symbols = offsets_of(lengths[by_length]), np.empty_like(unordered)
    kernel.take_texts(
        *(address(unordered), address(unordered_offsets), address(by_length), len(by_length)),
        *(address(offsets), address(symbols)),
    )
    bit_starts = _share_bits(symbols, offsets, len(alphabet))
    count = len(lengths)
    signatures = np.empty((count, SIGNATURE_BITS // 64), dtype=np.uint64)
    size = 1 << (2 * count).bit_length()
    hashed = np.full(size, MISSING, dtype=np.int32)
    kernel.sign_texts(
        address(symbols), address(offsets), count, address(bit_starts), address(signatures)
    )
    shared = np.empty(count, dtype=np.uint8)
    kernel.count_shared(address(symbols), address(offsets), count, address(shared))
    kernel.hash_texts(address(symbols), address(offsets), count, address(hashed), size)
    return {
        "by_length": by_length,
        "offsets": offsets,
        "symbols": symbols,
        "alphabet_points": alphabet,
        "bit_starts": bit_starts,
        "signatures": signatures,
        "hashed": hashed,
        "length_starts": length_starts,
        "shared": shared,
    }


def lay_out_tokens(kernel: CDLL, texts: Sequence[str], weights: TokenWeights) -> Arrays:
    """Lay out the tokens of texts and the texts of tokens; `words.` is the vocabulary as texts."""
    vocabulary = list(weights.by_token)
    place_of = {token: place for place, token in enumerate(vocabulary)}
    lengths = np.array([text.count(" ") + 1 for text in texts], dtype=np.int64)
    split = chain.from_iterable(map(str.split, texts))
    tokens = np.fromiter(map(place_of.__getitem__, split), np.int32)
    masses = np.array([weights.by_token[token] for token in vocabulary], dtype=np.float64)
    owners = np.repeat(np.arange(len(texts), dtype=np.int32), lengths)
    text_masses = np.zeros(len(texts))
    # In the order of the tokens, as the definition adds them.
    np.add.at(text_masses, owners, masses[tokens])
    counts = np.bincount(tokens, minlength=len(vocabulary))
    points, word_lengths = code_points(vocabulary)
    words = lay_out_texts(kernel, points, word_lengths, distinct_points(points))
    laid: Arrays = {
        "masses": masses,
        "tokens": tokens,
        "token_starts": offsets_of(lengths).astype(np.int32),
        "texts": owners[np.argsort(tokens, kind="stable")],
        "text_starts": offsets_of(counts).astype(np.int32),
        "text_masses": text_masses,
        "vocabulary": np.array([len(vocabulary)], dtype=np.int64),
    }
    return laid | {f"words.{name}": array for name, array in words.items()}


def _share_bits(
    symbols: NDArray[np.uint16], offsets: NDArray[np.int64], alphabet: int
) -> NDArray[np.uint8]:
    """Give each symbol bits for its first occurrences, most to those that tell texts apart.

    A bit tells most when half of the texts have it. Returns uint8 [alphabet + 2]: the bits of
    symbol s are those from [s] up to [s + 1].
    """
    count = len(offsets) - 1
    step = max(1, count // _TEXTS_COUNTED)
    texts = np.arange(0, count, step)
    lengths = np.diff(offsets)[texts]
    entries = np.repeat(offsets[texts] - offsets_of(lengths)[:-1], lengths)
    entries += np.arange(len(entries))
    keys = np.repeat(np.arange(len(texts)), lengths) * (alphabet + 1) + symbols[entries]
    pairs, times = np.unique(keys, return_counts=True)
    most = min(int(times.max(initial=1)), SIGNATURE_BITS)
    having = np.zeros((alphabet + 1, most + 1))
    np.add.at(having, (pairs % (alphabet + 1), np.minimum(times, most)), 1)
    # Texts that have a symbol at least so often; a later bit needs the earlier ones.
    share = having[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:] / max(1, len(texts))
    tells = np.maximum.accumulate((share * (1 - share) + share * 1e-6)[:, ::-1], axis=1)[:, ::-1]
    tells[0] = 0
    chosen = np.argsort(-tells, axis=None, kind="stable")[:SIGNATURE_BITS]
    chosen = chosen[tells.ravel()[chosen] > 0]
    bits = np.bincount(chosen // most, minlength=alphabet + 1)
    starts = np.zeros(alphabet + 2, dtype=np.uint8)
    starts[1:] = np.cumsum(bits)
    return starts


def group(
    kernel: CDLL, codes: NDArray[np.int32], distinct: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Group rows by code: where each code's rows begin, and the rows; without those MISSING."""
    starts = np.empty(distinct + 1, dtype=np.int32)
    rows = np.empty(len(codes), dtype=np.int32)
    kernel.group_rows(address(codes), len(codes), distinct, address(starts), address(rows))
    return starts, rows[: starts[-1]]
