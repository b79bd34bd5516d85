"""The same design, seen differently: rows in another order, other names, other units. What must not matter."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.design import Column, Design, Factor, Number, Response
from outcomemodels.schema import Facet

IntArray = NDArray[np.int64]


def taken(design: Design, rows: IntArray) -> Design:
    """Design with the given rows, in that order; rows may repeat. Levels, centres and scale stay as they are."""
    n = design.n_obs

    def take(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.ndim and value.shape[0] == n:
            return value[rows]
        if isinstance(value, Mapping):
            return {k: take(v) for k, v in value.items()}
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{f.name: take(getattr(value, f.name)) for f in fields(value) if f.init})
        return value

    made: Design = take(design)
    return made


def renamed(design: Design) -> Design:
    """Other names for every level, so that the alphabet runs the other way; codes stay."""
    names = {
        name: tuple(f"{len(f.levels) - i:03d} {name}" for i in range(len(f.levels)))
        for name, f in design.factors.items()
    }
    old = {name: f.levels for name, f in design.factors.items()}

    def part(field: str, level: str) -> tuple[str, str]:
        return (field, names[field][old[field].index(level)]) if level else (field, level)

    return replace(
        design,
        factors={name: replace(f, levels=names[name]) for name, f in design.factors.items()},
        columns=tuple(replace(c, parts=tuple(part(*p) for p in c.parts)) for c in design.columns),
    )


def reordered_levels(design: Design, seed: int = 1) -> Design:
    """The levels of every factor in another order, with the codes that belong to it."""
    rng = np.random.default_rng(seed)

    def shuffled(factor: Factor) -> Factor:
        order = np.roll(rng.permutation(len(factor.levels)), 1)
        where = np.argsort(order).astype(factor.codes.dtype)
        return replace(factor, levels=tuple(factor.levels[i] for i in order), codes=where[factor.codes])

    return replace(design, factors={name: shuffled(f) for name, f in design.factors.items()})


def in_outcome_units(design: Design, factor: float, shift: float) -> Design:
    """Outcome times ``factor`` plus ``shift``, and the scale with it. Gaussian designs only."""
    response = design.response
    assert response is not None
    return replace(
        design,
        response=replace(response, y=response.y * factor + shift, sd=response.sd * abs(factor)),
        scale=replace(design.scale, centre=design.scale.centre * factor + shift, spread=design.scale.spread * factor),
    )


def in_number_units(design: Design, factor: float) -> Design:
    """Every number in another unit, with the centres and spreads that belong to it."""

    def rescaled(column: Column) -> Column:
        power = factor ** sum(not level for _, level in column.parts)
        return replace(column, centre=column.centre * power, spread=column.spread * power)

    def number(v: Number) -> Number:
        return replace(v, values=v.values * factor, centre=v.centre * factor, spread=v.spread * factor)

    return replace(
        design,
        numbers={name: number(v) for name, v in design.numbers.items()},
        columns=tuple(rescaled(c) for c in design.columns),
    )


def nudged_outcome(design: Design, seed: int = 1) -> Design:
    """Another outcome for every row, nearly the same; the scale stays. Sessions until dropping out stay too."""
    response = design.response
    assert response is not None
    rng = np.random.default_rng(seed)

    def nudged(response: Response, kind: str, levels: tuple[str, ...], spread: float) -> Response:
        if kind == "sessions":
            return response
        if kind == "ordered":
            return replace(response, y=(response.y + 1) % len(levels))
        if response.kind == "counts":
            y = np.where(response.y > 0, response.y - 1, response.y + 1)
            return replace(response, y=np.minimum(y, response.n))
        return replace(response, y=response.y + 1e-3 * spread * rng.normal(size=len(response.y)))

    targets = {
        n: replace(t, response=nudged(t.response, t.kind, t.levels, t.scale.spread)) for n, t in design.targets.items()
    }
    first = next(iter(targets.values())).response if targets else None
    return replace(
        design,
        response=first or nudged(response, design.kind, design.levels, design.scale.spread),
        targets=targets,
    )


def shifted_codes(design: Design, facet: Facet) -> Design:
    """Every row of one facet given the next level (labels) or another row's value (numbers)."""
    return replace(
        design,
        factors={n: _next_level(f) if f.facet is facet else f for n, f in design.factors.items()},
        numbers={
            n: replace(v, values=np.roll(v.values, 1)) if v.facet is facet else v for n, v in design.numbers.items()
        },
    )


def _next_level(factor: Factor) -> Factor:
    codes = (factor.codes + 1) % max(len(factor.levels), 1)
    return replace(factor, codes=codes.astype(factor.codes.dtype))


def without_facet(design: Design, facet: Facet) -> Design:
    """The design as it would be without the fields of one facet, and without the terms that use them."""
    gone = {n for n, f in design.factors.items() if f.facet is facet}
    gone |= {n for n, v in design.numbers.items() if v.facet is facet}
    columns = tuple(c for c in design.columns if not gone & {name for name, _ in c.parts})
    kept = {c.name for c in columns} | set(design.numbers) - gone | {"1"}
    return replace(
        design,
        factors={n: f for n, f in design.factors.items() if n not in gone},
        numbers={n: v for n, v in design.numbers.items() if n not in gone},
        columns=columns,
        batches=tuple(b for b in design.batches if not gone & set(b.by) and set(b.columns) <= kept),
        noise_by="" if design.noise_by in gone else design.noise_by,
    )


def as_rows(design: Design) -> list[dict[str, Any]]:
    """Each row by labels and numbers, as :meth:`Design.at` takes them."""
    return [
        {
            **{n: f.levels[f.codes[i]] for n, f in design.factors.items()},
            **{n: float(v.values[i]) for n, v in design.numbers.items()},
        }
        for i in range(design.n_obs)
    ]


def digest(design: Design) -> str:
    """Fingerprint of everything a design holds, its arrays included."""
    found = hashlib.sha256()

    def feed(value: Any) -> None:
        if isinstance(value, np.ndarray):
            found.update(str(value.dtype).encode() + str(value.shape).encode())
            found.update(repr(value.tolist()).encode() if value.dtype == object else value.tobytes())
        elif isinstance(value, Mapping):
            for key, item in value.items():
                found.update(repr(key).encode())
                feed(item)
        elif isinstance(value, tuple | list):
            found.update(str(len(value)).encode())
            for item in value:
                feed(item)
        elif is_dataclass(value) and not isinstance(value, type):
            for f in fields(value):
                found.update(f.name.encode())
                feed(getattr(value, f.name))
        else:
            found.update(repr(value).encode())

    feed(design)
    return found.hexdigest()


Variant = Callable[[Design], Design]
