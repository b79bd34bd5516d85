"""Simulation-based calibration: parameters from the prior, outcomes from them, and ranks that must be uniform.

References
----------
Talts et al. (2018), Validating Bayesian inference algorithms with simulation-based calibration, arXiv:1804.06788.
Modrák et al. (2023), SBC: the choice of test quantities shapes sensitivity, doi 10.1214/23-BA1404.
Säilynoja, Bürkner & Vehtari (2022), Graphical test for discrete uniformity, doi 10.1007/s11222-022-10090-6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from outcomemodels.design import NEW, UNKNOWN, Design, Unseen, scores_of
from outcomemodels.inference.predict import expected_draws
from outcomemodels.inference.settings import Settings
from outcomemodels.plugin import Facet, Response, outcome_name
from outcomemodels.posterior import EXPECTED, OUTCOME
from outcomemodels.testing.prediction_checks import predicted
from outcomemodels.testing.refits import refits
from outcomemodels.testing.subject import Case, Subject, fail_unless
from outcomemodels.testing.variants import as_rows

FloatArray = NDArray[np.float64]
REPLICATES, REPLICATES_NUTS = 100, 40
"""Fits, for models with and without a linear form."""
RANKS = 99
"""Posterior draws a true value is ranked among."""
LEAST_P = 1e-3
"""Over all quantities of a check together."""


@dataclass(frozen=True, eq=False)
class Ranks:
    """Ranks of true values among posterior draws; quantity to array, dims (replicate,), values 0 to ``RANKS``."""

    parameters: dict[str, NDArray[np.int64]]
    predictions: dict[str, NDArray[np.int64]]


def ranks_are_uniform(subject: Subject) -> None:
    """Parameters drawn from the prior lie anywhere in their posteriors, equally often, one by one and all together."""
    _fail_unless_uniform(simulated(subject).parameters)


def new_and_known_are_covered(subject: Subject) -> None:
    """So do the expected outcomes of a new, an unknown and a fitted therapist, and a contrast of treatments."""
    _fail_unless_uniform(simulated(subject).predictions)


def simulated(subject: Subject) -> Ranks:
    """Fit outcomes simulated from the prior, once a subject."""
    made: Ranks = subject.once("ranks", lambda: _simulate(subject))
    return made


def ecdf_p_value(ranks: NDArray[np.int64], *, seed: int = 1, simulations: int = 4000) -> float:
    """P-value of the largest departure of the ranks' distribution function from a straight line.

    The departure at each rank is measured by its binomial tail; the smallest tail is referred to its distribution
    under uniform ranks, by simulation. It is the test behind simultaneous ECDF bands. A p-value smaller than simulation
    can show is bounded by the sum of the tails (Bonferroni), so that it may pass any threshold.

    Parameters
    ----------
    ranks : array of int, dims (replicate,)
        Between 0 and ``RANKS``.
    """
    rng = np.random.default_rng(seed)
    n = len(ranks)
    found = _smallest_tail(ranks[None], n)[0]
    null = _smallest_tail(rng.integers(0, RANKS + 1, (simulations, n)), n)
    simulated = (np.sum(null <= found * (1 + 1e-9)) + 1) / (simulations + 1)
    return float(min(simulated, 2 * RANKS * found))


def _smallest_tail(ranks: NDArray[np.int64], n: int) -> FloatArray:
    from scipy import stats

    grid = np.arange(RANKS)
    below = (ranks[:, :, None] <= grid[None, None, :]).sum(axis=1)
    expected = (grid + 1) / (RANKS + 1)
    counts = np.arange(n + 1)[:, None]
    tail = np.minimum(stats.binom.cdf(counts, n, expected), stats.binom.sf(counts - 1, n, expected))
    return np.asarray(tail[below, grid].min(axis=1))


def _fail_unless_uniform(ranks: dict[str, NDArray[np.int64]]) -> None:
    for name, each in ranks.items():
        p = ecdf_p_value(each)
        fail_unless(
            p > LEAST_P / len(ranks),
            f"{name}: ranks are not uniform (mean {each.mean():.0f} of {RANKS}, p = {p:.1g}, {len(each)} fits)",
        )


def _simulate(subject: Subject) -> Ranks:
    case = subject.main
    exact = subject.model.info.linear and case.design.family == "gaussian"
    replicates, length = (REPLICATES, 100) if exact else (REPLICATES_NUTS, 250)
    drawn = case.probe.prior(replicates, seed=41 + subject.seed)
    truth = case.probe.as_posterior(drawn)
    quantities = [n for n in case.probe.named if not n.startswith(("z_", "lkj_"))]
    questions = _questions(case)
    parameters: dict[str, list[int]] = {}
    predictions: dict[str, list[int]] = {}
    designs = [_with_outcomes(case.design, {n: drawn[n][i] for n in case.probe.outcomes}) for i in range(replicates)]
    refit = refits(case.model, designs, case.priors)
    for i, design in enumerate(designs):
        settings = Settings(draws=length, tune=400, chains=4, seed=1000 + i, progress=False, target_accept=0.95)
        posterior = refit(i, settings)
        rng = np.random.default_rng(i)
        for name in quantities:
            if name in posterior:
                place = int(rng.integers(max(drawn[name][i].size, 1)))
                values = _flat(posterior[name])[:, place]
                parameters.setdefault(name, []).append(_rank(float(drawn[name][i].reshape(-1)[place]), values, rng))
        one, seen = truth.isel(draw=[i]), Case(case.model, case.world)
        vars(seen).update(design=design, priors=case.priors)
        for variable in case.probe.expectations:
            response = variable.removeprefix(EXPECTED).removeprefix("_")
            of = f" ({response})" if response else ""
            fitted = expected_draws(case.model, design, case.priors, posterior, seed=i, response=response)
            distance = _distances(fitted, design, response)
            expected = expected_draws(case.model, design, case.priors, one, seed=i, response=response)
            (wanted,) = _distances(expected, design, response)
            parameters.setdefault(f"distance of outcomes from {variable}", []).append(_rank(wanted, distance, rng))
            predictions.setdefault(f"all fitted courses{of}", []).append(_joint_rank(expected[0], fitted, rng))
            asked = [row for pair in questions.values() for row in pair]
            true = predicted(seen, one, asked, seed=i, response=response)[0]
            found = predicted(seen, posterior, asked, seed=10_000 + i, response=response)
            at = 0
            for name, pair in questions.items():
                sign = np.array([1.0]) if len(pair) == 1 else np.array([-1.0, 1.0])
                span = slice(at, at + len(pair))
                predictions.setdefault(name + of, []).append(
                    _rank(float(true[span] @ sign), found[:, span] @ sign, rng)
                )
                at += len(pair)
    return Ranks({n: np.array(r) for n, r in parameters.items()}, {n: np.array(r) for n, r in predictions.items()})


def _with_outcomes(design: Design, drawn: Mapping[str, NDArray[Any]]) -> Design:
    """The design with outcomes drawn from the model for those observed."""
    response = design.response
    assert response is not None
    if not design.targets:
        return replace(design, response=_with_outcome(response, slice(None), drawn[OUTCOME]))
    targets = {
        name: replace(target, response=_with_outcome(target.response, target.rows, drawn[outcome_name(name)]))
        for name, target in design.targets.items()
    }
    return replace(design, response=next(iter(targets.values())).response, targets=targets)


def _with_outcome(response: Response, rows: NDArray[np.intp] | slice, drawn: NDArray[Any]) -> Response:
    """One response with what was drawn in the rows observed.

    Sessions are counted up to where the course was watched: to its end where the event was not seen to happen, and to
    the longest course of all where it was, since nobody knows how long that course would have been watched otherwise.
    """
    y = np.array(response.y, dtype=float)
    y[rows] = drawn
    if response.kind != "sessions":
        return replace(response, y=y)
    assert response.event is not None
    watched = np.where(response.event == 0, response.y, np.nanmax(response.y))
    return replace(response, y=np.minimum(y, watched), event=np.where(y < watched, 1.0, 0.0))


def _distances(expected: FloatArray, design: Design, response: str) -> FloatArray:
    """Mean square distance of the outcomes from what is expected, dims (sample,).

    It depends on parameters and outcomes together, and moves with every parameter at once; a posterior that is too
    sure or not sure enough shows here long before it shows in one parameter (Modrák et al. 2023).
    """
    target = design.targets.get(response)
    seen, rows = (design.response, slice(None)) if target is None else (target.response, target.rows)
    assert seen is not None
    levels = design.levels if target is None else target.levels
    y = seen.y[rows] / (seen.n[rows] if seen.kind == "counts" else 1.0)
    if levels:
        y = scores_of(levels)[y.astype(int)]
    return np.asarray(np.mean((y - expected[:, rows]) ** 2, axis=1))


def _joint_rank(true: FloatArray, draws: FloatArray, rng: np.random.Generator) -> int:
    """Rank of the distance of the truth from the centre of the posterior (of other draws), over all rows."""
    order = rng.permutation(len(draws))
    centre = draws[order[RANKS:]].mean(axis=0)
    distance = ((draws[order[:RANKS]] - centre) ** 2).mean(axis=1)
    return int(np.sum(distance < np.mean((true - centre) ** 2)))


def _questions(case: Case) -> dict[str, list[dict[str, Any]]]:
    """Rows to predict: one each for levels, two (reference first) for contrasts."""
    base = as_rows(case.design)[0]
    out: dict[str, list[dict[str, Any]]] = {"a fitted course": [base]}
    drawn = {f for f, policy in case.model.info.unseen.items() if policy == "draw"}
    for factor in case.design.factors.values():
        if factor.facet is Facet.CLIENT:
            continue
        unseen: tuple[Unseen, ...] = (NEW, UNKNOWN) if factor.facet.value in drawn else ()
        for each in unseen:
            out[f"{each!r} {factor.name}"] = [{**base, factor.name: each}]
        if factor.facet is Facet.TREATMENT:
            out["a contrast of treatments"] = [{**base, factor.name: v} for v in factor.levels[:2]]
    return out


def _flat(variable: xr.DataArray) -> FloatArray:
    """Dims (sample, entry)."""
    values = np.asarray(variable.transpose("chain", "draw", ...).values, dtype=float)
    return values.reshape(values.shape[0] * values.shape[1], -1)


def _rank(true: float, draws: FloatArray, rng: np.random.Generator) -> int:
    chosen = rng.choice(draws, RANKS, replace=False)
    ties = int(np.sum(chosen == true))
    return int(np.sum(chosen < true)) + int(rng.integers(ties + 1))
