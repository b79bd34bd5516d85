"""Predictions are the graph's: on the fitted rows, for other treatments, and for people and places not in the data.

All at draws from the prior, where what must hold is known exactly: a new therapist is exchangeable with those fitted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from outcomemodels.design import NEW, UNKNOWN, Factor
from outcomemodels.errors import QuestionError
from outcomemodels.inference.predict import expected_draws
from outcomemodels.plugin import Facet
from outcomemodels.posterior import EXPECTED
from outcomemodels.testing.results import NotApplicableError
from outcomemodels.testing.subject import Case, Subject, fail_unless, relative
from outcomemodels.testing.variants import as_rows, shifted_codes

FloatArray = NDArray[np.float64]
DRAWS = 500
"""Draws from the prior at which new levels are compared with fitted ones."""
LEAST_P = 1e-4
"""A p-value below this fails; with fixed seeds a right model does so once in ten thousand comparisons."""


def predicted(
    case: Case, posterior: xr.Dataset, rows: list[dict[str, Any]], *, seed: int = 1, response: str = ""
) -> FloatArray:
    """Expected outcomes of rows as a user gets them, dims (sample, row)."""
    return expected_draws(case.model, case.design.at(rows), case.priors, posterior, seed=seed, response=response)


def fitted_rows_reproduce_expected(subject: Subject) -> None:
    """Asking about the rows that were fitted gives the graph's ``expected``, draw by draw."""
    for case in subject.of_rows:
        drawn = case.probe.prior(6, seed=29)
        for response, variable in responses(case):
            found = predicted(case, case.probe.as_posterior(drawn), as_rows(case.design), response=response)
            fail_unless(
                relative(found, drawn[variable]) < 1e-7,
                f"world {case.world.name!r}: predicting the fitted rows does not reproduce {variable}",
            )


def contrasts_are_the_graphs(subject: Subject) -> None:
    """The same courses under the next treatment: prediction and graph agree on the difference, draw by draw."""
    looked = 0
    for case in subject.of_rows:
        if not case.design.of_facet(Facet.TREATMENT):
            continue
        other = shifted_codes(case.design, Facet.TREATMENT)
        drawn = case.probe.prior(6, seed=31)
        posterior = case.probe.as_posterior(drawn)
        probe = case.built(other)
        through = tuple(n for n in case.probe.named if n in probe.named)
        points = [{n: drawn[n][i] for n in through} for i in range(6)]
        if any(np.shape(points[0][n]) != probe.shape(n) for n in through):
            continue  # combinations that were observed are not those of the other treatment
        graph = np.stack([probe.expected(p, through=through) for p in points]).reshape(6, len(probe.expectations), -1)
        for k, (response, variable) in enumerate(responses(case)):
            there, here = (predicted(case, posterior, as_rows(d), response=response) for d in (other, case.design))
            looked += 1
            off = np.max(np.abs((there - here) - (graph[:, k] - drawn[variable])))
            fail_unless(
                float(off) < 1e-7 * max(case.design.scale.spread, 1.0),
                f"world {case.world.name!r}: a contrast of treatments is not the graph's",
            )
    if not looked:
        raise NotApplicableError("no world with treatments whose combinations stay the same")


def new_levels_come_from_the_population(subject: Subject) -> None:
    """Somebody NEW is one person, none of those fitted, and as different from them as they are from each other."""
    from scipy import stats

    looked = 0
    for case, factor, response in _drawn_groupings(subject):
        found = _asked(case, factor, (NEW, NEW, *factor.levels), response, seed=3)
        levels = list(factor.levels)
        new, fitted = found[:, 0], found[:, 2:]
        if np.ptp(fitted, axis=1).max() == 0:
            continue  # the model makes nothing of this field
        looked += 1
        what = f"a new {factor.name}"
        fail_unless(bool(np.array_equal(new, found[:, 1])), f"{what} is not the same in two rows of one question")
        same = [float(np.mean(np.isclose(new, fitted[:, j], rtol=1e-10, atol=0))) for j in range(len(levels))]
        fail_unless(max(same) < 0.05, f"{what} is {levels[int(np.argmax(same))]!r} in {max(same):.0%} of the draws")
        rank = (fitted < new[:, None]).sum(axis=1)
        p = float(stats.chisquare(np.bincount(rank, minlength=len(levels) + 1)).pvalue)
        fail_unless(
            p > LEAST_P,
            f"{what} lies {np.sqrt(np.mean((new - fitted.mean(axis=1)) ** 2)):.3g} (SD) from the mean of those fitted, "
            f"who lie {np.sqrt(np.mean(fitted.var(axis=1))):.3g} from it: not their population (p = {p:.1g})",
        )
    if not looked:
        raise NotApplicableError("info.unseen draws no grouping the model uses")


