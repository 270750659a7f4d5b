"""How good are the rows found for documents whose true rows are known?"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from service.domain.configs import MatchingRules
from service.domain.runs import CONFIDENCE_DIGITS
from service.matching.bruteforce import NO_ROW, TopRows


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares in [0, 1]: of the documents with a true row those where it came first, and where it
    is among the five; F1 of the first rows as matches, at the best threshold and at the rules'.
    """

    top_1: float
    top_5: float
    best_f1: float
    f1: float


def measure(top: TopRows, truth: Sequence[frozenset[int]], rules: MatchingRules) -> Figures:
    """Hold what was found against the truth: for each document its true rows, maybe none."""
    is_true = np.array(
        [
            [row in rows for row in found]
            for found, rows in zip(top.positions.tolist(), truth, strict=True)
        ]
    )
    with_row = sum(map(bool, truth))
    confidence = np.round(top.scores[:, 0], CONFIDENCE_DIGITS)
    claims = np.where(top.positions[:, 0] == NO_ROW, -1.0, confidence)
    thresholds = np.unique(claims[claims >= 0])
    return Figures(
        is_true[:, 0].sum() / with_row,
        is_true.any(axis=1).sum() / with_row,
        max(_f1(is_true[claims >= least, 0], with_row) for least in thresholds),
        _f1(is_true[claims >= rules.threshold, 0], with_row),
    )


def average(figures: Sequence[Figures]) -> Figures:
    """Return the mean of each figure."""
    return Figures(*np.mean([astuple(each) for each in figures], axis=0).tolist())


def _f1(right: NDArray[np.bool_], with_row: int) -> float:
    return float(2 * right.sum() / (len(right) + with_row))
