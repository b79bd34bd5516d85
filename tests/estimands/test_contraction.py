"""Contraction: prior variance against prior draws, posterior variance against predictions, odd priors."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from exact_posterior import designed, exact_posterior, known_priors
from outcomemodels.data.simulate import SDS, crossed_world
from outcomemodels.design import NEW, UNKNOWN, Design, build_design
from outcomemodels.estimands import Question
from outcomemodels.estimands.contraction import (
    contraction_linear,
    contraction_of_draws,
    contrast_weights,
    second_moment,
    variance,
)
from outcomemodels.inference.predict import predict_linear
from outcomemodels.models.paul import Paul
from outcomemodels.plugin import LinearStructure, Prior, Priors
from outcomemodels.spec import ModelSpec

THREE = np.ones(3, dtype=bool)


def prior_draws(structure: LinearStructure, *, draws: int, seed: int) -> xr.Dataset:
    """Draws of every parameter from its prior, in the shape of a posterior."""
    rng = np.random.default_rng(seed)
    shape = (1, draws)
    beta = np.stack([p.draw(rng, shape) for p in structure.column_priors], axis=-1)
    out = {"beta": (("chain", "draw", "coefficient"), beta)}
    for block in structure.blocks:
        sds = np.stack([p.draw(rng, shape) for p in block.sds], axis=-1)
        z = rng.standard_normal((*shape, len(block.levels), len(block.columns)))
        if block.correlation is not None:  # LKJ(eta) of two columns is a beta on (-1, 1)
            rho = 2 * rng.beta(block.correlation.values[0], block.correlation.values[0], shape) - 1
            z[..., 1] = rho[..., None] * z[..., 0] + np.sqrt(1 - rho[..., None] ** 2) * z[..., 1]
            corr = np.stack([np.stack([rho * 0 + 1, rho], -1), np.stack([rho, rho * 0 + 1], -1)], -2)
            out[f"corr_{block.id}"] = (("chain", "draw", "a", "b"), corr)
        effects = z * sds[:, :, None, :]
        if len(block.columns) == 1:
            out[f"effect_{block.id}"] = (("chain", "draw", block.dim), effects[..., 0])
            out[f"sd_{block.id}"] = (("chain", "draw"), sds[..., 0])
        else:
            out[f"effect_{block.id}"] = (("chain", "draw", block.dim, f"{block.id}_column"), effects)
            out[f"sd_{block.id}"] = (("chain", "draw", f"{block.id}_column"), sds)
    return xr.Dataset(out)


@pytest.fixture(scope="module")
def design() -> Design:
    batches = ("problem", "treatment:problem", "therapist", "treatment:therapist", "1 + start|treatment")
    data, _ = crossed_world(1)
    return build_design(data, ModelSpec(outcome="end", covariates=("start",), batches=batches))


@pytest.fixture(scope="module")
def priors(design: Design) -> Priors:
    return Paul().default_priors(design)


@pytest.mark.parametrize(
    "question",
    [
        Question(problem="P1", therapist="H2", client={"start": 22.0}),
        Question(therapist="H2"),
        Question(problem="P1", therapist=UNKNOWN, client={"start": 9.0}),
    ],
    ids=["all named", "problem unnamed", "therapist unnamed"],
)
def test_of_the_prior_itself_there_is_none(design: Design, priors: Priors, question: Question) -> None:
    """Prior draws in place of the posterior: the closed form and the draws must cancel."""
    counterfactual = question.counterfactual(design)
    structure = Paul().linear(counterfactual, priors)
    draws = prior_draws(structure, draws=40_000, seed=1)
    found = contraction_linear(structure, counterfactual, draws, contrast_weights(0, THREE))
    np.testing.assert_allclose(found, 0, atol=0.05)


def test_posterior_variance_is_that_of_predictions_when_everybody_is_named() -> None:
    data, truth = crossed_world(1)
    design = designed(data, SDS)
    priors = known_priors(design, SDS, truth.noise)
    posterior = exact_posterior(Paul().linear(design, priors), draws=4000, seed=1)
    question = Question(problem="P1", therapist="H2", setting="S2")
    counterfactual = question.counterfactual(design)
    structure = Paul().linear(counterfactual, priors)
    weights = contrast_weights(0, THREE)
    found = contraction_linear(structure, counterfactual, posterior, weights)
    predicted = predict_linear(structure, counterfactual, posterior, seed=1)
    prior = (weights**2).sum(axis=1) * (SDS["treatment"] ** 2 + SDS["treatment:problem"] ** 2)
    np.testing.assert_allclose(found, 1 - (predicted @ weights.T).var(axis=0, ddof=1) / prior)


def test_heterogeneity_of_new_therapists_is_not_ignorance() -> None:
    """Therapists differ in what they do with a treatment; well known, that must not read as prior-driven."""
    sds = {**SDS, "treatment:therapist": 3.0}
    data, truth = crossed_world(4, clients=8000, therapists=100, sds=sds)
    design = designed(data, sds)
    priors = known_priors(design, sds, truth.noise)
    posterior = exact_posterior(Paul().linear(design, priors), draws=2000, seed=1)
    found = {}
    for name, therapist in (("new", NEW), ("named", "H2")):
        counterfactual = Question(problem="P1", therapist=therapist).counterfactual(design)  # type: ignore[arg-type]
        structure = Paul().linear(counterfactual, priors)
        found[name] = contraction_linear(structure, counterfactual, posterior, contrast_weights(0, THREE))
    assert (found["new"][1:] > 0.9).all()
    assert (found["named"][1:] < found["new"][1:]).all()


def test_a_named_combination_never_seen_stays_unknown() -> None:
    data, truth = crossed_world(1)
    sds = {**SDS, "treatment:therapist": 4.0}
    gone = (data.strings("treatment") == "T1") & (data.strings("therapist") == "H2")
    design = designed(data.select(~gone), sds)
    priors = known_priors(design, sds, truth.noise)
    posterior = exact_posterior(Paul().linear(design, priors), draws=2000, seed=1)
    counterfactual = Question(problem="P1", therapist="H2").counterfactual(design)
    structure = Paul().linear(counterfactual, priors)
    found = contraction_linear(structure, counterfactual, posterior, contrast_weights(0, THREE))
    assert found[1] < 0.7
    predicted = predict_linear(structure, counterfactual, posterior, seed=1)
    prior = 2 * (sds["treatment"] ** 2 + sds["treatment:problem"] ** 2 + sds["treatment:therapist"] ** 2)
    assert found[1] == pytest.approx(1 - (predicted[:, 1] - predicted[:, 0]).var() / prior, abs=0.05)


def test_of_draws() -> None:
    rng = np.random.default_rng(1)
    prior, posterior = rng.normal(0, 2, (20_000, 2)), rng.normal(0, 1, (20_000, 2))
    found = contraction_of_draws(prior, posterior, contrast_weights(0, np.ones(2, dtype=bool)))
    np.testing.assert_allclose(found, 0.75, atol=0.02)
    fixed = contraction_of_draws(np.ones((10, 2)), posterior[:10], contrast_weights(0, np.ones(2, dtype=bool)))
    assert np.isnan(fixed).all()


def test_the_reference_is_held_against_those_linked_to_it() -> None:
    found = contrast_weights(1, np.array([True, True, False, True]))
    assert found[1].tolist() == [-0.5, 1.0, 0.0, -0.5]
    assert found[2].tolist() == [0.0, -1.0, 1.0, 0.0]
    np.testing.assert_allclose(found.sum(axis=1), 0)


@pytest.mark.parametrize(
    "prior",
    [
        Prior.half_normal(2.0),
        Prior.half_student_t(5, 2.0),
        Prior.exponential(0.5),
        Prior.pc(3.0, 0.05),
        Prior.constant(1.5),
    ],
    ids=lambda p: p.name,
)
def test_second_moments(prior: Prior) -> None:
    draws = prior.draw(np.random.default_rng(1), 400_000)
    assert second_moment(prior) == pytest.approx((draws**2).mean(), rel=0.05)


def test_variances() -> None:
    assert variance(Prior.normal(3, 2)) == pytest.approx(4)
    assert variance(Prior.student_t(4, 1, 2)) == pytest.approx(8)
    assert variance(Prior.constant(3)) == 0


@pytest.mark.parametrize("df", [1, 2])
def test_priors_without_a_variance_get_a_finite_one(df: float) -> None:
    for found in (second_moment(Prior.half_student_t(df, 2.0)), variance(Prior.student_t(df, 0, 2.0))):
        assert 4 < found < 1e4
