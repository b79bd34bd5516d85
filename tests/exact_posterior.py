"""Exact posterior of a Gaussian linear structure whose SDs are known: one multivariate normal, sampled directly."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from outcomemodels.data.dataset import PaulDataset
from outcomemodels.design import Design, build_design
from outcomemodels.models.paul import Paul
from outcomemodels.plugin import LinearStructure, Prior, Priors
from outcomemodels.spec import ModelSpec


def known_priors(design: Design, sds: Mapping[str, float], noise: float) -> Priors:
    """The model's default priors with the SDs of batches and the noise fixed; batches by name."""
    priors = dict(Paul().default_priors(design))
    for batch in design.batches:
        priors[f"sd_{batch.id}"] = Prior.constant(sds[batch.name])
    return {**priors, "noise": Prior.constant(noise)}


def exact_posterior(structure: LinearStructure, *, draws: int, seed: int) -> xr.Dataset:
    """Independent draws, named as the posterior contract says, dims (chain, draw, …)."""
    assert structure.response is not None
    noise = structure.noise[0].values[0]
    indicators = [np.eye(len(b.levels))[b.codes] * b.values[:, [0]] for b in structure.blocks]
    Z = np.hstack([structure.X, *indicators])
    mean = np.array([p.values[0] for p in structure.column_priors] + [0.0] * sum(i.shape[1] for i in indicators))
    sd = np.concatenate(
        [[p.values[1] for p in structure.column_priors]]
        + [np.full(i.shape[1], b.sds[0].values[0]) for i, b in zip(indicators, structure.blocks, strict=True)]
    )
    weight = structure.response.n if structure.response.kind == "cells" else np.ones(len(Z))
    precision = np.diag(1 / sd**2) + (Z.T * weight) @ Z / noise**2
    covariance = np.linalg.inv(precision)
    centre = covariance @ (mean / sd**2 + (Z.T * weight) @ structure.response.y / noise**2)
    rng = np.random.default_rng(seed)
    theta = centre + rng.standard_normal((draws, len(centre))) @ np.linalg.cholesky(covariance).T
    theta = theta.reshape(4, draws // 4, -1)
    out = {"beta": (("chain", "draw", "coefficient"), theta[..., : structure.X.shape[1]])}
    at = structure.X.shape[1]
    for block in structure.blocks:
        size = len(block.levels)
        out[f"effect_{block.id}"] = (("chain", "draw", block.dim), theta[..., at : at + size])
        out[f"sd_{block.id}"] = (("chain", "draw"), np.full(theta.shape[:2], block.sds[0].values[0]))
        at += size
    out["noise"] = (("chain", "draw"), np.full(theta.shape[:2], noise))
    return xr.Dataset(out)


def designed(data: PaulDataset, sds: Mapping[str, float], *, covariates: tuple[str, ...] = ("start",)) -> Design:
    """Design of a simulated world with one batch per SD."""
    return build_design(data, ModelSpec(outcome="end", covariates=covariates, batches=tuple(sds)))
