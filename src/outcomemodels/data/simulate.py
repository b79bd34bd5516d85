"""Small worlds with known truth: made-up courses of care whose expected outcomes are known exactly.

Every world is linear: outcome = intercept + slope * (start - mean start) + one effect per level of each batch + noise,
effects drawn from Normal(0, sd of the batch). For examples, tests and benchmarks; nothing in them resembles a service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.columns import from_columns
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.errors import DataError
from outcomemodels.schema import Assignment, Direction, Facet, Field, Grain, Kind, Occasion, Schema, Statistic

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SDS: Mapping[str, float] = {
    "treatment": 2.0,
    "problem": 1.5,
    "therapist": 1.0,
    "service": 1.0,
    "treatment:problem": 1.0,
}
"""SDs of the batches of a world unless told otherwise, in points."""


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a simulated world is made of.

    Parameters
    ----------
    intercept, slope, start, noise : float
        Expected outcome at the mean start score, points per point of the start score, the mean start score, and the
        SD within all groups. ``noise`` is 0 for counted outcomes.
    sds : mapping of batch to float
        SD each batch was drawn with.
    effects : mapping of batch to mapping of level to float
        Levels are labels; crossings join them as ``"CBT | PTSD"``.
    counted : bool
        Whether the linear predictor is a logit.
    """

    intercept: float
    slope: float
    start: float
    noise: float
    sds: Mapping[str, float]
    effects: Mapping[str, Mapping[str, float]] = field(repr=False)
    counted: bool = False

    def expected(self, rows: Sequence[Mapping[str, Any]], *, rng: np.random.Generator | None = None) -> FloatArray:
        """True expected outcome of rows, dims (row,): points, or a probability for counted outcomes.

        A field that is missing or holds no fitted label is somebody or somewhere new: at the population mean
        without ``rng``, drawn from the population with it, and then the same in every row.
        """
        out = np.zeros(len(rows))
        fresh: dict[tuple[str, str], float] = {}
        for i, row in enumerate(rows):
            start = row.get("start", self.start)
            out[i] = self.intercept + self.slope * (float(start) - self.start)
            for batch, effects in self.effects.items():
                level = " | ".join(str(row.get(name)) for name in batch.split(":"))
                if level in effects:
                    out[i] += effects[level]
                elif rng is not None:
                    if (batch, level) not in fresh:
                        fresh[batch, level] = float(rng.normal(0, self.sds[batch]))
                    out[i] += fresh[batch, level]
        return np.asarray(1 / (1 + np.exp(-out))) if self.counted else out


def crossed_world(
    seed: int,
    *,
    clients: int = 600,
    treatments: int = 3,
    problems: int = 2,
    therapists: int = 24,
    services: int = 6,
    sds: Mapping[str, float] = SDS,
    noise: float = 4.0,
    slope: float = 0.5,
    assignment: Assignment = Assignment.ROUTINE,
) -> tuple[PaulDataset, Truth]:
    """Clients seen by therapists nested in services, every therapist giving every treatment for every problem.

    Parameters
    ----------
    seed : int
    clients, treatments, problems, therapists, services : int
    sds : mapping of batch to float
        Batches and their SDs in points; leave one out and it has no effect.
    noise, slope : float
        SD within all groups, points; points per point of the start score.
    assignment : Assignment
        What the schema says; treatment is drawn at random whatever it says.

    Returns
    -------
    PaulDataset
        Grain episode, outcome ``end``, start score ``start``.
    Truth
    """
    rng = np.random.default_rng(seed)
    therapist = rng.integers(0, therapists, clients)
    codes = {
        "treatment": _at_least_once(rng, treatments, clients),
        "problem": _at_least_once(rng, problems, clients),
        "therapist": therapist,
        "service": therapist % services,
    }
    return _episodes(rng, codes, sds=sds, noise=noise, slope=slope, assignment=assignment)


