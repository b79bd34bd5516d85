"""The courses behind a question as plain arrays: who had what, by whom and where, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.association import crosstab
from outcomemodels.auditing.counting import main_field, weights
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.design.observe import ordered_outcomes, timed_outcomes
from outcomemodels.errors import QuestionError
from outcomemodels.schema import Assignment, Facet, Field, Grain, Kind, Occasion, Statistic

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Courses:
    """Courses of one dataset with one outcome.

    Parameters
    ----------
    outcome : str
    binomial : bool
        Whether the outcome is a share of clients; then ``y`` is the share and ``n`` its denominator.
    weight : array, dims (row,)
        Courses recorded behind each row, with or without the outcome.
    n : array, dims (row,)
        Courses with the outcome; 0 where it is missing.
    y, sd : array, dims (row,)
        Outcome of the row (a client's mean over scores) and, for cells, the SD within; NaN where unknown.
    start : array or None, dims (row,)
    treatment, problem, therapist : Field or None
    settings, times : tuple of Field
        Labelled ones with at least two levels that are not mere renames.
    codes : mapping of field to codes, dims (row,)
    """

    data: PaulDataset
    outcome: str
    binomial: bool
    weight: FloatArray
    n: FloatArray
    y: FloatArray
    sd: FloatArray
    start: FloatArray | None
    treatment: Field | None
    problem: Field | None
    therapist: Field | None
    settings: tuple[Field, ...]
    times: tuple[Field, ...]
    codes: Mapping[str, Codes]
    _tables: dict[str, FloatArray] = dataclass_field(default_factory=dict, repr=False)

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """Rows with the outcome, dims (row,)."""
        return np.asarray(self.n > 0)

    def with_treatment(self, field: Field) -> FloatArray:
        """Courses with the outcome by treatment and another field; dims (level of treatment, level)."""
        assert self.treatment is not None
        if field.name not in self._tables:
            shape = (len(self.labels(self.treatment)), len(self.labels(field)))
            t, g = self.codes[self.treatment.name], self.codes[field.name]
            self._tables[field.name] = crosstab(t, g, self.n, shape=shape)
        return self._tables[field.name]

    @property
    def randomised(self) -> bool:
        """Whether the schema says that clients were randomised to treatments."""
        return self.data.schema.assignment is Assignment.RANDOMISED

    def labels(self, field: Field) -> list[str]:
        """Labels of a field in code order."""
        return [str(v) for v in self.data.labels(field.name)]

    @property
    def units(self) -> str:
        """Units of a difference in the outcome, for sentences."""
        if self.binomial:
            return "of 1 (a share of clients)"
        if self.outcome in self.data.schema and self.data.schema[self.outcome].statistic is Statistic.EVENTS:
            return "of 1 (a share of occasions)"
        named = next((f.units for f in self.data.schema.fields if f.name == self.outcome and f.units), "")
        return named or "points"


def main_outcome(data: PaulDataset) -> str:
    """The outcome that stands for the dataset where none is named: the first it declares; "" without one."""
    return data.outcomes[0] if data.outcomes else ""


def courses_of(data: PaulDataset, outcome: str = "") -> Courses:
    """Gather the courses of a dataset.

    Raises
    ------
    QuestionError
        When the outcome is not in the data.
    """
    name = outcome or main_outcome(data)
    known = dict.fromkeys((*data.outcomes, *ordered_outcomes(data), *timed_outcomes(data)))
    if outcome and outcome not in known:
        raise QuestionError(
            f"no outcome {outcome!r} in these data", accepted=", ".join(known) or "none: none is declared"
        )
    n, y, sd, binomial = _response(data, name)
    treatment, problem, therapist = (main_field(data, f) for f in (Facet.TREATMENT, Facet.PROBLEM, Facet.THERAPIST))
    labelled = [f for f in data.schema.of_table("main") if f.kind.is_labelled and not f.of]
    settings = _distinct(data, [f for f in labelled if f.facet is Facet.SETTING])
    times = _distinct(data, [f for f in labelled if f.facet is Facet.TIME])
    fields = [f for f in (treatment, problem, therapist, *settings, *times) if f is not None]
    return Courses(
        data=data,
        outcome=name,
        binomial=binomial,
        weight=weights(data),
        n=n,
        y=y,
        sd=sd,
        start=_start(data, name),
        treatment=treatment,
        problem=problem,
        therapist=therapist,
        settings=settings,
        times=times,
        codes={f.name: data.codes(f.name, "main") for f in fields},
    )


def _response(data: PaulDataset, name: str) -> tuple[FloatArray, FloatArray, FloatArray, bool]:
    nothing = np.zeros(data.n), np.full(data.n, np.nan), np.full(data.n, np.nan), False
    if not name:
        return nothing
    if name in data.measures:
        score = np.asarray(data.values("score", "assessment"), dtype=float)
        mine = np.isfinite(score) & (data.codes("measure", "assessment") == data.measures.index(name))
        of = data.codes_of_episode()[mine]
        count = np.bincount(of, minlength=data.n)
        total = np.bincount(of, weights=score[mine], minlength=data.n)
        y = np.divide(total, count, out=np.full(data.n, np.nan), where=count > 0)
        return (count > 0).astype(float), y, np.full(data.n, np.nan), False
    field = data.schema[name]
    if field.kind.is_labelled:  # ordered levels count by their place
        place = data.codes(name, "main")
        return (place >= 0).astype(float), np.where(place < 0, np.nan, place), np.full(data.n, np.nan), False
    y = np.asarray(data.values(name, "main"), dtype=float)
    summaries = data.schema.summaries_of(name)
    if field.statistic is Statistic.EVENTS and Statistic.TOTAL in summaries:
        total = np.asarray(data.values(summaries[Statistic.TOTAL].name), dtype=float)
        good = np.isfinite(y) & np.isfinite(total) & (total > 0)
        rate = np.divide(y, total, out=np.full(data.n, np.nan), where=good)
        whole = np.where(good, 1.0 if data.grain is Grain.EPISODE else total, 0.0)
        return whole, rate, np.full(data.n, np.nan), data.grain is not Grain.EPISODE
    if field.statistic is Statistic.MEAN and Statistic.N in summaries:
        n = np.asarray(data.values(summaries[Statistic.N].name), dtype=float)
        sd = np.full(data.n, np.nan)
        if Statistic.SD in summaries:
            sd = np.asarray(data.values(summaries[Statistic.SD].name), dtype=float)
        return np.where(np.isfinite(y) & np.isfinite(n) & (n > 0), n, 0.0), y, sd, False
    return np.isfinite(y).astype(float), y, np.full(data.n, np.nan), False


def _start(data: PaulDataset, outcome: str) -> FloatArray | None:
    measure = outcome if outcome in data.measures else (data.schema[outcome].measure if outcome else "")
    for field in data.schema.of_table("main"):
        right = field.statistic in (Statistic.VALUE, Statistic.MEAN)
        if field.occasion is Occasion.START and field.measure == measure and measure and right and not field.of:
            return np.asarray(data.values(field.name, "main"), dtype=float)
    return None


def _distinct(data: PaulDataset, fields: list[Field]) -> tuple[Field, ...]:
    """Fields with two or more levels in use, without those that go one to one with an earlier one."""
    kept: list[Field] = []
    for field in fields:
        codes = data.codes(field.name, "main")
        used = len(np.unique(codes[codes >= 0]))
        if used < 2 or any(one_to_one(codes, data.codes(k.name, "main")) for k in kept):
            continue
        kept.append(field)
    return tuple(kept)


def pairs_of(a: Codes, b: Codes) -> int:
    """How many combinations of two codes occur; missing ones left out."""
    seen = (a >= 0) & (b >= 0)
    size = int(b.max(initial=-1)) + 1
    flat = a[seen].astype(np.int64) * max(size, 1) + b[seen]
    top = (int(a.max(initial=-1)) + 1) * max(size, 1)
    if top < 10_000_000:
        return int((np.bincount(flat, minlength=1) > 0).sum())
    return len(np.unique(flat))


def used(codes: Codes) -> int:
    """Levels in use."""
    return int((np.bincount(codes[codes >= 0], minlength=1) > 0).sum())


def one_to_one(a: Codes, b: Codes) -> bool:
    """Whether each of two columns is a function of the other."""
    n = pairs_of(a, b)
    return n > 0 and n == used(a) == used(b)


def client_numbers(data: PaulDataset) -> dict[str, FloatArray]:
    """Numbers of the client facet, dims (row,)."""
    return {
        f.name: np.asarray(data.values(f.name, "main"), dtype=float)
        for f in data.schema.of_table("main")
        if f.facet is Facet.CLIENT and f.kind in (Kind.CONTINUOUS, Kind.COUNT) and not f.of
    }
