"""How well a whole therapist or service is predicted by all the others, on the marginal likelihood.

Statistics add up, so leaving out a level is the density of the remaining rows with every effect, the level's own
included, integrated out: log p(y_j | y_-j, theta) = log p(y | theta) - log p(y_-j | theta), exactly.

References
----------
Merkle, Furr & Rabe-Hesketh (2019), Bayesian comparison of latent variable models, doi 10.1007/s11336-019-09679-0.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import special

from outcomemodels.errors import SpecError
from outcomemodels.inference.collapsed.collapse import Collapsed
from outcomemodels.inference.collapsed.parameters import Parameters
from outcomemodels.inference.collapsed.stats import statistics, statistics_of
from outcomemodels.inference.collapsed.weights import resample, smooth
from outcomemodels.plugin import LinearStructure


def leave_one_level_out(
    structure: LinearStructure, tree: xr.DataTree, block: str, *, points: int = 100, seed: int = 1
) -> xr.Dataset:
    """Log predictive density of each level's rows given all other rows.

    The work is one density for each level and point; meant for up to some hundred levels.

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
    whole = Collapsed.of(statistics(structure), sds)
    full = np.array([whole.log_density(a) for a in at])
    target = by_id[block]
    elpd, khat = np.zeros(len(target.levels)), np.full(len(target.levels), -np.inf)
    for j in range(len(target.levels)):
        rest = Collapsed.of(statistics_of(structure, np.flatnonzero(target.codes != j)), sds, whole.plan.eliminated)
        density = full - np.array([rest.log_density(a) for a in at])
        weights, khat[j] = smooth(-density)
        elpd[j] = special.logsumexp(density, b=weights)
    coords = {target.dim: list(target.levels)}
    return xr.Dataset({"elpd": ((target.dim,), elpd), "khat": ((target.dim,), khat)}, coords=coords)
