"""The half-width that a fitted answer will show: integrated over what it does not know of the components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from outcomemodels.auditing.contrasts import Aim, coefficients, contrast_of, one_of_each
from outcomemodels.auditing.gates import Ground, enough_to_weigh
from outcomemodels.auditing.precision import Z95, posterior_variance
from outcomemodels.auditing.weighing import Weighed, can_weigh

FloatArray = NDArray[np.float64]

FEWEST_FOR_SLOPE = 6
"""Drawings from which half-widths are regressed on how much effects vary."""


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
    if len(each) == 1 and not ground.planned:
        gates = f", k-hat {ground.fits[0].gates.khat:.2f}, Kish {ground.fits[0].gates.kish:.0f}"
        return Expected(
            half_width=float(each[0]),
            low=float(each[0]),
            high=float(each[0]),
            how="exact engine, components weighed from the outcomes" + gates,
        )
    if len(each):
        each -= _by_chance(ground, each)
        low, high = np.quantile(each, [0.1, 0.9])
        of = f"{len(each)}" if len(each) == ground.drawings else f"{len(each)} of {ground.drawings}"
        how = f"exact engine, mean of {of} drawings of the outcomes, components weighed in each"
        return Expected(half_width=float(each.mean()), low=float(low), high=float(high), how=how)
    middle = _closed(ground, aim, extra, 1.0)
    unknown = _not_estimated(ground, aim)
    how = "closed form, components estimated" + (f"; assumed: {', '.join(unknown)}" if unknown else "")
    if can_weigh(ground.cells) and (ground.planned or enough_to_weigh(ground.cells)):
        how += "; the exact engine's weights did not pass its gates"
    low, high = (_closed(ground, aim, extra, factor) if unknown else middle for factor in (0.0, 4.0))
    return Expected(half_width=middle, low=low, high=high, how=how)


def _by_chance(ground: Ground, each: FloatArray) -> float:
    """How much the mean over few drawings is off because effects vary more, or less, in them than is known they do.

    What is expected of an SD after new outcomes is what is expected of it now, so that the mean over all drawings is
    known; the regression of the half-widths on it takes the difference away (a control variate).
    """
    if ground.weighed is None or len(each) < FEWEST_FOR_SLOPE:
        return 0.0
    x = np.array([fit.varies for fit in ground.fits])
    apart = x - x.mean()
    slope = max(float(apart @ each) / max(float(apart @ apart), 1e-300), 0.0)
    return slope * (float(x.mean()) - ground.weighed.varies)


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
    layout, cases = fit.cells.layout, one_of_each(fit.cells, aim)
    contrasts = np.stack([coefficients(contrast, layout.size) for _, contrast in cases])
    absent = np.array([[c.absent.get(b, 0.0) for b in layout.batches] for _, c in cases])  # dims (case, batch)
    own = np.array([sum(n for b, n in c.absent.items() if b not in layout.batches) for _, c in cases])
    means, variances = [], []
    for point in fit.points:
        found = fit.moments(point, contrasts)
        means.append(found.mean)
        variances.append(found.variance + absent @ point.sds**2 + own * point.own**2 + extra)
    weights = np.tile([p for p, _ in cases], len(fit.points)) / len(fit.points)
    return half_of_mixture(weights, np.concatenate(means), np.concatenate(variances))


def half_of_mixture(w: FloatArray, m: FloatArray, variances: FloatArray) -> float:
    """Half the width of the central 95 % of a mixture of normal distributions: weights, means and variances."""
    s = np.sqrt(np.maximum(variances, 1e-300))
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
