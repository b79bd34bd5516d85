"""The verbs together: fit, ask, save, ask again elsewhere, report."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import outcomemodels as om
from outcomemodels.errors import FileError, OutcomeModelsError, PluginError, SpecError
from outcomemodels.fitted import Fit
from outcomemodels.posterior import validate
from outcomemodels.workflow import prior_predictive
from small import episodes


@pytest.fixture(scope="module")
def fit() -> Fit:
    return om.fit(episodes(), outcome="phq9_end", seed=5, progress=False)


QUESTION = {"problem": "PTSD", "client": {"age": 34}, "worthwhile": 1.0}


def test_the_tree_keeps_the_contract_and_arviz_takes_it(fit: Fit) -> None:
    import arviz as az

    validate(fit.tree)
    summary = az.summary(fit.tree, var_names=["beta", "noise"])
    assert len(summary) == len(fit.design.columns) + 1
    az.plot_forest(fit.tree, var_names=["beta", "noise"])
    az.plot_trace(fit.tree, var_names=["noise"])
    assert fit.verdict.passed, fit.verdict.sentences
    assert fit.provenance["engine"] == "collapsed"
    assert "integrated out exactly" in fit.provenance["engine_reason"]


def test_asking_twice_answers_alike(fit: Fit) -> None:
    question = om.Question(**QUESTION)  # type: ignore[arg-type]
    assert om.ask(fit, question).to_dict() == om.ask(fit, question).to_dict()


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_saved_fit_answers_alike_in_a_new_process(fit: Fit, tmp_path: Path, suffix: str) -> None:
    path = fit.save(tmp_path / f"fit{suffix}")
    code = (
        "import json, outcomemodels as om; "
        f"fit = om.load_fit({str(path)!r}); "
        f"answer = om.ask(fit, om.Question(**{QUESTION!r})); "
        "print(json.dumps([[t.treatment, t.mean, t.contrast, t.p_best, str(t.label)] for t in answer.treatments]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    here = om.ask(fit, om.Question(**QUESTION))  # type: ignore[arg-type]
    assert json.loads(done.stdout) == [
        [t.treatment, t.mean, t.contrast, t.p_best, str(t.label)] for t in here.treatments
    ]


def test_same_seed_same_posterior(fit: Fit) -> None:
    again = om.fit(episodes(), outcome="phq9_end", seed=5, progress=False)
    np.testing.assert_allclose(again.posterior["beta"], fit.posterior["beta"])


def test_a_damaged_or_foreign_file_is_refused(fit: Fit, tmp_path: Path) -> None:
    path = fit.save(tmp_path / "fit.nc")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(FileError):
        om.load_fit(path)
    with pytest.raises(FileError, match="is not a saved fit"):
        om.load_fit(episodes().save(tmp_path / "data.nc"))


def test_report_is_one_file(fit: Fit, tmp_path: Path) -> None:
    path = om.report(fit, tmp_path / "report.html", questions=[om.Question(problem="PTSD")])
    text = path.read_text()
    assert "PTSD" in text
    assert "http-equiv" not in text
    assert "<script" not in text
    assert 'src="http' not in text


def test_unknown_outcome_model_and_prior_are_refused() -> None:
    with pytest.raises(SpecError, match="did you mean 'phq9_end'"):
        om.fit(episodes(), outcome="phq9_en", progress=False)
    with pytest.raises(PluginError, match="did you mean 'paul'"):
        om.fit(episodes(), outcome="phq9_end", model="paull", progress=False)
    with pytest.raises(SpecError, match="has no prior called 'sd_terapist'"):
        om.fit(episodes(), outcome="phq9_end", priors={"sd_terapist": om.Prior.half_normal(1)}, progress=False)


def test_the_exact_engine_is_refused_for_counts() -> None:
    raw = om.load("beat_the_blues")
    with pytest.raises(OutcomeModelsError):
        om.fit(raw, outcome="bdi", family="binomial", engine="collapsed", progress=False)


@pytest.mark.sampling
def test_prior_predictive_covers_the_outcome() -> None:
    data = episodes(60)
    tree = prior_predictive(data, om.ModelSpec(outcome="phq9_end", batches=("therapist",)), draws=200, seed=1)
    drawn = np.asarray(tree["prior_predictive"]["outcome"])
    seen = np.asarray(tree["observed_data"]["outcome"])
    assert drawn.shape[-1] == len(seen)
    assert np.quantile(drawn, 0.005) < seen.min()
    assert np.quantile(drawn, 0.995) > seen.max()


@pytest.mark.sampling
def test_the_two_engines_agree() -> None:
    """Means within 4 combined MCSE and SDs within 12 %, on the same design and priors."""
    import arviz_stats as azs

    data = episodes()
    choices = {"outcome": "phq9_end", "covariates": ("phq9_start", "treatment"), "batches": ("therapist",)}
    exact = om.fit(data, engine="collapsed", draws=2000, progress=False, **choices).posterior  # type: ignore[arg-type]
    sampled = om.fit(data, engine="nuts", draws=2000, progress=False, **choices).posterior  # type: ignore[arg-type]
    for name in ("beta", "sd_therapist", "noise"):
        a, b = exact[name], sampled[name]
        parts = range(a.sizes["coefficient"]) if name == "beta" else [None]
        for i in parts:
            x, y = (a, b) if i is None else (a.isel(coefficient=i), b.isel(coefficient=i))
            error = np.hypot(azs.mcse(x.values, method="mean"), azs.mcse(y.values, method="mean"))
            assert abs(float(x.mean() - y.mean())) < 4 * float(error), (name, i)
            assert float(x.std() / y.std()) == pytest.approx(1, abs=0.12), (name, i)
