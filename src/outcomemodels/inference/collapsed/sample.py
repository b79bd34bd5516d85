"""The exact engine: statistics, theta, then columns and effects drawn exactly; the tree any engine returns."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import numpy as np
import xarray as xr

from outcomemodels.inference.collapsed.collapse import Collapsed
from outcomemodels.inference.collapsed.parameters import Parameters
from outcomemodels.inference.collapsed.stats import statistics_of
from outcomemodels.inference.collapsed.theta import WeightedTheta, integrate
from outcomemodels.plugin import LinearStructure
from outcomemodels.posterior import column_dim, corr_name, effect_name, sd_name

CHAINS = 4


def obstacle(structure: LinearStructure) -> str:
    """Why the exact engine cannot take a structure; empty when it can."""
    if structure.family != "gaussian":
        return f"the outcome is {structure.family}, and the exact engine is for Gaussian outcomes"
    if structure.known_variance is not None:
        return "known sampling variances do not reduce to cross-products"
    if any(p.name != "normal" for p in structure.column_priors):
        return "a fixed column has a prior that is not normal"
    return ""


def sample_collapsed(structure: LinearStructure, *, draws: int, seed: int, progress: bool = False) -> xr.DataTree:
    """Posterior of a Gaussian linear structure by exact collapse.

    Parameters
    ----------
    structure : LinearStructure
    draws : int
        Joint draws of everything, independent given the weighted points of theta.
    seed : int
    progress : bool
        Say each stage on standard error.

    Returns
    -------
    xarray.DataTree
        Groups posterior, dims (chain, draw, …), the draws cut into four "chains" for ArviZ although they are
        independent, and theta, the weighted points. Attributes ``khat``, ``kish_ess`` and ``stages``.

    Raises
    ------
    SpecError
        If the structure does not reduce.
    FitError
        If theta cannot be integrated.
    """
    say: Callable[[str], None] = _say if progress else _silent
    collapsed = Collapsed(structure, statistics_of(structure), Parameters.of(structure))
    rows = 0 if structure.response is None else len(structure.response.y)
    say(f"{rows:,} rows reduced; {collapsed.size} variance parameters")
    found = integrate(collapsed, seed=seed, spread=_spread(collapsed), report=say)
    per_chain = -(-draws // CHAINS)
    posterior = _draws(collapsed, found, per_chain * CHAINS, seed)
    attrs = {
        "khat": f"{found.khat:.4f}",
        "kish_ess": f"{min(found.kish, float(draws)):.1f}",
        "stages": json.dumps([[name, round(k, 3), round(e, 1)] for name, k, e in found.stages]),
        "evaluations": str(found.evaluations),
    }
    theta = xr.Dataset(
        {"eta": (("point", "coordinate"), found.points), "weight": (("point",), found.weights)},
        attrs={"scale": "prior-whitened: standard normal a priori"},
    )
    tree = xr.DataTree.from_dict({"posterior": posterior, "theta": theta})
    tree.attrs = attrs
    return tree


def _say(message: str) -> None:
    print(f"  exact engine: {message}", file=sys.stderr, flush=True)  # noqa: T201


def _silent(message: str) -> None:
    """Say nothing."""


def _spread(collapsed: Collapsed) -> float:
    """Rough SD of the outcome about its prior mean's best fit, from the statistics alone."""
    A, n = sum(collapsed.statistics.A), float(collapsed.statistics.count.sum())
    p = collapsed.statistics.layout.n_columns
    total = np.asarray(A)
    ridge = total[:p, :p] + 1e-8 * np.trace(total[:p, :p]) / max(p, 1) * np.eye(p)
    explained = total[:p, -1] @ np.linalg.solve(ridge, total[:p, -1]) if p else 0.0
    return float(np.sqrt(max(total[-1, -1] - explained, 1e-12) / n))


def _draws(collapsed: Collapsed, found: WeightedTheta, count: int, seed: int) -> xr.Dataset:
    """Resample theta by systematic resampling, then draw columns and effects given each chosen point."""
    structure = collapsed.structure
    rng = np.random.default_rng([seed, 7])
    uniform = (rng.uniform() + np.arange(count)) / count
    cumulative = np.cumsum(found.weights)
    chosen = np.searchsorted(cumulative / cumulative[-1], uniform).clip(0, len(found.weights) - 1)
    order = rng.permutation(count)
    beta = np.empty((count, len(structure.columns)))
    effects = [np.empty((count, len(b.levels), len(b.columns))) for b in structure.blocks]
    sds = [np.empty((count, len(b.columns))) for b in structure.blocks]
    corrs = [np.empty((count, len(b.columns), len(b.columns))) for b in structure.blocks]
    noise = np.empty((count, len(structure.noise)))
    for point in np.unique(chosen):
        where = order[np.flatnonzero(chosen == point)]
        beta[where], drawn = collapsed.draw(found.points[point], len(where), rng)
        theta = collapsed.parameters.at(found.points[point])
        noise[where] = theta.noise
        for b in range(len(structure.blocks)):
            effects[b][where], sds[b][where], corrs[b][where] = drawn[b], theta.sds[b], theta.corrs[b]
    return _named(structure, beta, effects, sds, corrs, noise)


def _named(
    structure: LinearStructure,
    beta: np.ndarray,
    effects: list[np.ndarray],
    sds: list[np.ndarray],
    corrs: list[np.ndarray],
    noise: np.ndarray,
) -> xr.Dataset:
    sample = ("chain", "draw")
    variables: dict[str, tuple[tuple[str, ...], np.ndarray]] = {"beta": ((*sample, "column"), _cut(beta))}
    coords: dict[str, list[str]] = {"column": list(structure.columns)}
    for block, effect, sd, corr in zip(structure.blocks, effects, sds, corrs, strict=True):
        coords[block.dim] = list(block.levels)
        if len(block.columns) == 1:
            variables[effect_name(block.id)] = ((*sample, block.dim), _cut(effect[:, :, 0]))
            variables[sd_name(block.id)] = (sample, _cut(sd[:, 0]))
            continue
        columns = column_dim(block.id)
        coords[columns] = list(block.columns)
        variables[effect_name(block.id)] = ((*sample, block.dim, columns), _cut(effect))
        variables[sd_name(block.id)] = ((*sample, columns), _cut(sd))
        if block.correlation is not None:
            coords[f"{columns}_bis"] = list(block.columns)
            variables[corr_name(block.id)] = ((*sample, columns, f"{columns}_bis"), _cut(corr))
    if len(structure.noise) == 1:
        variables["noise"] = (sample, _cut(noise[:, 0]))
    else:
        coords[structure.noise_by] = list(structure.noise_levels)
        variables["noise"] = ((*sample, structure.noise_by), _cut(noise))
    return xr.Dataset(variables, coords=coords)


def _cut(values: np.ndarray) -> np.ndarray:
    return values.reshape(CHAINS, -1, *values.shape[1:])
