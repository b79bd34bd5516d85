"""NUTS by another implementation: the same posterior, or a clear word when it is not installed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from outcomemodels.design import build_design
from outcomemodels.errors import FitError, SpecError
from outcomemodels.inference.nuts import sample_nuts
from outcomemodels.inference.settings import Sampler, Settings
from outcomemodels.models.paul import Paul
from outcomemodels.plugin import resolve_priors
from outcomemodels.spec import ModelSpec
from small import episodes


@pytest.mark.parametrize("sampler", ["pymc", pytest.param("numpyro", marks=pytest.mark.calibration)])
def test_samplers_agree(sampler: Sampler) -> None:
    if sampler == "numpyro":
        pytest.importorskip("numpyro", reason="the extra numpyro is not installed")
    design = build_design(episodes(), ModelSpec(outcome="phq9_end", covariates=("phq9_start",), batches=("therapist",)))
    graph = Paul().build(design, resolve_priors(Paul(), design, {}))
    means, errors = [], []
    for chosen in ("nutpie", sampler):
        tree = sample_nuts(graph, Settings(sampler=chosen, draws=500, tune=500, chains=2, progress=False))
        slope = tree["posterior"]["beta"].sel(coefficient="phq9_start")
        means.append(float(slope.mean()))
        errors.append(float(slope.std()) / np.sqrt(200))  # at least 200 effective draws of 1,000
    assert abs(means[0] - means[1]) < 4 * np.hypot(*errors)


def test_a_sampler_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    design = build_design(episodes(), ModelSpec(outcome="phq9_end", covariates=(), batches=("therapist",)))
    graph = Paul().build(design, resolve_priors(Paul(), design, {}))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FitError, match=r"outcomemodels\[numpyro\]"):
        sample_nuts(graph, Settings(sampler="numpyro", progress=False))


def test_an_unknown_sampler() -> None:
    with pytest.raises(SpecError, match="nutpie, pymc, numpyro"):
        Settings(sampler="stan")  # type: ignore[arg-type]
