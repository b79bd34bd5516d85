"""Indices and labels that do not belong together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from outcomemodels.plugin import Design
from testing.wrong_plugins.right import INFO, Right


class TransposedIndex(Right):
    """The flat index runs through problems where the array runs through treatments."""

    def level(self, x: Any, design: Design) -> Any:
        treatment, problem = design.factor("treatment"), design.factor("problem")
        return x.flatten()[treatment.codes + len(treatment.levels) * problem.codes]


class SwappedAxes(Right):
    """Axes swapped where the numbers of levels differ: an index out of bounds."""

    def level(self, x: Any, design: Design) -> Any:
        return x[design.factor("problem").codes, design.factor("treatment").codes]


class MislabelledDims(Right):
    """Therapists' skills are indexed by service."""

    info = replace(INFO, needs=replace(INFO.needs, facets=("treatment", "problem", "therapist", "setting")),
                   unseen={**INFO.unseen, "setting": "draw"})  # fmt: skip

    def skill(self, u: Any, design: Design) -> Any:
        return u[design.factor("service").codes] + 1e-9 * u[design.factor("therapist").codes]


class SwappedColumns(Right):
    """The coefficients' order is not that of the columns."""

    def columns(self, design: Design) -> Any:
        return design.matrix()[:, ::-1]


class SortedLabels(Right):
    """Codes from sorted labels, effects in the design's order."""

    def level(self, x: Any, design: Design) -> Any:
        factor = design.factor("treatment")
        rank = np.argsort(np.argsort(factor.levels))
        return x[rank[factor.codes], design.factor("problem").codes]


class CoordsOfItsOwn(Right):
    """Labels in an order of its own."""

    def coords(self, design: Design) -> dict[str, Any]:
        return {**super().coords(design), "treatment": list(design.factor("treatment").levels)[::-1]}


class ReferenceLevel(Right):
    """The first treatment is held at zero, so the prior depends on which is first."""

    def level(self, x: Any, design: Design) -> Any:
        return super().level(x, design) * (design.factor("treatment").codes > 0)


class NoDims(Right):
    """An array without dims."""

    def after(self, model: Any, made: dict[str, Any]) -> None:
        import pymc as pm

        pm.Normal("loose", 0.0, 1.0, shape=3)


class RowNumber(Right):
    """The row's number is taken for time."""

    def more(self, design: Design) -> Any:
        return design.scale.spread * np.arange(design.n_obs) / design.n_obs
