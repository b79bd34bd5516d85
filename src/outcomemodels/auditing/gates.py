"""The gates a question passes one after the other: is the comparison there at all, and how much of it.

Every gate states its rule, what was found against it, and what failing it means: *not answerable*, or answerable only
where a model carries the comparison beyond the data. Thresholds are module constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.cells import Cells, cells_of
from outcomemodels.auditing.components import Components, components_of
from outcomemodels.auditing.courses import Courses, courses_of
from outcomemodels.auditing.planning import DRAWN, planned
from outcomemodels.auditing.precision import FLAT, System, system_of
from outcomemodels.auditing.weighing import Weighed, can_weigh, weigh
from outcomemodels.data.dataset import PaulDataset

FEWEST = 20
"""With fewer courses components are assumed."""

GATES = ("identifiable", "connected", "overlapping", "precise enough", "verified", "followed up")


class Answerable(StrEnum):
    """How far data carry a question, from most to least."""

    YES = "answerable with stated assumptions"
    EXTRAPOLATION = "answerable only with model extrapolation"
    NO = "not answerable"

    @property
    def rank(self) -> int:
        """0 for answerable, 2 for not."""
        return list(Answerable).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate of one comparison.

    Parameters
    ----------
    name : str
    passed : bool
    found, needed : float or None
        What the rule looks at, and its bound; None where the rule is not a number.
    units : str
        Of these two; ``share`` for shares of one.
    sentence : str
        What was found.
    rule : str
    otherwise : Answerable
        What the question is when it fails.
    details : mapping of name to number
        Further numbers: courses of both sides, common support, half-width with borrowing …
    """

    name: str
    passed: bool
    sentence: str
    rule: str
    found: float | None = None
    needed: float | None = None
    units: str = ""
    otherwise: Answerable = Answerable.NO
    details: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {**asdict(self), "otherwise": self.otherwise.value, "details": dict(self.details)}


@dataclass(frozen=True, eq=False)
class Ground:
    """What every comparison of one dataset stands on, worked out once.

    ``weighed`` are the components that the outcomes allow, by the exact engine; None where they were given, where
    courses are only planned, where there is too much to weigh, or where a gate of the engine failed. For planned
    courses they are those they were planned from, and ``drawings`` says how often their outcomes are drawn.
    """

    courses: Courses
    components: Components
    cells: Cells
    weighed: Weighed | None = None
    planned: bool = False
    drawings: int = DRAWN
    links: dict[tuple[str, str], Gate] = field(default_factory=dict, repr=False)
    """Gate of connectedness of pairs of treatments already looked at; it does not depend on the rest of a question."""

    @cached_property
    def pooled(self) -> System:
        """Equations with the components as they are."""
        return system_of(self.cells, self.components)

    @cached_property
    def free(self) -> System:
        """The same with nothing assumed of the treatments."""
        return system_of(self.cells, self.components.with_(treatment=FLAT * self.components.noise))

    @cached_property
    def alone(self) -> System:
        """As ``free``, with nothing borrowed from other problems either."""
        flat = FLAT * self.components.noise
        return system_of(self.cells, self.components.with_(treatment=flat, treatment__problem=flat))

    @cached_property
    def fits(self) -> tuple[Weighed, ...]:
        """What fits would make of these courses: one where outcomes are known, several drawn ones where not."""
        if self.weighed is not None and not self.planned:
            return (self.weighed,)
        if not self.planned:
            return ()
        return planned(self.cells, self.components, self.weighed, drawings=self.drawings)


def ground_of(data: PaulDataset, outcome: str = "", components: Components | None = None) -> Ground:
    """Gather courses, components and equations of one outcome; with components given, the courses are a plan."""
    courses = courses_of(data, outcome)
    cells = cells_of(courses)
    if components is not None:
        return Ground(courses, components, cells, planned=True)
    weighed = None
    if cells.seen is not None and enough_to_weigh(cells) and can_weigh(cells):
        middle = float((cells.n * cells.seen.mean).sum() / cells.n.sum())
        known = max(middle * (1 - middle), 1e-4) ** 0.5 if courses.binomial else None
        weighed = weigh(cells, cells.seen, known, seed=1)
    return Ground(courses, components_of(courses, cells, weighed), cells, weighed)


def enough_to_weigh(cells: Cells) -> bool:
    """Whether there are outcomes, and enough of them to say anything of the components."""
    return cells.seen is not None and float(cells.n.sum()) >= FEWEST


def code(courses: Courses, name: str, label: str) -> int:
    """Code of a label, -1 where it does not occur."""
    found = next((f for f in courses.data.schema.of_table("main") if f.name == name), None)
    labels = [] if found is None else courses.labels(found)
    return labels.index(label) if label in labels else -1


def rows_of(courses: Courses, name: str, label: str) -> NDArray[np.bool_]:
    """Rows with a label, dims (row,)."""
    codes = courses.codes[name] if name in courses.codes else courses.data.codes(name, "main")
    return np.asarray((codes == code(courses, name, label)) & (codes >= 0))
