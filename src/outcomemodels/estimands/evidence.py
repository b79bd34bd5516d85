"""What stands behind a contrast: courses, overlap, contraction, and the label that follows from them.

The rule, in this order (``docs/explanation/labels.md`` gives the reasons):

1. *not estimable*: no path of shared problems, or of shared settings, links the two treatments; or, where clients
   were not randomised, no path of shared therapists and nothing that stands in for one; or problem and settings
   together leave the contrast undetermined (rank deficiency).
2. *prior-driven*: contraction below :data:`WEAK`, or unknown.
3. *weakly informed*: contraction below :data:`STRONG`, fewer than :data:`MIN_COURSES` comparable courses on either
   side, or no therapist who links the two.
4. *data-informed*: everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcomemodels.design import Design, Factor
from outcomemodels.design.build import NOT_RECORDED
from outcomemodels.design.terms import main_factor, setting_factors
from outcomemodels.estimands.answer import Label
from outcomemodels.estimands.question import Question
from outcomemodels.schema import Assignment, Facet

WEAK = 0.5
STRONG = 0.9
MIN_COURSES = 20
MIN_UNITS = 2
MAX_ALIAS = 1500
"""Most parameters for which rank deficiency of problem and settings together is looked for."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence behind one treatment; see :class:`outcomemodels.estimands.answer.TreatmentAnswer`."""

    n_comparable: float
    n_therapists: int | None
    n_settings: int | None
    contraction: float | None
    label: Label
    reason: str


@dataclass(frozen=True, slots=True)
class Link:
    """Whether the data link two treatments: ``broken`` says why not, ``caution`` what weakens it."""

    broken: str = ""
    caution: str = ""


def evidence_of(
    question: Question,
    design: Design,
    linked: Mapping[str, Link],
    treatments: tuple[str, ...],
    reference: str,
    contraction: NDArray[np.float64],
) -> tuple[Evidence, ...]:
    """Evidence for each treatment against the reference, and for the reference against the others.

    Parameters
    ----------
    question : Question
    design : Design
        The fitted one.
    linked : mapping of treatment to Link
        From :func:`links`.
    treatments : tuple of str
    reference : str
    contraction : array, dims (treatment,)
    """
    support = {t: _support(question, design, t) for t in treatments}
    out = []
    for treatment, k in zip(treatments, contraction, strict=True):
        known = float(k) if np.isfinite(k) else None
        courses, therapists, settings = support[treatment]
        if treatment == reference:
            others = [support[t][0] for t in linked if not linked[t].broken]
            label, reason = _label_reference(courses, others, known, compared=bool(linked))
        else:
            label, reason = label_of(linked[treatment], courses, support[reference][0], known)
        out.append(Evidence(courses, therapists, settings, known, label, reason))
    return tuple(out)


def label_of(found: Link, courses: float, reference_courses: float, contraction: float | None) -> tuple[Label, str]:
    """Label of a contrast and the sentence that says why."""
    if found.broken:
        return Label.NOT_ESTIMABLE, found.broken
    learned = "an unknown part" if contraction is None else f"{max(contraction, 0):.0%}"
    counts = f"{courses:,.0f} comparable courses against {reference_courses:,.0f}"
    removed = f"the data remove {learned} of the prior variance of the difference"
    if contraction is None or contraction < WEAK:
        return Label.PRIOR_DRIVEN, f"{_capital(removed)} ({counts}): the answer is mostly what was assumed."
    fewest = min(courses, reference_courses)
    if fewest == 0:
        borrowed = "no comparable course on one side, so the answer is borrowed from other problems"
        return Label.WEAKLY_INFORMED, f"{_capital(counts)}: {borrowed}."
    if fewest < MIN_COURSES:
        return Label.WEAKLY_INFORMED, f"{_capital(counts)}: fewer than {MIN_COURSES} on one side."
    if contraction < STRONG:
        return Label.WEAKLY_INFORMED, f"{_capital(removed)}, less than {STRONG:.0%} ({counts})."
    if found.caution:
        return Label.WEAKLY_INFORMED, found.caution
    return Label.DATA_INFORMED, f"{_capital(counts)}; {removed}."


