"""The Design: what a model sees. Arrays with names, the terms that enter, and how unseen levels are meant.

Dims: ``obs`` runs over rows of the likelihood (episodes, assessments or cells). A *counterfactual* design has the
same terms and levels as the fitted design it came from, but other rows, and no response.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from outcomemodels.design.parts import NEW, UNKNOWN, Batch, Column, Crossing, Factor, Number, Unseen, distinct_rows
from outcomemodels.design.response import FloatArray, IntArray, OutcomeKind, Response, Scale, Target, scores_of
from outcomemodels.design.watched import unwatched
from outcomemodels.errors import QuestionError, SpecError
from outcomemodels.schema import Assignment, Direction, Facet, Grain
from outcomemodels.spec import Family


@dataclass(frozen=True, eq=False)
class Design:
    """Everything a model may use, resolved.

    Parameters
    ----------
    outcome, family, units, direction
        The response, its family, its units, and which way it improves.
    grain, assignment, unit_of_analysis
        Where it came from; ``"assessment"`` when the rows are scores in time.
    response : Response or None
        None for counterfactual designs.
    factors, numbers : mapping by field name
    columns : tuple of Column
        Fixed columns in order, the intercept first.
    batches : tuple of Batch
    noise_by : str
        Factor whose levels have their own residual SD, or "".
    row : array of int, dims (obs,)
        Row of the main table each observation belongs to.
    dropped : mapping of reason to count
        Rows of the dataset that did not enter.
    fitted : Design, optional
        For counterfactual designs, the design whose levels and crossings hold.
    extended : bool
        For counterfactual designs made by :func:`outcomemodels.design.present`: every code is a level, those outside
        the fit stand after the fitted ones, and the responses hold placeholders.
    kind : OutcomeKind
        What the outcome is.
    levels : tuple of str
        Of an ordered outcome, lowest first; ``response.y`` holds their codes.
    targets : mapping of name to Target
        Several responses, when the model takes several; ``outcome``, ``response`` and the rest are then of the first.
        A row may lack some of them.
    """

    outcome: str
    family: Family
    units: str
    direction: Direction | None
    grain: Grain
    assignment: Assignment
    unit_of_analysis: str
    response: Response | None
    scale: Scale
    factors: Mapping[str, Factor]
    numbers: Mapping[str, Number]
    columns: tuple[Column, ...]
    batches: tuple[Batch, ...]
    noise_by: str
    row: IntArray
    dropped: Mapping[str, int] = field(default_factory=dict)
    fitted: Design | None = None
    extended: bool = False
    kind: OutcomeKind = "continuous"
    levels: tuple[str, ...] = ()
    targets: Mapping[str, Target] = field(default_factory=dict)

    @property
    def n_obs(self) -> int:
        """Number of observations."""
        return len(self.row)

    @property
    def is_summed(self) -> bool:
        """Whether rows were summed into cells before the fit, each observation standing for several rows."""
        return self.grain is Grain.EPISODE and self.response is not None and self.response.kind == "cells"

    @property
    def n_rows(self) -> int:
        """Rows of the data behind the observations."""
        return round(float(self.response.n.sum())) if self.is_summed and self.response is not None else self.n_obs

    @property
    def is_counterfactual(self) -> bool:
        """Whether this design asks rather than fits."""
        return self.fitted is not None

    @property
    def source(self) -> Design:
        """The fitted design: this one, or the one a counterfactual design came from."""
        return self if self.fitted is None else self.fitted

    @property
    def observed(self) -> Response:
        """The response, where there must be one: never None while a model builds its graph.

        Raises
        ------
        SpecError
            For a counterfactual design before it is made ready to build on (:func:`outcomemodels.design.present`).
        """
        if self.response is None:
            raise SpecError("this design asks, it has no response", accepted="a fitted design, or present(design)")
        return self.response

    @property
    def scores(self) -> FloatArray:
        """What each level of an ordered outcome counts, dims (level,): its number, or its place from 0."""
        return scores_of(self.levels)

    def of_response(self, name: str) -> Design:
        """The design with one of several responses as its outcome; ``""`` is the first, or the only one.

        Raises
        ------
        QuestionError
            If there is no such response.
        """
        if not name and not self.targets:
            return self
        if name and name not in self.targets:
            raise QuestionError(
                f"the fit has no response {name!r}",
                facet="outcome",
                accepted=", ".join(self.targets) or f"none by name; its only outcome is {self.outcome!r}",
            )
        target = self.targets[name or next(iter(self.targets))]
        return replace(
            self,
            outcome=target.outcome,
            kind=target.kind,
            levels=target.levels,
            units=target.units,
            direction=target.direction,
            scale=target.scale,
            response=None if self.response is None else target.response,
            fitted=None if self.fitted is None else self.fitted.of_response(name),
        )

    def factor(self, name: str) -> Factor:
        """Return the factor called ``name``.

        Raises
        ------
        SpecError
            If there is none, listing those there are.
        """
        if name not in self.factors:
            raise SpecError(
                f"no labelled field {name!r} in this design",
                column=name,
                accepted=", ".join(self.factors) or "none",
                mend="add the field to the schema, or drop the term",
            )
        return self.factors[name]

    def of_facet(self, facet: Facet) -> tuple[Factor, ...]:
        """Factors of one facet."""
        return tuple(self.factors[f.name] for f in unwatched(self.factors).values() if f.facet is facet)

    @cached_property
    def _crossings(self) -> dict[tuple[str, ...], Crossing]:
        return {}

    def crossing(self, by: Sequence[str]) -> Crossing:
        """Observed combinations of the factors ``by``; a counterfactual design keeps the fitted levels."""
        key = tuple(by)
        for name in key:
            self.factor(name)
        return self._crossing(key)

    def _crossing(self, key: tuple[str, ...]) -> Crossing:
        if key not in self._crossings:
            self._crossings[key] = self._cross(key)
        return self._crossings[key]

    def _cross(self, by: tuple[str, ...]) -> Crossing:
        factors = [unwatched(self.factors)[name] for name in by]
        stacked = np.stack([f.codes for f in factors], axis=1)
        if self.fitted is not None:
            known = self.fitted.crossing(by)
            position = [{label: i for i, label in enumerate(f.levels)} for f in factors]
            index = {
                tuple(p[label] for p, label in zip(position, level, strict=True)): i
                for i, level in enumerate(known.levels)
            }
            if not self.extended:
                codes = np.array([index.get(tuple(map(int, r)), -1) for r in stacked], dtype=np.int32)
                return Crossing(by, known.levels, codes, known.count)
            codes = np.array([index.setdefault(tuple(map(int, r)), len(index)) for r in stacked], dtype=np.int32)
            fresh = list(index)[len(known.levels) :]
            levels = (*known.levels, *(tuple(f.levels[c] for f, c in zip(factors, k, strict=True)) for k in fresh))
            return Crossing(by, levels, codes, np.append(known.count, np.zeros(len(fresh))))
        if len(by) == 1 and factors[0].count is not None:
            levels = tuple((label,) for label in factors[0].levels)
            return Crossing(by, levels, np.full(self.n_obs, -1, np.int32), np.asarray(factors[0].count, dtype=float))
        unique: IntArray
        if len(by) == 1:  # keep declared order; drop levels never observed
            used = np.unique(stacked[:, 0])
            recode = np.full(len(factors[0].levels), -1, dtype=np.int32)
            recode[used] = np.arange(len(used), dtype=np.int32)
            unique, codes = used[:, None].astype(np.int32), recode[stacked[:, 0]]
        else:
            unique, codes = distinct_rows(stacked, [len(f.levels) for f in factors])
        levels = tuple(tuple(f.levels[c] for f, c in zip(factors, combination, strict=True)) for combination in unique)
        weight = np.ones(self.n_obs) if self.response is None else self.response.n
        count = np.bincount(codes, weights=weight, minlength=len(levels))
        return Crossing(by, levels, codes.astype(np.int32), count)

    def column_values(self, column: Column | str) -> FloatArray:
        """Values of a fixed column, dims (obs,), centred as at the fit; ``"1"`` gives ones.

        A column named by a string is looked up among ``columns``, then among ``numbers`` (centred).
        UNKNOWN or NEW levels take the column's average (zero after centring).
        """
        if column == "1":
            return np.ones(self.n_obs)
        if isinstance(column, str):
            by_name = {c.name: c for c in self.columns}
            if column not in by_name:
                if column not in self.numbers:
                    raise SpecError(f"no column {column!r}", accepted=", ".join([*by_name, *self.numbers]))
                number = self.numbers[column]
                return number.values - number.centre
            column = by_name[column]
        if not column.parts:
            return np.ones(self.n_obs)
        product = np.ones(self.n_obs)
        unseen = np.zeros(self.n_obs, dtype=bool)
        for name, level in column.parts:
            if level:
                factor = self.factor(name)
                unseen |= factor.codes < 0
                if self.extended and self.fitted is not None:
                    unseen |= factor.codes >= len(self.fitted.factors[name].levels)
                product = product * (factor.codes == factor.code(level))
            else:
                product = product * self.numbers[name].values
        return np.where(unseen, 0.0, product - column.centre)

    def spread_of(self, name: str) -> float:
        """SD over the fitted rows of a column or number by name; 1 where it does not vary."""
        by_name = {c.name: c.spread for c in self.columns} | {"1": 1.0}
        return by_name[name] if name in by_name else self.numbers[name].spread

    def matrix(self) -> FloatArray:
        """Fixed columns, dims (obs, column), in the order of ``columns``."""
        if not self.columns:
            return np.zeros((self.n_obs, 0))
        return np.stack([self.column_values(c) for c in self.columns], axis=1)

    @property
    def coords(self) -> dict[str, Any]:
        """Coordinates for a graph: obs, coefficient, one dim per labelled field and per crossing used by a batch.

        With several responses, ``obs_<name>`` are the rows in which each was observed.
        """
        out: dict[str, Any] = {"obs": np.arange(self.n_obs), "coefficient": [c.name for c in self.columns]}
        out |= {name: list(factor.levels) for name, factor in unwatched(self.factors).items()}
        out |= {f"obs_{name}": target.rows for name, target in self.targets.items()}
        for batch in self.batches:
            crossing = self._crossing(batch.by)
            out[crossing.dim] = list(crossing.labels)
            if len(batch.columns) > 1:
                out[f"{batch.id}_column"] = list(batch.columns)
        return out

    def at(self, rows: Sequence[Mapping[str, str | float | Unseen]]) -> Design:
        """Counterfactual design with one observation per mapping of field to label, number, NEW or UNKNOWN.

        Fields left out take their default: NEW for clients, therapists and settings, UNKNOWN for other
        labelled fields, the fitted mean for numbers.

        Raises
        ------
        QuestionError
            For a field that is not in the design, or a label that is not in the fitted data.
        """
        fitted = self if self.fitted is None else self.fitted
        known = set(fitted.factors) | set(fitted.numbers)
        for r in rows:
            for name in r:
                if name not in known:
                    raise QuestionError(
                        f"{name!r} is not a field of the fitted design",
                        column=name,
                        accepted=", ".join(sorted(known)),
                    )
        factors = {n: replace(f, codes=_codes(f, rows)) for n, f in fitted.factors.items()}
        numbers = {n: replace(v, values=_numbers(v, rows)) for n, v in fitted.numbers.items()}
        return replace(
            fitted,
            response=None,
            factors=factors,
            numbers=numbers,
            row=np.arange(len(rows), dtype=np.int32),
            dropped={},
            fitted=fitted,
            extended=False,
        )


def _codes(factor: Factor, rows: Sequence[Mapping[str, str | float | Unseen]]) -> IntArray:
    default = NEW if factor.facet in (Facet.CLIENT, Facet.THERAPIST, Facet.SETTING) else UNKNOWN
    out = np.empty(len(rows), dtype=np.int32)
    for i, r in enumerate(rows):
        value = r.get(factor.name, default)
        out[i] = int(value) if isinstance(value, Unseen) else factor.code(str(value))
    return out


def _numbers(number: Number, rows: Sequence[Mapping[str, str | float | Unseen]]) -> FloatArray:
    out = np.empty(len(rows))
    for i, r in enumerate(rows):
        value = r.get(number.name, number.centre)
        if isinstance(value, Unseen):
            value = number.centre
        try:
            out[i] = float(value)
        except ValueError:
            raise QuestionError(
                f"{value!r} is not a number",
                column=number.name,
                accepted=f"a number in {number.units or 'its units'}",
            ) from None
    return out
