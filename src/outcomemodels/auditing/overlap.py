"""Overlap and positivity, treatment by problem: courses, propensity, common support, and Kish's effective sample size.

Rule by rule; nothing is combined into a score. The propensity is a logistic regression of one treatment against
another on the start score, its square, client numbers and the setting's own share.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.association import kish

FloatArray = NDArray[np.float64]

MOST_ROWS = 40_000
"""Propensities are fitted on at most this many courses, evenly spaced."""

EDGE = 0.01
"""Share of each arm left out at the edges when the common support is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """How far two treatments were given to the same kinds of clients.

    Parameters
    ----------
    courses : (float, float)
        Courses of each treatment.
    common_support : float or None
        Share of courses whose propensity lies in the range of both arms; None where nothing can be adjusted for.
    effective : (float, float)
        Kish's effective courses after inverse-propensity weights.
    largest_weight : float or None
        Largest share of its arm's weight that one course carries.
    adjusted : tuple of str
        Fields that entered.
    """

    courses: tuple[float, float]
    common_support: float | None
    effective: tuple[float, float]
    largest_weight: float | None
    adjusted: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return asdict(self)


def overlap_of(
    given: NDArray[np.bool_],
    numbers: dict[str, FloatArray],
    groups: dict[str, NDArray[np.int32]],
    weight: FloatArray | None = None,
) -> Overlap:
    """Overlap of two arms.

    Parameters
    ----------
    given : array of bool, dims (row,)
        Whether the first of the two treatments was given.
    numbers : mapping of field to array, dims (row,)
        Start scores and client numbers; missing values stand at the mean.
    groups : mapping of field to codes, dims (row,)
        Problem, setting: each enters as its smoothed log odds.
    weight : array of float, dims (row,), optional
        Courses a row stands for.
    """
    w = np.ones(len(given)) if weight is None else weight
    arms = (float(w[given].sum()), float(w[~given].sum()))
    if min(arms) == 0 or not (numbers or groups):
        return Overlap(courses=arms, common_support=None, effective=arms, largest_weight=None, adjusted=())
    keep = np.unique(np.linspace(0, len(given) - 1, min(len(given), MOST_ROWS)).astype(np.int64))
    t, v = given[keep].astype(float), w[keep]
    if min(v[t == 1].sum(), v[t == 0].sum()) == 0:
        return Overlap(courses=arms, common_support=None, effective=arms, largest_weight=None, adjusted=())
    columns = [np.ones(len(keep))]
    for x in numbers.values():
        z = _standard(x[keep])
        columns += [z, z**2 - 1]
    columns += [_standard(_log_odds(codes[keep], t, v)) for codes in groups.values()]
    p = propensity(np.stack(columns, axis=1), t, v)
    weights = v / np.where(t == 1, p, 1 - p)
    sides = [weights[t == 1], weights[t == 0]]
    scale = [arms[0] / max(v[t == 1].sum(), 1e-12), arms[1] / max(v[t == 0].sum(), 1e-12)]
    per_row = [float(v[t == a].sum()) / max(kish(v[t == a]), 1e-12) for a in (1, 0)]
    low = max(np.quantile(p[t == a], EDGE) for a in (0, 1))
    high = min(np.quantile(p[t == a], 1 - EDGE) for a in (0, 1))
    inside = float(v[(p >= low) & (p <= high)].sum() / v.sum())
    return Overlap(
        courses=arms,
        common_support=inside,
        effective=(kish(sides[0]) * scale[0] * per_row[0], kish(sides[1]) * scale[1] * per_row[1]),
        largest_weight=float(max(side.max() / side.sum() for side in sides)),
        adjusted=(*numbers, *groups),
    )


def propensity(X: FloatArray, t: FloatArray, weight: FloatArray, *, ridge: float = 1e-2, steps: int = 25) -> FloatArray:
    """Logistic regression by Newton's method with a small ridge; returns fitted probabilities, dims (row,)."""
    beta = np.zeros(X.shape[1])
    penalty = np.full(X.shape[1], ridge * float(weight.mean()))
    penalty[0] = 1e-8
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(X @ beta, -30, 30)))
        gradient = X.T @ (weight * (t - p)) - penalty * beta
        hessian = (X * (weight * p * (1 - p))[:, None]).T @ X + np.diag(penalty)
        change = np.linalg.solve(hessian, gradient)
        size = float(np.abs(change).max())
        beta += change * min(1.0, 5.0 / max(size, 1e-12))
        if size < 1e-6:
            break
    return np.asarray(np.clip(1 / (1 + np.exp(-np.clip(X @ beta, -30, 30))), 1e-6, 1 - 1e-6))


def _standard(x: FloatArray) -> FloatArray:
    known = np.isfinite(x)
    if not known.any():
        return np.zeros(len(x))
    spread = float(x[known].std())
    return np.where(known, (x - float(x[known].mean())) / (spread or 1.0), 0.0)


def _log_odds(codes: NDArray[np.int32], t: FloatArray, v: FloatArray) -> FloatArray:
    """Log odds of the treatment in each level, shrunk by two courses toward the whole; missing at the whole."""
    c = np.where(codes >= 0, codes, codes.max(initial=-1) + 1)
    n = np.bincount(c, weights=v)
    k = np.bincount(c, weights=v * t)
    whole = float((v * t).sum() / v.sum())
    share = (k + 2 * whole) / (n + 2)
    share = np.clip(share, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(share / (1 - share))[c])
