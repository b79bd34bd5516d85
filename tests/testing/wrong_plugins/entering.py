"""Too much enters, or too little."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from outcomemodels.plugin import Design
from testing.wrong_plugins.right import INFO, Right


class IgnoredTreatment(Right):
    """Treatment is declared, and averaged away."""

    def level(self, x: Any, design: Design) -> Any:
        return x.mean(axis=0)[design.factor("problem").codes]


class OutcomeAsCovariate(Right):
    """The observed outcome is among the predictors."""

    def more(self, design: Design) -> Any:
        y = design.response.y if design.response is not None else np.zeros(design.n_obs)
        return 0.2 * (y - design.scale.centre)


class OutcomeByTherapist(Right):
    """The therapist's mean of the observed outcomes is among the predictors."""

    def more(self, design: Design) -> Any:
        if design.response is None:
            return 0.0
        codes = design.factor("therapist").codes
        count = np.bincount(codes)
        return 0.1 * (np.bincount(codes, weights=design.response.y) / np.maximum(count, 1))[codes]


class UndeclaredNeed(Right):
    """Needs a service and does not say so."""

    def more(self, design: Design) -> Any:
        return 0.0 * design.factor("service").codes


class OverdeclaredNeed(Right):
    """Says it needs a setting and makes nothing of it."""

    info = replace(INFO, needs=replace(INFO.needs, facets=(*INFO.needs.facets, "setting")),
                   unseen={**INFO.unseen, "setting": "draw"})  # fmt: skip


class MutatedDesign(Right):
    """Centres the outcome in place."""

    def more(self, design: Design) -> Any:
        if design.response is not None:
            design.response.y[:] = design.response.y + 1e-6
        return 0.0


class RandomBuild(Right):
    """A constant that is drawn anew in every build."""

    def more(self, design: Design) -> Any:
        return float(np.random.default_rng().normal())


class DenseRows(Right):
    """A matrix of rows by rows."""

    def more(self, design: Design) -> Any:
        return (np.eye(design.n_obs) * 1e-12).sum(axis=1)
