"""The half-width the audit predicts against the one a fit shows, in worlds of many shapes, means over replicates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import outcomemodels as om
from outcomemodels.auditing.asked import targets_of
from outcomemodels.auditing.components import Components
from outcomemodels.auditing.gates import ground_of
from outcomemodels.auditing.supporting import fitted_width
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.simulate import cells_world, crossed_world
from outcomemodels.estimands import Question
from outcomemodels.schema import Assignment

REPLICATES = 4
BASE = {"treatment": 2.0, "problem": 1.5, "therapist": 1.0, "service": 1.0, "treatment:problem": 1.0}
VARIED = BASE | {"treatment:therapist": 0.9, "treatment:service": 0.7, "service:problem": 0.5}


@dataclass(frozen=True)
class Shape:
    """What a world is made of, and what is asked of it."""

    made: dict[str, Any]
    sds: dict[str, float] = field(default_factory=lambda: BASE)
    noise: float = 4.0
    question: Question = field(default_factory=lambda: Question(problem="P0", treatments=("T1",), reference="T0"))
    cells: bool = False

    def data(self, seed: int) -> PaulDataset:
        if self.cells:
            return cells_world(seed, **self.made, noise=self.noise)[0]
        return crossed_world(seed, **self.made, sds=self.sds, noise=self.noise)[0]

    @property
    def components(self) -> Components:
        sds = {k.replace("service", "setting"): v for k, v in self.sds.items()}
        return Components(noise=self.noise, sds=sds, explained=0.0 if self.cells else 6.25 / (6.25 + self.noise**2))


ANY = Question(treatments=("T1",), reference="T0")
WORLDS = {
    "tiny": Shape({"clients": 60, "treatments": 2, "problems": 2, "therapists": 6, "services": 3}),
    "small": Shape({"clients": 150, "treatments": 3, "problems": 2, "therapists": 10, "services": 4}),
    "usual": Shape({"clients": 800, "treatments": 4, "problems": 4, "therapists": 40, "services": 10}),
    "effects that vary": Shape(
        {"clients": 1200, "treatments": 3, "problems": 3, "therapists": 50, "services": 12}, VARIED
    ),
    "trial": Shape(
        {"clients": 240, "treatments": 2, "problems": 1, "therapists": 12, "services": 4,
         "assignment": Assignment.RANDOMISED}, noise=6.0, question=ANY,
    ),
    "any problem": Shape(
        {"clients": 1500, "treatments": 5, "problems": 8, "therapists": 60, "services": 8}, VARIED, question=ANY
    ),
    "published": Shape({"clients": 3000}, cells=True),
}  # fmt: skip
LARGE = Shape({"clients": 12000, "treatments": 4, "problems": 4, "therapists": 500, "services": 40}, VARIED)


def fitted(data: PaulDataset, question: Question) -> float:
    fit = om.fit(data, outcome="end", seed=1, draws=250, progress=False)
    found = next(t for t in om.ask(fit, question).treatments if t.treatment == "T1")
    return (found.contrast_high - found.contrast_low) / 2


def predicted(data: PaulDataset, question: Question, components: Components | None) -> float:
    ground = ground_of(data, components=components)
    return fitted_width(ground, targets_of(question, ground.courses)[0]).half_width


@pytest.mark.calibration
@pytest.mark.parametrize("name", WORLDS)
def test_predicted_half_widths_are_within_15_percent_of_fitted_ones(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    world = WORLDS[name]
    seen = [world.data(seed) for seed in range(REPLICATES)]
    shown = np.array([fitted(data, world.question) for data in seen])
    recorded = np.array([predicted(data, world.question, None) for data in seen]) / shown
    planned = np.array([predicted(data, world.question, world.components) for data in seen]) / shown
    record_property("recorded", recorded.round(3).tolist())
    record_property("planned", planned.round(3).tolist())
    assert 0.85 < recorded.mean() < 1.15, recorded
    assert 0.85 < planned.mean() < 1.15, planned


@pytest.mark.calibration
def test_components_estimated_by_moments_predict_as_well(record_property: Callable[[str, object], None]) -> None:
    ratios = []
    for seed in range(3):
        data = LARGE.data(seed)
        assert ground_of(data).weighed is None
        ratios.append(predicted(data, LARGE.question, None) / fitted(data, LARGE.question))
    record_property("moments", np.round(ratios, 3).tolist())
    assert abs(np.mean(ratios) - 1) < 0.15, ratios
