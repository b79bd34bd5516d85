"""A plain PyMC function and a bambi formula as plugins: fitted, asked, predicted, saved."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm
import pytest

import outcomemodels as om
from outcomemodels.design import Design, build_design
from outcomemodels.errors import PluginError, QuestionError, SpecError
from outcomemodels.inference.predict_graph import predict_graph
from outcomemodels.models.frame import frame_of
from outcomemodels.plugin import Needs
from outcomemodels.spec import ModelSpec
from small import episodes

NO_BAMBI = importlib.util.find_spec("bambi") is None
SHORT = {"draws": 400, "tune": 400, "chains": 2, "progress": False}


def from_frame(frame: pd.DataFrame) -> pm.Model:
    """End score by treatment and therapist, written for a table."""
    treatment, therapist = frame["treatment"].cat, frame["therapist"].cat
    with pm.Model() as model:
        level = pm.Normal("level", 10, 10, shape=len(treatment.categories))
        sd = pm.HalfNormal("sd", 3)
        skill = pm.Normal("skill", 0, sd, shape=len(therapist.categories))
        mu = pm.Deterministic("mu", level[treatment.codes.to_numpy()] + skill[therapist.codes.to_numpy()])
        pm.Normal("y", mu, pm.HalfNormal("noise", 5), observed=frame["phq9_end"].to_numpy())
    return model


def from_design(design: Design) -> pm.Model:
    """End score by service."""
    assert design.response is not None
    with pm.Model(coords=design.coords) as model:
        place = pm.Normal("place", 10, 5, dims="service")
        expected = pm.Deterministic("expected", place[design.factor("service").codes], dims="obs")
        pm.Normal("outcome", expected, 5, observed=design.response.y, dims="obs")
    return model


WRAPPED = om.models.from_pymc(
    from_frame,
    takes="frame",
    fields=("treatment", "therapist"),
    expected="mu",
    outcome="y",
    needs=Needs(facets=("treatment", "therapist")),
    unseen={"therapist": "draw"},
)


def test_info_follows_from_the_function() -> None:
    assert WRAPPED.info.name == "from-frame"
    assert WRAPPED.info.summary == "End score by treatment and therapist, written for a table."
    assert om.models.from_pymc(from_design, name="places").info.name == "places"


def test_wrapping_imports_no_pymc() -> None:
    code = "import sys, outcomemodels as om; om.models.from_pymc(len); sys.exit('pymc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_a_frame_holds_every_level_and_new_ones_last() -> None:
    design = build_design(episodes(), ModelSpec(outcome="phq9_end", covariates=("age",), batches=()))
    frame = frame_of(design, ("therapist", "age"))
    assert list(frame) == ["therapist", "age", "phq9_end"]
    assert list(frame["therapist"].cat.categories) == list(design.factor("therapist").levels)


@pytest.mark.sampling
def test_a_function_of_a_frame_is_fitted_and_asked(tmp_path: Path) -> None:
    fit = om.fit(episodes(), outcome="phq9_end", model=WRAPPED, **SHORT)  # type: ignore[arg-type]
    answer = om.ask(fit, om.Question(treatments=("CBT", "IPT")))
    assert sum(t.contrast != 0 for t in answer.treatments) == 1
    rows = [{"treatment": "CBT", "therapist": t} for t in (om.NEW, "t03")]
    new, named = np.moveaxis(om.predict(fit, rows).values, -1, 0)
    posterior = fit.posterior
    level = posterior["level"].values[..., fit.design.factor("treatment").code("CBT")]
    own = posterior["skill"].values[..., fit.design.factor("therapist").code("t03")]
    np.testing.assert_allclose(named, level + own)
    assert ((new - level) / posterior["sd"].values).std() == pytest.approx(1, abs=0.15)
    again = om.load_fit(fit.save(tmp_path / "fit.nc"), model=WRAPPED)
    assert om.ask(again, om.Question()).to_dict() == om.ask(fit, om.Question()).to_dict()
    with pytest.raises(QuestionError, match="has no population of treatments"):
        om.predict(fit, [{"treatment": om.NEW}])


def test_what_a_function_must_return_is_said() -> None:
    with pytest.raises(SpecError, match="takes='frame' without fields"):
        om.models.from_pymc(from_frame, takes="frame")
    data = episodes(60)
    with pytest.raises(SpecError, match="returned a NoneType"):
        om.fit(data, outcome="phq9_end", model=om.models.from_pymc(lambda design: None), progress=False)
    with pytest.raises(SpecError, match="no variable 'expected'") as caught:
        om.fit(
            data,
            outcome="phq9_end",
            model=om.models.from_pymc(from_frame, takes="frame", fields=("treatment", "therapist")),
            progress=False,
        )
    assert "expected='mu'" in (caught.value.mend or "")


@pytest.mark.skipif(not NO_BAMBI, reason="bambi is installed")
def test_without_bambi_the_extra_is_named() -> None:
    with pytest.raises(PluginError, match="bambi is not installed") as caught:
        om.models.from_bambi("y ~ x")
    assert "outcomemodels[bambi]" in (caught.value.mend or "")


@pytest.mark.skipif(NO_BAMBI, reason="bambi is not installed: install outcomemodels[bambi]")
class TestBambi:
    FORMULA = "phq9_end ~ age + treatment + (1|therapist)"

    def test_refusals(self) -> None:
        with pytest.raises(SpecError, match=r"scale\(\) depends on the table"):
            om.models.from_bambi("phq9_end ~ scale(age)")
        with pytest.raises(SpecError, match="family 'cumulative' cannot be wrapped"):
            om.models.from_bambi("phq9_end ~ age", family="cumulative")
        assert om.models.from_bambi("y ~ x + (1|service) + (x|therapist:service)").info.unseen == {
            "service": "draw",
            "therapist": "draw",
        }

    @pytest.mark.sampling
    def test_a_formula_is_fitted_asked_and_predicted_as_bambi_does(self, tmp_path: Path) -> None:
        """Fitted rows by hand from the coefficients, a NEW therapist from the SD of the same draw."""
        model = om.models.from_bambi(self.FORMULA)
        fit = om.fit(episodes(), outcome="phq9_end", model=model, **SHORT)  # type: ignore[arg-type]
        assert fit.uses == {"age", "treatment", "therapist"}
        design, posterior = fit.design, fit.posterior
        draw = posterior.isel(chain=1, draw=7)
        treatment = np.concatenate([[0.0], draw["treatment"].values])
        wanted = (
            float(draw["Intercept"])
            + float(draw["age"]) * design.numbers["age"].values
            + treatment[design.factor("treatment").codes]
            + draw["1|therapist"].values[design.factor("therapist").codes]
        )
        found = predict_graph(model, design, {}, posterior, seed=1).reshape(2, 400, -1)[1, 7]
        np.testing.assert_allclose(found, wanted)
        rows = [{"treatment": "IPT", "therapist": w, "age": 40.0} for w in ("t05", om.NEW)]
        named, new = np.moveaxis(om.predict(fit, rows).values, -1, 0)
        base = posterior["Intercept"] + 40.0 * posterior["age"] + posterior["treatment"].sel(treatment_dim="IPT")
        np.testing.assert_allclose(named, (base + posterior["1|therapist"].sel(therapist__factor_dim="t05")).values)
        standard = (new - base.values) / posterior["1|therapist_sigma"].values
        assert standard.std() == pytest.approx(1, abs=0.15)
        assert om.ask(fit, om.Question()).reference in {"BA", "CBT", "IPT"}
        again = om.load_fit(fit.save(tmp_path / "fit.nc"), model=model)
        np.testing.assert_allclose(om.predict(again, rows).values, om.predict(fit, rows).values)
