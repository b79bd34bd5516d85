"""Checks of a fit: it keeps the contract, finds what is true in a small world, and answers alike after saving."""

from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr

from outcomemodels.estimands import Question
from outcomemodels.fitted import Fit
from outcomemodels.inference.settings import Engine, Settings
from outcomemodels.plugin import Facet
from outcomemodels.posterior import validate
from outcomemodels.testing.prediction_checks import predicted, responses
from outcomemodels.testing.results import NotApplicableError
from outcomemodels.testing.subject import Case, Subject, fail_unless
from outcomemodels.testing.variants import as_rows, shifted_codes
from outcomemodels.workflow import ask, fit_spec, load_fit

DRAWS, TUNE, CHAINS = 1000, 1000, 4
REPEATS = 8
"""Times new levels are drawn for the same posterior."""


def fitted(subject: Subject, engine: Engine = "auto") -> Fit:
    """The model fitted to the larger world, once an engine."""

    def make() -> Fit:
        case = subject.larger
        settings = Settings(
            engine=engine, draws=DRAWS, tune=TUNE, chains=CHAINS, seed=subject.seed, progress=False, target_accept=0.95
        )
        spec = case.world.spec.with_(model=subject.model.info.name)
        started = perf_counter()
        made = fit_spec(case.world.data, spec, model=subject.model, settings=settings)
        subject.store[f"seconds {engine}"] = perf_counter() - started
        return made

    made: Fit = subject.once(f"fit {engine}", make)
    return made


def fits_and_keeps_the_contract(subject: Subject) -> None:
    """A small world is fitted, the tree keeps the posterior contract, and sampling can be trusted."""
    fit = fitted(subject)
    validate(fit.tree)
    missing = [n for n in subject.larger.probe.free if n in subject.larger.priors and n not in fit.posterior]
    fail_unless(not missing, f"parameters with a prior that are not in the posterior: {', '.join(missing)}")
    fail_unless(fit.verdict.passed, "sampling cannot be trusted: " + " ".join(fit.verdict.sentences))


def recovers_the_truth(subject: Subject) -> None:
    """Expected outcomes and contrasts of treatments are those the world was made with, as far as they can be known."""
    case, fit = subject.larger, fitted(subject)
    truth = case.world.truth
    if truth is None:
        raise NotApplicableError("the truth of this world is not known as expected outcomes")
    rows = as_rows(case.design)
    found = predicted(case, fit.posterior, rows)
    true = truth.expected(rows)
    error = found.mean(axis=0) - true
    z = error / found.std(axis=0)
    fail_unless(
        float(np.sqrt(np.mean(z**2))) < 2.2,
        f"expected outcomes miss the truth by {np.sqrt(np.mean(z**2)):.1f} posterior SDs (root mean square)",
    )
    fail_unless(
        float(np.sqrt(np.mean(error**2))) < 0.75 * float(true.std()),
        f"expected outcomes are off by {np.sqrt(np.mean(error**2)):.3g}; the truth itself varies by {true.std():.3g}",
    )
    if case.design.of_facet(Facet.TREATMENT):
        other = as_rows(shifted_codes(case.design, Facet.TREATMENT))
        contrast = (predicted(case, fit.posterior, other) - found).mean(axis=1)
        wanted = float(np.mean(truth.expected(other) - true))
        off = float(abs(contrast.mean() - wanted) / contrast.std())
        fail_unless(off < 4, f"the contrast of treatments misses the truth by {off:.1f} posterior SDs")


