"""Checks of the graph itself: it builds, its names and dims are right, its density is one. No sampling."""

from __future__ import annotations

import tracemalloc

import numpy as np

from outcomemodels.errors import OutcomeModelsError
from outcomemodels.testing.probe import quick_mode
from outcomemodels.testing.results import CheckFailedError, NotApplicableError
from outcomemodels.testing.subject import Case, Subject, batches_of, fail_unless
from outcomemodels.testing.variants import digest, taken

ROWS = 2000
"""Rows of the smaller of two designs whose memory is compared."""
FAR = 2.0**24
"""How far along an axis a proper density must have fallen, in units of the sampler's scale."""


def builds(subject: Subject) -> None:
    """The graph builds in every world that has what the model declares."""
    import pymc as pm

    for case in subject.cases:
        try:
            model = case.probe.model
        except OutcomeModelsError as refusal:
            if case.world.role != "aggregated":
                raise CheckFailedError(f"world {case.world.name!r} is refused: {refusal.found}") from refusal
            continue
        except Exception as error:
            raise CheckFailedError(f"world {case.world.name!r}: {type(error).__name__}: {error}") from error
        fail_unless(isinstance(model, pm.Model), f"build returns a {type(model).__name__}, not a pymc.Model")


def prior_can_be_drawn(subject: Subject) -> None:
    """Parameters and outcomes can be drawn from the prior, in every world."""
    for case in built_cases(subject):
        drawn = case.probe.prior(3, seed=2)
        odd = [n for n, values in drawn.items() if not np.isfinite(values).all()]
        fail_unless(not odd, f"world {case.world.name!r}: draws that are not finite: {', '.join(odd)}")


def names_what_is_reserved(subject: Subject) -> None:
    """``expected`` is a deterministic and ``outcome`` the observed variable, both with one value a row."""
    for case in built_cases(subject):
        probe, n = case.probe, case.design.n_obs
        named = set(probe.model.named_vars)
        fail_unless(bool(probe.expectations), f"no deterministic is called 'expected'; there are {', '.join(named)}")
        fail_unless(bool(probe.outcomes), "no observed variable is called 'outcome'")
        if len(probe.expectations) == 1 and len(probe.outcomes) == 1:
            for name in (probe.expectations[0], probe.outcomes[0]):
                shape = probe.shape(name)
                fail_unless(shape == (n,), f"{name} has shape {shape}, the design has {n} rows")
                fail_unless(probe.dims(name) == ("obs",), f"{name} has dims {probe.dims(name)}, not ('obs',)")
        observed = case.design.response
        if observed is not None and probe.outcomes == ("outcome",):
            data = np.asarray(probe.model.rvs_to_values[probe.model["outcome"]].eval(mode=quick_mode()))
            fail_unless(
                data.shape == observed.y.shape and bool(np.allclose(data, observed.y)),
                "the observed variable does not hold the outcome of the design",
            )


def dims_are_the_designs(subject: Subject) -> None:
    """Every array has named dims, and dims named after fields carry the design's labels in the design's order."""
    for case in built_cases(subject):
        probe, design = case.probe, case.design
        for name in (*probe.named, *probe.expectations):
            ndim = probe.model[name].ndim
            fail_unless(
                len(probe.dims(name)) == ndim, f"{name} has {ndim} axes but dims {probe.dims(name) or 'without names'}"
            )
        drawn = probe.prior(1, seed=3)
        for name in probe.named:
            for dim, size in zip(probe.dims(name), drawn[name].shape[1:], strict=True):
                fail_unless(len(probe.labels(dim)) == size, f"{name}: {size} values for {len(probe.labels(dim))} {dim}")
        wanted = {d: [str(v) for v in labels] for d, labels in design.coords.items()}
        wanted |= {d: list(design.crossing(by).labels) for d, by in batches_of(design).items()}
        for dim, labels in wanted.items():
            found = probe.labels(dim)
            fail_unless(
                not found or found == labels, f"dim {dim} is labelled {found[:5]} …, in the design {labels[:5]} …"
            )


def leaves_the_design_alone(subject: Subject) -> None:
    """Building changes nothing in the design, down to the last number."""
    case = subject.main
    before = digest(case.design)
    case.built(case.design)
    fail_unless(digest(case.design) == before, "the design is another after build; copy arrays before changing them")


