"""Attrition: rows left after each requirement, from all recorded to those usable."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from outcomemodels.auditing.counting import main_field, present
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Facet, Occasion


@dataclass(frozen=True, slots=True)
class Step:
    """Rows left after one requirement more."""

    requirement: str
    left: int

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return asdict(self)


def waterfall_of(data: PaulDataset) -> tuple[Step, ...]:
    """Rows of the main table left after treatment, problem, a start score and an end score are asked for."""
    unit = {"episode": "courses recorded", "cell": "cells published", "contrast": "contrasts"}[data.grain.value]
    keep = np.ones(data.n, dtype=bool)
    out = [Step(unit, data.n)]
    for facet in (Facet.TREATMENT, Facet.PROBLEM, Facet.THERAPIST):
        field = main_field(data, facet)
        if field is not None:
            keep &= data.codes(field.name, "main") >= 0
            out.append(Step(f"with a {facet.value} recorded", int(keep.sum())))
    outcomes = [f for f in data.schema.of_table("main") if f.facet is Facet.OUTCOME and not f.of and f.measure]
    starts = [f for f in outcomes if f.occasion is Occasion.START]
    ends = [f for f in outcomes if f.occasion is Occasion.END]
    if starts:
        keep &= np.any([present(data, f) for f in starts], axis=0)
        out.append(Step("with a start score", int(keep.sum())))
    if ends:
        keep &= np.any([present(data, f) for f in ends], axis=0)
        out.append(Step("with an end score", int(keep.sum())))
    if data.n_assessments:
        scored = np.isfinite(np.asarray(data.values("score", "assessment"), dtype=float))
        some = np.bincount(data.codes_of_episode()[scored], minlength=data.n) > 0
        keep &= some
        out.append(Step("with a score during or after treatment", int(keep.sum())))
    return tuple(out)
