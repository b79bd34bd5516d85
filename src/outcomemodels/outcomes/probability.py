"""Probability that one client's true score changed, with uncertainty in the reliability of the measure."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from outcomemodels.errors import DataError
from outcomemodels.schema import Direction


def probability_of_change(
    pre: ArrayLike,
    post: ArrayLike,
    *,
    sd: float,
    reliability: float,
    reliability_n: int | None = None,
    margin: float = 0.0,
    direction: Direction = Direction.LOWER_IS_BETTER,
    draws: int = 200,
    seed: int = 0,
) -> NDArray[np.float64]:
    """P(true improvement > margin) for each client, dims (client,); NaN where a score is missing.

    Observed = true + error, error ~ Normal(0, SEm²) at both occasions, SEm = sd √(1 − r), flat prior on true
    scores, so true change ~ Normal(observed change, 2 SEm²). With ``reliability_n`` (clients of the
    reliability study) r is drawn on Fisher's z scale with SD 1/√(n − 3), and the probability averaged over
    draws.

    Parameters
    ----------
    pre, post : array_like, dims (client,)
        Scores in points.
    sd, reliability : float
        SD of the sample the reliability comes from (points), and that reliability.
    reliability_n : int, optional
        Size of the reliability study; without it r is taken as known.
    margin : float
        Improvement that matters, in points, 0 or more.
    direction : Direction
        Which way the score improves. For deterioration swap ``pre`` and ``post``.
    draws, seed : int
        Draws of r and their seed.

    Raises
    ------
    DataError
        On unequal lengths or a setting outside its range.

    References
    ----------
    Jacobson & Truax (1991), doi 10.1037/0022-006X.59.1.12, for the measurement model.
    """
    x, y = np.asarray(pre, dtype=np.float64), np.asarray(post, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise DataError(f"pre has shape {x.shape}, post {y.shape}", accepted="two arrays of dims (client,)")
    if not (sd > 0 and 0 < reliability < 1 and margin >= 0 and draws >= 1):
        raise DataError(
            f"sd {sd}, reliability {reliability}, margin {margin}, draws {draws}",
            accepted="sd > 0, reliability between 0 and 1, margin >= 0, draws >= 1",
        )
    if reliability_n is not None and reliability_n < 4:
        raise DataError(f"reliability_n is {reliability_n}", accepted="4 or more")
    fall = (x - y if direction is Direction.LOWER_IS_BETTER else y - x) - margin
    r = np.asarray([reliability])
    if reliability_n is not None:
        noise = np.random.default_rng(seed).standard_normal(draws) / np.sqrt(reliability_n - 3)
        r = np.clip(np.tanh(np.arctanh(reliability) + noise), 0.0, 1 - 1e-9)
    points, back = np.unique(fall, return_inverse=True)  # questionnaires have few distinct changes
    total = np.zeros(points.shape)
    for one in r:
        total += ndtr(points / (sd * np.sqrt(2 * (1 - one))))
    return np.asarray((total / r.size)[back], dtype=np.float64)
