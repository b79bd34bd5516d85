"""Structure of a column: nesting, association, connectedness, and what clustering leaves of the courses."""

from __future__ import annotations

import numpy as np

from outcomemodels.auditing.association import cramers_v, crosstab, effective_courses, nesting
from outcomemodels.auditing.counting import amount, main_field, share, weights
from outcomemodels.auditing.findings import Layer
from outcomemodels.auditing.graph import algebraic_connectivity, connected_components
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Facet, Field, Kind

ICC = {Facet.THERAPIST: 0.06, Facet.SETTING: 0.03}
"""Share of outcome variance between therapists (Firth et al. 2015; Saxon, Firth & Barkham 2017) and services."""

SEPARABLE = 0.9
"""Cramér's V above which two columns cannot be told apart in practice."""

NESTED = 0.9


def structure_layers(column: str, field: Field, data: PaulDataset) -> list[Layer]:
    """Numbers of one column against the treatment, or of treatment against intensity, problem and year."""
    treatment = main_field(data, Facet.TREATMENT)
    if treatment is None:
        return []
    if field.facet is Facet.TREATMENT:
        return _treatment_with(column, treatment, data)
    weight = weights(data)
    t, g = data.codes(treatment.name, "main"), data.codes(field.name, "main")
    linked = connected_components(t, g, weight)
    shape = (len(data.labels(treatment.name)), len(data.labels(field.name)))
    table = crosstab(t, g, weight, shape=shape)
    many = f"{linked.bridging:,} of {linked.groups:,} give two or more treatments"
    parts = "one connected piece" if linked.n_components == 1 else f"{linked.n_components} pieces that never meet"
    nested = nesting(table)
    broken = "" if linked.bridging >= 2 or linked.groups == 0 else "at least two that bridge treatments"
    out = [
        share(column, "structure", "bridging share", linked.bridging, linked.groups, f"{field.name}: {many}", broken),
        share(
            column, "structure", "nested share of courses", nested.courses_single, nested.courses,
            f"{nested.single:,} of {nested.groups:,} {field.name} levels give one treatment only; they hold "
            f"{nested.courses_single:,.0f} of {nested.courses:,.0f} courses",
            f"at most {NESTED:.0%} of courses nested"
            if nested.courses and nested.courses_single / nested.courses > NESTED
            else "",
        ),
        amount(
            column, "structure", "components with treatment", float(linked.n_components), None,
            f"{field.name} and {treatment.name} form {parts}; "
            f"{linked.share_in_largest:.0%} of courses lie in the largest",
            "" if linked.n_components <= 1 else "one connected piece",
        ),
    ]  # fmt: skip
    connectivity = algebraic_connectivity(table)
    if np.isfinite(connectivity):
        out.append(
            amount(
                column, "structure", "algebraic connectivity", connectivity, None,
                f"{field.name}: 0 falls apart, near 0 hangs by a thread; here {connectivity:.2g}",
            )
        )  # fmt: skip
    out += _association(column, f"{treatment.name} × {field.name}", table)
    return [*out, *_clustering(column, field, table)]


def _association(column: str, name: str, table: np.ndarray) -> list[Layer]:
    found = cramers_v(table)
    if found is None:
        return []
    return [
        amount(
            column, "structure", f"Cramér's V {name}", found.v, found.n,
            f"{name}: V {found.v:.2f} ({found.low:.2f} to {found.high:.2f}), {found.rows} × {found.columns} levels, "
            f"n {found.n:,.0f}; 1 is one to one",
            f"below {SEPARABLE:g}: nearly one to one" if found.v > SEPARABLE else "",
        )
    ]  # fmt: skip


def _clustering(column: str, field: Field, table: np.ndarray) -> list[Layer]:
    if field.kind is not Kind.IDENTIFIER and field.facet is Facet.SETTING and table.shape[1] < 3:
        return []
    per_group = table.sum(axis=0)
    per_group = per_group[per_group > 0]
    if not len(per_group):
        return []
    icc = ICC[field.facet]
    n, worth = float(per_group.sum()), effective_courses(per_group, icc)
    return [
        share(
            column, "structure", "effective courses", worth, n,
            f"{field.name}: median {np.median(per_group):,.0f} courses each, {(per_group < 10).mean():.0%} have "
            f"fewer than 10; to compare them {n:,.0f} courses are worth {worth:,.0f} (ICC {icc:g} assumed)",
        )
    ]  # fmt: skip


def _treatment_with(column: str, treatment: Field, data: PaulDataset) -> list[Layer]:
    """Association of treatment with problem, intensity and year."""
    out: list[Layer] = []
    t, weight = data.codes(treatment.name, "main"), weights(data)
    others = [f for f in data.schema.of_table("main") if f.kind.is_labelled and f.name != treatment.name and not f.of]
    for facet in (Facet.PROBLEM, Facet.TREATMENT, Facet.TIME):
        other = next((f for f in others if f.facet is facet), None)
        if other is not None:
            shape = (len(data.labels(treatment.name)), len(data.labels(other.name)))
            table = crosstab(t, data.codes(other.name, "main"), weight, shape=shape)
            out += _association(column, f"{treatment.name} × {other.name}", table)
    return out
