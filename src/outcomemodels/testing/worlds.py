"""Small worlds with known truth, cut to what a model says it needs. Public: plugin authors test against them too.

The truth of a world lies only in the facets it has, so a model that declares treatment and therapist is not asked
to explain problems. Every facet has another number of levels, so that an index put the wrong way round shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from outcomemodels.data.columns import from_columns
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.simulate import SDS, Truth, counted_world, crossed_world
from outcomemodels.data.simulate_kinds import dropout_world, growth_world, rated_world
from outcomemodels.plugin import Facet, ModelInfo
from outcomemodels.schema import Direction, Field, Grain, Kind, Occasion, Schema, Statistic
from outcomemodels.spec import ModelSpec

Role = Literal["least", "full", "aggregated"]

FIELDS: Mapping[str, Facet] = {
    "treatment": Facet.TREATMENT,
    "problem": Facet.PROBLEM,
    "therapist": Facet.THERAPIST,
    "service": Facet.SETTING,
}
"""Labelled fields of a world and their facets."""

SMALL: Mapping[str, int] = {"clients": 90, "treatments": 3, "problems": 2, "therapists": 6, "services": 4}
"""Sizes at which a graph is looked at."""
LARGE: Mapping[str, int] = {"clients": 500, "treatments": 3, "problems": 2, "therapists": 12, "services": 4}
"""Sizes at which a model is fitted."""


@dataclass(frozen=True, eq=False, kw_only=True)
class World:
    """A dataset, how it is to be fitted, and what is true in it.

    Parameters
    ----------
    name : str
    data : PaulDataset
    spec : ModelSpec
        Outcome and terms; the model's name is put in when it is fitted.
    truth : Truth or None
        None where the truth is not known as expected outcomes; recovery is then not checked.
    role : {"least", "full", "aggregated"}
        Only what the model needs, everything there is, or cells and counts instead of rows.
    rows_of : World or None
        For an aggregated world, the world of rows it summarises.
    """

    name: str
    data: PaulDataset = field(repr=False)
    spec: ModelSpec
    truth: Truth | None = field(default=None, repr=False)
    role: Role = "full"
    rows_of: World | None = field(default=None, repr=False)


class NoWorldError(LookupError):
    """No built-in world has what the model needs."""


def worlds_for(info: ModelInfo, *, sizes: Mapping[str, int] = SMALL, seed: int = 1) -> tuple[World, ...]:
    """Worlds that have what a model needs: with the least it declares, with every facet, and aggregated.

    Parameters
    ----------
    info : ModelInfo
    sizes : mapping
        Arguments of :func:`outcomemodels.data.simulate.crossed_world`.
    seed : int

    Raises
    ------
    NoWorldError
        Where the needs go beyond the built-in worlds; hand your own to ``check_model(…, worlds=…)``.
    """
    needs = info.needs
    other = _world_of_another_kind(info, large=sizes["clients"] > SMALL["clients"], seed=seed)
    if other is not None:
        return (other,)
    odd = [f for f in needs.facets if Facet(f) not in (*FIELDS.values(), Facet.CLIENT)]
    if odd:
        raise NoWorldError(f"no built-in world has a field of facet {', '.join(odd)}; pass worlds=(World(…),)")
    least = tuple(n for n, facet in FIELDS.items() if facet.value in needs.facets) or tuple(FIELDS)
    out: list[World] = []
    if "continuous" in needs.outcome:
        rows = rows_world("least", least, sizes=sizes, seed=seed, role="least", start=not needs.facets)
        full = rows_world("full", tuple(FIELDS), sizes=sizes, seed=seed, role="full", start=True)
        out += [rows, full, cells_of(full)] if least != tuple(FIELDS) else [full, cells_of(full)]
    if {"binary", "count"} & set(needs.outcome):
        out += counts_worlds(least if needs.facets else ("treatment", "problem", "service"), seed=seed)
    if not out:
        raise NoWorldError(
            f"no built-in world has an outcome of kind {', '.join(needs.outcome)}; pass worlds=(World(…),)"
        )
    return tuple(out)


def rows_world(
    name: str,
    fields: tuple[str, ...],
    *,
    sizes: Mapping[str, int] = SMALL,
    seed: int = 1,
    role: Role = "full",
    start: bool = True,
) -> World:
    """Courses with a continuous end score; effects only for the fields named.

    Parameters
    ----------
    name : str
    fields : tuple of str
        Among :data:`FIELDS`.
    start : bool
        Whether there is a start score that matters.
    """
    sds = {b: sd for b, sd in SDS.items() if set(b.split(":")) <= set(fields)}
    data, truth = crossed_world(
        seed,
        sds=sds,
        slope=0.5 if start else 0.0,
        clients=sizes["clients"],
        treatments=sizes["treatments"],
        problems=sizes["problems"],
        therapists=sizes["therapists"],
        services=sizes["services"],
    )
    keep = ("client", *fields, *(("start",) if start else ()), "end")
    batches = tuple(sds) if sds else ()
    spec = ModelSpec(outcome="end", covariates=("start",) if start else (), batches=batches)
    return World(name=name, data=_kept(data, keep), spec=spec, truth=truth, role=role)


def cells_of(world: World) -> World:
    """The same courses as published: n, mean and SD of each combination of labels. Start scores are lost."""
    data = world.data
    by = [n for n in FIELDS if n in data.schema]
    labels = np.stack([data.strings(n) for n in by], axis=1)
    y = np.asarray(data.values("end"), dtype=float)
    keys = sorted(set(map(tuple, labels.tolist())))
    rows = [np.flatnonzero((labels == key).all(axis=1)) for key in keys]
    fields = (
        *(Field(name=n, facet=FIELDS[n], kind=Kind.CATEGORICAL, key=True) for n in by),
        _end(Statistic.MEAN),
        Field(name="end_n", facet=Facet.OUTCOME, kind=Kind.COUNT, statistic=Statistic.N, of="end"),
        Field(name="end_sd", facet=Facet.OUTCOME, kind=Kind.CONTINUOUS, statistic=Statistic.SD, of="end"),
    )
    columns: dict[str, Any] = {n: np.array([k[j] for k in keys], dtype=object) for j, n in enumerate(by)}
    columns |= {
        "end": np.array([y[r].mean() for r in rows]),
        "end_n": np.array([float(len(r)) for r in rows]),
        "end_sd": np.array([y[r].std(ddof=1) if len(r) > 1 else np.nan for r in rows]),
    }
    schema = Schema(name=f"{world.name} as cells", grain=Grain.CELL, fields=fields)
    spec = world.spec.with_(covariates=())
    return World(
        name="cells", data=from_columns(schema, columns), spec=spec, truth=None, role="aggregated", rows_of=world
    )


def counts_worlds(fields: tuple[str, ...], *, seed: int = 1) -> list[World]:
    """Recovered or not, one row a course, and the same as counts; treatment, problem and service have effects."""
    data, truth = counted_world(seed, services=4, treatments=3, problems=2, courses=6.0)
    by = [n for n in ("treatment", "problem", "service") if n in fields] or ["treatment"]
    columns: dict[str, Any] = {n: data.strings(n) for n in ("treatment", "problem", "service")}
    events = np.asarray(data.values("recovered"), dtype=float)
    total = np.asarray(data.values("finished"), dtype=float)
    repeat = np.repeat(np.arange(len(total)), total.astype(int))
    first = np.concatenate([np.arange(int(n)) for n in total])
    rows: dict[str, Any] = {n: np.asarray(v, dtype=object)[repeat] for n, v in columns.items()}
    rows |= {"client": np.array([f"C{i}" for i in range(len(repeat))], dtype=object)}
    rows |= {"recovered": (first < events[repeat]).astype(float)}
    if "therapist" in fields:
        rows["therapist"] = np.array([f"H{i % 5}" for i in range(len(repeat))], dtype=object)
    outcome = Field(
        name="recovered",
        facet=Facet.OUTCOME,
        kind=Kind.CONTINUOUS,
        direction=Direction.HIGHER_IS_BETTER,
        units="recovered",
        measure="recovery",
        occasion=Occasion.END,
    )
    schema = Schema(
        name="recovered or not",
        grain=Grain.EPISODE,
        fields=(
            Field(name="client", facet=Facet.CLIENT, kind=Kind.IDENTIFIER, key=True, required=True),
            *(Field(name=n, facet=FIELDS[n], kind=Kind.CATEGORICAL) for n in FIELDS if n in rows),
            outcome,
        ),
    )
    spec = ModelSpec(outcome="recovered", family="binomial", covariates=(), batches=tuple(by))
    binary = World(name="binary", data=from_columns(schema, rows), spec=spec, truth=truth, role="full")
    if "therapist" in fields:
        return [binary]
    counts = World(
        name="counts",
        data=data,
        spec=ModelSpec(outcome="recovered", covariates=(), batches=tuple(by)),
        truth=truth,
        role="aggregated",
        rows_of=binary,
    )
    return [binary, counts]


def _world_of_another_kind(info: ModelInfo, *, large: bool, seed: int) -> World | None:
    """A world of scores in time, of ordered ratings or of change with dropping out, where that is what is needed."""
    needs = info.needs
    if isinstance(needs.outcome, Mapping):
        fields = {"continuous": "change", "sessions": "sessions"}
        if sorted(needs.outcome.values()) != sorted(fields):
            raise NoWorldError("no built-in world has these responses; pass worlds=(World(…),)")
        data, _ = dropout_world(seed, clients=600 if large else 60, therapists=12 if large else 5, planned=6)
        pairs = tuple((name, fields[kind]) for name, kind in needs.outcome.items())
        spec = ModelSpec(outcome=pairs[0][1], outcomes=pairs)
    elif needs.min_occasions > 1 and "continuous" in needs.outcome:
        data, _ = growth_world(
            seed,
            clients=150 if large else 30,
            therapists=10 if large else 5,
            occasions=max(needs.min_occasions, 5 if large else 3),
        )
        spec = ModelSpec(outcome="symptoms")
    elif needs.outcome == ("ordered",):
        data, _ = rated_world(seed, clients=600 if large else 120, therapists=12 if large else 5)
        spec = ModelSpec(outcome="mood")
    else:
        return None
    lacking = {Facet(f) for f in needs.facets} - {f.facet for f in data.schema.fields}
    if lacking:
        raise NoWorldError(f"no built-in world of this outcome has {', '.join(lacking)}; pass worlds=(World(…),)")
    return World(name=data.schema.name, data=data, spec=spec, role="least")


# -- parts -------------------------------------------------------------------------------------------------------


def _end(statistic: Statistic) -> Field:
    return Field(
        name="end",
        facet=Facet.OUTCOME,
        kind=Kind.CONTINUOUS,
        measure="symptoms",
        occasion=Occasion.END,
        direction=Direction.LOWER_IS_BETTER,
        units="points",
        statistic=statistic,
    )


def _kept(data: PaulDataset, names: tuple[str, ...]) -> PaulDataset:
    """The dataset with only some of its fields."""
    fields = tuple(f for f in data.schema.fields if f.name in names)
    columns: dict[str, Any] = {
        f.name: np.asarray(data.strings(f.name) if f.kind.is_labelled else data.values(f.name)) for f in fields
    }
    schema = Schema(name=data.schema.name, grain=data.grain, assignment=data.schema.assignment, fields=fields)
    return from_columns(schema, columns)
