"""A fitted Design as an xarray.Dataset and back: what ``ask`` needs after loading, without the dataset."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from outcomemodels.design.carrier import Batch, Column, Design, Factor, Number, Response, Scale
from outcomemodels.errors import FileError
from outcomemodels.schema import Assignment, Direction, Facet, Grain

ATTRIBUTE = "design"


def to_dataset(design: Design) -> xr.Dataset:
    """Arrays as variables over ``obs``, everything else as one JSON attribute."""
    if design.response is None:
        raise FileError("only fitted designs are stored")
    variables: dict[str, Any] = {
        "row": ("obs", design.row),
        "y": ("obs", design.response.y),
        "n": ("obs", design.response.n),
        "sd": ("obs", design.response.sd),
    }
    for name, factor in design.factors.items():
        variables[f"{name}_of_obs"] = ("obs", factor.codes)
    for name, number in design.numbers.items():
        variables[f"{name}_value"] = ("obs", number.values)
    head = {
        "outcome": design.outcome,
        "family": design.family,
        "units": design.units,
        "direction": design.direction,
        "grain": design.grain,
        "assignment": design.assignment,
        "unit_of_analysis": design.unit_of_analysis,
        "response": design.response.kind,
        "scale": [design.scale.centre, design.scale.spread],
        "factors": [[f.name, f.facet, list(f.levels), f.count] for f in design.factors.values()],
        "numbers": [[v.name, v.facet, v.units, v.centre, v.spread, v.within, v.range] for v in design.numbers.values()],
        "columns": [[c.name, [list(p) for p in c.parts], c.centre, c.spread] for c in design.columns],
        "batches": [[list(b.by), list(b.columns), b.correlated] for b in design.batches],
        "noise_by": design.noise_by,
        "dropped": dict(design.dropped),
    }
    return xr.Dataset(variables, attrs={ATTRIBUTE: json.dumps(head)})


def from_dataset(data: xr.Dataset) -> Design:
    """Inverse of :func:`to_dataset`.

    Raises
    ------
    FileError
        If the dataset holds no design.
    """
    if ATTRIBUTE not in data.attrs:
        raise FileError("the file holds no design", mend="was it written by Fit.save?")
    head = json.loads(data.attrs[ATTRIBUTE])

    def values(name: str) -> Any:
        return np.asarray(data[name].values)

    return Design(
        outcome=head["outcome"],
        family=head["family"],
        units=head["units"],
        direction=None if head["direction"] is None else Direction(head["direction"]),
        grain=Grain(head["grain"]),
        assignment=Assignment(head["assignment"]),
        unit_of_analysis=head["unit_of_analysis"],
        response=Response(head["response"], values("y"), values("n"), values("sd")),
        scale=Scale(*head["scale"]),
        factors={
            name: Factor(name, Facet(facet), tuple(levels), values(f"{name}_of_obs").astype(np.int32), *_count(rest))
            for name, facet, levels, *rest in head["factors"]
        },
        numbers={
            name: Number(name, Facet(facet), units, values(f"{name}_value"), centre, spread, *_within(rest))
            for name, facet, units, centre, spread, *rest in head["numbers"]
        },
        columns=tuple(
            Column(name, tuple((a, b) for a, b in parts), centre, spread)
            for name, parts, centre, spread in head["columns"]
        ),
        batches=tuple(Batch(tuple(by), tuple(columns), corr) for by, columns, corr in head["batches"]),
        noise_by=head["noise_by"],
        row=values("row").astype(np.int32),
        dropped=head["dropped"],
    )


def _count(rest: list[Any]) -> tuple[tuple[float, ...] | None]:
    """Courses of each level of a field that was summed over."""
    return (tuple(rest[0]) if rest and rest[0] is not None else None,)


def _within(rest: list[Any]) -> tuple[float, tuple[float, float] | None]:
    """Variance and range inside cells; files written before they were kept have none."""
    if not rest:
        return 0.0, None
    within, bounds = rest
    return float(within), None if bounds is None else (float(bounds[0]), float(bounds[1]))
