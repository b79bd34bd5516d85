"""Prediction from the linear form: fitted rows, NEW, UNKNOWN, and combinations never seen."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from outcomemodels.design import NEW, UNKNOWN, Design, build_design
from outcomemodels.inference.predict import predict_linear
from outcomemodels.models.paul import Paul
from outcomemodels.spec import ModelSpec
from small import episodes

SAMPLES = (4, 5000)


def posterior_of(design: Design, *, sd: float = 2.0, seed: int = 1) -> xr.Dataset:
    """A made-up posterior with the right names and dims; effects fixed, so that only new levels vary."""
    rng = np.random.default_rng(seed)
    variables = {
        "beta": (
            ("chain", "draw", "coefficient"),
            np.broadcast_to(rng.normal(size=len(design.columns)), (*SAMPLES, len(design.columns))),
        )
    }
    for batch in design.batches:
        crossing = design.crossing(batch.by)
        effects = rng.normal(size=len(crossing.levels))
        variables[f"effect_{batch.id}"] = (
            ("chain", "draw", crossing.dim),
            np.broadcast_to(effects, (*SAMPLES, len(effects))),
        )
        variables[f"sd_{batch.id}"] = (("chain", "draw"), np.full(SAMPLES, sd))
    return xr.Dataset(variables)


@pytest.fixture(scope="module")
def design() -> Design:
    spec = ModelSpec(outcome="phq9_end", covariates=("age",), batches=("treatment", "therapist", "treatment:problem"))
    return build_design(episodes(), spec)


def expected(design: Design, asked: Design, posterior: xr.Dataset, seed: int = 3) -> np.ndarray:
    model = Paul()
    return predict_linear(model.linear(asked, model.default_priors(design)), asked, posterior, seed=seed)


def test_fitted_rows_are_columns_plus_effects(design: Design) -> None:
    posterior = posterior_of(design)
    first = posterior.isel(chain=0, draw=0)
    wanted = design.matrix() @ first["beta"].values
    for batch in design.batches:
        wanted = wanted + first[f"effect_{batch.id}"].values[design.crossing(batch.by).codes]
    np.testing.assert_allclose(expected(design, design, posterior)[0], wanted)


def test_a_row_of_the_data_asked_again_is_the_same(design: Design) -> None:
    posterior = posterior_of(design)
    row = {n: f.levels[f.codes[7]] for n, f in design.factors.items() if n != "client"}
    asked = design.at([{**row, "age": float(design.numbers["age"].values[7])}])
    np.testing.assert_allclose(
        expected(design, asked, posterior)[:, 0], expected(design, design, posterior)[:, 7], atol=1e-12
    )


def test_a_new_therapist_adds_the_therapist_variance(design: Design) -> None:
    asked = design.at([{"treatment": "CBT", "problem": "PTSD", "therapist": NEW}])
    draws = expected(design, asked, posterior_of(design))[:, 0]
    assert draws.std() == pytest.approx(2.0, rel=0.03)


def test_one_new_therapist_is_the_same_person_for_every_treatment(design: Design) -> None:
    asked = design.at([{"treatment": t, "problem": "PTSD", "therapist": NEW} for t in ("CBT", "IPT")])
    draws = expected(design, asked, posterior_of(design))
    assert (draws[:, 1] - draws[:, 0]).std() == pytest.approx(0, abs=1e-9)


def test_an_unknown_therapist_is_one_of_the_fitted_by_caseload(design: Design) -> None:
    asked = design.at([{"treatment": "CBT", "problem": "PTSD", "therapist": UNKNOWN}])
    posterior = posterior_of(design)
    draws = expected(design, asked, posterior)[:, 0]
    effects = posterior["effect_therapist"].isel(chain=0, draw=0).values
    count = design.crossing(("therapist",)).count
    mean = np.average(effects, weights=count)
    assert draws.std() == pytest.approx(np.sqrt(np.average((effects - mean) ** 2, weights=count)), rel=0.03)
    assert len(np.unique(draws.round(9))) == len(effects)


def test_a_combination_never_seen_is_drawn_from_its_batch() -> None:
    data = episodes()
    seen = ~((data.strings("treatment") == "IPT") & (data.strings("problem") == "PTSD"))
    spec = ModelSpec(outcome="phq9_end", covariates=(), batches=("treatment", "problem", "treatment:problem"))
    design = build_design(data.select(seen), spec)
    asked = design.at([{"treatment": "IPT", "problem": "PTSD"}, {"treatment": "CBT", "problem": "PTSD"}])
    draws = expected(design, asked, posterior_of(design))
    assert draws[:, 0].std() == pytest.approx(2.0, rel=0.03)
    assert draws[:, 1].std() == pytest.approx(0.0, abs=1e-9)


def test_the_same_seed_gives_the_same_draws(design: Design) -> None:
    asked = design.at([{"treatment": "CBT"}])
    posterior = posterior_of(design)
    np.testing.assert_array_equal(expected(design, asked, posterior), expected(design, asked, posterior))
