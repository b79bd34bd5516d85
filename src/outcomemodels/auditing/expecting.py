"""The half-width that a fitted answer will show: integrated over what it does not know of the components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from outcomemodels.auditing.contrasts import Aim, coefficients, contrast_of, one_of_each
from outcomemodels.auditing.gates import Ground
from outcomemodels.auditing.integrating import Weighed
from outcomemodels.auditing.precision import Z95, posterior_variance

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """Half-width of the 95 % interval of a fitted answer, outcome units.

    ``low`` and ``high`` say how far it may lie from that; ``how`` in words.
    """

    half_width: float
    low: float
    high: float
    how: str


def expected_of(ground: Ground, aim: Aim, extra: float = 0.0) -> Expected:
    """Half-width for one new member of whatever the aim says is new.

    Parameters
    ----------
    ground : Ground
    aim : Aim
    extra : float
        Variance that a client's own characteristics add.
    """
    each = np.array([_of_fit(fit, aim, extra) for fit in ground.fits])
    if len(each) == 1:
        return Expected(
            half_width=float(each[0]),
            low=float(each[0]),
            high=float(each[0]),
            how="components weighed from the outcomes",
        )
    if len(each):
        low, high = np.quantile(each, [0.1, 0.9])
        how = f"mean of {len(each)} drawings of the outcomes, components weighed in each"
        return Expected(half_width=float(each.mean()), low=float(low), high=float(high), how=how)
    middle = _closed(ground, aim, extra, 1.0)
    unknown = _not_estimated(ground, aim)
    how = "components estimated by moments" + (f"; assumed: {', '.join(unknown)}" if unknown else "")
    low, high = (_closed(ground, aim, extra, factor) if unknown else middle for factor in (0.0, 4.0))
    return Expected(half_width=middle, low=low, high=high, how=how)


def _closed(ground: Ground, aim: Aim, extra: float, factor: float) -> float:
    """In closed form, with the variance of effects that are assumed and belong to somebody new taken times a factor."""
    variance = posterior_variance(ground.pooled, contrast_of(ground.cells, aim)) + extra
    for role in _of_somebody_new(ground, aim):
        known = role in ground.components.estimated
        variance += 2 * (1.0 if known else factor) * ground.components.sd(role) ** 2
    return Z95 * float(np.sqrt(variance))


def _of_somebody_new(ground: Ground, aim: Aim) -> list[str]:
    """Roles of the batches in which somebody or something that is not named differs, once for each batch."""
    cells = ground.cells
    return [
        cells.role(batch)
        for batch in cells.batches
        if aim.treatment in batch and any(cells.roles[n] in aim.new and n not in aim.named for n in batch)
    ]


def _not_estimated(ground: Ground, aim: Aim) -> list[str]:
    return sorted(set(_of_somebody_new(ground, aim)) - set(ground.components.estimated))


def _of_fit(fit: Weighed, aim: Aim, extra: float) -> float:
    """Half the distance of the outer quantiles of a mixture: a part for each value of the components and each case."""
    marginal = fit.marginal
    cells, layout = marginal.cells, marginal.layout
    kept, gone = marginal.order
    weights, means, variances = [], [], []
    batches = {batch: k for k, batch in enumerate(layout.batches)}
    for p, contrast in one_of_each(cells, aim):
        c = coefficients(contrast, layout.size)
        for i, at in enumerate(fit.points):
            mean, variance = at.moments(c[kept], c[gone])
            for batch, n in contrast.absent.items():
                variance += n * (at.sds[batches[batch]] if batch in batches else fit.cell[i]) ** 2
            weights.append(p / len(fit.points))
            means.append(mean)
            variances.append(variance + extra)
    return half_of_mixture(weights, means, variances)


def half_of_mixture(weights: Sequence[float], means: Sequence[float], variances: Sequence[float]) -> float:
    """Half the width of the central 95 % of a mixture of normal distributions."""
    w, m, s = np.array(weights), np.array(means), np.sqrt(np.maximum(variances, 1e-300))
    ends = []
    for level in (0.025, 0.975):
        low, high = float((m - 9 * s).min()), float((m + 9 * s).max())
        for _ in range(60):
            middle = (low + high) / 2
            if float(w @ ndtr((middle - m) / s)) < level:
                low = middle
            else:
                high = middle
        ends.append((low + high) / 2)
    return (ends[1] - ends[0]) / 2