def disconnected_world(
    seed: int, *, clients: int = 600, noise: float = 4.0, sds: Mapping[str, float] = SDS
) -> tuple[PaulDataset, Truth]:
    """Two worlds in one table: T0 and T1 given in services S0 to S2 only, T2 and T3 in S3 to S5 only.

    Problems are shared; therapists work in one service. No comparison crosses the two halves.
    """
    rng = np.random.default_rng(seed)
    service = rng.integers(0, 6, clients)
    codes = {
        "treatment": 2 * (service >= 3) + rng.integers(0, 2, clients),
        "problem": _at_least_once(rng, 2, clients),
        "therapist": service + 6 * rng.integers(0, 4, clients),
        "service": service,
    }
    return _episodes(rng, codes, sds=sds, noise=noise, slope=0.5, assignment=Assignment.ROUTINE)


def cells_world(seed: int, *, clients: int = 3000, services: int = 12, noise: float = 4.0) -> tuple[PaulDataset, Truth]:
    """The crossed world as published: n, mean and SD of each service, treatment and problem; no therapists.

    Returns
    -------
    PaulDataset
        Grain cell, outcome ``end`` with ``end_n`` and ``end_sd`` (missing where n is 1).
    Truth
    """
    rng = np.random.default_rng(seed)
    codes = {
        "treatment": _at_least_once(rng, 3, clients),
        "problem": _at_least_once(rng, 2, clients),
        "service": rng.integers(0, services, clients),
    }
    effects = _effects(rng, codes, {b: s for b, s in SDS.items() if b != "therapist"})
    truth = _truth(effects, sds=SDS, noise=noise, slope=0.0)
    y = truth.expected(_rows(codes)) + rng.normal(0, noise, clients)
    cells, of = np.unique(np.stack(list(codes.values()), axis=1), axis=0, return_inverse=True)
    of = of.reshape(-1)
    n = np.bincount(of).astype(float)
    mean = np.bincount(of, weights=y) / n
    squares = np.bincount(of, weights=(y - mean[of]) ** 2)
    sd = np.sqrt(np.divide(squares, n - 1, out=np.full(len(n), np.nan), where=n > 1))
    columns = {name: _labels(name, cells[:, j]) for j, name in enumerate(codes)}
    fields = (
        *(_grouping(name, key=True) for name in codes),
        _end(Statistic.MEAN),
        Field(name="end_n", facet=Facet.OUTCOME, kind=Kind.COUNT, statistic=Statistic.N, of="end"),
        Field(name="end_sd", facet=Facet.OUTCOME, kind=Kind.CONTINUOUS, statistic=Statistic.SD, of="end"),
    )
    schema = Schema(name="cells_world", grain=Grain.CELL, assignment=Assignment.ROUTINE, fields=fields)
    return from_columns(schema, {**columns, "end": mean, "end_n": n, "end_sd": sd}), truth


def counted_world(
    seed: int, *, services: int = 12, treatments: int = 3, problems: int = 2, courses: float = 30.0
) -> tuple[PaulDataset, Truth]:
    """Recovered of finished, by service, treatment and problem: a binomial outcome on the logit scale.

    Parameters
    ----------
    courses : float
        Mean number of finished courses in a cell (Poisson, plus one).

    Returns
    -------
    PaulDataset
        Grain cell, outcome ``recovered`` of ``finished``.
    Truth
        Effects in logits.
    """
    rng = np.random.default_rng(seed)
    grid = np.indices((treatments, problems, services)).reshape(3, -1)
    codes = dict(zip(("treatment", "problem", "service"), grid, strict=True))
    sds = {"treatment": 0.5, "problem": 0.4, "service": 0.3, "treatment:problem": 0.2}
    truth = _truth(_effects(rng, codes, sds), sds=sds, noise=0.0, slope=0.0, intercept=-0.2, counted=True)
    finished = 1 + rng.poisson(courses, grid.shape[1])
    recovered = rng.binomial(finished, truth.expected(_rows(codes)))
    fields = (
        *(_grouping(name, key=True) for name in codes),
        Field(
            name="recovered",
            facet=Facet.OUTCOME,
            kind=Kind.COUNT,
            statistic=Statistic.EVENTS,
            direction=Direction.HIGHER_IS_BETTER,
        ),
        Field(name="finished", facet=Facet.OUTCOME, kind=Kind.COUNT, statistic=Statistic.TOTAL, of="recovered"),
    )
    schema = Schema(name="counted_world", grain=Grain.CELL, assignment=Assignment.ROUTINE, fields=fields)
    columns: dict[str, Any] = {name: _labels(name, c) for name, c in codes.items()}
    return from_columns(schema, {**columns, "recovered": recovered * 1.0, "finished": finished * 1.0}), truth