def unknown_levels_are_fitted_ones(subject: Subject) -> None:
    """Somebody UNKNOWN is one of those fitted, each as often as their caseload says."""
    from scipy import stats

    looked = 0
    for case, factor, response in _drawn_groupings(subject):
        levels = list(factor.levels)
        found = _asked(case, factor, (UNKNOWN, *levels), response, seed=5)
        unknown, fitted = found[:, 0], found[:, 1:]
        if np.ptp(fitted, axis=1).max() == 0:
            continue
        looked += 1
        gaps = np.abs(fitted - unknown[:, None])
        which = np.argmin(gaps, axis=1)
        size = np.maximum(np.ptp(fitted, axis=1), 1e-12)
        off = float(np.mean(gaps[np.arange(len(which)), which] > 1e-8 * size))
        fail_unless(off < 0.01, f"an unknown {factor.name} is none of those fitted in {off:.0%} of the draws")
        caseload = case.design.crossing((factor.name,)).count
        p = float(
            stats.chisquare(np.bincount(which, minlength=len(levels)), caseload / caseload.sum() * len(which)).pvalue
        )
        fail_unless(p > LEAST_P, f"an unknown {factor.name} is not drawn by caseload (p = {p:.1g})")
    if not looked:
        raise NotApplicableError("info.unseen draws no grouping the model uses")


def refused_levels_are_refused(subject: Subject) -> None:
    """A NEW level of a facet that ``info.unseen`` refuses cannot be asked about."""
    refused = [f for f, policy in subject.model.info.unseen.items() if policy == "refuse"]
    looked = 0
    for case in subject.of_rows:
        for facet in refused:
            for factor in case.design.of_facet(Facet(facet)):
                posterior, base = _prior_posterior(case)
                looked += 1
                try:
                    predicted(case, posterior, [{**base, factor.name: NEW}], response=responses(case)[0][0])
                except QuestionError as refusal:
                    fail_unless(refusal.facet in (None, facet), f"the refusal names {refusal.facet}, not {facet}")
                else:
                    fail_unless(False, f"a new {factor.name} was predicted although info.unseen refuses {facet}")
    if not looked:
        raise NotApplicableError("info.unseen refuses nothing these worlds have")


# -- parts -------------------------------------------------------------------------------------------------------


def responses(case: Case) -> list[tuple[str, str]]:
    """Each response by name ("" for the only one) and its variable in the graph."""
    return [(v.removeprefix(EXPECTED).removeprefix("_"), v) for v in case.probe.expectations]


def _drawn_groupings(subject: Subject) -> list[tuple[Case, Factor, str]]:
    drawn = {Facet(f) for f, policy in subject.model.info.unseen.items() if policy == "draw"} - {Facet.CLIENT}
    return [
        (case, factor, response)
        for case in subject.of_rows
        for response, _ in responses(case)
        for factor in case.design.factors.values()
        if factor.facet in drawn and len(factor.levels) >= 3
    ]


def _asked(case: Case, factor: Factor, levels: tuple[Any, ...], response: str, *, seed: int) -> FloatArray:
    """Expected outcomes of one course under levels of a factor, at prior draws, dims (draw, level).

    The course is the first one for which the factor matters: with slopes, not one at week 0.
    """
    posterior, _ = _prior_posterior(case)
    rows = as_rows(case.design)
    for base in [rows[0], *(max(rows, key=lambda r: abs(r[n])) for n in case.design.numbers)]:
        found = predicted(case, posterior, [{**base, factor.name: v} for v in levels], seed=seed, response=response)
        if np.ptp(found, axis=1).max() > 0:
            break
    return found


def _prior_posterior(case: Case) -> tuple[xr.Dataset, dict[str, Any]]:
    """Prior draws in the shape of a posterior, and a row of fitted labels to start from."""
    first = as_rows(case.design)[0]
    return case.probe.as_posterior(case.probe.prior(DRAWS, seed=37)), first
