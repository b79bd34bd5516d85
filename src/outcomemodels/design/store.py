"""A fitted Design as an xarray.Dataset and back: what ``ask`` needs after loading, without the dataset."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from outcomemodels.design.carrier import Design
from outcomemodels.design.parts import Batch, Column, Factor, Number
from outcomemodels.design.response import Response, Scale, Target
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
    if design.response.event is not None:
        variables["event"] = ("obs", design.response.event)
    for name, target in design.targets.items():
        variables |= {f"{part}@{name}": ("obs", getattr(target.response, part)) for part in ("y", "n", "sd")}
        if target.response.event is not None:
            variables[f"event@{name}"] = ("obs", target.response.event)
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
        "kind": design.kind,
        "levels": list(design.levels),
        "targets": [_target_head(t) for t in design.targets.values()],
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
        response=_response(data, head["response"], ""),
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
        kind=head.get("kind", "continuous"),
        levels=tuple(head.get("levels", ())),
        targets={t["name"]: _target(data, t) for t in head.get("targets", ())},
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


def _target_head(target: Target) -> dict[str, Any]:
    return {
        "name": target.name,
        "outcome": target.outcome,
        "kind": target.kind,
        "response": target.response.kind,
        "scale": [target.scale.centre, target.scale.spread],
        "units": target.units,
        "direction": target.direction,
        "levels": list(target.levels),
    }


def _target(data: xr.Dataset, head: dict[str, Any]) -> Target:
    return Target(
        name=head["name"],
        outcome=head["outcome"],
        kind=head["kind"],
        response=_response(data, head["response"], f"@{head['name']}"),
        scale=Scale(*head["scale"]),
        units=head["units"],
        direction=None if head["direction"] is None else Direction(head["direction"]),
        levels=tuple(head["levels"]),
    )


def _response(data: xr.Dataset, kind: Any, suffix: str) -> Response:
    y, n, sd = (np.asarray(data[f"{part}{suffix}"].values, dtype=float) for part in ("y", "n", "sd"))
    event = f"event{suffix}"
    return Response(kind, y, n, sd, np.asarray(data[event].values, dtype=float) if event in data else None)
