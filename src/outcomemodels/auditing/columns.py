"""The table of Paul's columns: treatment, deliverer, client, problem, functioning; filled with numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.findings import Layer
from outcomemodels.auditing.graph import connected_components
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Established, Facet, Field, Kind, Occasion, Statistic

COLUMNS: tuple[tuple[str, Facet], ...] = (
    ("treatment", Facet.TREATMENT),
    ("deliverer", Facet.THERAPIST),
    ("client", Facet.CLIENT),
    ("problem", Facet.PROBLEM),
    ("functioning", Facet.FUNCTIONING),
    ("setting", Facet.SETTING),
    ("outcome", Facet.OUTCOME),
)

VAGUE = ("other", "unspecified", "not recorded", "unknown", "not stated", "mixed", "invalid")
"""Labels that begin with one of these say less than a type."""

GRAIN_WORDS = {
    "cell": "published cells carry no {0}: no question of it can be put to them",
    "contrast": "trial contrasts carry no {0}: no question of it can be put to them",
    "episode": "no field of these records says anything of the {0}",
}


def layers_of(data: PaulDataset) -> tuple[Layer, ...]:
    """Every number of the table, column by column."""
    out: list[Layer] = []
    for column, facet in COLUMNS:
        fields = [f for f in data.schema.of_table("main") if f.facet is facet and not is_client_key(f)]
        if facet is Facet.OUTCOME and data.n_assessments:
            fields += [f for f in data.schema.of_table("assessment") if f.name == "score"]
        if not fields:
            sentence = GRAIN_WORDS[data.grain.value].format(facet.value)
            out.append(_absent(column, "completeness", "fields recorded", sentence))
            continue
        out += [_completeness(column, fields, data), _verification(column, fields)]
        labelled = [f for f in fields if f.kind.is_labelled]
        if labelled:
            out += _specificity(column, labelled[0], data)
        if facet in (Facet.THERAPIST, Facet.SETTING) and labelled:
            out += _structure(column, labelled[0], data)
    return (*out, *_time(data))


def _absent(column: str, layer: str, measure: str, sentence: str) -> Layer:
    return Layer(
        column=column, layer=layer, measure=measure, value=None, numerator=None, denominator=None, sentence=sentence
    )


def _share(column: str, layer: str, measure: str, part: float, whole: float, sentence: str) -> Layer:
    return Layer(
        column=column,
        layer=layer,
        measure=measure,
        value=part / whole if whole else None,
        numerator=part,
        denominator=whole,
        sentence=sentence,
    )


def present(data: PaulDataset, field: Field) -> NDArray[np.bool_]:
    """Whether each row of the field's table has a value, dims (row,)."""
    if field.kind.is_labelled:
        return np.asarray(data.codes(field.name, field.table) >= 0)
    values = data.values(field.name, field.table)
    return ~np.isnat(values) if values.dtype.kind == "M" else np.isfinite(values.astype(float))


def weights(data: PaulDataset) -> NDArray[np.float64]:
    """Courses behind each row of the main table: 1 for episodes, the largest published n for cells."""
    sizes = [f for f in data.schema.of_table("main") if f.statistic in (Statistic.N, Statistic.TOTAL)]
    if not sizes or data.grain.value == "episode":
        return np.ones(data.n)
    stacked = np.stack([np.nan_to_num(np.asarray(data.values(f.name), dtype=float)) for f in sizes])
    return np.asarray(stacked.max(axis=0))


def _completeness(column: str, fields: list[Field], data: PaulDataset) -> Layer:
    counted = [(int(present(data, f).sum()), len(present(data, f))) for f in fields]
    part, whole = sum(c[0] for c in counted), sum(c[1] for c in counted)
    worst = min(zip(fields, counted, strict=True), key=lambda pair: pair[1][0] / max(pair[1][1], 1))
    name, (got, of) = worst[0].name, worst[1]
    sentence = f"{len(fields)} field{'s' * (len(fields) > 1)}; least complete is {name} ({got:,} of {of:,})"
    return _share(column, "completeness", "values recorded", part, whole, sentence)


def _verification(column: str, fields: list[Field]) -> Layer:
    best = max(fields, key=lambda f: f.established)
    verified = [f for f in fields if f.established >= Established.STRUCTURED_INTERVIEW]
    words = best.established.label.replace("_", " ")
    return _share(
        column,
        "verification",
        "fields established by a standard procedure",
        len(verified),
        len(fields),
        f"the best established field is {best.name}: {words}",
    )


