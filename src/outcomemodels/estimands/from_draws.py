"""Predicted draws + question + evidence -> Answer. The last step of ``ask``; samples nothing, knows no model."""

from __future__ import annotations

import numpy as np
import xarray as xr

from outcomemodels.design import NEW, Design
from outcomemodels.diagnostics import Verdict
from outcomemodels.errors import QuestionError
from outcomemodels.estimands.answer import Answer, Label, TreatmentAnswer
from outcomemodels.estimands.contraction import (
    FloatArray,
    contraction_linear,
    contraction_of_draws,
    contrast_weights,
)
from outcomemodels.estimands.evidence import evidence_of, links
from outcomemodels.estimands.question import Question
from outcomemodels.estimands.reduce import (
    Ranking,
    contrasts,
    p_beneficial,
    p_worthwhile,
    rank,
    sign_of,
    summarise,
)
from outcomemodels.plugin import LinearStructure
from outcomemodels.schema import Assignment, Facet


def answer_from(
    question: Question,
    counterfactual: Design,
    expected: FloatArray,
    *,
    structure: LinearStructure | None = None,
    posterior: xr.Dataset | None = None,
    prior_expected: FloatArray | None = None,
    uses: frozenset[str] | None = None,
    verdict: Verdict | None = None,
    probability: float = 0.95,
) -> Answer:
    """Reduce predicted draws to an answer.

    Parameters
    ----------
    question : Question
    counterfactual : Design
        ``question.counterfactual(design)``: one row per treatment.
    expected : array, dims (draw, obs)
        Expected outcome of each row, on the response scale, one draw per posterior draw.
    structure, posterior
        Linear form on ``counterfactual`` and posterior, dims (chain, draw, …), for contraction in closed form.
    prior_expected : array, dims (draw, obs)
        Prior draws of the same, for models without a linear form.
    uses : frozenset of str, optional
        Fields the model looked at; those of the design's columns and batches when absent.
    verdict : Verdict, optional
        Of the fit; a failed one is said first.
    probability : float
        Of the intervals.

    Raises
    ------
    QuestionError
        If the draws do not fit the question.
    """
    fitted = counterfactual.fitted
    if fitted is None:
        raise QuestionError("the design is a fitted one", accepted="question.counterfactual(design)")
    labels, _ = question.rows(fitted)
    if expected.ndim != 2 or expected.shape[1] != len(labels) or not np.isfinite(expected).all():
        raise QuestionError(
            f"expected outcomes have shape {expected.shape}", accepted=f"finite numbers, dims (draw, {len(labels)})"
        )
    if not 0 < probability < 1:
        raise QuestionError(f"probability={probability}", accepted="a number between 0 and 1")
    reference = question.reference_of(fitted)
    at = labels.index(reference)
    linked = links(fitted, labels, reference)
    weights = contrast_weights(at, np.array([t == reference or not linked[t].broken for t in labels]))
    if structure is not None and posterior is not None:
        contraction = contraction_linear(structure, counterfactual, posterior, weights)
    elif prior_expected is not None:
        contraction = contraction_of_draws(prior_expected, expected, weights)
    else:
        contraction = np.full(len(labels), np.nan)
    evidence = evidence_of(question, fitted, linked, labels, reference, contraction)
    among = np.array([e.label is not Label.NOT_ESTIMABLE for e in evidence])
    sign = sign_of(fitted.direction)
    nothing = np.full(len(labels), np.nan)
    ranking = Ranking(nothing, nothing, nothing) if sign is None else rank(expected, sign=sign, among=among)
    difference = contrasts(expected, reference=at)
    treatments = []
    for i, (label, found) in enumerate(zip(labels, evidence, strict=True)):
        level = summarise(expected[:, i], probability=probability)
        apart = summarise(difference[:, i], probability=probability)
        compared = sign is not None and i != at and bool(among[i])
        treatments.append(
            TreatmentAnswer(
                treatment=label,
                is_reference=i == at,
                mean=level.mean,
                sd=level.sd,
                low=level.low,
                high=level.high,
                contrast=apart.mean,
                contrast_low=apart.low,
                contrast_high=apart.high,
                p_beneficial=p_beneficial(difference[:, i], sign=sign) if compared and sign else None,
                p_worthwhile=(
                    p_worthwhile(difference[:, i], sign=sign, by=question.worthwhile)
                    if compared and sign and question.worthwhile is not None
                    else None
                ),
                p_best=_or_none(ranking.p_best[i]),
                regret=_or_none(ranking.regret[i]),
                sucra=_or_none(ranking.sucra[i]),
                n_comparable=found.n_comparable,
                n_therapists=found.n_therapists,
                n_settings=found.n_settings,
                contraction=found.contraction,
                label=found.label,
                reason=found.reason,
            )
        )
    return Answer(
        question=question,
        outcome=fitted.outcome,
        units=fitted.units,
        direction=fitted.direction,
        reference=reference,
        assignment=fitted.assignment,
        treatments=tuple(treatments),
        draws=_draws(expected, difference, labels, fitted),
        interval=probability,
        asked=question.sentence(fitted),
        verdict_failed=verdict is not None and not verdict.passed,
        warnings=(*_of_verdict(verdict), *_of_question(question, fitted, uses), *_of_ranking(labels, among, reference)),
    )


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _draws(expected: FloatArray, difference: FloatArray, labels: tuple[str, ...], design: Design) -> xr.Dataset:
    attrs = {"units": design.units}
    return xr.Dataset(
        {
            "expected": (("draw", "treatment"), expected, attrs),
            "contrast": (("draw", "treatment"), difference, attrs),
        },
        coords={"draw": np.arange(len(expected)), "treatment": list(labels)},
    )


def _of_verdict(verdict: Verdict | None) -> list[str]:
    if verdict is None or verdict.passed:
        return []
    return ["THE SAMPLING FAILED ITS CHECKS: no number below can be trusted. " + " ".join(verdict.sentences)]


def _of_question(question: Question, fitted: Design, uses: frozenset[str] | None) -> list[str]:
    out = []
    if fitted.direction is None:
        out.append(
            f"The data do not say which way {fitted.outcome} improves, so nothing is called better or best: "
            "declare the direction in the schema."
        )
    unused = question.unused(fitted, uses)
    if unused:
        out.append(f"Not in the model, so without effect on the answer: {', '.join(unused)}.")
    for name, value in {**question.client, **question.when}.items():
        if name in fitted.numbers and isinstance(value, int | float) and name not in unused:
            low, high = fitted.numbers[name].seen
            if not low <= value <= high:
                out.append(f"{name} {value:g} lies outside the fitted rows ({low:g} to {high:g}): an extrapolation.")
    if question.therapist is NEW and fitted.assignment is not Assignment.RANDOMISED:
        used = {name for batch in fitted.batches for name in batch.by} if uses is None else uses
        named = [f.name for f in fitted.of_facet(Facet.THERAPIST)]
        if not any(name in used for name in named):
            why = "The data name no therapists" if not named else "The model has no therapist effects"
            out.append(f"{why}, so the intervals leave out differences between therapists.")
    return out


def _of_ranking(labels: tuple[str, ...], among: np.ndarray, reference: str) -> list[str]:
    left = [t for t, kept in zip(labels, among, strict=True) if not kept and t != reference]
    if not left:
        return []
    return [
        f"Left out of P(best), SUCRA and regret, because the data do not link them to {reference}: {', '.join(left)}."
    ]
