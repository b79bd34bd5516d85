"""Pre-post effect size as published annually: mean change over the pre-treatment SD of a stated population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from outcomemodels.errors import DataError
from outcomemodels.schema import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectSize:
    """A pre-post effect size; without a control group it is no treatment effect (regression to the mean is in it).

    Parameters
    ----------
    value : float
        Mean improvement in SDs.
    n : int
        Clients with both scores.
    change : float
        Mean improvement, score points.
    sd : float
        SD it was divided by, score points.
    sd_source : str
        "given" (a national SD) or "these clients".
    """

    value: float
    n: int
    change: float
    sd: float
    sd_source: str


def effect_size(
    pre: ArrayLike,
    post: ArrayLike,
    *,
    sd: float | None = None,
    direction: Direction = Direction.LOWER_IS_BETTER,
) -> EffectSize:
    """Compute (mean pre − mean post) / SD over clients with both scores.

    Parameters
    ----------
    pre, post : array_like, dims (client,)
        Scores in points; NaN missing.
    sd : float, optional
        Pre-treatment SD of a reference population: England's in the annual reports. That of these clients when
        absent, which makes services with a narrow intake look better.
    direction : Direction
        Which way the score improves.

    Raises
    ------
    DataError
        On unequal lengths, fewer than two pairs, or an SD that is not positive.

    References
    ----------
    NHS Digital (2021), A guide to IAPT data and publications.
    """
    x, y = np.asarray(pre, dtype=np.float64), np.asarray(post, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise DataError(f"pre has shape {x.shape}, post {y.shape}", accepted="two arrays of dims (client,)")
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < 2:
        raise DataError("fewer than two clients have both scores", accepted="two or more pairs")
    spread = float(x[both].std(ddof=1)) if sd is None else float(sd)
    if not spread > 0:
        raise DataError(f"the SD is {spread}", accepted="a positive number of points")
    fall = float((x[both] - y[both]).mean()) * (1 if direction is Direction.LOWER_IS_BETTER else -1)
    source = "these clients" if sd is None else "given"
    return EffectSize(value=fall / spread, n=int(both.sum()), change=fall, sd=spread, sd_source=source)
