"""Findings that warn or block, each by a stated rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from outcomemodels.auditing.counting import main_field, present, weights
from outcomemodels.auditing.findings import Finding, Level
from outcomemodels.auditing.graph import connected_components
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Assignment, Facet, Grain

TOTALS = ("total", "all ", "all", "anxiety (total)", "national", "england", "all providers", "all services")


def findings_of(data: PaulDataset) -> tuple[Finding, ...]:
    """Findings that hold whatever is asked."""
    out = [*_one_level_treatment(data), *_mixed_levels(data), *_disconnected(data)]
    if data.schema.assignment is not Assignment.RANDOMISED:
        out.append(
            Finding(
                name="not-randomised",
                facet=Facet.TREATMENT,
                level=Level.NOTE,
                sentence="clients were not randomised to treatments: differences are associations",
                rule="causal words need randomised assignment",
                mend="declare assignment = 'randomised' only if it was",
            )
        )
    if data.grain is Grain.CELL:
        out.append(
            Finding(
                name="aggregates",
                facet=Facet.CLIENT,
                level=Level.NOTE,
                sentence="rows are published aggregates: nothing can be said of one client's characteristics",
                rule="a cell carries no client",
            )
        )
    return tuple(out)


def blocking_of(
    data: PaulDataset, *, outcome: str, covariates: Sequence[str] = (), batches: Sequence[Sequence[str]] = ()
) -> tuple[Finding, ...]:
    """Findings that stop a fit of ``outcome`` with these covariates and batches, until accepted by name."""
    out = [f for f in findings_of(data) if f.level is Level.BLOCK]
    out += _outcome_among_covariates(data, outcome, covariates)
    out += _all_missing(data, outcome)
    out += _alias(data, batches)
    return tuple(out)


def _one_level_treatment(data: PaulDataset) -> list[Finding]:
    field = main_field(data, Facet.TREATMENT)
    if field is None:
        return []
    codes = data.codes(field.name, "main")
    used = np.unique(codes[codes >= 0])
    if len(used) != 1:
        return []
    return [
        Finding(
            name="one-level-treatment",
            facet=Facet.TREATMENT,
            level=Level.BLOCK,
            sentence=f"every course has the same {field.name}: {data.labels(field.name)[used[0]]}",
            rule="a treatment can only be compared with another",
            mend="add courses of another treatment, or accept this and read the fit as a description",
            numerator=1,
            denominator=1,
        )
    ]


def _mixed_levels(data: PaulDataset) -> list[Finding]:
    if data.grain is not Grain.CELL:
        return []
    out = []
    for field in data.schema.of_table("main"):
        if not field.kind.is_labelled or field.facet not in (Facet.PROBLEM, Facet.TREATMENT, Facet.SETTING):
            continue
        codes = data.codes(field.name, "main")
        labels = [str(data.labels(field.name)[c]) for c in np.unique(codes[codes >= 0])]
        totals = [v for v in labels if v.lower() in TOTALS or v.lower().endswith("(total)")]
        if totals and len(totals) < len(labels):
            out.append(
                Finding(
                    name="mixed-aggregate-levels",
                    facet=field.facet,
                    level=Level.BLOCK,
                    sentence=f"{field.name} mixes totals with their parts: {', '.join(totals)}",
                    rule="a total and its parts count the same courses twice",
                    mend=f"keep one level of {field.name}",
                    numerator=len(totals),
                    denominator=len(labels),
                )
            )
    return out


def _disconnected(data: PaulDataset) -> list[Finding]:
    treatment = main_field(data, Facet.TREATMENT)
    out: list[Finding] = []
    if treatment is None or data.schema.assignment is Assignment.RANDOMISED:
        return out
    for facet in (Facet.THERAPIST, Facet.SETTING):
        field = main_field(data, facet)
        if field is None:
            continue
        linked = connected_components(data.codes(treatment.name, "main"), data.codes(field.name, "main"), weights(data))
        if linked.n_components < 2:
            continue
        labels = data.labels(treatment.name)
        pieces = [
            " + ".join(str(labels[i]) for i in np.flatnonzero(linked.component_of_treatment == c))
            for c in range(linked.n_components)
        ]
        setting = facet is Facet.SETTING
        out.append(
            Finding(
                name="disconnected-contrast" if setting else "therapists-do-not-bridge",
                facet=facet,
                level=Level.BLOCK if setting else Level.WARN,
                sentence=f"no {field.name} links these groups of treatments: {'; '.join(pieces[:5])}",
                rule="treatments are compared within, not between, disconnected parts",
                mend=f"find one {field.name} that gives treatments of both groups, or accept that contrasts between "
                "groups are answered 'not estimable'",
                numerator=linked.n_components,
                denominator=1,
            )
        )
    return out


def _outcome_among_covariates(data: PaulDataset, outcome: str, covariates: Sequence[str]) -> list[Finding]:
    if outcome in data.measures:
        same = {outcome, "score"}
    else:
        field = data.schema[outcome]
        same = {f.name for f in data.schema.fields if f.of == outcome or f.name == outcome}
        same |= {
            f.name
            for f in data.schema.of_table("main")
            if f.measure and f.measure == field.measure and f.occasion is not None and f.occasion != "start"
        }
    caught = sorted(same & set(covariates))
    if not caught:
        return []
    return [
        Finding(
            name="outcome-among-covariates",
            facet=Facet.OUTCOME,
            level=Level.BLOCK,
            sentence=f"{', '.join(caught)} among the covariates is the outcome {outcome} itself, or a part of it",
            rule="what is to be explained does not explain itself",
            mend=f"drop {', '.join(caught)} from the covariates",
            numerator=len(caught),
            denominator=len(covariates),
        )
    ]


def _all_missing(data: PaulDataset, outcome: str) -> list[Finding]:
    if outcome in data.measures:
        rows = data.codes("measure", "assessment") == data.measures.index(outcome)
        seen = np.isfinite(np.asarray(data.values("score", "assessment"), dtype=float)[rows])
    else:
        seen = present(data, data.schema[outcome])
    if seen.any():
        return []
    return [
        Finding(
            name="all-missing-outcome",
            facet=Facet.OUTCOME,
            level=Level.BLOCK,
            sentence=f"no row has a value of {outcome}",
            rule="a fit needs an outcome",
            mend="choose another outcome, or check the column it was read from",
            numerator=0,
            denominator=len(seen),
        )
    ]


def _alias(data: PaulDataset, batches: Sequence[Sequence[str]]) -> list[Finding]:
    """Treatment that is a function of the setting or the other way round: the two cannot be told apart."""
    treatment = main_field(data, Facet.TREATMENT)
    if treatment is None or data.schema.assignment is Assignment.RANDOMISED:
        return []
    names = {b[0] for b in batches if len(b) == 1}
    t = data.codes(treatment.name, "main")
    out = []
    for field in data.schema.of_table("main"):
        if field.facet not in (Facet.THERAPIST, Facet.SETTING) or not field.kind.is_labelled:
            continue
        if field.name not in names:
            continue
        g = data.codes(field.name, "main")
        seen = (t >= 0) & (g >= 0)
        pairs = len(np.unique(t[seen].astype(np.int64) * (int(g.max(initial=0)) + 1) + g[seen]))
        n_t, n_g = len(np.unique(t[seen])), len(np.unique(g[seen]))
        if n_t >= 2 and pairs == n_t and n_g >= 2:
            out.append(
                Finding(
                    name="alias",
                    facet=field.facet,
                    level=Level.BLOCK,
                    sentence=f"{treatment.name} and {field.name} go one to one in all {int(seen.sum()):,} rows",
                    rule="two columns that never vary apart cannot be told apart",
                    mend=f"drop {field.name} from the batches and say that its effect is part of the treatment's",
                    numerator=pairs,
                    denominator=n_t * n_g,
                )
            )
    return out
