"""From a fit to what people read: answers, predictions, the report; and a fit read back from its file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from outcomemodels.auditing import AuditReport
from outcomemodels.design import Unseen
from outcomemodels.estimands import Answer, Question, answer_from
from outcomemodels.fitted import Fit
from outcomemodels.plugin import LinearModel, OutcomeModel
from outcomemodels.registry import load_model

if TYPE_CHECKING:
    import xarray as xr

    from outcomemodels.outcomes.suppression import Disclosure


def ask(fit: Fit, question: Question, *, probability: float = 0.95, seed: int | None = None) -> Answer:
    """Put Paul's question to a fit.

    Parameters
    ----------
    fit : Fit
    question : Question
    probability : float
        Of the intervals.
    seed : int, optional
        For draws of new therapists and settings; the seed of the fit when absent, so that asking twice answers alike.

    Raises
    ------
    QuestionError
        If the question names a field or label the fit does not know.
    PluginError
        If the model that was fitted is not installed.
    """
    from outcomemodels.inference.predict import expected_draws, prior_draws

    model = _model_of(fit)
    asked = question.counterfactual(fit.design)
    response = question.response or next(iter(fit.design.targets), "")
    posterior, chosen = fit.posterior, _seed(fit, seed)
    linear = isinstance(model, LinearModel) and model.info.linear
    return answer_from(
        question,
        asked.of_response(response),
        expected_draws(model, asked, fit.priors, posterior, seed=chosen, response=response),
        structure=model.linear(asked, fit.priors) if isinstance(model, LinearModel) and linear else None,
        posterior=posterior,
        prior_expected=None if linear else prior_draws(model, asked, fit.priors, seed=chosen, response=response),
        uses=None if linear else fit.uses,
        verdict=fit.verdict,
        probability=probability,
    )


def predict(
    fit: Fit,
    rows: Sequence[Mapping[str, str | float | Unseen]] | Question | None = None,
    *,
    what: Literal["expected", "outcome"] = "expected",
    response: str = "",
    seed: int | None = None,
) -> xr.DataArray:
    """Predict rows from a fit: one predicted draw for each posterior draw.

    Parameters
    ----------
    fit : Fit
    rows : sequence of mapping of field to label, number, NEW or UNKNOWN; or Question
        Fields left out: NEW for clients, therapists and settings, UNKNOWN for other labelled fields, the fitted mean
        for numbers. A question stands for its rows, one a treatment. None predicts the fitted rows.
    what : {"expected", "outcome"}
        The expected outcome, or outcomes drawn for new courses.
    response : str
        Which of several responses; the first when absent.
    seed : int, optional
        For levels outside the fit and for outcomes; the seed of the fit when absent.

    Returns
    -------
    xarray.DataArray, dims (chain, draw, row)
        In outcome units (probability for expected binomial outcomes).

    Raises
    ------
    QuestionError
        For a field, label or policy the fit does not know.
    PluginError
        If the model that was fitted is not installed.
    """
    import xarray as xr

    from outcomemodels.inference.predict import expected_draws

    design = fit.design
    if isinstance(rows, Question):
        design = rows.counterfactual(design)
    elif rows is not None:
        design = design.at(rows)
    posterior, name = fit.posterior, response or next(iter(fit.design.targets), "")
    if isinstance(rows, Question) and not response:
        name = rows.response or name
    design_of = design.of_response(name)
    drawn = expected_draws(
        _model_of(fit), design, fit.priors, posterior, seed=_seed(fit, seed), what=what, response=name
    )
    shape = (posterior.sizes["chain"], posterior.sizes["draw"], design.n_obs)
    return xr.DataArray(
        drawn.reshape(shape),
        dims=("chain", "draw", "row"),
        coords={"chain": posterior["chain"].values, "draw": posterior["draw"].values},
        name=what,
        attrs={"units": design_of.units, "outcome": design_of.outcome},
    )


def report(
    fit: Fit,
    path: str | Path,
    *,
    questions: Sequence[Question] = (),
    audit: AuditReport | None = None,
    disclosure: Disclosure | None = None,
) -> Path:
    """Write one self-contained HTML file: answers, what they rest on, and where the data stop.

    Parameters
    ----------
    fit : Fit
    path : path
        Ending in ``.html``.
    questions : sequence of Question
        Without one, about each problem in the data.
    audit : AuditReport, optional
        The audit of the data that were fitted when absent; a fit that was loaded has kept it, but no data to judge
        the questions by.
    disclosure : Disclosure, optional
        Hides small counts and rounds the others: ``Disclosure(smallest=5, base=5)``.

    Raises
    ------
    FileError
        If the path cannot be written.
    QuestionError
        If a question cannot be put to this fit.
    """
    from outcomemodels.reporting import default_questions, write_report

    asked = list(questions or default_questions(fit.design))
    live = fit.look() if audit is None and fit.look is not None else audit
    verdicts = [] if live is None else [live.verdict(q, outcome=_outcome_of(fit, q)).in_short() for q in asked]
    return write_report(
        fit,
        path,
        answers=[ask(fit, q) for q in asked],
        verdicts=verdicts,
        audit=None if audit is None else audit.full_dict(outcome=fit.design.outcome),
        disclosure=disclosure,
    )


def load_fit(path: str | Path, *, model: OutcomeModel | None = None) -> Fit:
    """Read a fit that :meth:`Fit.save` wrote.

    Parameters
    ----------
    path : path
    model : OutcomeModel, optional
        The model that was fitted, where it is not an installed one.

    Raises
    ------
    FileError
        If the file is absent, damaged or not a fit.
    """
    return Fit.load(path, model=model)


def _model_of(fit: Fit) -> OutcomeModel:
    return load_model(fit.spec.model, options=fit.spec.options) if fit.model is None else fit.model


def _outcome_of(fit: Fit, question: Question) -> str:
    name = question.response or next(iter(fit.design.targets), "")
    return fit.design.of_response(name).outcome


def _seed(fit: Fit, seed: int | None) -> int:
    return int(fit.provenance.get("seed", 1)) if seed is None else seed