def builds_the_same_twice(subject: Subject) -> None:
    """Two builds of one design are one density."""
    case = subject.main
    again = case.built(case.design)
    fail_unless(again.free == case.probe.free, f"{', '.join(case.probe.free)} became {', '.join(again.free)}")
    for point in case.points:
        one, two = case.probe.log_density(point), again.log_density(point)
        fail_unless(abs(one - two) <= 1e-9 * max(abs(one), 1.0), f"log density {one:.6g}, built again {two:.6g}")
        moved = np.max(np.abs(case.probe.expected(point) - again.expected(point)))
        fail_unless(moved < 1e-9, f"expected outcomes move by {moved:.3g} between two builds")


def is_finite_at_prior_draws(subject: Subject) -> None:
    """Log density and gradient are finite wherever the prior goes, in every world."""
    for case in built_cases(subject):
        for point in case.points:
            density = case.probe.log_density(point)
            fail_unless(bool(np.isfinite(density)), f"log density {density} at a draw from the prior")
            slope = case.probe.gradient(point)
            fail_unless(
                bool(np.isfinite(slope).all()), f"{int((~np.isfinite(slope)).sum())} entries of the gradient not finite"
            )


def prior_is_proper(subject: Subject) -> None:
    """The prior falls off along every axis, so that it can be drawn from and new levels mean something."""
    case = subject.main
    start = case.probe.values(case.points[0])
    centre = case.probe.log_prior_at(start)
    for name, value in start.items():
        for place in {0, value.size - 1}:
            for sign in (-1.0, 1.0):
                if not _falls(case, start, name, place, sign, centre):
                    raise CheckFailedError(
                        f"the prior of {name} does not fall off {'above' if sign > 0 else 'below'}: it is improper"
                    )


def prior_predictive_is_plausible(subject: Subject) -> None:
    """Outcomes drawn from the prior are of the size of outcomes: neither all alike nor a hundred times too wide."""
    for case in subject.of_rows:
        response = case.design.response
        if response is None or case.probe.outcomes != ("outcome",):
            raise NotApplicableError("several responses")
        drawn = case.probe.prior(60, seed=5)["outcome"]
        fail_unless(bool(np.isfinite(drawn).all()), "the prior predicts outcomes that are not finite")
        if case.design.family == "binomial":
            fail_unless(
                0 < float(drawn.mean()) < float(response.n.mean()), "every outcome the prior predicts is the same"
            )
            continue
        scale = case.design.scale
        spread = float(np.median(np.abs(drawn - scale.centre))) / scale.spread
        fail_unless(
            0.02 < spread < 50, f"outcomes drawn from the prior lie {spread:.3g} SDs of the outcome from its mean"
        )


def memory_grows_with_rows(subject: Subject) -> None:
    """Four times the rows take about four times the memory to build, and no more than the budget."""
    case = subject.main
    peaks = []
    for rows in (ROWS, 4 * ROWS):
        design = taken(case.design, np.arange(rows) % case.design.n_obs)
        tracemalloc.start()
        try:
            case.built(design)
            peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
        finally:
            tracemalloc.stop()
    small, large = peaks
    fail_unless(
        small < subject.budget.megabytes, f"{small:.0f} MB for {ROWS:,} rows; budget {subject.budget.megabytes:g} MB"
    )
    growth = (large - 1) / max(small - 1, 1.0)  # the first megabyte is the graph itself
    fail_unless(
        growth < subject.budget.growth, f"four times the rows take {growth:.1f} times the memory ({large:.0f} MB)"
    )


def built_cases(subject: Subject) -> list[Case]:
    """Cases that build; aggregated worlds may be declined in words."""
    out = []
    for case in subject.cases:
        try:
            _ = case.probe
        except OutcomeModelsError:
            continue
        out.append(case)
    return out


def _falls(case: Case, start: dict[str, np.ndarray], name: str, place: int, sign: float, centre: float) -> bool:
    step = 1.0
    while step <= FAR:
        moved = np.array(start[name], dtype=float)
        moved.flat[place] += sign * step
        with np.errstate(all="ignore"):
            there = case.probe.log_prior_at({**start, name: moved})
        if not np.isfinite(there):
            return there != np.inf
        if there < centre - 8:
            return True
        step *= 4
    return False
