"""Everything a report says, gathered once into a frozen value; the HTML only lays it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from outcomemodels.auditing.show import html_of as audit_html
from outcomemodels.design import Design
from outcomemodels.design.terms import main_factor
from outcomemodels.errors import FitError
from outcomemodels.estimands import Answer, Label, Question, decompose
from outcomemodels.fitted import Fit
from outcomemodels.reporting import words
from outcomemodels.reporting.figures import (
    Figure,
    answer_figure,
    caterpillar_figure,
    decomposition_figure,
    grid_figure,
)
from outcomemodels.reporting.levels import level_effects
from outcomemodels.reporting.tables import (
    Table,
    answer_table,
    data_facts,
    decomposition_table,
    diagnostics_table,
    grid_tables,
    levels_table,
    priors_table,
)
from outcomemodels.schema import Facet

NO_VERDICT = "Not judged: the data are not kept with a saved fit; give the report their audit."

MAX_QUESTIONS = 12
"""Problems asked about when no question was named, those with most courses first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSection:
    """One question: in words, whether the data can answer it, the short answer, a picture, a table, and more words."""

    heading: str
    question: str
    verdict: str
    short: str
    warnings: tuple[str, ...]
    figure: Figure
    table: Table
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSection:
    """One batch of people or places: a caterpillar and the table behind it."""

    heading: str
    figure: Figure
    table: Table


@dataclass(frozen=True, kw_only=True)
class Report:
    """What is said, in reading order."""

    title: str
    subtitle: str
    failed: bool
    verdict: tuple[str, ...]
    asked: tuple[str, ...]
    short: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, str], ...]
    findings: tuple[tuple[str, str], ...]
    accepted: tuple[str, ...]
    audit: str
    grid: tuple[Figure, tuple[Table, ...]] | None
    answers: tuple[AnswerSection, ...]
    labels: tuple[tuple[str, str], ...]
    decomposition: tuple[tuple[str, ...], Figure, Table] | None
    levels: tuple[LevelSection, ...]
    diagnostics: Table | None
    method: tuple[str, ...]
    priors: Table
    limits: tuple[str, ...]
    provenance: tuple[tuple[str, str], ...]