def _label_reference(
    courses: float, others: list[float], contraction: float | None, *, compared: bool
) -> tuple[Label, str]:
    if not others:
        why = "No other treatment asked about is linked to the reference by the data."
        return Label.NOT_ESTIMABLE, why if compared else "There is no other treatment to compare with."
    return label_of(Link(), courses, max(others), contraction)


# -- support ---------------------------------------------------------------------------------------------------


def _support(question: Question, design: Design, treatment: str) -> tuple[float, int | None, int | None]:
    """Courses of this treatment and problem, and the therapists and settings behind them."""
    mask = _rows_of(_treatment(design), treatment)
    problem = main_factor(design.factors, Facet.PROBLEM)
    if problem is not None and isinstance(question.problem, str):
        mask &= _rows_of(problem, question.problem)
    settings = design.of_facet(Facet.SETTING)
    finest = max(settings, key=lambda f: len(f.levels)) if settings else None
    return (
        courses(design, mask),
        _distinct(main_factor(design.factors, Facet.THERAPIST), mask),
        _distinct(finest, mask),
    )


def courses(design: Design, mask: NDArray[np.bool_]) -> float:
    """Courses of care behind rows of a fitted design: rows, the n of cells, or clients when rows are scores in time."""
    if design.unit_of_analysis == "assessment" or design.response is None:
        return float(len(np.unique(design.row[mask])))
    return float(design.response.n[mask].sum())


def _distinct(factor: Factor | None, mask: NDArray[np.bool_]) -> int | None:
    if factor is None:
        return None
    return sum(1 for c in np.unique(factor.codes[mask]) if factor.levels[c] != NOT_RECORDED)


def _rows_of(factor: Factor, label: str) -> NDArray[np.bool_]:
    return np.asarray(factor.codes == factor.levels.index(label))


def _treatment(design: Design) -> Factor:
    factor = main_factor(design.factors, Facet.TREATMENT)
    assert factor is not None  # the question has been checked against this design
    return factor


# -- connectedness -----------------------------------------------------------------------------------------------


def links(design: Design, treatments: tuple[str, ...], reference: str) -> dict[str, Link]:
    """How the data link each treatment to the reference, by shared problems, settings and therapists."""
    treatment = _treatment(design)
    problem = main_factor(design.factors, Facet.PROBLEM)
    therapist = main_factor(design.factors, Facet.THERAPIST)
    settings = setting_factors(design.factors)
    randomised = design.assignment is Assignment.RANDOMISED
    graphs = {f.name: components(treatment, f) for f in (problem, *settings, therapist) if f is not None}
    fixed = [f for f in (problem, *settings) if f is not None and (not randomised or f.facet is Facet.PROBLEM)]
    others = tuple(t for t in treatments if t != reference)
    aliased = _aliased(treatment, fixed, others, reference) if len(fixed) > 1 else frozenset[str]()

    def joined(factor: Factor, other: str) -> bool:
        component = graphs[factor.name]
        return bool(component[treatment.levels.index(other)] == component[treatment.levels.index(reference)])

    def link(other: str) -> Link:
        for factor in (problem, *settings):
            if factor is None or joined(factor, other):
                continue
            whole = factor.facet is Facet.SETTING and randomised and _allocated_whole(treatment, factor)
            if not (whole and _units(treatment, factor, other, reference) >= MIN_UNITS):
                return Link(broken=_apart(other, reference, factor))
        if other in aliased:
            names = " and ".join(f.name for f in fixed)
            return Link(broken=f"{names} together leave the difference of {other} and {reference} undetermined.")
        if therapist is None or randomised or joined(therapist, other):
            return Link()
        if design.of_facet(Facet.SETTING) and _units(treatment, therapist, other, reference) >= MIN_UNITS:
            what = f"the difference includes who delivers {other} and {reference}"
            return Link(caution=f"No chain of therapists links the two: {what}.")
        return Link(broken=_apart(other, reference, therapist))

    return {other: link(other) for other in others}


