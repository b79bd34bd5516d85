"""Prior-to-posterior contraction of a contrast: 1 - posterior variance / prior variance.

A contrast of rows of a counterfactual design is linear in the fixed columns and the effects of a linear model, on the
scale of its link. Its prior variance follows in closed form from the priors, with no draws: columns contribute
``w^2 Var(beta)``, effects ``w^2 E[sd^2]``; correlations have prior mean zero (LKJ).

Levels asked about as NEW stand for a population: their spread never contracts, however much is known of it, so
both variances are of the contrast *averaged over that population*. Named levels never seen together (this
therapist with that treatment) are particular and unknown: their variance counts on both sides.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from outcomemodels.design import NEW, UNKNOWN, Design
from outcomemodels.plugin import Block, LinearStructure
from outcomemodels.posterior import corr_name, effect_name, sd_name
from outcomemodels.priors import Prior

FloatArray = NDArray[np.float64]

CUT = 0.995
"""Priors without a variance are cut at this quantile when a variance is needed."""


def contraction_linear(
    structure: LinearStructure, design: Design, posterior: xr.Dataset, weights: FloatArray
) -> FloatArray:
    """Contraction of contrasts of the rows of a counterfactual design.

    Parameters
    ----------
    structure : LinearStructure
        The linear form on ``design``.
    design : Design
        Counterfactual.
    posterior : xarray.Dataset, dims (chain, draw, …)
    weights : array, dims (contrast, obs)
        Each row sums to zero.

    Returns
    -------
    array, dims (contrast,)
        NaN where the prior fixes the contrast.
    """
    prior = np.zeros(len(weights))
    mean_variance = np.zeros(len(weights))
    draws = np.zeros((posterior.sizes["chain"] * posterior.sizes["draw"], len(weights)))
    if structure.columns:
        on_columns = weights @ structure.X
        prior += on_columns**2 @ np.array([variance(p) for p in structure.column_priors])
        draws += _flat(posterior["beta"]) @ on_columns.T
    for block in structure.blocks:
        seconds = np.array([second_moment(p) for p in block.sds])
        effects = _flat(posterior[effect_name(block.id)])
        effects = effects.reshape(len(effects), -1)
        covariance = _mean_covariance(block, posterior)
        for i, weight in enumerate(weights):
            on_levels, unseen = _on_effects(block, design, weight)
            prior[i] += float((on_levels**2 @ seconds).sum())
            flat = on_levels.ravel()
            used = np.flatnonzero(flat)
            draws[:, i] += effects[:, used] @ flat[used]
            for squares, values in unseen:
                prior[i] += squares * float(values**2 @ seconds)
                mean_variance[i] += squares * float(values @ covariance @ values)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(prior > 0, 1 - (draws.var(axis=0, ddof=1) + mean_variance) / prior, np.nan)


def contraction_of_draws(prior: FloatArray, posterior: FloatArray, weights: FloatArray) -> FloatArray:
    """The same from draws of expected outcomes, dims (draw, obs), for models without a linear form.

    Levels asked about as NEW are in both variances, so this is a lower bound of what was learned.
    """
    before = (prior @ weights.T).var(axis=0, ddof=1)
    after = (posterior @ weights.T).var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(before > 0, 1 - after / before, np.nan)


def contrast_weights(reference: int, linked: NDArray[np.bool_]) -> FloatArray:
    """Each treatment against the reference; the reference against the mean of the others linked to it.

    Parameters
    ----------
    reference : int
    linked : array of bool, dims (treatment,)

    Returns
    -------
    array, dims (treatment, treatment)
    """
    count = len(linked)
    weights = np.eye(count)
    weights[:, reference] -= 1.0
    others = linked & (np.arange(count) != reference)
    if others.any():
        weights[reference] = -1.0 * others / others.sum()
        weights[reference, reference] = 1.0
    return weights


def variance(prior: Prior) -> float:
    """Variance of a prior; finite for all (see :data:`CUT`)."""
    match prior.name:
        case "constant":
            return 0.0
        case "student_t" if prior.values[0] > 2:
            df, _, scale = prior.values
            return scale**2 * df / (df - 2)
        case "student_t":
            return float(np.var(_middle(prior)))
        case _:
            return prior.spread**2


def second_moment(prior: Prior) -> float:
    """E[x^2] under a prior of a standard deviation; finite for all (see :data:`CUT`)."""
    match prior.name:
        case "constant":
            return prior.values[0] ** 2
        case "half_normal":
            return prior.values[0] ** 2
        case "exponential" | "pc":
            return 2 / prior.rate**2
        case "half_student_t" if prior.values[0] > 2:
            df, scale = prior.values
            return scale**2 * df / (df - 2)
        case _:
            return float(np.mean(_middle(prior) ** 2))


def _middle(prior: Prior) -> FloatArray:
    """Quantiles on a fine even grid of the middle of a prior; one-sided priors are cut on the right only."""
    count = 4000
    grid = (np.arange(count) + 0.5) / count
    one_sided = prior.name.startswith("half")
    return prior.ppf(grid * CUT if one_sided else (1 - CUT) + grid * (2 * CUT - 1))


def _flat(variable: xr.DataArray) -> FloatArray:
    values = np.asarray(variable.transpose("chain", "draw", ...).values, dtype=float)
    return values.reshape(-1, *values.shape[2:])


def _mean_covariance(block: Block, posterior: xr.Dataset) -> FloatArray:
    """Posterior mean of the covariance of one level's effects, dims (column, column)."""
    sds = _flat(posterior[sd_name(block.id)])
    sds = sds.reshape(len(sds), -1)
    if block.correlation is None:
        return np.diag((sds**2).mean(axis=0))
    corr = _flat(posterior[corr_name(block.id)])
    return np.asarray(np.einsum("si,sij,sj->ij", sds, corr, sds) / len(sds))


