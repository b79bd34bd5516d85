"""How values were established: share of courses at each level, from the field or from a companion column.

A companion is a labelled field of the same table with ``of`` naming the field and the names of
:class:`~outcomemodels.schema.Established` as labels ("service_code", "structured_interview"): how each value was
established, course by course. Without one, the schema's word for the whole field holds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.counting import present, weights
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Established, Field

FloatArray = NDArray[np.float64]

NAMES = {e.label: int(e) for e in Established}


def companion(data: PaulDataset, field: Field) -> Field | None:
    """The column that says how each value of a field was established, if there is one."""
    for other in data.schema.of_table(field.table):
        if other.of == field.name and other.kind.is_labelled:
            labels = [str(v) for v in data.labels(other.name)]
            if labels and all(_key(v) in NAMES for v in labels):
                return other
    return None


def established_rows(data: PaulDataset, field: Field) -> NDArray[np.int64]:
    """Level of every value, dims (row,); -1 where there is no value."""
    level = np.full(len(present(data, field)), int(field.established))
    other = companion(data, field)
    if other is not None:
        of_label = np.array([NAMES[_key(str(v))] for v in data.labels(other.name)] + [0])
        level = of_label[data.codes(other.name, other.table)]
    return np.where(present(data, field), level, -1)


def established_courses(data: PaulDataset, field: Field) -> FloatArray:
    """Courses at each level of :class:`Established`, dims (level,)."""
    level = established_rows(data, field)
    weight = weights(data) if field.table == "main" else np.ones(len(level))
    seen = level >= 0
    return np.bincount(level[seen], weights=weight[seen], minlength=len(Established)).astype(float)


def _key(label: str) -> str:
    return label.strip().lower().replace(" ", "_").replace("-", "_")