def default_questions(design: Design) -> tuple[Question, ...]:
    """One question for each problem with most courses, or one for all where the data name no problem.

    With several responses, each is asked about.
    """
    names = tuple(design.targets) or ("",)
    problem = main_factor(design.factors, Facet.PROBLEM)
    if problem is None or len(problem.levels) < 2:
        return tuple(Question(response=name) for name in names)
    crossing = design.crossing((problem.name,))
    order = sorted(range(len(crossing.levels)), key=lambda i: -float(crossing.count[i]))
    some = order[: max(1, MAX_QUESTIONS // len(names))]
    return tuple(Question(problem=crossing.levels[i][0], response=name) for name in names for i in some)


def gather(
    fit: Fit, answers: Sequence[Answer], *, verdicts: Sequence[str] = (), audit: Mapping[str, Any] | None = None
) -> Report:
    """Gather a report; pure.

    Parameters
    ----------
    fit : Fit
    answers : sequence of Answer
        To at least one question.
    verdicts : sequence of str
        The audit's verdict on each question in one sentence; none where the data are not at hand.
    audit : mapping, optional
        ``AuditReport.to_dict()``; the audit kept with the fit when absent.
    """
    seen = dict(fit.audit if audit is None else audit)
    findings = list(seen.get("findings", []))
    provenance = fit.provenance
    names = _names(answers)
    by_problem = _by_problem(answers)
    design = fit.design
    lost = sum(n for reason, n in design.dropped.items() if reason.startswith(design.outcome))
    return Report(
        title="What works for whom?",
        subtitle=str(provenance.get("title") or provenance.get("name") or "Unnamed data"),
        failed=not fit.verdict.passed,
        verdict=fit.verdict.sentences,
        asked=tuple(a.question.sentence() for a in answers),
        short=tuple((name, words.short_answer(a)) for name, a in zip(names, answers, strict=True)),
        facts=data_facts(design),
        findings=tuple((str(f["level"]), _finding(f)) for f in findings),
        accepted=fit.accepted,
        audit=audit_html(seen) if seen.get("layers") else "",
        grid=(grid_figure(by_problem, id="grid"), grid_tables(by_problem)) if len(by_problem) > 1 else None,
        answers=tuple(
            _answer(name, a, verdict=verdicts[i] if verdicts else NO_VERDICT, id=f"answer{i + 1}")
            for i, (name, a) in enumerate(zip(names, answers, strict=True))
        ),
        labels=tuple((label.value, text) for label, text in words.LABELS.items()),
        decomposition=_decomposition(fit),
        levels=_levels(fit),
        diagnostics=diagnostics_table(fit.verdict),
        method=words.what_was_fitted(design, fit.spec.model, uses=None if fit.is_linear else fit.uses),
        priors=priors_table(fit.priors),
        limits=words.limits(design, findings, lost / (lost + design.n_rows), audited=bool(seen)),
        provenance=_provenance(provenance, fit),
    )


def _names(answers: Sequence[Answer]) -> list[str]:
    """A short name for each question: its problem where that tells them apart, else a number."""
    problems = [a.question.problem if isinstance(a.question.problem, str) else "" for a in answers]
    outcomes = [a.outcome.replace("_", " ") for a in answers]
    named = [f"{o}: {p}" if p else o for o, p in zip(outcomes, problems, strict=True)]
    if len(set(outcomes)) > 1 and len(set(named)) == len(named):
        return [f"{name[:1].upper()}{name[1:]}" for name in named]
    if len(answers) == 1:
        return [problems[0] or "All clients in the data"]
    if len(set(problems)) == len(problems):
        return [p or "All problems" for p in problems]
    return [f"Question {i + 1}" + (f": {p}" if p else "") for i, p in enumerate(problems)]


def _by_problem(answers: Sequence[Answer]) -> list[tuple[str, Answer]]:
    """Answers that differ only in their problem; empty where they differ in more."""
    if len({a.question.problem for a in answers}) < len(answers):
        return []
    rest = [{k: v for k, v in a.question.to_dict().items() if k != "problem"} for a in answers]
    if any(r != rest[0] for r in rest):
        return []
    return [(str(a.question.problem or "All problems"), a) for a in answers]


def _finding(raw: Mapping[str, Any]) -> str:
    sentence = str(raw["sentence"])
    mend = f" What would help: {raw['mend']}." if raw.get("mend") and raw["level"] != "note" else ""
    return f"{sentence[:1].upper()}{sentence[1:]}.{mend}"


def _answer(name: str, answer: Answer, *, verdict: str, id: str) -> AnswerSection:
    return AnswerSection(
        heading=name,
        question=answer.question.sentence(),
        verdict=verdict,
        short=words.short_answer(answer),
        warnings=tuple(w for w in answer.warnings if not w.startswith("THE SAMPLING FAILED")),
        figure=answer_figure(answer, id=id),
        table=answer_table(answer),
        reasons=tuple(
            (t.treatment, t.reason) for t in answer.treatments if t.reason and t.label is not Label.DATA_INFORMED
        ),
    )


def _decomposition(fit: Fit) -> tuple[tuple[str, ...], Figure, Table] | None:
    if not fit.design.batches or not fit.is_linear:
        return None
    try:
        parts = decompose(fit.design, fit.posterior)
    except FitError:  # a model that is not a linear one
        return None
    rows = [{"id": c.id, "name": c.name, "mean": c.superpopulation.mean, "share": c.vpc.mean} for c in parts.components]
    sentences = words.decomposition_sentences(rows, parts.units)
    return sentences, decomposition_figure(parts, id="paul"), decomposition_table(parts)


def _levels(fit: Fit) -> tuple[LevelSection, ...]:
    """Therapists and settings with their own batch of intercepts."""
    out: list[LevelSection] = []
    for batch in fit.design.batches if fit.is_linear else ():
        if batch.columns != ("1",) or len(batch.by) != 1:
            continue
        factor = fit.design.factors[batch.by[0]]
        if factor.facet not in (Facet.THERAPIST, Facet.SETTING) or len(factor.levels) < 3:
            continue
        effects = level_effects(batch, fit.design, fit.posterior)
        figure = caterpillar_figure(effects, id=f"levels-{batch.id}")
        out.append(LevelSection(heading=batch.name, figure=figure, table=levels_table(effects)))
    return tuple(out)


def _provenance(raw: Mapping[str, Any], fit: Fit) -> tuple[tuple[str, str], ...]:
    versions = ", ".join(f"{k} {v}" for k, v in dict(raw.get("versions", {})).items())
    engine = str(raw.get("engine", ""))
    pairs = [
        ("Data", str(raw.get("title") or raw.get("name") or "")),
        ("Source", str(raw.get("source", ""))),
        ("Licence of the data", str(raw.get("licence", "")) or "not stated in the schema"),
        ("SHA-256 of the data", str(raw.get("data_digest", ""))),
        ("Schema", f"{raw.get('name', '')}, version {raw.get('schema_version', '?')}"),
        ("Model", fit.spec.model),
        ("Formula", fit.spec.formula),
        ("Engine", f"{engine}: {raw['engine_reason']}" if raw.get("engine_reason") else engine),
        ("Draws", f"{raw.get('chains', '?')} chains of {raw.get('draws', '?')}, seed {raw.get('seed', '?')}"),
        ("Time to fit", f"{float(raw['seconds']):.1f} s" if "seconds" in raw else ""),
        ("Versions", versions),
    ]
    return tuple((k, v) for k, v in pairs if v)