def _on_effects(block: Block, design: Design, weight: FloatArray) -> tuple[FloatArray, list[tuple[float, FloatArray]]]:
    """Weights of a contrast on the effects of a block.

    Returns
    -------
    array, dims (level, column)
        On the fitted levels.
    list of (float, array dims (column,))
        For combinations never observed: sum of squared weights, and the values they multiply.
    """
    fitted = design if design.fitted is None else design.fitted
    factors = [design.factors[name] for name in block.by]
    position = [{label: i for i, label in enumerate(f.levels)} for f in factors]
    crossing = fitted.crossing(block.by)
    codes = np.array([[position[j][v] for j, v in enumerate(level)] for level in crossing.levels], dtype=np.int64)
    codes = codes.reshape(len(crossing.levels), len(factors))
    on_levels = np.zeros((len(crossing.levels), len(block.columns)))
    unseen: list[tuple[float, FloatArray]] = []
    parents = np.stack([f.codes for f in factors], axis=1)
    for key in dict.fromkeys(map(tuple, parents.tolist())):
        values = weight[(parents == key).all(axis=1)] @ block.values[(parents == key).all(axis=1)]
        if NEW in key or not values.any():
            continue
        share = np.ones(len(codes))
        squares = 1.0
        for j, code in enumerate(key):
            if code == UNKNOWN:
                caseload = _caseload(fitted, block.by[j])
                share = share * caseload[codes[:, j]]
                squares *= float((caseload**2).sum())
            else:
                share = share * (codes[:, j] == code)
        on_levels += share[:, None] * values
        rest = squares - float((share**2).sum())
        if rest > 1e-12:
            unseen.append((rest, values))
    return on_levels, unseen


def _caseload(fitted: Design, name: str) -> FloatArray:
    """Share of the courses of each level of a factor, dims (level of the factor,)."""
    factor = fitted.factors[name]
    crossing = fitted.crossing((name,))
    out = np.zeros(len(factor.levels))
    for level, count in zip(crossing.levels, crossing.count, strict=True):
        out[factor.levels.index(level[0])] = count
    return np.asarray(out / out.sum())
