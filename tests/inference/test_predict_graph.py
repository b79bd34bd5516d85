"""Prediction through a model's own graph: fitted rows, NEW, UNKNOWN, refusals; and any model end to end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pymc as pm
import pytest
import xarray as xr

import outcomemodels as om
from graph_models import INFO, ByTherapist, made_posterior
from outcomemodels.design import NEW, UNKNOWN, Design, build_design, present
from outcomemodels.errors import PluginError, QuestionError
from outcomemodels.fitted import Fit
from outcomemodels.inference.evaluate import _one_by_one, _vectorised
from outcomemodels.inference.predict import predict_linear
from outcomemodels.inference.predict_graph import predict_graph, prior_graph
from outcomemodels.models.paul import Paul
from outcomemodels.plugin import ModelInfo, OutcomeModel, Priors
from outcomemodels.spec import ModelSpec
from small import episodes

SPEC = ModelSpec(outcome="phq9_end", covariates=("age",), batches=("therapist",))


@pytest.fixture(scope="module")
def design() -> Design:
    return build_design(episodes(), SPEC)


def posterior_of(model: OutcomeModel, design: Design) -> xr.Dataset:
    made: xr.Dataset = made_posterior(model.build(design, model.default_priors(design)))
    return made


def flat(variable: xr.DataArray) -> np.ndarray:
    return np.asarray(variable.values).reshape(-1, *variable.shape[2:])


def predicted(model: OutcomeModel, asked: Design, posterior: xr.Dataset, **choices: str) -> np.ndarray:
    fitted = asked if asked.fitted is None else asked.fitted
    return predict_graph(model, asked, model.default_priors(fitted), posterior, seed=3, **choices)


def test_fitted_rows_are_those_of_the_graph(design: Design) -> None:
    model = ByTherapist()
    posterior = posterior_of(model, design)
    age = design.numbers["age"]
    wanted = (
        flat(posterior["level"])[:, design.factor("treatment").codes]
        + flat(posterior["skill"])[:, design.factor("therapist").codes]
        + flat(posterior["fit"])[:, design.crossing(("therapist", "treatment")).codes]
        + flat(posterior["slope"])[:, None] * (age.values - age.centre)
    )
    np.testing.assert_allclose(predicted(model, design, posterior), wanted)


@pytest.mark.parametrize("centred", [True, False])
def test_new_and_named_therapists(design: Design, centred: bool) -> None:
    """NEW is drawn with the hyperparameters of its own draw, one person for both treatments; a fitted one is held."""
    model = ByTherapist(centred)
    posterior = posterior_of(model, design)
    asked = design.at([{"treatment": t, "therapist": w} for w in (NEW, "t03") for t in ("CBT", "IPT")])
    draws = predicted(model, asked, posterior)
    code = design.factor("treatment").code
    level = flat(posterior["level"])[:, [code("CBT"), code("IPT")]]
    skill, both = flat(posterior["sd_skill"]), flat(posterior["sd_fit"])
    standard = (draws[:, :2] - level) / np.sqrt(skill**2 + both**2)[:, None]
    assert standard.mean() == pytest.approx(0, abs=4 / np.sqrt(4000))
    assert standard.std() == pytest.approx(1, abs=4 / np.sqrt(2 * 4000))
    apart = (draws[:, 1] - draws[:, 0] - level[:, 1] + level[:, 0]) / (np.sqrt(2) * both)
    assert apart.std() == pytest.approx(1, abs=4 / np.sqrt(2 * 4000))
    crossing = design.crossing(("therapist", "treatment"))
    held = flat(posterior["skill"])[:, design.factor("therapist").code("t03")]
    for j, treatment in enumerate(("CBT", "IPT")):
        own = flat(posterior["fit"])[:, crossing.levels.index(("t03", treatment))]
        np.testing.assert_allclose(draws[:, 2 + j], level[:, j] + held + own)


def test_unknown_is_one_fitted_therapist_a_draw(design: Design) -> None:
    model = ByTherapist()
    posterior = posterior_of(model, design)
    draws = predicted(model, design.at([{"treatment": "CBT", "therapist": UNKNOWN}]), posterior)[:, 0]
    crossing, therapists = design.crossing(("therapist", "treatment")), design.factor("therapist").levels
    own = np.stack([flat(posterior["fit"])[:, crossing.levels.index((t, "CBT"))] for t in therapists], axis=1)
    level = flat(posterior["level"])[:, design.factor("treatment").code("CBT")]
    each = level[:, None] + flat(posterior["skill"]) + own
    match = np.isclose(draws[:, None], each, rtol=1e-12, atol=0)
    assert (match.sum(axis=1) == 1).all()
    share = match.mean(axis=0)
    caseload = design.crossing(("therapist",)).count / design.n_obs
    assert np.abs(share - caseload).max() < 4 * np.sqrt(0.25 / 4000)


def test_outcomes_scatter_by_the_noise_of_their_draw(design: Design) -> None:
    model = ByTherapist()
    posterior = posterior_of(model, design)
    asked = design.at([{"treatment": "CBT", "therapist": NEW}])
    scatter = predicted(model, asked, posterior, variable="outcome") - predicted(model, asked, posterior)
    assert (scatter[:, 0] / flat(posterior["noise"])).std() == pytest.approx(1, abs=4 / np.sqrt(8000))


def test_linear_form_and_graph_predict_alike() -> None:
    """The built-in model through both doors: equal on fitted levels, alike in distribution for somebody new."""
    spec = SPEC.with_(batches=("treatment", "therapist"))
    design = build_design(episodes(), spec)
    model = Paul()
    priors = model.default_priors(design)
    posterior = posterior_of(model, design)
    asked = design.at([{"treatment": "CBT", "therapist": w, "age": 50.0} for w in ("t03", NEW)])
    graph = predict_graph(model, asked, priors, posterior, seed=3)
    linear = predict_linear(model.linear(asked, priors), asked, posterior, seed=3)
    np.testing.assert_allclose(graph[:, 0], linear[:, 0])
    sd = flat(posterior["sd_therapist"])
    apart = [(d[:, 1] - d[:, 0] + flat(posterior["effect_therapist"])[:, 3]) / sd for d in (graph, linear)]
    for each in apart:
        assert each.mean() == pytest.approx(0, abs=4 / np.sqrt(4000))
        assert each.std() == pytest.approx(1, abs=4 / np.sqrt(8000))


def test_prior_draws_and_both_ways_of_evaluating_agree(design: Design) -> None:
    model = ByTherapist()
    asked = design.at([{"treatment": "CBT", "therapist": NEW}, {"treatment": "IPT", "therapist": NEW}])
    named = design.at([{"treatment": "CBT", "therapist": NEW, "problem": "PTSD", "client": NEW}])
    priors = model.default_priors(design)
    drawn = prior_graph(model, asked, priors, samples=2000, seed=2)
    level = 2.5 * design.scale.spread
    own = design.scale.spread * np.sqrt(1 / 4 + 1 / 16)
    assert drawn[:, 0].std() == pytest.approx(np.hypot(level, own), rel=4 / np.sqrt(4000))
    graph = model.build(present(named), priors)
    given = dict(zip(graph.free_RVs, pm.draw(graph.free_RVs, draws=20, random_seed=1), strict=True))
    (fast,) = _vectorised([graph["expected"]], given, 20, 1, 7)
    (slow,) = _one_by_one([graph["expected"]], given, 20, 1)
    np.testing.assert_allclose(fast, slow)


# -- refusals ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tied(ByTherapist):
    info: ModelInfo = field(default=replace(INFO, name="tied"), repr=False)

    def _effects(self, name: str, prior: object, dim: str) -> object:
        return pm.ZeroSumNormal(name, prior.create(f"sd_{name}"), dims=dim)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class FromRows(ByTherapist):
    """Takes its therapists from the rows, so that the graph of a question has fewer of them."""

    info: ModelInfo = field(default=replace(INFO, name="from-rows"), repr=False)

    def build(self, design: Design, priors: Priors) -> pm.Model:
        levels, codes = np.unique(design.factor("therapist").codes, return_inverse=True)
        with pm.Model(coords={"therapist": levels, "obs": range(design.n_obs)}) as model:
            skill = pm.Normal("skill", 0, 1, dims="therapist")
            expected = pm.Deterministic("expected", skill[codes], dims="obs")
            pm.Normal("outcome", expected, 1, observed=design.response.y, dims="obs")  # type: ignore[union-attr]
        return model


def test_levels_that_do_not_stand_alone_are_refused(design: Design) -> None:
    model = Tied()
    posterior = posterior_of(model, design)
    with pytest.raises(QuestionError, match="ties its levels to each other"):
        predicted(model, design.at([{"treatment": "CBT", "therapist": NEW}]), posterior)
    assert predicted(model, design.at([{"treatment": "CBT", "therapist": "t03"}]), posterior).shape == (4000, 1)


def test_policies_of_the_model_are_kept(design: Design) -> None:
    model = ByTherapist(info=replace(INFO, unseen={"therapist": "refuse"}))
    posterior = posterior_of(model, design)
    with pytest.raises(QuestionError, match="has no population of therapists to draw a new therapist from"):
        predicted(model, design.at([{"treatment": "CBT", "therapist": NEW}]), posterior)
    assert np.isfinite(predicted(model, design.at([{"treatment": "CBT", "therapist": UNKNOWN}]), posterior)).all()


def test_a_graph_that_does_not_continue_the_fitted_one_is_refused(design: Design) -> None:
    model = FromRows()
    posterior = posterior_of(model, design)
    with pytest.raises(PluginError, match="has 1 entries along therapist, and had 12 at the fit") as caught:
        predicted(model, design.at([{"treatment": "CBT", "therapist": "t03"}]), posterior)
    assert "not from the rows" in (caught.value.mend or "")
    with pytest.raises(PluginError, match="lacks 'sd_skill'"):
        predicted(
            ByTherapist(),
            design.at([{"treatment": "CBT", "therapist": NEW}]),
            posterior_of(ByTherapist(), design).drop_vars("sd_skill"),
        )
    with pytest.raises(PluginError, match="no variable 'expectation'"):
        predicted(model, design, posterior, variable="expectation")


# -- any model, end to end -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fit() -> Fit:
    return om.fit(
        episodes(), outcome="phq9_end", model=ByTherapist(centred=False), draws=500, tune=500, chains=2, progress=False
    )


@pytest.mark.sampling
def test_any_model_is_asked_predicted_reported_and_saved(fit: Fit, tmp_path: Path) -> None:
    question = om.Question(problem="PTSD", client={"age": 34})
    answer = om.ask(fit, question)
    assert [t.treatment for t in answer.treatments] == ["BA", "CBT", "IPT"]
    assert any("Not in the model" in w and "problem" in w for w in answer.warnings)
    assert all(t.contraction is None or t.contraction < 1 for t in answer.treatments)
    assert {t.label.value for t in answer.treatments} != {"prior-driven"}
    assert fit.uses == {"treatment", "therapist", "age"}
    rows = om.predict(fit, question)
    np.testing.assert_allclose(rows.values.reshape(-1, 3), answer.draws["expected"].values)
    assert om.predict(fit, what="outcome").sizes["row"] == fit.design.n_obs
    path = fit.save(tmp_path / "fit.nc")
    again = om.load_fit(path, model=ByTherapist(centred=False))
    assert om.ask(again, question).to_dict() == answer.to_dict()
    with pytest.raises(PluginError, match="no model called 'by-therapist'"):
        om.ask(om.load_fit(path), question)
    text = om.report(again, tmp_path / "report.html").read_text()
    assert "It looks at age, therapist and treatment" in text
    assert "uses     age, therapist, treatment" in repr(again)
