"""What has to be assumed for an answer to mean what it says, in words; every assumption names what it stands in for."""

from __future__ import annotations

import numpy as np

from outcomemodels.auditing.asked import Target
from outcomemodels.auditing.components import ASSUMED
from outcomemodels.auditing.counting import spoken
from outcomemodels.auditing.gates import Gate, Ground
from outcomemodels.schema import Established, Facet

WORDS = {"therapist": "therapists", "setting": "settings", "cell": "published cells"}


def assumptions_of(ground: Ground, target: Target, gates: tuple[Gate, ...]) -> tuple[str, ...]:
    """Assumptions of one comparison, those that matter most first."""
    courses = ground.courses
    passed = {g.name: g.passed for g in gates}
    out: list[str] = []
    if not courses.randomised:
        held = ["start score"] if courses.start is not None else []
        held += [f.name for f in (courses.problem, *courses.settings) if f is not None]
        known = f" of the same {', '.join(held)}" if held else ""
        out.append(f"clients{known} who were given {target.a} and {target.b} differ in nothing else that matters")
        if courses.therapist is None:
            out.append("therapists of the two treatments are alike: who delivered is not recorded")
        if not courses.settings:
            out.append("places that give the two treatments are alike: where is not recorded")
    unknown = 1 - float(np.minimum(courses.n, courses.weight).sum()) / max(float(courses.weight.sum()), 1.0)
    if unknown > 0.005:
        out.append(f"those whose outcome is unknown ({unknown:.0%}) fare like those of the same recorded values")
    elif not courses.randomised:
        stayed = passed.get("followed up", True)
        out.append(
            "the file holds everyone who began, also those who left early"
            if stayed
            else "those who left early would have ended like those of the same recorded values who stayed"
        )
    if target.problem is not None and courses.problem is not None and not passed.get("verified", True):
        said = Established(courses.problem.established).label.replace("_", " ")
        how = f"it was established by {said}" if courses.problem.established else "nobody says how it was established"
        out.append(f"{spoken(courses.problem, target.problem)} means what it says, though {how}")
    if not passed.get("precise enough", True) or not passed.get("overlapping", True):
        out.append("treatments and problems are exchangeable, so that some can lend to others")
    treatment = courses.treatment
    if treatment is not None and treatment.established < Established.STRUCTURED_INTERVIEW:
        out.append(f"{target.a} and {target.b} are what they are called everywhere: how they were done was not checked")
    assessors = courses.data.schema.of_facet(Facet.ASSESSOR)
    outcome = next((f for f in courses.data.schema.fields if f.name in (courses.outcome, "score")), None)
    if outcome is not None and outcome.established <= Established.SELF_REPORT_SCREEN and not assessors:
        out.append("the outcome, reported by clients, is not shaped by the treatment they know they had")
    return (*out, _components(ground))


def _components(ground: Ground) -> str:
    assumed = [r for r in ("therapist", "setting") if r not in ground.components.estimated and _there(ground, r)]
    estimated = [r for r in ground.components.estimated if r in WORDS]
    parts = [f"the variance between {WORDS[r]} is as estimated here" for r in estimated]
    least = "at least " if ground.weighed is not None else ""
    parts += [f"that between {WORDS[r]} is {least}{ASSUMED[r]:.0%} of the variance within" for r in assumed]
    start = "widths: " if parts else "widths: treatments differ between groups as little as is usual; "
    varied = [r for r in ("therapist", "setting") if f"treatment:{r}" in ground.components.estimated]
    last = "treatments differ little from one therapist or setting to another"
    if varied:
        last = f"treatments differ between {' and '.join(WORDS[r] for r in varied)} as much as is estimated here"
    return start + "; ".join([*parts, last])


def _there(ground: Ground, role: str) -> bool:
    if role == "therapist":
        return ground.courses.therapist is not None
    return bool(ground.courses.settings)
