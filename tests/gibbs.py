"""Posterior of a Gaussian linear structure by Gibbs sampling, for judging others: slow, plain, no shared code.

Columns and effects are drawn jointly given the SDs; each SD given its effects, on a grid of its own density.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from outcomemodels.plugin import LinearStructure, Prior

GRID = np.exp(np.linspace(np.log(1e-3), np.log(30), 600))


def gibbs_posterior(structure: LinearStructure, *, draws: int, warm: int, seed: int) -> xr.Dataset:
    """Draws named as the posterior contract says, one chain; priors of SDs may be any with a density."""
    rng = np.random.default_rng(seed)
    assert structure.response is not None
    y = structure.response.y
    parts = [structure.X, *(np.eye(len(b.levels))[b.codes] * b.values[:, [0]] for b in structure.blocks)]
    Z = np.hstack(parts)
    sizes = [p.shape[1] for p in parts]
    ends = np.cumsum(sizes)
    ZZ, Zy, yy = Z.T @ Z, Z.T @ y, float(y @ y)
    mean = np.zeros(ends[-1])
    mean[: ends[0]] = [p.values[0] for p in structure.column_priors]
    column_sd = np.array([p.values[1] for p in structure.column_priors])
    sds, noise = np.array([b.sds[0].values[0] for b in structure.blocks]), float(y.std())
    priors = [_on_grid(b.sds[0]) for b in structure.blocks]
    noise_prior = _on_grid(structure.noise[0])
    kept = np.empty((draws, ends[-1] + len(sds) + 1))
    for step in range(warm + draws):
        prior_sd = np.concatenate([column_sd, np.repeat(sds, sizes[1:])])
        factor = np.linalg.cholesky(np.diag(prior_sd**-2) + ZZ / noise**2)
        centre = np.linalg.solve(factor, mean / prior_sd**2 + Zy / noise**2)
        theta = np.linalg.solve(factor.T, centre + rng.standard_normal(len(centre)))
        for k, prior in enumerate(priors):
            effects = theta[ends[k] : ends[k + 1]]
            sds[k] = _draw_sd(rng, prior, float(effects @ effects), len(effects))
        squares = yy - 2 * float(theta @ Zy) + float(theta @ ZZ @ theta)
        noise = _draw_sd(rng, noise_prior, squares, len(y))
        if step >= warm:
            kept[step - warm] = np.concatenate([theta, sds, [noise]])
    out = {"beta": (("chain", "draw", "coefficient"), kept[None, :, : ends[0]])}
    for k, block in enumerate(structure.blocks):
        out[f"effect_{block.id}"] = (("chain", "draw", block.dim), kept[None, :, ends[k] : ends[k + 1]])
        out[f"sd_{block.id}"] = (("chain", "draw"), kept[None, :, ends[-1] + k])
    out["noise"] = (("chain", "draw"), kept[None, :, -1])
    return xr.Dataset(out)


def _on_grid(prior: Prior) -> np.ndarray:
    """Log prior mass of each point of the grid, which is even in log SD."""
    return np.asarray(prior.logpdf(GRID) + np.log(GRID))


def _draw_sd(rng: np.random.Generator, log_prior: np.ndarray, squares: float, n: int) -> float:
    log_density = log_prior - n * np.log(GRID) - squares / (2 * GRID**2)
    mass = np.cumsum(np.exp(log_density - log_density.max()))
    at = int(np.searchsorted(mass, rng.uniform() * mass[-1]))
    return float(GRID[at] * np.exp((rng.uniform() - 0.5) * np.log(GRID[1] / GRID[0])))
