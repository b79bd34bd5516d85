"""Somebody new, or somebody not known."""

from __future__ import annotations

from typing import Any

import numpy as np

from outcomemodels.plugin import Design
from testing.wrong_plugins.right import Right


class LastForNew(Right):
    """A therapist not in the data is given the last one's effect."""

    def skill(self, u: Any, design: Design) -> Any:
        known = design if design.fitted is None else design.fitted
        last = len(known.factor("therapist").levels) - 1
        return u[np.minimum(design.factor("therapist").codes, last)]


class ZeroForNew(Right):
    """A therapist not in the data is the average one, as if that were known."""

    def skill(self, u: Any, design: Design) -> Any:
        known = design if design.fitted is None else design.fitted
        codes = design.factor("therapist").codes
        return u[codes] * (codes < len(known.factor("therapist").levels))


class NarrowForNew(Right):
    """A therapist not in the data is close to the average one."""

    def skill(self, u: Any, design: Design) -> Any:
        known = design if design.fitted is None else design.fitted
        codes = design.factor("therapist").codes
        return u[codes] * np.where(codes < len(known.factor("therapist").levels), 1.0, 0.2)
