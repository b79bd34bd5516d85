"""The table of Paul's columns: treatment, deliverer, client, problem, functioning; filled with numbers."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.counting import absent, amount, is_client_key, is_vague, present, share, weights
from outcomemodels.auditing.denominators import denominator_layers
from outcomemodels.auditing.drift import drift_layers
from outcomemodels.auditing.findings import Layer
from outcomemodels.auditing.levels import companion, established_courses
from outcomemodels.auditing.spread import spread_layers
from outcomemodels.auditing.structure import structure_layers
from outcomemodels.auditing.timing import timing_layers
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Established, Facet, Field, Kind

COLUMNS: tuple[tuple[str, Facet], ...] = (
    ("treatment", Facet.TREATMENT),
    ("deliverer", Facet.THERAPIST),
    ("client", Facet.CLIENT),
    ("problem", Facet.PROBLEM),
    ("functioning", Facet.FUNCTIONING),
    ("setting", Facet.SETTING),
    ("outcome", Facet.OUTCOME),
)

GRAIN_WORDS = {
    "cell": "published cells carry no {0}: no question of it can be put to them",
    "contrast": "trial contrasts carry no {0}: no question of it can be put to them",
    "episode": "no field of these records says anything of the {0}",
}

COMPLETE = 0.9
"""Share of values a column must have, by the rule that stands beside the number."""

SPECIFIC = 0.2
"""Largest share of courses that may be unspecified."""


def layers_of(data: PaulDataset) -> tuple[Layer, ...]:
    """Every number of the table, column by column."""
    out: list[Layer] = []
    for column, facet in COLUMNS:
        fields = fields_of(data, facet)
        if not fields:
            sentence = GRAIN_WORDS[data.grain.value].format(facet.value)
            out.append(absent(column, "completeness", "fields recorded", sentence, "a column of Paul's is empty"))
            continue
        out.append(_completeness(column, fields, data))
        out += spread_layers(column, fields, data)
        labelled = [f for f in fields if f.kind.is_labelled and f.table == "main"]
        if labelled:
            out += _specificity(column, labelled[0], data)
        out += _verification(column, fields, data)
        if facet in (Facet.TREATMENT, Facet.THERAPIST, Facet.SETTING) and labelled:
            out += structure_layers(column, labelled[0], data)
    return (*out, *timing_layers(data), *denominator_layers(data), *drift_layers(data))


def fields_of(data: PaulDataset, facet: Facet) -> list[Field]:
    """Fields of a column that say something: keys, summaries and companion columns left out."""
    fields = [f for f in data.schema.of_table("main") if f.facet is facet and not is_client_key(f) and not f.of]
    if facet is Facet.OUTCOME and data.n_assessments:
        fields += [f for f in data.schema.of_table("assessment") if f.name == "score"]
    return fields


def _completeness(column: str, fields: list[Field], data: PaulDataset) -> Layer:
    counted = [(int(present(data, f).sum()), len(present(data, f))) for f in fields]
    part, whole = sum(c[0] for c in counted), sum(c[1] for c in counted)
    worst = min(zip(fields, counted, strict=True), key=lambda pair: pair[1][0] / max(pair[1][1], 1))
    name, (got, of) = worst[0].name, worst[1]
    sentence = f"{len(fields)} field{'s' * (len(fields) > 1)}; least complete is {name} ({got:,} of {of:,})"
    reasons = _reasons(worst[0], data)
    broken = "" if whole == 0 or part / whole >= COMPLETE else f"at least {COMPLETE:.0%} of values recorded"
    return share(column, "completeness", "values recorded", part, whole, sentence + reasons, broken)


def _reasons(field: Field, data: PaulDataset) -> str:
    """Why values are missing, most frequent first: what VODIM calls default, invalid and missing."""
    variable = f"{data.variable(field.name, field.table)}_missing"
    if variable not in data.arrays:
        return ""
    names = json.loads(data.arrays[variable].attrs["reasons"])
    counts = np.bincount(np.asarray(data.arrays[variable].values, dtype=np.int64), minlength=len(names))
    order = [i for i in np.argsort(-counts[1:])[:3] + 1 if counts[i]]
    return "".join(f"; {names[i]} {counts[i]:,}" for i in order)


def _specificity(column: str, field: Field, data: PaulDataset) -> list[Layer]:
    codes, weight = data.codes(field.name, "main"), weights(data)
    labels = [str(v) for v in data.labels(field.name)]
    seen = codes >= 0
    count = np.bincount(codes[seen], weights=weight[seen], minlength=len(labels))
    total = float(count.sum())
    part = count[count > 0] / total if total else np.array([1.0])
    effective = float(np.exp(-(part * np.log(part)).sum()))
    used = int((count > 0).sum())
    largest = f"; the largest holds {part.max():.0%}" if used > 1 else ""
    out = [
        amount(
            column, "specificity", "effective categories", effective, used,
            f"{field.name}: {used:,} categories used, as even as {effective:.1f} of equal size{largest}",
        )
    ]  # fmt: skip
    if field.kind is Kind.IDENTIFIER:
        return out
    vague = float(sum(c for c, label in zip(count, labels, strict=True) if is_vague(label)))
    vague += float(weight[~seen].sum())
    whole = float(weight.sum())
    sentence = f"{field.name}: {vague:,.0f} of {whole:,.0f} courses are unspecified, 'other' or missing"
    broken = f"at most {SPECIFIC:.0%} unspecified" if whole and vague / whole > SPECIFIC else ""
    out.append(share(column, "specificity", "unspecified share", vague, whole, sentence, broken))
    return [*out, *_depth(column, field, count, labels)]


def _depth(column: str, field: Field, count: NDArray[np.float64], labels: list[str]) -> list[Layer]:
    if not field.typology:
        return []
    from outcomemodels.schema.typologies import load_typology

    tree = load_typology(field.typology)
    known = np.array([label in tree for label in labels])
    depth = np.array([tree.depth(label) if label in tree else 0 for label in labels])
    total = float(count[known].sum())
    if total == 0:
        return []
    deepest = max(tree.depth(label) for label in tree.labels)
    mean = float((count * depth)[known].sum()) / total
    at_leaf = np.array([label in tree and not tree.children(label) for label in labels])
    leaf = float(count[at_leaf].sum())
    return [
        amount(
            column, "specificity", "depth reached", mean, deepest,
            f"{field.name}: mean depth {mean:.1f} of at most {deepest} in the typology {tree.name}; "
            f"{leaf:,.0f} of {total:,.0f} courses stop at a final kind",
        )
    ]  # fmt: skip


def _verification(column: str, fields: list[Field], data: PaulDataset) -> list[Layer]:
    """Share at each level for the column's main field: the first labelled one, else the first."""
    main = next((f for f in fields if f.kind.is_labelled), fields[0])
    at = established_courses(data, main)
    total, floor = float(at.sum()), int(Established.STRUCTURED_INTERVIEW)
    parts = ", ".join(f"{Established(i).label.replace('_', ' ')} {at[i] / total:.0%}" for i in range(len(at)) if at[i])
    verified = float(at[floor:].sum())
    by = "" if companion(data, main) is None else ", course by course"
    must = column in ("treatment", "problem", "outcome")
    broken = "at least some values by a standard procedure" if must and total and not verified else ""
    return [
        share(
            column, "verification", "established by a standard procedure", verified, total,
            f"{main.name}{by}: {parts}" if total else f"{main.name}: no value", broken,
        )
    ]  # fmt: skip
