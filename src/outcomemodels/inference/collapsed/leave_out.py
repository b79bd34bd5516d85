"""How well a whole therapist or service is predicted by all the others, on the marginal likelihood.

Statistics add up, so leaving out a level takes its share off the posterior of all variables. With that posterior's mean
m and covariance C over the variables the level's rows touch, A and c the rows' own cross-products and b = c - A m,

    log p(y_j | y_-j, theta) = -1/2 { n log 2 pi + sum log v - log|I - AC| + e'V^-1 e + b'C (I - AC)^-1 b },

exactly, with every effect, the level's own included, integrated out; e are residuals at m. One dense posterior serves
every level, and a level costs the cube of the variables it touches. With more variables than a dense posterior can
hold, the difference log p(y | theta) - log p(y_-j | theta) is taken instead, one density a level.

References
----------
Merkle, Furr & Rabe-Hesketh (2019), Bayesian comparison of latent variable models, doi 10.1007/s11336-019-09679-0.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import special

from outcomemodels.errors import SpecError
from outcomemodels.inference.collapsed.collapse import LOG_2PI, Collapsed, Variances
from outcomemodels.inference.collapsed.layout import FloatArray
from outcomemodels.inference.collapsed.parameters import Parameters
from outcomemodels.inference.collapsed.plan import MAX_KEPT
from outcomemodels.inference.collapsed.stats import Statistics, statistics, statistics_of
from outcomemodels.inference.collapsed.weights import resample, smooth
from outcomemodels.plugin import Block, LinearStructure


def leave_one_level_out(
    structure: LinearStructure, tree: xr.DataTree, block: str, *, points: int = 100, seed: int = 1
) -> xr.Dataset:
    """Log predictive density of each level's rows given all other rows.

    Parameters
    ----------
    structure : LinearStructure
        The one that was sampled.
    tree : xarray.DataTree
        Result of the exact engine for it.
    block : str
        Block whose levels are left out one by one.
    points : int
        Points of the variance parameters averaged over.
    seed : int
        For choosing the points.

    Returns
    -------
    xarray.Dataset
        ``elpd`` (log density of the level's rows) and ``khat`` (of the weights that take the level out of the
        posterior of the variance parameters; above 0.7 the number is unreliable), dims (level,).

    Raises
    ------
    SpecError
        If there is no such block, or the tree is not one of the exact engine.
    """
    by_id = {b.id: b for b in structure.blocks}
    if block not in by_id:
        raise SpecError(f"no block {block!r}", accepted=", ".join(by_id) or "none")
    if "variance_points" not in tree.children:
        raise SpecError("the tree has no points of the variance parameters", accepted="a tree of the exact engine")
    from outcomemodels.inference.collapsed.sample import fixed_sds

    parameters, sds = Parameters(structure), fixed_sds(structure)
    weighed = tree["variance_points"].dataset
    chosen = resample(weighed["weight"].values, points, np.random.default_rng(seed))
    at = [parameters.variances(weighed["eta"].values[i]) for i in chosen]
    reduced = statistics(structure)
    target = by_id[block]
    ways = _densities_closed if reduced.layout.size <= MAX_KEPT else _densities_by_difference
    density = ways(structure, reduced, sds, target, at)
    elpd, khat = np.zeros(len(target.levels)), np.full(len(target.levels), -np.inf)
    for j in range(len(target.levels)):
        weights, khat[j] = smooth(-density[j])
        elpd[j] = special.logsumexp(density[j], b=weights)
    coords = {target.dim: list(target.levels)}
    return xr.Dataset({"elpd": ((target.dim,), elpd), "khat": ((target.dim,), khat)}, coords=coords)


def _densities_closed(
    structure: LinearStructure, reduced: Statistics, sds: FloatArray, target: Block, at: list[Variances]
) -> FloatArray:
    """Log density of each level's rows given the others, dims (level, point)."""
    parts = [statistics_of(structure, np.flatnonzero(target.codes == j)) for j in range(len(target.levels))]
    whole = Collapsed.of(reduced, sds, ())
    out = np.zeros((len(parts), len(at)))
    for t, point in enumerate(at):
        mean, covariance = whole.kept_posterior(point)
        for j, part in enumerate(parts):
            out[j, t] = _left_out(part, point, mean, covariance)
    return out


def _left_out(part: Statistics, at: Variances, mean: FloatArray, covariance: FloatArray) -> float:
    """The formula of this module for the rows that ``part`` sums."""
    if not part.n.sum():
        return 0.0
    v = part.variances(at.noise)
    touched, place = np.unique(np.concatenate([part.rows, part.columns]), return_inverse=True)
    i, j = place[: len(part.rows)], place[len(part.rows) :]
    A = np.zeros((len(touched), len(touched)))
    A[i, j] = A[j, i] = part.gram @ (1 / v)
    c = (part.cross @ (1 / v))[touched]
    m, C = mean[touched], covariance[np.ix_(touched, touched)]
    b = c - A @ m
    left = np.eye(len(touched)) - A @ C
    value = float((part.n * (LOG_2PI + np.log(v)) - part.log_weight).sum()) - float(np.linalg.slogdet(left)[1])
    value += float(part.square @ (1 / v)) - 2 * float(c @ m) + float(m @ A @ m)
    value += float(b @ C @ np.linalg.solve(left, b))
    with np.errstate(divide="ignore", invalid="ignore"):
        cells = part.degrees * np.log(at.noise) + part.within / (2 * at.noise**2)
    return -0.5 * value - float(np.where((part.degrees > 0) | (part.within > 0), cells, 0.0).sum())


def _densities_by_difference(
    structure: LinearStructure, reduced: Statistics, sds: FloatArray, target: Block, at: list[Variances]
) -> FloatArray:
    """As :func:`_densities_closed`, from the densities of all rows and of all but a level's."""
    whole = Collapsed.of(reduced, sds)
    full = np.array([whole.log_density(a) for a in at])
    out = np.zeros((len(target.levels), len(at)))
    for j in range(len(target.levels)):
        rest = Collapsed.of(statistics_of(structure, np.flatnonzero(target.codes != j)), sds, whole.plan.eliminated)
        out[j] = full - np.array([rest.log_density(a) for a in at])
    return out
