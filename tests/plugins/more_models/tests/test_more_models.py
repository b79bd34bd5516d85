"""Each model is fitted in a world of known truth, recovers it, is asked, predicted, reported, saved and loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outcomemodels_more.dropout import ChangeAndDropout
from outcomemodels_more.growth import ThreeLevelGrowth
from outcomemodels_more.ordinal import OrdinalRating
from pytensor.compile.mode import Mode

import outcomemodels as om
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.simulate_kinds import KindTruth, dropout_world, growth_world, rated_world
from outcomemodels.errors import NeedsError, OutcomeModelsError, QuestionError
from outcomemodels.fitted import Fit
from outcomemodels.inference.predict_graph import predict_graph
from outcomemodels.plugin import OutcomeModel
from outcomemodels.spec import ModelSpec
from outcomemodels.testing import check_model
from outcomemodels.testing.results import Tier
from outcomemodels.testing.worlds import World

TREATMENTS = ("T0", "T1", "T2")


@dataclass(frozen=True)
class Proof:
    """A model, its world, and what its parameters must come to."""

    model: OutcomeModel
    data: PaulDataset
    truth: KindTruth
    outcome: str | Mapping[str, str]
    parameters: Mapping[str, Any]
    when: Mapping[str, float]

    @property
    def responses(self) -> tuple[str, ...]:
        return tuple(self.outcome) if isinstance(self.outcome, Mapping) else ("",)


def growth() -> Proof:
    data, truth = growth_world(1)
    rates = [truth.treatments["rate"][t] for t in TREATMENTS]
    wanted = {"rate": rates, **{n: truth.values[n] for n in ("sd_start", "sd_pace", "noise")}}
    return Proof(ThreeLevelGrowth(), data, truth, "symptoms", wanted, {"weeks": 8.0})


def ordinal() -> Proof:
    data, truth = rated_world(1)
    low, middle, high = (truth.values[f"threshold_{k}"] for k in (1, 2, 3))
    effects = [truth.treatments["effect"][t] - low for t in TREATMENTS]
    return Proof(OrdinalRating(), data, truth, "mood", {"effect": effects, "gap": [middle - low, high - middle]}, {})


def dropout() -> Proof:
    data, truth = dropout_world(1)
    by = truth.treatments
    wanted = {
        "level": [by["level"][t] for t in TREATMENTS],
        "risk": [by["hazard"][t] for t in TREATMENTS],
        "bond": 1 / truth.values["pull"],
        "noise": truth.values["noise"],
    }
    return Proof(ChangeAndDropout(), data, truth, {"change": "change", "dropout": "sessions"}, wanted, {})


PROOFS = {"growth": growth, "ordinal": ordinal, "dropout": dropout}


@pytest.fixture(scope="module", params=PROOFS)
def fitted(request: pytest.FixtureRequest) -> tuple[Proof, Fit]:
    proof = PROOFS[request.param]()
    fit = om.fit(
        proof.data,
        outcome=proof.outcome,
        model=proof.model,
        seed=4,
        progress=False,
    )
    return proof, fit


@pytest.mark.sampling
def test_sampling_can_be_trusted(fitted: tuple[Proof, Fit]) -> None:
    _, fit = fitted
    assert fit.verdict.passed, str(fit.verdict)


@pytest.mark.sampling
def test_the_truth_is_recovered(fitted: tuple[Proof, Fit]) -> None:
    """Every parameter within 4 posterior SDs of the truth, and the SDs small enough for that to say something."""
    proof, fit = fitted
    for name, wanted in proof.parameters.items():
        draws = fit.posterior[name]
        mean, sd = (np.asarray(getattr(draws, what)(("chain", "draw"))) for what in ("mean", "std"))
        assert (np.abs(mean - np.asarray(wanted)) < 4 * sd).all(), (name, mean, sd, wanted)
        assert (sd < 0.75 * max(1.0, float(np.ptp(wanted)))).all(), (name, sd)


@pytest.mark.sampling
def test_it_is_asked_and_predicted(fitted: tuple[Proof, Fit], tmp_path: Path) -> None:
    proof, fit = fitted
    path = fit.save(tmp_path / "fit.nc")
    again = om.load_fit(path, model=proof.model)
    for response in proof.responses:
        question = om.Question(response=response, when=proof.when)
        answer = om.ask(fit, question)
        assert answer.reference in TREATMENTS
        assert all(t.label.value == "data-informed" for t in answer.treatments), answer
        assert om.ask(again, question).to_dict() == answer.to_dict()
        rows = om.predict(fit, question, response=response)
        np.testing.assert_array_equal(rows.values.reshape(-1, 3), answer.draws["expected"].values)
        drawn = om.predict(fit, question, response=response, what="outcome")
        error = 5 * drawn.std(("chain", "draw")) / np.sqrt(rows.sizes["chain"] * rows.sizes["draw"])
        assert (abs(drawn.mean(("chain", "draw")) - rows.mean(("chain", "draw"))) < error).all()
    assert om.report(again, tmp_path / "report.html").stat().st_size > 10_000


@pytest.mark.sampling
def test_fitted_rows_are_reproduced(fitted: tuple[Proof, Fit]) -> None:
    """``expected`` of the graph at a draw, by PyMC itself, is what is predicted for that draw."""
    proof, fit = fitted
    graph = proof.model.build(fit.design, fit.priors)
    first = fit.posterior.isel(chain=0, draw=slice(0, 1))
    for response in proof.responses:
        name = f"expected_{response}" if response else "expected"
        values = {v: np.asarray(first[v.name].values[0]) for v in graph.free_RVs}
        wanted = graph[name].eval(values, on_unused_input="ignore", mode=Mode(linker="py", optimizer="None"))
        found = predict_graph(proof.model, fit.design, fit.priors, fit.posterior, seed=1, variable=name)[0]
        np.testing.assert_allclose(found, wanted, rtol=1e-8)


@pytest.mark.sampling
def test_a_new_therapist_is_less_certain_than_a_named_one(fitted: tuple[Proof, Fit]) -> None:
    proof, fit = fitted
    rows = [{"treatment": "T1", "therapist": w, "client": "C0", **proof.when} for w in (om.NEW, "H3")]
    if not isinstance(proof.model, ThreeLevelGrowth):
        rows = [{k: v for k, v in row.items() if k != "client"} for row in rows]
    new, named = om.predict(fit, rows).std(("chain", "draw")).values
    assert new > 1.2 * named
    with pytest.raises(QuestionError, match="no population of treatments"):
        om.predict(fit, [{"treatment": om.NEW}])


def test_needs_are_refused_before_building() -> None:
    rated, _ = rated_world(2, clients=60)
    with pytest.raises(NeedsError, match="needs 3 or more scores in time a client") as caught:
        om.fit(dropout_world(2, clients=60)[0], outcome="change", model=ThreeLevelGrowth(), progress=False)
    assert caught.value.facet == "time"
    with pytest.raises(NeedsError, match="takes outcomes that are ordered, and 'change' is continuous"):
        om.fit(dropout_world(2, clients=60)[0], outcome="change", model=OrdinalRating(), progress=False)
    with pytest.raises(NeedsError, match="that are continuous or binary or count, and 'mood' is ordered"):
        om.fit(rated, outcome="mood", progress=False)
    with pytest.raises(NeedsError, match="takes 2 responses") as caught:
        om.fit(dropout_world(2, clients=60)[0], outcome="change", model=ChangeAndDropout(), progress=False)
    assert "outcome={'change': 'change', 'dropout': 'sessions'}" in str(caught.value)
    with pytest.raises(NeedsError, match="takes one response, and 2 were named"):
        om.fit(dropout_world(2, clients=60)[0], outcome={"a": "change", "b": "sessions"}, progress=False)


def test_whole_scores_are_read_as_ordered_levels() -> None:
    data, _ = growth_world(3, clients=30)
    with pytest.raises(OutcomeModelsError, match="'symptoms' is continuous"):
        om.fit(data, outcome="symptoms", model=OrdinalRating(), progress=False)


SMALL = {
    "growth": lambda: (growth_world(1, clients=45, therapists=5)[0], ModelSpec(outcome="symptoms")),
    "ordinal": lambda: (rated_world(1, clients=90, therapists=6)[0], ModelSpec(outcome="mood")),
    "dropout": lambda: (
        dropout_world(1, clients=90, therapists=6)[0],
        ModelSpec(outcome="change", outcomes=(("change", "change"), ("dropout", "sessions"))),
    ),
}


def failures(name: str, tier: Tier) -> list[str]:
    data, spec = SMALL[name]()
    model = {"growth": ThreeLevelGrowth(), "ordinal": OrdinalRating(), "dropout": ChangeAndDropout()}[name]
    results = check_model(model, tier=tier, worlds=(World(name=name, data=data, spec=spec),))
    return [f"{r.name}: {r.message}" for r in results if not r.ok]


@pytest.mark.parametrize("name", SMALL)
def test_it_conforms(name: str) -> None:
    assert failures(name, "static") == []


@pytest.mark.calibration
@pytest.mark.parametrize("name", SMALL)
def test_its_graph_conforms(name: str) -> None:
    assert failures(name, "graph") == []
