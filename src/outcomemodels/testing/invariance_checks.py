"""What must not matter: the order of rows, the names and order of labels, units, the number of rows, the outcome.

Densities are compared at draws from the prior. For a change of units both priors are drawn with the same random
numbers, so a prior that moves with the unit gives the same point in the other unit, whatever the graph looks like.
"""

from __future__ import annotations

import numpy as np

from outcomemodels.design import Design
from outcomemodels.testing.probe import Probe
from outcomemodels.testing.results import CheckFailedError, NotApplicableError
from outcomemodels.testing.subject import POINTS, Case, Subject, constant, fail_unless, relative
from outcomemodels.testing.variants import (
    in_number_units,
    in_outcome_units,
    nudged_outcome,
    renamed,
    reordered_levels,
    taken,
)

TOLERANCE = 1e-7


def row_order_does_not_matter(subject: Subject) -> None:
    """Rows in another order are the same density, and every row keeps its expected outcome."""
    case = subject.main
    order = np.random.default_rng(2).permutation(case.design.n_obs)
    other = case.built(taken(case.design, order))
    _same_density(case, other, "rows in another order")
    for point, there in zip(case.points, case.carried(other), strict=True):
        here = case.probe.expected(point)
        if here.size != len(order):
            continue  # several responses
        moved = relative(other.expected(there), here[order])
        fail_unless(moved < TOLERANCE, "rows in another order have other expected outcomes: an index is misplaced")


def label_names_do_not_matter(subject: Subject) -> None:
    """Levels called otherwise, in the same order, are the same density."""
    case = subject.main
    other = case.built(renamed(case.design))
    if other.free != case.probe.free:
        raise CheckFailedError("the variables change with the names of labels")
    for point in case.points:
        gap = abs(other.log_density(point) - case.probe.log_density(point))
        fail_unless(gap < TOLERANCE * max(abs(case.probe.log_density(point)), 1.0), "renamed labels: another density")
        moved = relative(other.expected(point), case.probe.expected(point))
        fail_unless(moved < TOLERANCE, "renamed labels: other expected outcomes; use the codes of the design")


def level_order_does_not_matter(subject: Subject) -> None:
    """Levels in another order, each with its own effect, are the same density."""
    case = subject.main
    other = case.built(reordered_levels(case.design))
    _same_density(case, other, "levels in another order")
    for point, there in zip(case.points, case.carried(other), strict=True):
        moved = relative(other.expected(there), case.probe.expected(point))
        fail_unless(moved < TOLERANCE, "levels in another order: other expected outcomes; an effect has lost its label")


def outcome_units_do_not_matter(subject: Subject) -> None:
    """With the outcome in other units everything follows, and the log density shifts by one constant."""
    case = subject.main
    if case.design.kind != "continuous" or case.design.family != "gaussian" or case.design.targets:
        raise NotApplicableError("the outcome is counted or ordered, or there are several: it has no one unit")
    if case.world.spec.priors:
        raise NotApplicableError("the world sets priors by hand, in the unit it has")
    factor, shift = 0.25, 7.0
    here, there = _in_both(case, in_outcome_units(case.design, factor, shift), "units of the outcome")
    for (_, e), (_, f) in zip(here, there, strict=True):
        moved = relative(f - shift, factor * e)
        fail_unless(
            moved < 1e-6,
            f"outcome times {factor:g} plus {shift:g}: expected outcomes do not follow; a prior is not scaled",
        )
    _shifts_by_a_constant(here, there, "the outcome in other units")


def number_units_do_not_matter(subject: Subject) -> None:
    """With covariates in other units (months for years) nothing changes but the coefficients' units."""
    for case in subject.of_rows:
        if not case.design.numbers:
            continue
        if case.world.spec.priors:
            raise NotApplicableError("the world sets priors by hand, in the unit it has")
        here, there = _in_both(case, in_number_units(case.design, 12.0), "units of numbers")
        for (_, e), (_, f) in zip(here, there, strict=True):
            fail_unless(relative(f, e) < 1e-6, "numbers in other units: other expected outcomes; scale their priors")
        _shifts_by_a_constant(here, there, "numbers in other units")
        return
    raise NotApplicableError("no world for this model has numbers")


def prior_ignores_n(subject: Subject) -> None:
    """The graph's prior is the same for the same rows four times over."""
    case = subject.main
    many = taken(case.design, np.tile(np.arange(case.design.n_obs), 4))
    other = case.built(many, {**subject.model.default_priors(many), **dict(case.world.spec.priors)})
    if other.free == case.probe.free and not case.probe.model.potentials:
        gaps = [other.log_prior(p) - case.probe.log_prior(p) for p in case.points]
        size = max(abs(case.probe.log_prior(p)) for p in case.points)
        fail_unless(
            max(abs(g) for g in gaps) < TOLERANCE * max(size, 1.0),
            f"four times the same rows change the log prior by {max(gaps, key=abs):.3g}",
        )
        return
    n = case.design.n_obs
    here = case.probe.prior(400, seed=7)
    there = other.prior(400, seed=8)
    for name in case.probe.expectations:
        if here[name].shape[1:] != (n,):
            continue
        ratio = float(np.median(there[name][:, :n].std(axis=0) / here[name].std(axis=0)))
        fail_unless(0.75 < ratio < 1.33, f"four times the same rows: the prior is {ratio:.2f} times as wide")


def outcome_is_no_covariate(subject: Subject) -> None:
    """Expected outcomes at a point of the parameters do not move with the outcomes that were observed."""
    case = subject.main
    other = case.built(nudged_outcome(case.design))
    through = tuple(n for n in case.probe.named if n in other.named)
    for point in case.points:
        here = case.probe.expected(point, through=through)
        there = other.expected(point, through=through)
        moved = float(np.max(np.abs(here - there)))
        fail_unless(
            moved < 1e-9 * max(case.design.scale.spread, 1.0),
            f"another outcome moves expected outcomes by {moved:.3g}: the outcome is among the predictors",
        )


# -- parts -------------------------------------------------------------------------------------------------------


def _same_density(case: Case, other: Probe, change: str) -> None:
    for point, there in zip(case.points, case.carried(other), strict=True):
        one, two = case.probe.log_density(point), other.log_density(there)
        fail_unless(
            abs(one - two) < TOLERANCE * max(abs(one), 1.0), f"{change}: log density {two:.6g} instead of {one:.6g}"
        )


Drawn = list[tuple[float, np.ndarray]]


def _in_both(case: Case, other: Design, change: str) -> tuple[Drawn, Drawn]:
    """Log density and expected outcomes at draws of both priors, made with the same random numbers."""
    probe = case.built(other, case.model.default_priors(other))
    if probe.free != case.probe.free:
        raise CheckFailedError(f"the variables change with the {change}")
    out = []
    for each in (case.probe, probe):
        points = each.points(POINTS, seed=13)
        out.append([(each.log_density(p), each.expected(p)) for p in points])
    return out[0], out[1]


def _shifts_by_a_constant(here: Drawn, there: Drawn, change: str) -> None:
    gaps = [two - one for (one, _), (two, _) in zip(here, there, strict=True)]
    size = max(abs(one) for one, _ in here)
    fail_unless(
        constant(gaps, scale=size) < 1e-6,
        f"{change}: the log density shifts by {min(gaps):.4g} to {max(gaps):.4g}, not by one constant",
    )
