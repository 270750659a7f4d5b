"""How much of two texts do their words share, when rare words of the column count for more?

The scorer `idf`, for texts whose tokens are distinct and stand in order of code points:

- A token weighs log(1 + U / df): U distinct texts in the reference column, df of them with the
  token. A token that the column does not have weighs as much as the heaviest one it has.
- The similarity of two tokens is that of `Indel`, 1.0 - distance / (length + length). Below
  LEAST_SIMILARITY it is LEAST_SIMILARITY when the shorter token has at least LEAST_BEGINNING
  characters and the longer one begins with it (an abbreviation), else 0.0. A token's best is its
  greatest similarity to a token of the other text.
- covered = sum of weight * best over the document's tokens + the same over the reference's.
  mass = sum of weight over the document's tokens + the same over the reference's.
- score = (covered + covered) / (covered + mass): what is not covered counts half. 0.0 when neither
  text has a token.

Bit by bit: all is float64; each product is rounded before it is added (no fused multiply-add); the
four sums start at 0.0 and go through the tokens in order of code points. No best is above 1, so no
sum of covered weights is above its mass and the score needs no clamp; the two sides may change
places. Weights are computed once, with the reference column, and taken from there.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Indel, Prefix

# Two tokens this similar may be one word, misspelled or inflected; so may a word and its beginning.
LEAST_SIMILARITY = 0.75
LEAST_BEGINNING = 3

# Bound on memory: similarities are worked out for this many pairs of tokens at a time.
_MAX_CELLS = 2_000_000

_Places = NDArray[np.intp]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TokenWeights:
    """How much a reference column's tokens weigh (in order of code points), and any other one."""

    by_token: Mapping[str, float] = field(default_factory=dict)
    unknown: float = 0.0

    def of(self, token: str) -> float:
        """Return the weight of one token."""
        return self.by_token.get(token, self.unknown)


def weigh_tokens(texts: Iterable[str]) -> TokenWeights:
    """Return the weights for a reference column with these texts; repeated ones count once."""
    distinct = frozenset(texts)
    counts = Counter(chain.from_iterable(text.split() for text in distinct))
    weight_of_count = {
        count: math.log(1 + len(distinct) / count) for count in frozenset(counts.values())
    }
    by_token = {token: weight_of_count[counts[token]] for token in sorted(counts)}
    return TokenWeights(by_token, max(by_token.values(), default=0.0))


def score_pairs(
    weights: TokenWeights, documents: Sequence[str], reference: Sequence[str]
) -> _Floats:
    """Return scores [pairs] of texts at the same place."""
    pairs = zip(documents, reference, strict=True)
    return np.array([_score_pair(weights, *pair) for pair in pairs], dtype=np.float64)


def score_grid(
    weights: TokenWeights, documents: Sequence[str], reference: Sequence[str]
) -> _Floats:
    """Return scores [documents, reference].

    Each distinct token is compared once; what that says is spread to the reference texts by the
    lists of the texts that have a token.
    """
    asked, held = _Tokens.read(weights, documents), _Tokens.read(weights, reference)
    postings = _Postings.read(held)
    partners = _find_partners(asked.vocabulary, held.vocabulary)
    covered = np.empty((len(documents), len(reference)))
    for document, tokens in enumerate(np.split(asked.places, np.cumsum(asked.lengths))[:-1]):
        covered[document] = _cover(asked, held, postings, [(t, *partners[t]) for t in tokens])
    mass = asked.sum_masses()[:, None] + held.sum_masses()[None, :]
    return np.divide(2 * covered, covered + mass, out=np.zeros_like(covered), where=mass > 0)


def _score_pair(weights: TokenWeights, document: str, reference: str) -> float:
    asked, held = document.split(), reference.split()
    similarities = _compare(asked, held)
    covered = mass = 0.0
    for tokens, axis in ((asked, 1), (held, 0)):
        side_covered = side_mass = 0.0
        best = similarities.max(axis=axis, initial=0.0).tolist()
        for token, similarity in zip(tokens, best, strict=True):
            side_covered += weights.of(token) * similarity
            side_mass += weights.of(token)
        covered += side_covered
        mass += side_mass
    return (covered + covered) / (covered + mass) if mass else 0.0


