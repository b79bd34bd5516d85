"""Checks that matter where a model is fitted, not where a table is read. They look and never change."""

from __future__ import annotations

import numpy as np

from outcomemodels.data.dataset import PaulDataset
from outcomemodels.errors import DataError
from outcomemodels.schema import Facet


def levels_in_use(data: PaulDataset, name: str) -> tuple[str, ...]:
    """Labels of a field that at least one row has."""
    codes = np.unique(data.codes(name))
    labels = data.labels(name)
    return tuple(str(labels[c]) for c in codes if c >= 0)


def single_level_fields(data: PaulDataset, facet: Facet | str = Facet.TREATMENT) -> tuple[str, ...]:
    """Labelled fields of a facet in which every row has the same label, or none has any."""
    return tuple(
        f.name
        for f in data.schema.of_facet(facet)
        if f.table == "main" and f.kind.is_labelled and len(levels_in_use(data, f.name)) < 2
    )


def require_contrast(data: PaulDataset, name: str) -> None:
    """Refuse to compare the levels of a field that has only one.

    Raises
    ------
    DataError
        If fewer than two labels of the field occur.
    """
    used = levels_in_use(data, name)
    if len(used) >= 2:
        return
    field = data.schema[name]
    counted = int((data.codes(name) >= 0).sum())
    raise DataError(
        f"{name!r} has {'one level' if used else 'no level'} in these data",
        table="main",
        column=field.source,
        facet=field.facet.value,
        rows=[f"{label!r} in {counted} rows" for label in used],
        accepted=f"at least two levels of {name}, or a question that does not compare them",
        mend="without a second level nothing can be said about which works better; add comparison data",
    )
