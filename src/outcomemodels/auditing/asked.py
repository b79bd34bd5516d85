"""What is asked, resolved against one dataset: the two treatments, and what is named of problem, person and place.

The audit stands below the questions, so a question comes in as anything that has their fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from outcomemodels.auditing.courses import Courses
from outcomemodels.design import NEW, UNKNOWN, Unseen
from outcomemodels.schema import Field

Value = str | float | Unseen


class Asked(Protocol):
    """The fields of :class:`outcomemodels.Question` that the audit reads."""

    @property
    def problem(self) -> str | Unseen | None:
        """A label, or nothing in particular."""
        ...

    @property
    def treatments(self) -> tuple[str, ...]:
        """Treatments to compare; empty means all."""
        ...

    @property
    def reference(self) -> str | None:
        """Against which."""
        ...

    @property
    def client(self) -> Mapping[str, Value]:
        """What is known of the client."""
        ...

    @property
    def therapist(self) -> str | Unseen:
        """A label, somebody new, or any of those in the data."""
        ...

    @property
    def setting(self) -> str | Unseen | Mapping[str, str | Unseen]:
        """The same for the setting."""
        ...

    @property
    def when(self) -> Mapping[str, Value]:
        """Fields of time."""
        ...

    @property
    def worthwhile(self) -> float | None:
        """Smallest difference worth having, outcome units."""
        ...

    def sentence(self) -> str:
        """The question in words."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One comparison: treatment ``a`` against ``b``, labels as they stand in the data.

    ``settings`` maps setting fields to labels; ``new`` holds the roles (problem, therapist, setting) of which one
    member is drawn; roles neither named nor new are averaged over.
    """

    a: str
    b: str
    problem: str | None = None
    therapist: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    client: Mapping[str, str | float] = field(default_factory=dict)
    when: Mapping[str, str | float] = field(default_factory=dict)
    new: tuple[str, ...] = ()
    worthwhile: float | None = None


def targets_of(asked: Asked, courses: Courses) -> tuple[Target, ...]:
    """One target for every treatment asked about against the reference; at least one, even where none can be found."""
    labels = [] if courses.treatment is None else courses.labels(courses.treatment)
    problem = None
    if isinstance(asked.problem, str):
        problem = asked.problem if courses.problem is None else canonical(asked.problem, courses.problem, courses)
    known = [label if courses.treatment is None else canonical(label, courses.treatment, courses)
             for label in asked.treatments]  # fmt: skip
    given = _given(courses, labels, problem)
    pool = known or given
    reference = asked.reference or _reference(courses, pool, given, known)
    others = [t for t in pool if t != reference]
    settings, setting_new = _settings(asked.setting, courses)
    new = tuple(
        role
        for role, there in (
            ("problem", asked.problem is None or asked.problem is UNKNOWN),
            ("therapist", isinstance(asked.therapist, Unseen)),
            ("setting", setting_new),
        )
        if there
    )
    common = {
        "problem": problem,
        "therapist": asked.therapist if isinstance(asked.therapist, str) else None,
        "settings": settings,
        "client": {k: v for k, v in asked.client.items() if not isinstance(v, Unseen)},
        "when": {k: v for k, v in asked.when.items() if not isinstance(v, Unseen)},
        "new": new,
        "worthwhile": asked.worthwhile,
    }
    return tuple(Target(a=a, b=reference, **common) for a in others) or (  # type: ignore[arg-type]
        Target(a="", b=reference, **common),  # type: ignore[arg-type]
    )


def canonical(label: str, field: Field, courses: Courses) -> str:
    """The label as it stands in the data, where the typology knows another spelling."""
    known = courses.labels(field)
    if label in known or not field.typology:
        return label
    from outcomemodels.schema.typologies import load_typology

    meant = load_typology(field.typology).canonical(label)
    return meant if meant in known else label


def _given(courses: Courses, labels: list[str], problem: str | None) -> list[str]:
    """Treatments with any course for the problem, most frequent first; level order where clients were randomised."""
    if courses.treatment is None:
        return []
    mask = courses.usable
    if problem is not None and courses.problem is not None:
        known = courses.labels(courses.problem)
        if problem in known:
            mask = mask & (courses.codes[courses.problem.name] == known.index(problem))
    codes = courses.codes[courses.treatment.name]
    count = np.bincount(codes[mask & (codes >= 0)], weights=courses.n[mask & (codes >= 0)], minlength=len(labels))
    order = range(len(labels)) if courses.randomised else np.argsort(-count, kind="stable")
    return [labels[i] for i in order if count[i] > 0]


def _reference(courses: Courses, pool: list[str], given: list[str], named: list[str]) -> str:
    if len(named) == 1:
        return next((t for t in given if t not in named), "")
    return next((t for t in given if t in pool), pool[0] if pool else "")


def _settings(setting: str | Unseen | Mapping[str, str | Unseen], courses: Courses) -> tuple[dict[str, str], bool]:
    if isinstance(setting, Unseen):
        return {}, True
    if isinstance(setting, str):
        holding = [f for f in courses.settings if setting in courses.labels(f)]
        name = (holding or list(courses.settings))[0].name if courses.settings else "setting"
        return {name: setting}, False
    named = {k: v for k, v in setting.items() if isinstance(v, str)}
    return named, not named


__all__ = ["NEW", "Asked", "Target", "canonical", "targets_of"]