def new_is_wider_than_unknown(subject: Subject) -> None:
    """Among fitted levels, one not known which varies less than one not seen at all."""
    case, fit = subject.larger, fitted(subject)
    drawn = {Facet(f) for f, policy in subject.model.info.unseen.items() if policy == "draw"} - {Facet.CLIENT}
    from outcomemodels.design import NEW

    looked = 0
    rows = as_rows(case.design)
    bases = [rows[0], *(max(rows, key=lambda r: abs(r[n])) for n in case.design.numbers)]  # with slopes, not at week 0
    for factor, (response, _) in product(case.design.factors.values(), responses(case)):
        if factor.facet not in drawn or len(factor.levels) < 4:
            continue
        for base in bases:
            asked = [{**base, factor.name: v} for v in factor.levels]
            levels = predicted(case, fit.posterior, asked, response=response)
            if np.ptp(levels, axis=1).max() > 0:
                break
        else:
            continue
        looked += 1
        one = [{**base, factor.name: NEW}]
        drawings = [predicted(case, fit.posterior, one, seed=100 + i, response=response) for i in range(REPEATS)]
        new = np.stack([each[:, 0] for each in drawings])
        centre = levels.mean(axis=1)
        wide, narrow = float(np.mean((new - centre) ** 2)), float(np.mean(levels.var(axis=1)))
        fail_unless(
            wide > 0.95 * narrow,
            f"a new {factor.name} lies {np.sqrt(wide):.3g} (SD) from the fitted, which lie {np.sqrt(narrow):.3g}",
        )
    if not looked:
        raise NotApplicableError("info.unseen draws no grouping the model uses")


def engines_agree(subject: Subject) -> None:
    """NUTS on the graph and the exact engine on the linear form give one posterior, within Monte Carlo error."""
    if not subject.model.info.linear or subject.larger.design.family != "gaussian":
        raise NotApplicableError("only one engine can fit this model")
    exact, sampled = fitted(subject, "collapsed").posterior, fitted(subject, "nuts").posterior
    for name in exact.data_vars:
        fail_unless(name in sampled, f"NUTS has no {name}, the exact engine has")
        one, two = exact[name], sampled[name]
        gap = np.abs(np.asarray(one.mean(("chain", "draw")) - two.mean(("chain", "draw"))))
        error = np.sqrt(_error(one) ** 2 + _error(two) ** 2)
        worst = float(np.max(gap / np.maximum(error, 1e-12)))
        fail_unless(worst < 5.5, f"{name}: engines differ by {worst:.1f} Monte Carlo standard errors")


def saved_fit_answers_alike(subject: Subject) -> None:
    """A fit that was saved and loaded gives the same predictions and the same answer, to the last digit."""
    case, fit = subject.larger, fitted(subject)
    with tempfile.TemporaryDirectory() as folder:
        again = load_fit(fit.save(Path(folder) / "fit.nc"), model=subject.model)
        rows = as_rows(case.design)[:20]
        names = [name for name, _ in responses(case)]
        before = [predicted(case, fit.posterior, rows, response=name) for name in names]
        loaded = Case(case.model, case.world)
        vars(loaded).update(design=again.design, priors=again.priors)
        after = [predicted(loaded, again.posterior, rows, response=name) for name in names]
        fail_unless(bool(np.array_equal(before, after)), "a loaded fit predicts otherwise than the one that was saved")
        if case.design.of_facet(Facet.TREATMENT):
            question = Question()
            one, two = _plain(ask(fit, question)), _plain(ask(again, question))
            fail_unless(one == two, "a loaded fit answers otherwise than the one that was saved")


def stays_within_budget(subject: Subject) -> None:
    """The fit took no longer than the budget."""
    fitted(subject)
    seconds = float(subject.store["seconds auto"])
    fail_unless(seconds <= subject.budget.seconds, f"the fit took {seconds:.0f} s; budget {subject.budget.seconds:g} s")


# -- parts -------------------------------------------------------------------------------------------------------


def _plain(answer: Any) -> Any:
    return repr(answer.to_dict())


def _error(variable: xr.DataArray) -> Any:
    """Monte Carlo standard error of the mean, from the effective sample size of each entry."""
    from arviz_stats.base import array_stats

    values = np.asarray(variable.transpose("chain", "draw", ...).values, dtype=float)
    flat = values.reshape(*values.shape[:2], -1)
    error = np.array([
        0.0 if np.ptp(flat[..., i]) == 0
        else flat[..., i].std() / np.sqrt(float(array_stats.ess(flat[..., i], chain_axis=0, draw_axis=1)))
        for i in range(flat.shape[-1])
    ])  # fmt: skip
    return error.reshape(values.shape[2:])
