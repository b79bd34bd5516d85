"""What recording costs and buys: which questions each field serves, and how much narrower it makes the interval.

Collecting data is a burden on clients and clinicians. A field that serves no question and narrows no interval is named.
Width is that of the two most frequent treatments on average: what the interval would be without the field, over what
it is with it. A number is worth the share of the outcome's variance that it explains beyond the start score.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.counting import is_client_key, present
from outcomemodels.auditing.courses import Courses, one_to_one, used
from outcomemodels.auditing.gates import Ground
from outcomemodels.auditing.levels import companion
from outcomemodels.schema import Facet, Field, Grain, Kind, Occasion, Statistic

FloatArray = NDArray[np.float64]

SERVES: dict[Facet, str] = {
    Facet.TREATMENT: "which treatment",
    Facet.PROBLEM: "for which problem",
    Facet.THERAPIST: "by whom",
    Facet.SETTING: "where",
    Facet.CLIENT: "for which client",
    Facet.FUNCTIONING: "with what result for functioning",
    Facet.OUTCOME: "with what result",
    Facet.TIME: "when, and since when it changed",
    Facet.ASSESSOR: "who says so",
    Facet.COST: "at what cost",
    Facet.DISPOSITION: "who is missing, and why",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldCost:
    """One recorded field: how often it is filled in, what it serves, and what it buys.

    Parameters
    ----------
    field, facet : str
    recorded : int
        Values someone had to enter.
    serves : tuple of str
        Questions that cannot be put without it; empty where there is none.
    width_without : float or None
        Half-width without the field over the half-width with it: 1 buys nothing, 1.1 a tenth. None where the question
        could not be put at all without the field, or where width is not what it is for.
    why : str
    """

    field: str
    facet: str
    recorded: int
    serves: tuple[str, ...]
    width_without: float | None
    why: str

    @property
    def serves_none(self) -> bool:
        """Whether no question needs it and no interval is narrower for it."""
        return not self.serves and (self.width_without is None or self.width_without < 1.005)

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {**asdict(self), "serves": list(self.serves), "serves_none": self.serves_none}


def costs_of(ground: Ground) -> tuple[FieldCost, ...]:
    """Every recorded field of the main table, with what it serves and buys."""
    courses = ground.courses
    data = courses.data
    residual = _residual(courses)
    seen: list[Field] = []
    out = []
    for field in data.schema.of_table("main"):
        summary = field.of and companion(data, data.schema[field.of]) is not field
        if is_client_key(field) or (field.key and data.grain is Grain.EPISODE) or summary:
            continue
        out.append(_cost(ground, field, seen, residual))
        seen.append(field)
    return tuple(out)


def _cost(ground: Ground, field: Field, before: list[Field], residual: FloatArray | None) -> FieldCost:
    courses, data = ground.courses, ground.courses.data
    recorded = int(present(data, field).sum())

    def is_(serves: tuple[str, ...], width: float | None, why: str) -> FieldCost:
        return FieldCost(field=field.name, facet=field.facet.value, recorded=recorded, serves=serves,
                         width_without=width, why=why)  # fmt: skip

    if field.of:
        return is_(("how each value was established",), None, f"says how {field.of} was established")
    same = _says_nothing_new(courses, field, before, recorded)
    if same:
        return is_((), 1.0, same)
    main = {f.name for f in (courses.treatment, courses.problem, courses.therapist) if f is not None}
    outcome = field.name == courses.outcome
    serves = (SERVES[field.facet],)
    if outcome:
        return is_(serves, None, "without it there is no question")
    if field.occasion is Occasion.START and field.facet in (Facet.OUTCOME, Facet.FUNCTIONING):
        measure = data.schema[courses.outcome].measure if courses.outcome in data.schema else courses.outcome
        if field.measure != measure:
            return is_(serves, None, "the start of another outcome")
        width = 1 / np.sqrt(max(1 - ground.components.explained, 1e-6))
        return is_((*serves, "for clients alike at the start"), float(width), "explains "
                   f"{ground.components.explained:.0%} of the variance of the outcome")  # fmt: skip
    if field.name in main:
        return is_(serves, None, "without it the question cannot be put")
    if field.facet is Facet.CLIENT:
        part = 0.0 if residual is None else _explains(courses, field, residual)
        return is_(
            serves, float(1 / np.sqrt(max(1 - part, 1e-6))), f"explains {part:.1%} of the variance beyond the start"
        )
    if field.facet is Facet.COST and field.statistic is Statistic.VALUE:
        return is_(serves, None, "for questions of cost only")
    return is_(serves, None, "needed where that is asked")


def _says_nothing_new(courses: Courses, field: Field, before: list[Field], recorded: int) -> str:
    """Why a field can serve nothing: never filled in, always the same, or another field under a second name."""
    data = courses.data
    if recorded == 0:
        return "never filled in"
    if field.kind.is_labelled:
        codes = data.codes(field.name, "main")
        if used(codes) < 2:
            return f"always {data.labels(field.name)[codes.max()]}"
        for other in before:
            if other.kind.is_labelled and not other.of and one_to_one(codes, data.codes(other.name, "main")):
                return f"goes one to one with {other.name}"
        return ""
    values = data.values(field.name, "main")
    if field.kind is Kind.DATE:
        return ""
    values = np.asarray(values, dtype=float)
    return f"always {np.nanmax(values):g}" if np.nanmax(values) == np.nanmin(values) else ""


def _residual(courses: Courses) -> FloatArray | None:
    """Outcome freed of start score and treatment, NaN where missing, dims (row,)."""
    rows = courses.usable & np.isfinite(courses.y)
    if courses.data.grain is not Grain.EPISODE or rows.sum() < 30 or courses.treatment is None:
        return None
    t = courses.codes[courses.treatment.name]
    X = np.eye(int(t.max()) + 2)[t][:, :-1]
    if courses.start is not None:
        X = np.column_stack([X, np.nan_to_num(courses.start - np.nanmean(courses.start))])
    beta = np.linalg.lstsq(X[rows], courses.y[rows], rcond=None)[0]
    return np.where(rows, courses.y - X @ beta, np.nan)


def _explains(courses: Courses, field: Field, residual: FloatArray) -> float:
    """Adjusted share of the residual's variance that a field explains, 0 to 1."""
    data = courses.data
    known = np.isfinite(residual) & present(data, field)
    if known.sum() < 30 or field.kind is Kind.DATE:
        return 0.0
    y = residual[known] - residual[known].mean()
    if field.kind.is_labelled:
        codes = data.codes(field.name, "main")[known]
        n = np.bincount(codes)
        fitted = (np.bincount(codes, weights=y) / np.maximum(n, 1))[codes]
        df = int((n > 0).sum()) - 1
    else:
        x = np.asarray(data.values(field.name, "main"), dtype=float)[known]
        x = x - x.mean()
        fitted = x * float(x @ y) / max(float(x @ x), 1e-12)
        df = 1
    r2 = 1 - float(((y - fitted) ** 2).sum()) / max(float((y**2).sum()), 1e-12)
    return max(1 - (1 - r2) * (len(y) - 1) / max(len(y) - df - 1, 1), 0.0)
