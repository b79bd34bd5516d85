"""The graph of a linear form: cells are rows, centred is non-centred, names are the contract's."""

from __future__ import annotations

import numpy as np
import pytest
from pytensor.compile.mode import Mode

from outcomemodels.data.columns import from_columns
from outcomemodels.design import build_design
from outcomemodels.models import linear_graph as module
from outcomemodels.models.paul import Paul
from outcomemodels.plugin import resolve_priors
from outcomemodels.priors import Prior
from outcomemodels.spec import ModelSpec
from small import cells_of, columns, episodes, schema

QUICK = Mode(linker="py", optimizer="fast_compile")
"""A density at a handful of points is not worth compiling."""


def test_cells_have_the_density_of_their_rows() -> None:
    """Log densities of rows and of their cells differ by a constant in the parameters."""
    raw = columns(120, seed=3)
    rows = from_columns(schema(), raw)
    cells = cells_of(raw["phq9_end"], raw["service"], raw["treatment"])
    priors = {"intercept": Prior.normal(10, 5), "sd_treatment": Prior.half_normal(2), "noise": Prior.half_normal(5)}
    values = []
    for data, outcome in ((rows, "phq9_end"), (cells, "end")):
        design = build_design(data, ModelSpec(outcome=outcome, covariates=(), batches=("treatment",)))
        model = Paul().build(design, resolve_priors(Paul(), design, priors))
        density = model.compile_logp(mode=QUICK)
        start = model.initial_point()
        rng = np.random.default_rng(0)
        points = [{k: v + rng.normal(0, 0.3, np.shape(v)) for k, v in start.items()} for _ in range(4)]
        values.append([float(density(p)) for p in points])
    difference = np.array(values[0]) - np.array(values[1])
    np.testing.assert_allclose(difference, difference[0], rtol=1e-9)


def test_centring_does_not_change_the_density(monkeypatch: pytest.MonkeyPatch) -> None:
    """Centred and non-centred graphs agree after the change of variables, effect = sd * z."""
    design = build_design(episodes(80), ModelSpec(outcome="phq9_end", covariates=(), batches=("therapist",)))
    priors = resolve_priors(Paul(), design, {})
    monkeypatch.setattr(module, "CENTRED_FROM", 0.0)
    centred = Paul().build(design, priors)
    monkeypatch.setattr(module, "CENTRED_FROM", np.inf)
    free = Paul().build(design, priors)
    assert {v.name for v in centred.free_RVs} == {"beta", "sd_therapist", "effect_therapist", "noise"}
    assert {v.name for v in free.free_RVs} == {"beta", "sd_therapist", "z_therapist", "noise"}
    rng = np.random.default_rng(1)
    z = rng.normal(size=len(design.crossing(("therapist",)).levels))
    sd = 1.3
    common = {"beta": np.array([9.0]), "sd_therapist_log__": np.log(sd), "noise_log__": np.log(4.0)}
    a = float(centred.compile_logp(mode=QUICK)({**common, "effect_therapist": sd * z}))
    b = float(free.compile_logp(mode=QUICK)({**common, "z_therapist": z}))
    assert a + len(z) * np.log(sd) == pytest.approx(b, rel=1e-10)


def test_names_and_dims_are_the_contract() -> None:
    spec = ModelSpec(
        outcome="phq9_end",
        formula="phq9_end ~ age + (1 + age | therapist) + (1 | treatment:problem)",
        noise_by="treatment",
    )
    design = build_design(episodes(60), spec)
    model = Paul().build(design, Paul().default_priors(design))
    dims = model.named_vars_to_dims
    assert dims["beta"] == ("coefficient",)
    assert dims["effect_age_by_therapist"] == ("therapist", "age_by_therapist_column")
    assert dims["sd_age_by_therapist"] == ("age_by_therapist_column",)
    assert dims["corr_age_by_therapist"] == ("age_by_therapist_column", "age_by_therapist_column_bis")
    assert dims["effect_treatment_x_problem"] == ("treatment_x_problem",)
    assert dims["noise"] == ("treatment",)
    assert dims["expected"] == dims["outcome"] == ("obs",)
    density = model.compile_logp(mode=QUICK)
    assert np.isfinite(density(model.initial_point()))
