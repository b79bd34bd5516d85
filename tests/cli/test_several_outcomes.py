"""A model of several responses is fitted from the command line, each response with its field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from outcomemodels import registry
from outcomemodels.cli.main import cli
from outcomemodels.cli.sources import outcome_of
from outcomemodels.data.simulate_kinds import dropout_world
from outcomemodels.errors import NeedsError, SpecError
from outcomemodels.plugin import Design, ModelInfo, Needs, Prior, Priors
from outcomemodels.workflow import load_fit


@dataclass(frozen=True)
class TwoMeans:
    """Change and sessions, each by treatment.

    outcome_change ~ Normal(expected_change, 5), outcome_dropout ~ Normal(expected_dropout, 5). Units: points, sessions.
    """

    info = ModelInfo(
        name="two-means",
        summary="change and sessions by treatment",
        needs=Needs(outcome={"change": "continuous", "dropout": "sessions"}, facets=("treatment",)),
        unseen={"treatment": "refuse"},
    )

    def default_priors(self, design: Design) -> Priors:
        return {name: Prior.normal(0.0, 10.0) for name in design.targets}

    def build(self, design: Design, priors: Priors) -> object:
        import pymc as pm

        treatment = design.factor("treatment")
        with pm.Model(coords=design.coords) as model:
            for name, target in design.targets.items():
                mean = priors[name].create(name, dims="treatment")
                expected = pm.Deterministic(f"expected_{name}", mean[treatment.codes], dims="obs")
                seen = target.response.y[target.rows]
                pm.Normal(f"outcome_{name}", expected[target.rows], 5.0, observed=seen, dims=f"obs_{name}")
        return model


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("two-means", f"{__name__}:TwoMeans", registry.GROUP),
        EntryPoint("paul", "outcomemodels.models.paul:Paul", registry.GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dropout_world(1, clients=60)[0].save(tmp_path_factory.mktemp("data") / "world.nc")


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments])


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), ""),
        (("change",), "change"),
        (("change=end", "dropout=sessions"), {"change": "end", "dropout": "sessions"}),
        (("dropout=sessions", "change=end"), {"dropout": "sessions", "change": "end"}),
        (("end", "sessions"), {"change": "end", "dropout": "sessions"}),
        (("end", "sessions", "more"), {"end": "end", "sessions": "sessions", "more": "more"}),
    ],
)
def test_words_become_an_outcome(words: tuple[str, ...], found: str | Mapping[str, str]) -> None:
    assert outcome_of(words, "two-means") == found


@pytest.mark.parametrize("words", [("change=end", "sessions"), ("change=end", "change=sessions")])
def test_half_a_mapping_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(SpecError, match="which field is which response"):
        outcome_of(words, "two-means")


@pytest.mark.sampling
def test_it_is_fitted_saved_and_asked(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "fit.nc"
    words = ("--outcome", "change", "--outcome", "sessions", "--model", "two-means", "--draws", 200, "--tune", 200)
    result = call("fit", data, *words, "--out", out, "--json", "--quiet")
    assert result.exit_code in (0, 3), result.output
    told = json.loads(result.stdout)
    assert told["outcomes"] == {"change": "change", "dropout": "sessions"}
    assert load_fit(out).spec.outcomes == (("change", "change"), ("dropout", "sessions"))
    asked = call("ask", out, "--response", "dropout", "--json")
    assert asked.exit_code in (0, 3), asked.output  # 3: too few draws for the diagnostics
    assert '"response": "dropout"' in asked.stdout


def test_what_a_model_of_one_or_several_takes_is_said(data: Path) -> None:
    one = call("fit", data, "--model", "two-means", "--outcome", "change", "--quiet")
    assert isinstance(one.exception, NeedsError)
    assert "--outcome change=change --outcome dropout=sessions" in str(one.exception)
    two = call("fit", data, "--outcome", "change", "--outcome", "sessions", "--quiet")
    assert isinstance(two.exception, NeedsError)
    assert "takes one response, and 2 were named" in str(two.exception)
