"""Drift over months: completeness and the mix of codes, with the month where they change most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.association import crosstab
from outcomemodels.auditing.counting import amount, main_field, present, weights
from outcomemodels.auditing.findings import Layer
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Facet, Kind

FEWEST = 20
"""Periods with fewer courses are left out."""

BREAK = 0.2
"""A change of this many points between neighbouring periods is told as a break."""


def periods_of(data: PaulDataset) -> tuple[NDArray[np.int32], list[str]] | None:
    """Period of every row and its names: months of the first date field, else the first labelled time field."""
    fields = data.schema.of_table("main")
    for field in fields:
        if field.kind is Kind.DATE:
            months = data.values(field.name).astype("datetime64[M]")
            known = ~np.isnat(months)
            if not known.any():
                continue
            number = months.astype(np.int64)
            first = int(number[known].min())
            codes = np.where(known, number - first, -1).astype(np.int32)
            names = [str(np.datetime64(first + i, "M")) for i in range(int(codes.max()) + 1)]
            return codes, names
    for field in fields:
        if field.facet is Facet.TIME and field.kind.is_labelled and not field.of:
            return data.codes(field.name, "main"), [str(v) for v in data.labels(field.name)]
    return None


def drift_layers(data: PaulDataset) -> list[Layer]:
    """Largest change of completeness and of the mix of treatments and problems between neighbouring periods."""
    found = periods_of(data)
    if found is None:
        return []
    codes, names = found
    weight = weights(data)
    out: list[Layer] = []
    outcomes = [f for f in data.schema.of_table("main") if f.name in data.outcomes]
    if outcomes:
        seen = codes >= 0
        n = np.bincount(codes[seen], minlength=len(names))
        got = np.bincount(codes[seen], weights=present(data, outcomes[0])[seen], minlength=len(names))
        step = _largest(got / np.maximum(n, 1), n, names)
        if step is not None:
            out.append(_layer("outcome", f"{outcomes[0].name} recorded", *step))
    for column, facet in (("treatment", Facet.TREATMENT), ("problem", Facet.PROBLEM)):
        field = main_field(data, facet)
        if field is None:
            continue
        table = crosstab(
            codes, data.codes(field.name, "main"), weight, shape=(len(names), len(data.labels(field.name)))
        )
        moved = _mix(table, names)
        if moved is not None:
            out.append(_layer(column, f"mix of {field.name}", *moved))
    return out


def _largest(share: NDArray[np.float64], n: NDArray[np.int64], names: list[str]) -> tuple[float, str, str, int] | None:
    kept = np.flatnonzero(n >= FEWEST)
    if len(kept) < 2:
        return None
    change = np.abs(np.diff(share[kept]))
    at = int(change.argmax())
    return float(change[at]), names[kept[at]], names[kept[at + 1]], len(kept)


def _mix(table: NDArray[np.float64], names: list[str]) -> tuple[float, str, str, int] | None:
    """Total variation distance of the mix between neighbouring periods: the share that changed its label."""
    kept = np.flatnonzero(table.sum(axis=1) >= FEWEST)
    if len(kept) < 2:
        return None
    part = table[kept] / table[kept].sum(axis=1, keepdims=True)
    distance = 0.5 * np.abs(np.diff(part, axis=0)).sum(axis=1)
    at = int(distance.argmax())
    return float(distance[at]), names[kept[at]], names[kept[at + 1]], len(kept)


def _layer(column: str, what: str, change: float, before: str, after: str, periods: int) -> Layer:
    return amount(
        column, "drift", f"largest change, {what}", change, periods,
        f"{what}: {change:.0%} changed between {before} and {after}, the most of {periods} periods",
        f"no break of more than {BREAK:.0%} between neighbouring periods" if change > BREAK else "",
    )  # fmt: skip
