"""What the parts of a graph mean: the rows an effect reaches, what is declared and used, the scale of expected."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcomemodels.design import Design
from outcomemodels.errors import OutcomeModelsError
from outcomemodels.plugin import Facet, Response
from outcomemodels.posterior import EXPECTED, OUTCOME
from outcomemodels.testing.results import CheckFailedError, NotApplicableError
from outcomemodels.testing.subject import Case, Subject, batches_of, constant, fail_unless
from outcomemodels.testing.variants import shifted_codes

FloatArray = NDArray[np.float64]
SIMULATED = 600
"""Outcomes simulated a row."""
ENTRIES = 60
"""Entries of one variable that are moved."""


def declared_facets_matter(subject: Subject) -> None:
    """Another level of a facet the model names changes the expected outcome."""
    info = subject.model.info
    named = [f for f in dict.fromkeys((*info.needs.facets, *info.unseen)) if f != "client"]
    if not named:
        raise NotApplicableError("the model names no facet")
    for facet in named:
        kind = Facet(facet)
        cases = [c for c in subject.of_rows if c.design.of_facet(kind) and _used(c, kind)]
        if not cases:
            continue
        case = cases[0]
        through = case.probe.named
        other = case.built(shifted_codes(case.design, kind))
        through = tuple(n for n in through if n in other.named)
        moved = [
            _moved(case.probe.expected(p, through=through), other.expected(p, through=through)) for p in case.points
        ]
        fail_unless(max(moved) > 0, f"the model names {facet}, but another {facet} changes no expected outcome")


def effects_reach_their_own_rows(subject: Subject) -> None:
    """An effect labelled with a level moves the rows of that level, and these above all others."""
    looked = 0
    for case in subject.of_rows:
        rows = {dim: _labels_of_rows(case.design, by) for dim, by in batches_of(case.design).items()}
        for name in case.probe.free:
            dims = case.probe.dims(name)
            if dims and all(d in rows for d in dims):
                looked += _look_at(case, name, dims, rows)
            elif dims == ("coefficient",):
                looked += _look_at_columns(case, name)
    if not looked:
        raise NotApplicableError("no free variable has dims named after fields of the design")


def expected_is_the_mean_of_the_outcome(subject: Subject) -> None:
    """``expected`` is on the response scale: simulated outcomes average to it, row by row."""
    looked = 0
    for case in subject.of_rows:
        for i, point in enumerate(case.points[:2]):
            simulated = case.probe.simulate(point, SIMULATED, seed=17 + i)
            expected = case.probe.expected(point).reshape(len(case.probe.expectations), -1)
            for k, name in enumerate(case.probe.outcomes):
                partner = EXPECTED + name.removeprefix(OUTCOME)
                response, rows = _observed(case.design, name)
                if response is None or partner not in case.probe.expectations:
                    continue
                trials = response.n[rows] if response.kind == "counts" else 1.0
                looked += 1
                _mean_is(
                    simulated[k] / trials,
                    expected[case.probe.expectations.index(partner)][rows],
                    floor=3.0 / SIMULATED if case.design.family == "binomial" else 1e-9,
                )
    if not looked:
        raise NotApplicableError("sessions may be censored, so their mean is not that of what is observed")


def _observed(design: Design, variable: str) -> tuple[Response | None, NDArray[np.intp]]:
    """The response behind a variable of the graph, and its rows; None where outcomes are censored."""
    if not design.targets:
        rows = np.arange(design.n_obs)
        return (None if design.kind == "sessions" else design.response), rows
    target = design.targets[variable.removeprefix(f"{OUTCOME}_")]
    return (None if target.kind == "sessions" else target.response), target.rows


def _mean_is(simulated: FloatArray, wanted: FloatArray, *, floor: float) -> None:
    error = simulated.std(axis=0) / np.sqrt(SIMULATED)
    z = (simulated.mean(axis=0) - wanted) / np.maximum(error, floor)
    fail_unless(
        float(np.mean(z**2)) < 1 + 8 * np.sqrt(2 / len(z)) and float(np.max(np.abs(z))) < 6,
        f"outcomes simulated at one point average to {simulated.mean():.4g}, expected says {wanted.mean():.4g} "
        f"(largest difference {np.max(np.abs(z)):.0f} standard errors)",
    )


def aggregates_count_their_rows(subject: Subject) -> None:
    """Cells (n, mean, SD) and counts have the density of the rows they summarise, or are declined in words."""
    looked, declined = 0, ""
    for case in subject.cases:
        if case.world.role != "aggregated" or case.world.rows_of is None:
            continue
        try:
            cells = case.probe
        except OutcomeModelsError as refusal:
            declined = refusal.found
            continue
        source = case.world.rows_of
        rows = Case(subject.model, type(source)(name="rows", data=source.data, spec=case.world.spec.with_(
            family=source.spec.family), truth=source.truth))  # fmt: skip
        probe = rows.built(rows.design, case.priors)
        shared = [n for n in cells.named if n in probe.named]
        if cells.free != probe.free or any(cells.labels(d) != probe.labels(d) for n in shared for d in cells.dims(n)):
            raise NotApplicableError("rows and cells are parametrised differently here")
        points = cells.points(4, seed=19)
        gaps = [probe.log_density(p) - cells.log_density(p) for p in points]
        size = max(abs(probe.log_density(p)) for p in points)
        looked += 1
        fail_unless(
            constant(gaps, scale=size) < 1e-7,
            f"log densities of {case.world.name} and of their rows differ by {min(gaps):.4g} to {max(gaps):.4g}; "
            "a cell counts as its n rows, with their SD",
        )
    if not looked:
        raise NotApplicableError(f"cells are declined: {declined}" if declined else "no aggregated world")


# -- parts -------------------------------------------------------------------------------------------------------


def _used(case: Case, facet: Facet) -> bool:
    """Whether the terms of the world's spec give the facet a place, where the model takes terms from it."""
    info = case.model.info
    if facet.value in info.needs.facets or not info.linear:
        return True
    names = {f.name for f in case.design.of_facet(facet)}
    return any(names & set(b.by) for b in case.design.batches)


