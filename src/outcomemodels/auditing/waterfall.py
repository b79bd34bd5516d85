"""Attrition: courses left after each requirement, from all recorded to those usable for the question."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from outcomemodels.auditing.asked import Target
from outcomemodels.auditing.counting import main_field, present, spoken
from outcomemodels.auditing.courses import Courses
from outcomemodels.auditing.gates import code, rows_of
from outcomemodels.auditing.supporting import near
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Facet, Grain, Occasion


@dataclass(frozen=True, slots=True)
class Step:
    """Courses left after one requirement more, ``lost`` to it."""

    requirement: str
    left: int
    lost: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return asdict(self)


def waterfall_of(data: PaulDataset) -> tuple[Step, ...]:
    """Rows of the main table left after treatment, problem, a start score and an end score are asked for."""
    unit = {"episode": "courses recorded", "cell": "cells published", "contrast": "contrasts"}[data.grain.value]
    keep = np.ones(data.n, dtype=bool)
    out = [Step(unit, data.n)]

    def ask(requirement: str, met: np.ndarray) -> None:
        nonlocal keep
        before = int(keep.sum())
        keep = keep & met
        out.append(Step(requirement, int(keep.sum()), before - int(keep.sum())))

    for facet in (Facet.TREATMENT, Facet.PROBLEM, Facet.THERAPIST):
        field = main_field(data, facet)
        if field is not None:
            ask(f"with a {facet.value} recorded", data.codes(field.name, "main") >= 0)
    outcomes = [f for f in data.schema.of_table("main") if f.facet is Facet.OUTCOME and not f.of and f.measure]
    for occasion, words in ((Occasion.START, "start"), (Occasion.END, "end")):
        fields = [f for f in outcomes if f.occasion is occasion]
        if fields:
            ask(
                f"with {'a' if words == 'start' else 'an'} {words} score",
                np.any([present(data, f) for f in fields], axis=0),
            )
    if data.n_assessments:
        scored = np.isfinite(np.asarray(data.values("score", "assessment"), dtype=float))
        ask(
            "with a score during or after treatment", np.bincount(data.codes_of_episode()[scored], minlength=data.n) > 0
        )
    return tuple(out)


def waterfall_for(courses: Courses, target: Target) -> tuple[Step, ...]:
    """Courses left after each requirement of one comparison, counted in courses of care at every grain."""
    data = courses.data
    unit = "courses in published cells" if data.grain is Grain.CELL else "all recorded"
    keep = np.ones(data.n, dtype=bool)
    out = [Step(unit, round(float(courses.weight.sum())))]

    def ask(requirement: str, met: np.ndarray, count: np.ndarray) -> None:
        nonlocal keep
        keep = keep & met
        left = round(float(count[keep].sum()))
        out.append(Step(requirement, left, max(out[-1].left - left, 0)))

    if courses.treatment is None:
        return tuple(out)
    t = courses.codes[courses.treatment.name]
    ask("with a treatment recorded", t >= 0, courses.weight)
    wanted = [code(courses, courses.treatment.name, label) for label in (target.a, target.b) if label]
    ask(f"given {target.a} or {target.b}", np.isin(t, [w for w in wanted if w >= 0]), courses.weight)
    if target.problem is not None and courses.problem is not None:
        ask("with a problem recorded", courses.codes[courses.problem.name] >= 0, courses.weight)
        ask(
            f"with {spoken(courses.problem, target.problem)}",
            rows_of(courses, courses.problem.name, target.problem),
            courses.weight,
        )
    if courses.therapist is not None:
        met = courses.codes[courses.therapist.name] >= 0
        ask("with a therapist recorded", met, courses.weight)
        if target.therapist is not None:
            ask(
                f"seen by {target.therapist}",
                rows_of(courses, courses.therapist.name, target.therapist),
                courses.weight,
            )
    names = {f.name for f in data.schema.of_table("main")}
    for name, label in target.settings.items():
        if name in names:
            ask(f"in {name} {label}", rows_of(courses, name, label), courses.weight)
    for name, value in target.client.items():
        if name in names:
            ask(f"like a client of {name} {value}", near(courses, name, value), courses.weight)
    if courses.start is not None:
        ask("with a start score", np.isfinite(courses.start), courses.weight)
    ask(f"with the outcome {courses.outcome}", courses.usable, np.minimum(courses.n, courses.weight))
    return tuple(out)
