"""The problem as a PyMC graph, written apart from the library's own: centred or not, as the settings say."""

from __future__ import annotations

import bench_io
import numpy as np
import pymc as pm
import pytensor.tensor as pt


def half(name, prior):
    """A prior of a standard deviation as a PyMC variable."""
    match prior["prior"]:
        case "half_normal":
            return pm.HalfNormal(name, prior["scale"])
        case "half_student_t":
            return pm.HalfStudentT(name, nu=prior["df"], sigma=prior["scale"])
        case "exponential":
            return pm.Exponential(name, prior["rate"])
        case "pc":
            return pm.Exponential(name, -np.log(prior["tail"]) / prior["upper"])
        case "constant":
            return pm.Deterministic(name, pt.constant(prior["value"]))
        case other:
            raise ValueError(f"no such prior here: {other}")


def build(problem, centred, own_rows=False):
    """Graph with variables beta, sd0 …, corr0 …, effect0 … and noise.

    With ``own_rows``, effects of one row each are integrated out: their variance is added to the rows'.
    """
    with pm.Model() as model:
        linear = pt.zeros(len(problem.y))
        if problem.columns:
            if {p["prior"] for p in problem.column_priors} == {"normal"}:
                mean = np.array([p["mean"] for p in problem.column_priors])
                beta = pm.Normal("beta", mean, np.array([p["sd"] for p in problem.column_priors]))
            else:
                parts = [
                    pm.Normal(f"beta_{i}", p["mean"], p["sd"]) if p["prior"] == "normal" else pt.as_tensor(p["value"])
                    for i, p in enumerate(problem.column_priors)
                ]
                beta = pm.Deterministic("beta", pt.stack(parts))
            linear = linear + pt.dot(problem.X, beta)
        added = 0.0
        for k, block in enumerate(problem.blocks):
            if own_rows and bench_io.has_own_rows(problem, block):
                added = added + pm.Deterministic(f"sd{k}", pt.stack([half(f"sd{k}_0", block["sds"][0])]))[0] ** 2
                continue
            effects = _effects(k, block, centred)
            linear = linear + (effects[block["codes"]] * block["values"]).sum(axis=1)
        if problem.family == "binomial":
            pm.Binomial("y", n=problem.n.astype(int), logit_p=linear, observed=np.rint(problem.y).astype(int))
        else:
            _gaussian(problem, linear, added)
    return model


def _effects(k, block, centred):
    levels, q = block["levels"], len(block["columns"])
    if block["correlation"] is not None and q > 1:
        if q != 2:
            raise ValueError("correlated blocks are written for two columns here")
        sds = pm.Deterministic(f"sd{k}", pt.stack([half(f"sd{k}_{a}", p) for a, p in enumerate(block["sds"])]))
        # for two columns, LKJ(eta) is a correlation 2 B - 1 with B ~ Beta(eta, eta)
        rho = 2 * pm.Beta(f"half_corr{k}", block["correlation"], block["correlation"]) - 1
        one, zero = pt.as_tensor(1.0), pt.as_tensor(0.0)
        pm.Deterministic(f"corr{k}", pt.stack([pt.stack([one, rho]), pt.stack([rho, one])]))
        factor = pt.stack([pt.stack([one, zero]), pt.stack([rho, pt.sqrt(1 - rho**2)])])
        chol = sds[:, None] * factor
        if centred:
            return pm.MvNormal(f"effect{k}", np.zeros(q), chol=chol, shape=(levels, q))
        z = pm.Normal(f"z{k}", shape=(levels, q))
        return pm.Deterministic(f"effect{k}", pt.dot(z, chol.T))
    sds = pm.Deterministic(f"sd{k}", pt.stack([half(f"sd{k}_{a}", p) for a, p in enumerate(block["sds"])]))
    if centred:
        return pm.Normal(f"effect{k}", 0.0, sds[None, :], shape=(levels, q))
    z = pm.Normal(f"z{k}", shape=(levels, q))
    return pm.Deterministic(f"effect{k}", z * sds[None, :])


def _gaussian(problem, linear, added=0.0):
    noise = pm.Deterministic("noise", pt.stack([half(f"noise_{g}", p) for g, p in enumerate(problem.noise)]))
    one = len(problem.noise) == 1
    sd = noise[0] if one else noise[problem.noise_codes]
    variance = sd**2
    if hasattr(problem, "weight"):
        variance = variance / problem.weight
    if problem.kind == "cells":
        variance = variance / problem.n
    if hasattr(problem, "known_variance"):
        variance = variance + problem.known_variance
    pm.Normal("y", linear, pt.sqrt(variance + added), observed=problem.y)
    if problem.kind == "cells":
        degrees = problem.n - 1
        squares = np.nan_to_num(degrees * problem.sd**2)
        per_row = sd * np.ones(len(problem.y)) if one else sd
        pm.Potential("within", (-degrees * pt.log(per_row) - squares / (2 * per_row**2)).sum())


def kept(problem, own_rows=False):
    """Names of the variables that are compared."""
    names = ["beta"] if problem.columns else []
    for k, block in enumerate(problem.blocks):
        names += [f"sd{k}"] if own_rows and bench_io.has_own_rows(problem, block) else [f"sd{k}", f"effect{k}"]
        if block["correlation"] is not None and len(block["columns"]) > 1:
            names.append(f"corr{k}")
    return [*names, *(["noise"] if problem.noise else [])]