def _moved(here: FloatArray, there: FloatArray) -> float:
    return float(np.max(np.abs(here - there))) if here.shape == there.shape else float("inf")


def _labels_of_rows(design: Design, by: tuple[str, ...]) -> NDArray[np.str_]:
    columns = [np.asarray(design.factors[n].levels)[design.factors[n].codes] for n in by]
    return np.array([" | ".join(parts) for parts in zip(*columns, strict=True)])


def _look_at(case: Case, name: str, dims: tuple[str, ...], rows: dict[str, NDArray[np.str_]]) -> int:
    probe, point = case.probe, case.points[0]
    value = np.asarray(point[name], dtype=float)
    before = probe.expected(point)
    if before.size % case.design.n_obs:
        return 0
    if not any(_moved(before, probe.expected({**point, name: value + d})) for d in (0.5, -0.3)):
        return 0  # a spread, it does not enter the expectation
    for i, place in enumerate(np.ndindex(*value.shape)):
        if i >= ENTRIES:
            break
        labels = [probe.labels(d)[k] for d, k in zip(dims, place, strict=True)]
        own = np.all([rows[d] == label for d, label in zip(dims, labels, strict=True)], axis=0)
        other = value.copy()
        other[place] = other[place] * 1.25 + 0.1
        change = _per_row(probe.expected({**point, name: other}) - before, case.design.n_obs)
        where = f"{name}[{', '.join(labels)}]"
        inside = float(np.max(np.abs(change[own]), initial=0.0))
        outside = float(np.max(np.abs(change[~own]), initial=0.0))
        if own.any() and inside == 0:
            raise CheckFailedError(
                f"{where} moves none of the {int(own.sum())} rows it is named after: a wrong index or dim"
            )
        fail_unless(
            outside == 0 or (bool(own.any()) and _is_a_constraint(change, own)),
            f"{where} moves rows of other levels: a wrong index, or a dim with another meaning",
        )
    return 1


def _per_row(change: FloatArray, n: int) -> FloatArray:
    """The largest change of each row over the responses, with its sign."""
    each = change.reshape(-1, n)
    return each[np.abs(each).argmax(axis=0), np.arange(n)]


def _is_a_constraint(change: FloatArray, own: NDArray[np.bool_]) -> bool:
    """Whether other rows move only as a sum-to-zero constraint makes them: less, and the other way."""
    inside, outside = change[own], change[~own]
    sign = np.sign(inside[np.argmax(np.abs(inside))])
    return bool((outside * sign <= 1e-12).all() and np.max(np.abs(outside)) <= np.max(np.abs(inside)) + 1e-12)


def _look_at_columns(case: Case, name: str) -> int:
    probe, point, design = case.probe, case.points[0], case.design
    value = np.asarray(point[name], dtype=float)
    if value.shape != (len(design.columns),) or probe.labels("coefficient") != [c.name for c in design.columns]:
        return 0
    before = probe.expected(point)
    if before.size != design.n_obs:
        return 0
    for i, column in enumerate(design.columns):
        other = value.copy()
        other[i] += 0.01 * max(design.scale.spread / column.spread, 1e-12)
        change = probe.expected({**point, name: other}) - before
        along = design.column_values(column)
        clear = (np.abs(along) > 1e-9 * column.spread) & (np.abs(change) > 0)
        agree = np.sign(change[clear]) == np.sign(along[clear])
        fail_unless(
            bool(clear.any()) and bool(agree.all()),
            f"{name}[{column.name}] does not move rows along {column.name}: columns are swapped or mislabelled",
        )
    return 1
