"""From a posterior and a counterfactual design to expected outcomes; one posterior draw gives one prediction.

Linear models only need their linear form, no graph: ``expected = link^-1(X beta + effects)``. Levels outside the
fit follow the design: NEW is drawn from the population of the batch, UNKNOWN is one fitted level, drawn anew in
each posterior draw by caseload. Within a draw, one NEW therapist is the same person in every row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from outcomemodels.design import NEW, UNKNOWN, Design
from outcomemodels.errors import QuestionError
from outcomemodels.inference.unknown import choose_unknown
from outcomemodels.plugin import Block, LinearModel, LinearStructure, OutcomeModel, Priors
from outcomemodels.posterior import corr_name, effect_name, expected_name, outcome_name, sd_name

FloatArray = NDArray[np.float64]

PRIOR_DRAWS = 2000
"""Draws from the prior behind the contraction of a model without a linear form."""


def predict_linear(
    structure: LinearStructure,
    design: Design,
    posterior: xr.Dataset,
    *,
    seed: int,
    scale: str = "response",
) -> FloatArray:
    """Expected outcome for every row of a counterfactual (or fitted) design.

    Parameters
    ----------
    structure : LinearStructure
        The linear form on ``design``.
    design : Design
    posterior : xarray.Dataset, dims (chain, draw, …)
    seed : int
        For draws of unseen levels.
    scale : {"response", "linear"}
        ``"linear"`` leaves the inverse link out.

    Returns
    -------
    array, dims (sample, obs)
        ``sample`` stacks chain and draw, chain slowest; units of the outcome (probability for binomial).
    """
    samples = posterior.sizes["chain"] * posterior.sizes["draw"]
    rng = np.random.default_rng(seed)
    eta = np.zeros((samples, structure.X.shape[0]))
    if structure.columns:
        eta += _flat(posterior["beta"]) @ structure.X.T
    chosen = choose_unknown(design, samples, rng)
    for block in structure.blocks:
        eta += _block(block, design, posterior, chosen, samples, rng)
    if scale == "response" and structure.family == "binomial":
        return np.asarray(1 / (1 + np.exp(-eta)))
    return eta


def expected_draws(
    model: OutcomeModel,
    design: Design,
    priors: Priors,
    posterior: xr.Dataset,
    *,
    seed: int,
    what: Literal["expected", "outcome"] = "expected",
    response: str = "",
) -> FloatArray:
    """Expected outcomes, or outcomes of new courses, of any model; dims (sample, obs).

    ``response`` is the name of one of several responses. Linear models are predicted from their linear form, all
    others through their graph.
    """
    if not (isinstance(model, LinearModel) and model.info.linear):
        from outcomemodels.inference.predict_graph import predict_graph

        variable = expected_name(response) if what == "expected" else outcome_name(response)
        return predict_graph(model, design, priors, posterior, seed=seed, variable=variable)
    structure = model.linear(design, priors)
    _refuse_new(model, design, structure)
    expected = predict_linear(structure, design, posterior, seed=seed)
    if what == "expected":
        return expected
    return _outcomes(structure, expected, posterior, np.random.default_rng([seed, 1]))


def _refuse_new(model: OutcomeModel, design: Design, structure: LinearStructure) -> None:
    """Refuse NEW levels of facets that a linear model with terms for them says it refuses."""
    used = {name for block in structure.blocks for name in block.by}
    used |= {name for column in design.columns for name, _ in column.parts}
    policies = model.info.unseen
    for name, factor in design.factors.items():
        said = policies.get(name, policies.get(factor.facet.value, ""))
        if name in used and said == "refuse" and (factor.codes == NEW).any():
            raise QuestionError(
                f"model {model.info.name!r} does not draw a new {name}",
                column=name,
                facet=factor.facet.value,
                accepted=f"a fitted level ({', '.join(factor.levels[:5])}{' …' if len(factor.levels) > 5 else ''}) "
                f"or {UNKNOWN!r}",
            )


def prior_draws(
    model: OutcomeModel, design: Design, priors: Priors, *, seed: int, response: str = "", samples: int = PRIOR_DRAWS
) -> FloatArray:
    """Expected outcomes before any data, through the graph; dims (sample, obs)."""
    from outcomemodels.inference.predict_graph import prior_graph

    return prior_graph(model, design, priors, samples=samples, seed=seed, variable=expected_name(response))


def _outcomes(
    structure: LinearStructure, expected: FloatArray, posterior: xr.Dataset, rng: np.random.Generator
) -> FloatArray:
    """One course drawn for each expected value; a residual SD that differs by level is drawn too where unseen."""
    if structure.family == "binomial":
        return np.asarray(rng.uniform(size=expected.shape) < expected, dtype=float)
    noise = _flat(posterior["noise"])
    noise = noise.reshape(len(noise), -1)
    codes = np.zeros(expected.shape, dtype=np.int64)
    if structure.noise_codes is not None:
        codes[:] = structure.noise_codes
    unseen = codes < 0
    codes[unseen] = rng.integers(0, noise.shape[1], int(unseen.sum()))
    sd = np.take_along_axis(noise, codes, axis=1)
    return expected + sd * rng.standard_normal(expected.shape)


def _flat(variable: xr.DataArray) -> FloatArray:
    values = np.asarray(variable.transpose("chain", "draw", ...).values, dtype=float)
    return values.reshape(-1, *values.shape[2:])


def _block(
    block: Block,
    design: Design,
    posterior: xr.Dataset,
    chosen: Mapping[str, NDArray[np.int64]],
    samples: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Contribution of one block, dims (sample, obs)."""
    effects = _flat(posterior[effect_name(block.id)])
    if effects.ndim == 2:
        effects = effects[:, :, None]
    out = np.empty((samples, len(block.codes)))
    if design.fitted is None:
        out[:] = np.einsum("snk,nk->sn", effects[:, block.codes, :], block.values)
        return out
    crossing = design.fitted.crossing(block.by)
    index = _index_of(crossing.levels, [design.factors[n].levels for n in block.by])
    parents = np.stack([design.factors[n].codes for n in block.by], axis=1)
    fresh: dict[tuple[int, ...], FloatArray] = {}
    for key in dict.fromkeys(map(tuple, parents.tolist())):
        rows = np.flatnonzero((parents == key).all(axis=1))
        drawn = _key_effects(key, block, effects, index, posterior, chosen, samples, rng, fresh)
        out[:, rows] = drawn @ block.values[rows].T
    return out