def _compare(tokens: Sequence[str], others: Sequence[str]) -> _Floats:
    similarities: _Floats = process.cdist(
        tokens,
        others,
        scorer=Indel.normalized_similarity,
        score_cutoff=LEAST_SIMILARITY,
        dtype=np.float64,
        workers=1,  # several processes share the machine
    )
    shared = process.cdist(
        tokens, others, scorer=Prefix.similarity, score_cutoff=LEAST_BEGINNING, workers=1
    )
    lengths = [np.fromiter(map(len, side), shared.dtype) for side in (tokens, others)]
    begins = (shared > 0) & (shared == np.minimum(lengths[0][:, None], lengths[1][None, :]))
    return np.maximum(similarities, np.where(begins, LEAST_SIMILARITY, 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class _Tokens:
    """The tokens of some texts: `places` in the vocabulary, text after text, `lengths` of each.

    The vocabulary and the tokens of a text stand in order of code points.
    """

    vocabulary: list[str]
    weights: _Floats
    places: _Places
    lengths: _Places

    @classmethod
    def read(cls, weights: TokenWeights, texts: Sequence[str]) -> "_Tokens":
        """Split the texts and number their tokens."""
        split = [text.split() for text in texts]
        vocabulary = sorted(set(chain.from_iterable(split)))
        place_of = {token: place for place, token in enumerate(vocabulary)}
        return cls(
            vocabulary,
            np.array([weights.of(token) for token in vocabulary], dtype=np.float64),
            np.fromiter((place_of[token] for token in chain.from_iterable(split)), np.intp),
            np.array([len(tokens) for tokens in split], dtype=np.intp),
        )

    def owners(self) -> _Places:
        """Return the text of each entry of `places`."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def sum_masses(self) -> _Floats:
        """Return the mass of each text; `add.at` adds in the order of the entries."""
        masses = np.zeros(len(self.lengths))
        np.add.at(masses, self.owners(), self.weights[self.places])
        return masses


@dataclass(frozen=True, slots=True, eq=False)
class _Postings:
    """Which texts have a token: `owners` from `starts` on, `counts` of them, rising."""

    owners: _Places
    starts: _Places
    counts: _Places

    @classmethod
    def read(cls, tokens: _Tokens) -> "_Postings":
        """Turn the tokens of texts into the texts of tokens."""
        counts = np.bincount(tokens.places, minlength=len(tokens.vocabulary))
        owners = tokens.owners()[np.argsort(tokens.places, kind="stable")]
        return cls(owners, np.cumsum(counts) - counts, counts)

    def spread(self, places: _Places, values: _Floats) -> tuple[_Places, _Floats]:
        """Return the texts of all these tokens, token after token, each with its token's value."""
        counts = self.counts[places]
        skipped = self.starts[places] - (np.cumsum(counts) - counts)
        entries = np.repeat(skipped, counts) + np.arange(counts.sum())
        return self.owners[entries], np.repeat(values, counts)


def _find_partners(
    tokens: Sequence[str], vocabulary: Sequence[str]
) -> list[tuple[_Places, _Floats]]:
    """Return for each token the places in the vocabulary that are similar, and how similar."""
    partners = []
    tokens_at_once = max(1, _MAX_CELLS // max(1, len(vocabulary)))
    for start in range(0, len(tokens), tokens_at_once):
        for similarities in _compare(tokens[start : start + tokens_at_once], vocabulary):
            places = np.flatnonzero(similarities)
            partners.append((places, similarities[places]))
    return partners


def _cover(
    asked: _Tokens,
    held: _Tokens,
    postings: _Postings,
    tokens: Iterable[tuple[np.intp, _Places, _Floats]],
) -> _Floats:
    """Return covered(document) + covered(reference) [reference texts] for one document.

    `tokens` are the document's, each with its partners and their similarities.
    """
    covered_document = np.zeros(len(held.lengths))
    covered_reference = np.zeros(len(held.lengths))
    best_of_held = np.zeros(len(held.vocabulary))
    for token, places, similarities in tokens:
        best = np.zeros(len(held.lengths))
        np.maximum.at(best, *postings.spread(places, similarities))
        covered_document += asked.weights[token] * best
        best_of_held[places] = np.maximum(best_of_held[places], similarities)
    hit = np.flatnonzero(best_of_held)
    np.add.at(covered_reference, *postings.spread(hit, held.weights[hit] * best_of_held[hit]))
    return covered_document + covered_reference
