"""The Paul decomposition against worlds whose SDs are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from exact_posterior import designed, exact_posterior, known_priors
from outcomemodels.data.simulate import SDS, counted_world, crossed_world
from outcomemodels.design import build_design
from outcomemodels.errors import FitError
from outcomemodels.estimands import decompose
from outcomemodels.models.paul import Paul
from outcomemodels.spec import ModelSpec
from small import episodes


def test_shares_are_of_the_variances() -> None:
    data, truth = crossed_world(3, clients=4000)
    design = designed(data, SDS)
    posterior = exact_posterior(Paul().linear(design, known_priors(design, SDS, truth.noise)), draws=1000, seed=1)
    found = decompose(design, posterior)
    total = sum(s**2 for s in SDS.values()) + truth.noise**2
    assert [c.name for c in found.components] == [*SDS, "residual"]
    for name, sd in SDS.items():
        assert found[name].superpopulation.mean == pytest.approx(sd)
        assert found[name].vpc.mean == pytest.approx(sd**2 / total)
    assert found["residual"].vpc.mean == pytest.approx(truth.noise**2 / total)
    assert sum(c.vpc.mean for c in found.components) == pytest.approx(1)
    assert json.loads(json.dumps(found.to_dict()))["components"][0]["name"] == "treatment"
    assert found.table().loc["therapist", "levels"] == 24


def test_finite_sd_is_that_of_these_therapists() -> None:
    data, truth = crossed_world(3, clients=20_000, noise=1.0)
    design = designed(data, SDS)
    posterior = exact_posterior(Paul().linear(design, known_priors(design, SDS, truth.noise)), draws=1000, seed=1)
    found = decompose(design, posterior)["therapist"].finite
    assert found is not None
    # therapists within services: their SD beyond that of services is what these effects have
    effects = posterior["effect_therapist"].values.reshape(1000, -1)
    assert found.mean == pytest.approx(effects.std(axis=1, ddof=1).mean())
    true = np.std(list(truth.effects["therapist"].values()), ddof=1)
    assert found.low < true < found.high


def test_slopes_count_at_the_spread_of_the_design() -> None:
    design = build_design(
        episodes(), ModelSpec(outcome="phq9_end", covariates=("age",), batches=("age|treatment", "1 + age|therapist"))
    )
    spread = design.column_values("age").std()
    shape = (2, 50)
    rng = np.random.default_rng(1)
    slopes = rng.normal(0, 0.2, (*shape, 3))
    both = rng.normal(0, 1.0, (*shape, 12, 2)) * [1.0, 0.1]
    corr = np.broadcast_to(np.array([[1.0, 0.5], [0.5, 1.0]]), (*shape, 2, 2))
    posterior = xr.Dataset(
        {
            "sd_age_by_treatment": (("chain", "draw"), np.full(shape, 0.3)),
            "effect_age_by_treatment": (("chain", "draw", "treatment"), slopes),
            "sd_age_by_therapist": (("chain", "draw", "c"), np.broadcast_to([2.0, 0.1], (*shape, 2))),
            "effect_age_by_therapist": (("chain", "draw", "therapist", "c"), both),
            "corr_age_by_therapist": (("chain", "draw", "c", "d"), corr),
            "noise": (("chain", "draw"), np.full(shape, 4.0)),
        }
    )
    found = decompose(design, posterior)
    slope = found["age|treatment"]
    assert slope.superpopulation.mean == pytest.approx(0.3 * spread)
    assert slope.finite is not None
    assert slope.finite.mean == pytest.approx((slopes.std(axis=2, ddof=1) * spread).mean())
    centred = design.column_values("age").mean()
    wanted = 4.0 + 2 * 0.5 * 2.0 * 0.1 * centred + 0.01 * (spread**2 + centred**2)
    assert found["1 + age|therapist"].superpopulation.mean == pytest.approx(np.sqrt(wanted))


def test_counted_outcomes_have_the_logistic_residual() -> None:
    data, _ = counted_world(1)
    design = build_design(data, ModelSpec(outcome="recovered", covariates=(), batches=("treatment",)))
    posterior = xr.Dataset(
        {
            "sd_treatment": (("chain", "draw"), np.full((1, 10), 0.5)),
            "effect_treatment": (("chain", "draw", "treatment"), np.zeros((1, 10, 3))),
        }
    )
    found = decompose(design, posterior)
    assert found.units == "logits"
    assert found["residual"].superpopulation.mean == pytest.approx(np.pi / np.sqrt(3))
    assert found["treatment"].vpc.mean == pytest.approx(0.25 / (0.25 + np.pi**2 / 3))


def test_residuals_by_level_are_averaged_over_courses() -> None:
    design = build_design(
        episodes(), ModelSpec(outcome="phq9_end", covariates=(), batches=("treatment",), noise_by="problem")
    )
    share = np.bincount(design.factors["problem"].codes) / design.n_obs
    posterior = xr.Dataset(
        {
            "sd_treatment": (("chain", "draw"), np.full((1, 10), 1.0)),
            "effect_treatment": (("chain", "draw", "treatment"), np.zeros((1, 10, 3))),
            "noise": (("chain", "draw", "problem"), np.broadcast_to([2.0, 3.0], (1, 10, 2))),
        }
    )
    wanted = np.sqrt(share @ [4.0, 9.0])
    assert decompose(design, posterior)["residual"].superpopulation.mean == pytest.approx(wanted)


def test_missing_parts_are_named() -> None:
    design = build_design(episodes(), ModelSpec(outcome="phq9_end", covariates=(), batches=("treatment",)))
    with pytest.raises(FitError, match="effect_treatment"):
        decompose(design, xr.Dataset({"sd_treatment": (("chain", "draw"), np.ones((1, 3)))}))
