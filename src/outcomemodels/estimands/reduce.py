"""Draws to numbers. Pure functions on arrays, dims (draw, treatment); they know no model and no design.

Everything comparative is taken draw by draw and summarised last. ``sign`` is +1 when more is better, -1 when less is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcomemodels.schema import Direction

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean, SD and central interval of one quantity."""

    mean: float
    sd: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """Comparison of several treatments; arrays have dims (treatment,), NaN where a treatment was left out.

    Parameters
    ----------
    p_best : array
        Share of draws in which the treatment is best; draws with ties are shared equally.
    sucra : array
        (K - expected rank) / (K - 1) for K treatments (Salanti, Ades & Ioannidis 2011,
        doi 10.1016/j.jclinepi.2010.03.016).
    regret : array
        Expected shortfall from the best of each draw, in outcome units.
    """

    p_best: FloatArray
    sucra: FloatArray
    regret: FloatArray


def sign_of(direction: Direction | None) -> int | None:
    """+1 when more is better, -1 when less is, None when the data do not say."""
    if direction is None:
        return None
    return 1 if direction is Direction.HIGHER_IS_BETTER else -1


def summarise(draws: FloatArray, *, probability: float) -> Summary:
    """Mean, SD (divisor n - 1) and central interval of draws, dims (draw,)."""
    tail = (1 - probability) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    sd = float(np.std(draws, ddof=1)) if len(draws) > 1 else 0.0
    return Summary(float(np.mean(draws)), sd, float(low), float(high))


def contrasts(expected: FloatArray, *, reference: int) -> FloatArray:
    """Each treatment minus the reference, draw by draw; dims (draw, treatment)."""
    return np.asarray(expected - expected[:, [reference]])


def p_beneficial(contrast: FloatArray, *, sign: int) -> float:
    """Share of draws, dims (draw,), in the good direction; exact zeros count half."""
    return float(np.mean(sign * contrast > 0) + 0.5 * np.mean(contrast == 0))


def p_worthwhile(contrast: FloatArray, *, sign: int, by: float) -> float:
    """Share of draws, dims (draw,), better by at least ``by`` outcome units."""
    return float(np.mean(sign * contrast >= by))


def rank(expected: FloatArray, *, sign: int, among: BoolArray) -> Ranking:
    """Compare treatments draw by draw.

    Parameters
    ----------
    expected : array, dims (draw, treatment)
        In outcome units.
    sign : int
    among : array of bool, dims (treatment,)
        Treatments that may be compared; with fewer than two, everything is NaN.
    """
    count = expected.shape[1]
    out = np.full((3, count), np.nan)
    k = int(among.sum())
    if k >= 2:
        good = sign * expected[:, among]
        best = good.max(axis=1, keepdims=True)
        ties = good == best
        out[0, among] = (ties / ties.sum(axis=1, keepdims=True)).mean(axis=0)
        out[1, among] = (k - _mean_rank(good)) / (k - 1)
        out[2, among] = (best - good).mean(axis=0)
    return Ranking(out[0], out[1], out[2])


def _mean_rank(good: FloatArray) -> FloatArray:
    """Expected rank, 1 is best; tied treatments share the average of their ranks. Dims (treatment,)."""
    k = good.shape[1]
    ranks = np.ones(k)
    for j in range(k):
        beaten_by = (good > good[:, [j]]).mean(axis=0).sum()
        tied_with = (good == good[:, [j]]).mean(axis=0).sum() - 1
        ranks[j] += beaten_by + tied_with / 2
    return ranks