def components(treatment: Factor, factor: Factor) -> NDArray[np.int64]:
    """Connected component of each treatment in the graph of treatments and levels that occur together.

    Courses whose level was not recorded link nothing. Dims (treatment level,).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    seen = _recorded(factor)
    n_treatments = len(treatment.levels)
    size = n_treatments + len(factor.levels)
    ends = (treatment.codes[seen], factor.codes[seen] + n_treatments)
    graph = coo_array((np.ones(len(ends[0])), ends), shape=(size, size)).tocsr()
    return np.asarray(connected_components(graph, directed=False)[1][:n_treatments], dtype=np.int64)


def _recorded(factor: Factor) -> NDArray[np.bool_]:
    if NOT_RECORDED not in factor.levels:
        return np.ones(len(factor.codes), dtype=bool)
    return np.asarray(factor.codes != factor.levels.index(NOT_RECORDED))


def _units(treatment: Factor, factor: Factor, a: str, b: str) -> int:
    """Levels of a factor behind the treatment that has fewer of them."""
    seen = _recorded(factor)
    return min(len(np.unique(factor.codes[seen & _rows_of(treatment, t)])) for t in (a, b))


def _allocated_whole(treatment: Factor, factor: Factor) -> bool:
    """Whether each level of a factor holds one treatment only."""
    pairs = np.unique(treatment.codes.astype(np.int64) * len(factor.levels) + factor.codes)
    return len(pairs) == len(np.unique(factor.codes))


def _aliased(treatment: Factor, fixed: list[Factor], others: tuple[str, ...], reference: str) -> frozenset[str]:
    """Treatments whose difference from the reference is outside the row space of all factors as indicators."""
    from scipy.sparse import coo_array

    seen = np.all([_recorded(f) for f in fixed], axis=0)
    factors = [treatment, *fixed]
    sizes = [len(f.levels) for f in factors]
    if sum(sizes) > MAX_ALIAS or not others:
        return frozenset()
    offsets = np.cumsum([0, *sizes[:-1]])
    ends = np.concatenate([f.codes[seen] + o for f, o in zip(factors, offsets, strict=True)])
    rows = np.tile(np.arange(int(seen.sum())), len(factors))
    indicators = coo_array((np.ones(len(ends)), (rows, ends)), shape=(int(seen.sum()), sum(sizes))).tocsr()
    scale = 1 / np.sqrt(np.maximum(indicators.sum(axis=0), 1.0))
    products = scale[:, None] * (indicators.T @ indicators).toarray() * scale
    targets = np.zeros((sum(sizes), len(others)))
    targets[[treatment.levels.index(t) for t in others], np.arange(len(others))] = 1.0
    targets[treatment.levels.index(reference)] -= 1.0
    targets *= scale[:, None]
    missed = np.abs(products @ np.linalg.lstsq(products, targets, rcond=1e-10)[0] - targets).max(axis=0)
    return frozenset(
        t for t, m, size in zip(others, missed, np.abs(targets).max(axis=0), strict=True) if m > 1e-6 * size
    )


def _apart(a: str, b: str, factor: Factor) -> str:
    noun = {Facet.PROBLEM: "problem", Facet.SETTING: "setting", Facet.THERAPIST: "therapist"}[factor.facet]
    verb = {"problem": "was treated with", "setting": "offered", "therapist": "gave"}[noun]
    return (
        f"No {noun} ({factor.name}) {verb} both {a} and {b}, and no chain of {noun}s links them: a difference between "
        f"the treatments cannot be told from one between {noun}s."
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
