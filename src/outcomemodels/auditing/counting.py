"""What every part of the audit counts with: which field stands for a facet, where it has values, how many courses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.findings import Layer
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Facet, Field, Kind, Statistic

VAGUE = ("other", "unspecified", "not recorded", "unknown", "not stated", "mixed", "invalid", "not known")
"""Labels that begin with one of these say less than a type."""


def main_field(data: PaulDataset, facet: Facet) -> Field | None:
    """First labelled field of a facet; client and course numbers and companion columns left out."""
    fields = data.schema.of_table("main")
    return next(
        (f for f in fields if f.facet is facet and f.kind.is_labelled and not f.of and not is_client_key(f)), None
    )


def is_client_key(field: Field) -> bool:
    """Whether a field only numbers the clients or courses; that is no knowledge of them."""
    return field.facet is Facet.CLIENT and field.kind is Kind.IDENTIFIER


BARE = frozenset({"yes", "no", "true", "false", "present", "absent", "y", "n", "0", "1", "not recorded", "unknown"})
"""Labels that say nothing without the name of their field."""


def spoken(field: Field | None, label: object) -> str:
    """A label as it stands in a sentence: ``depressed: No`` where it says nothing without its field."""
    return f"{field.name}: {label}" if field is not None and str(label).strip().lower() in BARE else str(label)


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


def is_vague(label: str) -> bool:
    """Whether a label says less than a type, as "Other", "Unspecified" and "Not stated" do."""
    return label.strip().lower().startswith(VAGUE)


def share(column: str, layer: str, measure: str, part: float, whole: float, sentence: str, rule: str = "") -> Layer:
    """A number that is one count over another; None where nothing was counted."""
    return Layer(
        column=column,
        layer=layer,
        measure=measure,
        value=part / whole if whole else None,
        numerator=part,
        denominator=whole,
        sentence=sentence,
        rule=rule,
        share=True,
    )


def amount(
    column: str, layer: str, measure: str, value: float, whole: float | None, sentence: str, rule: str = ""
) -> Layer:
    """A number that is not a share: what it is, and the count it came from."""
    return Layer(
        column=column,
        layer=layer,
        measure=measure,
        value=value,
        numerator=value,
        denominator=whole,
        sentence=sentence,
        rule=rule,
    )


def absent(column: str, layer: str, measure: str, sentence: str, rule: str = "") -> Layer:
    """What the grain or the schema cannot show, and why."""
    return Layer(
        column=column,
        layer=layer,
        measure=measure,
        value=None,
        numerator=None,
        denominator=None,
        sentence=sentence,
        rule=rule,
    )