# -- parts -------------------------------------------------------------------------------------------------------

_FACETS = {
    "treatment": (Facet.TREATMENT, Kind.CATEGORICAL, "T"),
    "problem": (Facet.PROBLEM, Kind.CATEGORICAL, "P"),
    "therapist": (Facet.THERAPIST, Kind.IDENTIFIER, "H"),
    "service": (Facet.SETTING, Kind.IDENTIFIER, "S"),
}


def _episodes(
    rng: np.random.Generator,
    codes: Mapping[str, IntArray],
    *,
    sds: Mapping[str, float],
    noise: float,
    slope: float,
    assignment: Assignment,
) -> tuple[PaulDataset, Truth]:
    truth = _truth(_effects(rng, codes, sds), sds=sds, noise=noise, slope=slope)
    n = len(codes["treatment"])
    start = rng.normal(truth.start, 5.0, n)
    rows = [{**row, "start": s} for row, s in zip(_rows(codes), start, strict=True)]
    end = truth.expected(rows) + rng.normal(0, noise, n)
    fields = (
        Field(name="client", facet=Facet.CLIENT, kind=Kind.IDENTIFIER, key=True, required=True),
        *(_grouping(name) for name in codes),
        Field(
            name="start",
            facet=Facet.OUTCOME,
            kind=Kind.CONTINUOUS,
            measure="symptoms",
            occasion=Occasion.START,
            units="points",
        ),
        _end(Statistic.VALUE),
    )
    schema = Schema(name="simulated", grain=Grain.EPISODE, assignment=assignment, fields=fields)
    columns: dict[str, Any] = {name: _labels(name, c) for name, c in codes.items()}
    clients = np.array([f"C{i}" for i in range(n)], dtype=object)
    return from_columns(schema, {"client": clients, **columns, "start": start, "end": end}), truth


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


def _grouping(name: str, *, key: bool = False) -> Field:
    facet, kind, _ = _FACETS[name]
    return Field(name=name, facet=facet, kind=kind, key=key)


def _labels(name: str, codes: IntArray) -> NDArray[Any]:
    letter = _FACETS[name][2]
    return np.array([f"{letter}{c}" for c in codes], dtype=object)


def _rows(codes: Mapping[str, IntArray]) -> list[dict[str, Any]]:
    columns = [_labels(name, c) for name, c in codes.items()]
    return [dict(zip(codes, values, strict=True)) for values in zip(*columns, strict=True)]


def _at_least_once(rng: np.random.Generator, levels: int, n: int) -> IntArray:
    """Random codes in which every level occurs."""
    if n < levels:
        raise DataError(f"{n} rows cannot hold {levels} levels", accepted="at least one row a level")
    out = rng.integers(0, levels, n)
    out[rng.permutation(n)[:levels]] = np.arange(levels)
    return out


def _effects(
    rng: np.random.Generator, codes: Mapping[str, IntArray], sds: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """Effects of every level, crossings in full; batches of fields the world lacks are left out."""
    out: dict[str, dict[str, float]] = {}
    for batch, sd in sds.items():
        names = batch.split(":")
        if any(name not in codes for name in names):
            continue
        levels = [""]
        for name in names:
            labels = [str(v) for v in _labels(name, np.unique(codes[name]))]
            levels = [f"{level} | {label}" if level else label for level in levels for label in labels]
        out[batch] = dict(zip(levels, rng.normal(0, sd, len(levels)).tolist(), strict=True))
    return out


def _truth(
    effects: Mapping[str, Mapping[str, float]],
    *,
    sds: Mapping[str, float],
    noise: float,
    slope: float,
    intercept: float = 12.0,
    counted: bool = False,
) -> Truth:
    return Truth(
        intercept=intercept,
        slope=slope,
        start=15.0,
        noise=noise,
        sds={b: sds[b] for b in effects},
        effects=effects,
        counted=counted,
    )
