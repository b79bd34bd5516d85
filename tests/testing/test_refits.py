"""One compiled graph stands for many sets of outcomes, and simulated outcomes are what was watched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytest

from outcomemodels.data.simulate_kinds import dropout_world
from outcomemodels.design import Design, build_design
from outcomemodels.inference.fit import sample
from outcomemodels.inference.settings import Settings
from outcomemodels.spec import ModelSpec
from outcomemodels.testing.calibration_checks import _with_outcomes
from outcomemodels.testing.probe import Probe
from outcomemodels.testing.refits import refits, share
from outcomemodels.testing.subject import Case, Subject
from testing.wrong_plugins.fitted import CountsTwice
from testing.wrong_plugins.right import Right, RightBinary


def simulated(model: Right | RightBinary) -> tuple[Case, list[Design]]:
    case = Subject(model=model).main
    drawn = case.probe.prior(3, seed=5)["outcome"]
    return case, [_with_outcomes(case.design, {"outcome": y}) for y in drawn]


@pytest.mark.parametrize(
    ("model", "places"), [(Right(), 1), (RightBinary(), 1), (CountsTwice(), 2)], ids=["right", "binary", "twice"]
)
def test_outcomes_are_found_wherever_they_stand(model: Right | RightBinary, places: int) -> None:
    case, designs = simulated(model)
    graphs = [model.build(d, case.priors) for d in designs]
    shared = share(graphs)
    assert shared is not None
    graph, values = shared
    assert [len(v) for v in values] == [places] * 3
    point = case.points[0]
    for design, each in zip(designs, values, strict=True):
        for variable in data_of(graph):
            if variable.name in each:
                variable.set_value(each[variable.name])
        alone = Probe(model.build(design, case.priors))
        assert Probe(graph).log_density(point) == pytest.approx(alone.log_density(point), rel=1e-12)


def data_of(graph: pm.Model) -> list[Any]:
    from pytensor.compile.sharedvalue import SharedVariable
    from pytensor.graph.traversal import ancestors

    return [v for v in ancestors([graph.logp()]) if isinstance(v, SharedVariable) and v.name]


def test_graphs_of_another_shape_are_not_shared() -> None:
    case, designs = simulated(Right())
    wide = Right().build(designs[0], case.priors)
    assert share([wide, CountsTwice().build(designs[1], case.priors)]) is None
    assert share([wide, wide]) is None, "nothing differs, so there is nothing to exchange"


@pytest.mark.calibration
def test_a_fit_of_the_shared_graph_is_the_fit_of_its_own() -> None:
    case, designs = simulated(CountsTwice())
    refit = refits(case.model, designs, case.priors)
    settings = Settings(draws=500, tune=500, chains=4, seed=3, progress=False)
    for i, design in enumerate(designs):
        found = refit(i, settings)
        wanted = sample(case.model, design, case.priors, settings)["posterior"].to_dataset()
        assert set(found) == set(wanted)
        gap = abs(float(found["noise"].mean()) - float(wanted["noise"].mean()))
        assert gap < 0.2 * float(wanted["noise"].std())


def test_sessions_are_counted_up_to_where_a_course_was_watched() -> None:
    data, _ = dropout_world(3, clients=40, therapists=4, planned=6)
    spec = ModelSpec(outcome="change", outcomes=(("change", "change"), ("dropout", "sessions")))
    design = build_design(data, spec)
    n = design.n_obs
    change = np.arange(len(design.targets["change"].rows), dtype=float)
    drawn = np.where(np.arange(n) % 2 == 0, 3.0, 9.0)
    made = _with_outcomes(design, {"outcome_change": change, "outcome_dropout": drawn})
    sessions = made.targets["dropout"].response
    assert sessions.event is not None
    np.testing.assert_array_equal(sessions.y, np.where(np.arange(n) % 2 == 0, 3.0, 6.0))
    np.testing.assert_array_equal(sessions.event, (np.arange(n) % 2 == 0).astype(float))
    assert made.targets["change"].rows.tolist() == design.targets["change"].rows.tolist()