def _index_of(levels: tuple[tuple[str, ...], ...], labels: list[tuple[str, ...]]) -> dict[tuple[int, ...], int]:
    position = [{label: i for i, label in enumerate(each)} for each in labels]
    return {tuple(position[j][label] for j, label in enumerate(level)): i for i, level in enumerate(levels)}


def _key_effects(
    key: tuple[int, ...],
    block: Block,
    effects: FloatArray,
    index: Mapping[tuple[int, ...], int],
    posterior: xr.Dataset,
    chosen: Mapping[str, NDArray[np.int64]],
    samples: int,
    rng: np.random.Generator,
    fresh: dict[tuple[int, ...], FloatArray],
) -> FloatArray:
    """Effects of one combination of parents, dims (sample, column)."""
    if NEW not in key and UNKNOWN not in key:
        return effects[:, index[key], :] if key in index else _new(key, block, posterior, samples, rng, fresh)
    if NEW in key:
        return _new(key, block, posterior, samples, rng, fresh)
    resolved = np.empty((samples, len(key)), dtype=np.int64)
    for j, (name, code) in enumerate(zip(block.by, key, strict=True)):
        resolved[:, j] = chosen[name] if code == UNKNOWN else code
    out = np.empty((samples, effects.shape[2]))
    for combination in np.unique(resolved, axis=0):
        where = (resolved == combination).all(axis=1)
        known = index.get(tuple(int(c) for c in combination))
        if known is None:
            unseen = tuple(int(c) for c in combination)
            out[where] = _new(unseen, block, posterior, samples, rng, fresh)[where]
        else:
            out[where] = effects[where, known, :]
    return out


def _new(
    key: tuple[int, ...],
    block: Block,
    posterior: xr.Dataset,
    samples: int,
    rng: np.random.Generator,
    fresh: dict[tuple[int, ...], FloatArray],
) -> FloatArray:
    """A level drawn from the population of the batch, the same one wherever the same key occurs."""
    if key not in fresh:
        sds = _flat(posterior[sd_name(block.id)]).reshape(samples, -1)
        z = rng.standard_normal((samples, sds.shape[1]))
        if block.correlation is not None:
            factor = np.linalg.cholesky(_flat(posterior[corr_name(block.id)]))
            z = np.einsum("sij,sj->si", factor, z)
        fresh[key] = sds * z
    return fresh[key]
