"""Courses by treatment and problem: which comparisons have anything under them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.counting import main_field, spoken, weights
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Facet


@dataclass(frozen=True, slots=True, eq=False)
class Crossings:
    """Courses of each treatment for each problem; ``count`` dims (treatment, problem)."""

    treatments: tuple[str, ...]
    problems: tuple[str, ...]
    count: NDArray[np.float64]

    @property
    def empty(self) -> int:
        """Combinations with no course at all."""
        return int((self.count == 0).sum())

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {"treatments": list(self.treatments), "problems": list(self.problems), "count": self.count.tolist()}


def crossings_of(data: PaulDataset) -> Crossings | None:
    """Count courses by treatment and problem; None without a treatment field."""
    treatment, problem = main_field(data, Facet.TREATMENT), main_field(data, Facet.PROBLEM)
    if treatment is None:
        return None
    t = data.codes(treatment.name, "main")
    p = np.zeros(data.n, dtype=np.int32) if problem is None else data.codes(problem.name, "main")
    labels = ("all problems",) if problem is None else tuple(spoken(problem, v) for v in data.labels(problem.name))
    names = tuple(spoken(treatment, v) for v in data.labels(treatment.name))
    seen = (t >= 0) & (p >= 0)
    flat = np.bincount(
        t[seen].astype(np.int64) * len(labels) + p[seen],
        weights=weights(data)[seen],
        minlength=len(names) * len(labels),
    )
    count = flat.reshape(len(names), len(labels))
    rows, columns = count.sum(axis=1) > 0, count.sum(axis=0) > 0
    return Crossings(
        tuple(n for n, keep in zip(names, rows, strict=True) if keep),
        tuple(n for n, keep in zip(labels, columns, strict=True) if keep),
        count[np.ix_(rows, columns)],
    )