def _specificity(column: str, field: Field, data: PaulDataset) -> list[Layer]:
    codes, weight = data.codes(field.name, "main"), weights(data)
    labels = [str(v) for v in data.labels(field.name)]
    seen = codes >= 0
    count = np.bincount(codes[seen], weights=weight[seen], minlength=len(labels))
    total = float(count.sum())
    share = count[count > 0] / total if total else np.array([1.0])
    effective = float(np.exp(-(share * np.log(share)).sum()))
    used = int((count > 0).sum())
    out = [
        Layer(
            column=column,
            layer="specificity",
            measure="effective categories",
            value=effective,
            numerator=effective,
            denominator=used,
            sentence=f"{field.name}: {used} categories used, as even as {effective:.1f} of equal size",
        )
    ]
    if field.kind is not Kind.IDENTIFIER:
        vague = float(sum(c for c, label in zip(count, labels, strict=True) if label.lower().startswith(VAGUE)))
        vague += float(weight[~seen].sum())
        whole = float(weight.sum())
        sentence = f"{field.name}: {vague:,.0f} of {whole:,.0f} courses are unspecified, 'other' or missing"
        out.append(_share(column, "specificity", "unspecified share", vague, whole, sentence))
    return out


def _structure(column: str, field: Field, data: PaulDataset) -> list[Layer]:
    treatment = main_field(data, Facet.TREATMENT)
    if treatment is None:
        return []
    linked = connected_components(data.codes(treatment.name, "main"), data.codes(field.name, "main"), weights(data))
    many = f"{linked.bridging:,} of {linked.groups:,} give two or more treatments"
    parts = "one connected piece" if linked.n_components == 1 else f"{linked.n_components} pieces that never meet"
    return [
        _share(column, "structure", "bridging share", linked.bridging, linked.groups, f"{field.name}: {many}"),
        Layer(
            column=column,
            layer="structure",
            measure="components with treatment",
            value=float(linked.n_components),
            numerator=float(linked.n_components),
            denominator=None,
            sentence=f"{field.name} and {treatment.name} form {parts}; "
            f"{linked.share_in_largest:.0%} of courses lie in the largest",
        ),
    ]


def main_field(data: PaulDataset, facet: Facet) -> Field | None:
    """First labelled field of a facet, client and course numbers left out."""
    fields = data.schema.of_table("main")
    return next((f for f in fields if f.facet is facet and f.kind.is_labelled and not is_client_key(f)), None)


def is_client_key(field: Field) -> bool:
    """Whether a field only numbers the clients or courses; that is no knowledge of them."""
    return field.facet is Facet.CLIENT and field.kind is Kind.IDENTIFIER


def _time(data: PaulDataset) -> list[Layer]:
    out: list[Layer] = []
    if data.n_assessments:
        scores = np.isfinite(np.asarray(data.values("score", "assessment"), dtype=float))
        of = data.codes_of_episode()[scores]
        per = np.bincount(of, minlength=data.n)
        out.append(
            _share("outcome", "time", "clients with any score", int((per > 0).sum()), data.n, _scores_sentence(per))
        )
    ends = [f for f in data.schema.of_table("main") if f.occasion is Occasion.END and f.measure and not f.of]
    for end in ends:
        starts = [
            f
            for f in data.schema.of_table("main")
            if f.occasion is Occasion.START and f.measure == end.measure and not f.of and f.statistic is end.statistic
        ]
        if starts:
            both = present(data, end) & present(data, starts[0])
            sentence = f"{end.measure}: {int(both.sum()):,} of {data.n:,} rows have a start and an end"
            out.append(_share("outcome", "time", f"paired {end.measure}", int(both.sum()), data.n, sentence))
    if not any(f.occasion is Occasion.FOLLOW_UP for f in data.schema.fields):
        out.append(_absent("outcome", "time", "follow-up after the end", "no follow-up score is recorded"))
    return out


def _scores_sentence(per: NDArray[np.int64]) -> str:
    mean = per[per > 0].mean() if (per > 0).any() else 0.0
    return f"{mean:.1f} scores a client with any; {int((per == 0).sum()):,} have none"
