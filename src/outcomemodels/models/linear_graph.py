"""The PyMC graph of a LinearStructure: one place where the linear form becomes a model.

Effects are centred for blocks whose rows say more about a level than the batch does, judged by one-way analysis
of variance of the outcome, and non-centred otherwise; both are the same density (Betancourt & Girolami 2015,
arXiv:1312.0906).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from outcomemodels.plugin import Block, Design, LinearStructure
from outcomemodels.posterior import EXPECTED, OUTCOME, column_dim, corr_name, effect_name, sd_name

if TYPE_CHECKING:
    import pymc as pm

CENTRED_FROM = 1.0
"""Ratio of information in the rows of a level to that in the prior, from which centring samples better."""


def linear_graph(structure: LinearStructure, design: Design) -> pm.Model:
    """Build the graph; variables are named as the posterior contract says.

    Parameters
    ----------
    structure : LinearStructure
    design : Design
        Gives the coords.
    """
    import pymc as pm
    import pytensor.tensor as pt

    coords = dict(design.coords)
    for block in structure.blocks:
        coords[block.dim] = list(block.levels)
        if len(block.columns) > 1:
            coords[column_dim(block.id)] = list(block.columns)
            if block.correlation is not None:
                coords[f"{column_dim(block.id)}_bis"] = list(block.columns)
    with pm.Model(coords=coords) as model:
        linear: Any = pt.zeros(structure.X.shape[0])
        if structure.columns:
            linear = linear + pm.math.dot(structure.X, _coefficients(structure))
        centred = centred_blocks(structure)
        for block in structure.blocks:
            effects = _effects(block, centred=block.id in centred)
            if len(block.columns) == 1:
                linear = linear + effects[block.codes] * block.values[:, 0]
            else:
                linear = linear + (effects[block.codes] * block.values).sum(axis=1)
        if structure.family == "binomial":
            expected = pm.Deterministic(EXPECTED, pm.math.invlogit(linear), dims="obs")
            _binomial(structure, linear)
        else:
            expected = pm.Deterministic(EXPECTED, linear, dims="obs")
            _gaussian(structure, expected)
    return model


def _coefficients(structure: LinearStructure) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    kinds = {p.name for p in structure.column_priors}
    if kinds == {"normal"}:
        mean = np.array([p.values[0] for p in structure.column_priors])
        sd = np.array([p.values[1] for p in structure.column_priors])
        return pm.Normal("beta", mean, sd, dims="coefficient")
    parts = [p.create(f"beta_{i}") for i, p in enumerate(structure.column_priors)]
    return pm.Deterministic("beta", pt.stack(parts), dims="coefficient")


def _effects(block: Block, *, centred: bool) -> Any:
    import pymc as pm
    import pytensor.tensor as pt

    name = effect_name(block.id)
    if len(block.columns) == 1:
        sd = block.sds[0].create(sd_name(block.id))
        if centred:
            return pm.Normal(name, 0.0, sd, dims=block.dim)
        z = pm.Normal(f"z_{block.id}", dims=block.dim)
        return pm.Deterministic(name, sd * z, dims=block.dim)
    columns = column_dim(block.id)
    parts = [p.create(f"sd_{block.id}_{i}") for i, p in enumerate(block.sds)]
    sds = pm.Deterministic(sd_name(block.id), pt.stack(parts), dims=columns)
    z = pm.Normal(f"z_{block.id}", dims=(block.dim, columns))
    if block.correlation is None:
        return pm.Deterministic(name, z * sds, dims=(block.dim, columns))
    factor = _correlation_factor(block.id, len(block.columns), block.correlation.values[0])
    pm.Deterministic(corr_name(block.id), pt.dot(factor, factor.T), dims=(columns, f"{columns}_bis"))
    return pm.Deterministic(name, pt.dot(z, (sds[:, None] * factor).T), dims=(block.dim, columns))


def _correlation_factor(block: str, size: int, eta: float) -> Any:
    """Cholesky factor of an LKJ correlation matrix by canonical partial correlations.

    Partial correlation (i, j), j < i counted from 0, is 2 B - 1 with B ~ Beta(b, b) and b = eta + (size - 2 - j) / 2
    (Lewandowski, Kurowicka & Joe 2009, doi 10.1016/j.jmva.2009.04.008).
    """
    import pymc as pm
    import pytensor.tensor as pt

    rows: list[list[Any]] = [[pt.constant(1.0)] + [pt.constant(0.0)] * (size - 1)]
    for i in range(1, size):
        left: Any = pt.constant(1.0)
        row: list[Any] = []
        for j in range(i):
            shape = eta + (size - 2 - j) / 2
            partial = 2 * pm.Beta(f"lkj_{block}_{i}{j}", shape, shape) - 1
            row.append(partial * pt.sqrt(left))
            left = left * (1 - partial**2)
        rows.append([*row, pt.sqrt(left), *[pt.constant(0.0)] * (size - 1 - i)])
    return pt.stack([pt.stack(row) for row in rows])


def centred_blocks(structure: LinearStructure) -> frozenset[str]:
    """Ids of the blocks whose rows say more about a level than the batch does.

    Blocks are taken from few levels to many; what earlier ones explain is taken out before the next is judged.
    """
    response = structure.response
    if response is None:
        return frozenset()
    weight = response.n if response.kind != "rows" else np.ones(len(response.y))
    y = response.y / response.n if response.kind == "counts" else response.y
    if structure.columns:
        root = np.sqrt(weight)
        y = y - structure.X @ np.linalg.lstsq(structure.X * root[:, None], y * root, rcond=None)[0]
    within = float(np.average((y - np.average(y, weights=weight)) ** 2, weights=weight))
    if response.kind == "cells":
        within = float(np.average(np.nan_to_num(response.sd**2), weights=weight))
    elif response.kind == "counts":
        rate = float(response.y.sum() / response.n.sum())
        within = rate * (1 - rate)
    out = set()
    for block in sorted(structure.blocks, key=lambda b: len(b.levels)):
        column, levels = block.values[:, 0], len(block.levels)
        information = np.bincount(block.codes, weights=weight * column**2, minlength=levels)
        moment = np.bincount(block.codes, weights=weight * column * y, minlength=levels)
        slope = moment / np.maximum(information, 1e-12)
        if response.kind == "rows":
            left = y - slope[block.codes] * column
            within = min(within, float((left**2).sum()) / max(len(y) - levels, 1))
        total = max(float(information.sum()), 1e-12)
        between = max(float(np.average(slope**2, weights=information)) - within * levels / total, 0.0)
        if float(np.median(information)) * between >= CENTRED_FROM * within:
            out.add(block.id)
        shrunken = slope * between / (between + within / np.maximum(information, 1e-12)) if between else 0 * slope
        y = y - shrunken[block.codes] * column
    return frozenset(out)


def _binomial(structure: LinearStructure, linear: Any) -> None:
    import pymc as pm

    response = structure.response
    if response is None:
        pm.Bernoulli(OUTCOME, logit_p=linear, dims="obs")
    elif (response.n == 1).all():
        pm.Bernoulli(OUTCOME, logit_p=linear, observed=response.y.astype(int), dims="obs")
    else:
        pm.Binomial(
            OUTCOME,
            n=response.n.astype(int),
            logit_p=linear,
            observed=np.rint(response.y).astype(int),
            dims="obs",
        )


def _gaussian(structure: LinearStructure, expected: Any) -> None:
    import pymc as pm
    import pytensor.tensor as pt

    response = structure.response
    if len(structure.noise) == 1:
        noise = structure.noise[0].create("noise")
        sd: Any = noise
    else:
        parts = [p.create(f"noise_{i}") for i, p in enumerate(structure.noise)]
        noise = pm.Deterministic("noise", pt.stack(parts), dims=structure.noise_by)
        sd = noise[structure.noise_codes]
    variance = sd**2
    if structure.weight is not None:
        variance = variance / structure.weight
    if response is not None and response.kind == "cells":
        variance = variance / response.n
    if structure.known_variance is not None:
        variance = variance + structure.known_variance
    observed = None if response is None else response.y
    pm.Normal(OUTCOME, expected, pt.sqrt(variance), observed=observed, dims="obs")
    if response is not None and response.kind == "cells":
        # (n - 1) sd^2 / noise^2 is chi-square with n - 1 degrees of freedom: the rest of the sufficient statistic
        degrees = response.n - 1
        squares = np.nan_to_num(degrees * response.sd**2)
        per_obs = sd * np.ones(len(response.y)) if len(structure.noise) == 1 else sd
        pm.Potential("within_cells", (-degrees * pt.log(per_obs) - squares / (2 * per_obs**2)).sum())
