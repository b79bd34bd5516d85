"""Activity and outcome counts: cells of organisation x one client group x year. Margins are never added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.dataset import unknown_label
from outcomemodels.data.nhs_proms import (
    EXACT_NOTES,
    LICENCE,
    NOT_PUBLISHED,
    ROUNDED_NOTES,
    SERVICE,
    SOURCE,
    SUPPRESSED,
    count,
    events,
    latest_names,
    setting_fields,
    year_field,
)
from outcomemodels.errors import DataError
from outcomemodels.schema import Assignment, Direction, Facet, Field, Grain, Kind, Schema
from outcomemodels.schema.typologies import load_crosswalk

TOTALS = ("All", "Total")


@dataclass(frozen=True, slots=True)
class Margin:
    """A published breakdown: the field it becomes, its facet, and what to know about it."""

    field: str
    facet: Facet
    note: str = ""


MARGINS: dict[str, Margin] = {
    "Total": Margin("", Facet.CLIENT),
    "Age Group": Margin("age_group", Facet.CLIENT, "age bands changed in 2021-22; they are not one scale"),
    "Gender": Margin("gender", Facet.CLIENT),
    "Ethnic Group": Margin("ethnicity", Facet.CLIENT),
    "BME Group": Margin("bme_group", Facet.CLIENT),
    "Indices of Deprivation Decile": Margin("deprivation_decile", Facet.CLIENT, "01 is least deprived"),
    "Long Term Condition Status": Margin("long_term_condition", Facet.CLIENT),
    "Disability Type": Margin("disability", Facet.CLIENT, "a client can have several disabilities: never add"),
    "Religion": Margin("religion", Facet.CLIENT),
    "Sexual Orientation Type": Margin("sexual_orientation", Facet.CLIENT),
    "Stepped Care Pathway": Margin("pathway", Facet.TREATMENT, "no recovery figures are published by pathway"),
    "Waiting Time": Margin("waiting_time", Facet.SETTING, "waiting bands overlap: never add"),
    "Problem Descriptor": Margin("problem", Facet.PROBLEM),
    "Presenting Complaint": Margin("problem", Facet.PROBLEM),
    "Mental Health Care Cluster": Margin("care_cluster", Facet.PROBLEM),
}


def measures_cells(
    columns: Mapping[str, NDArray[Any]], *, level: str, breakdown: str, fine: bool
) -> tuple[Schema, dict[str, NDArray[Any]]]:
    """Cells of one breakdown.

    Parameters
    ----------
    breakdown : str
        A key of ``MARGINS``.
    fine : bool
        Sub-levels where a level has them, else levels; never both.

    Raises
    ------
    DataError
        If the breakdown is unknown, or more than one is asked for.
    """
    if breakdown not in MARGINS:
        raise unknown_label(breakdown, list(MARGINS), column="variable_type", facet="client")
    margin = MARGINS[breakdown]
    keep = columns["variable_type"] == breakdown
    if not keep.any():
        raise DataError(
            f"no row of breakdown {breakdown!r} in these years",
            column="variable_type",
            accepted=", ".join(sorted({str(v) for v in columns["variable_type"]})),
        )
    cells = {name: values[keep] for name, values in columns.items()}
    if margin.field:
        cells, group = _groups(cells, breakdown, fine)
        cells[margin.field] = group
    cells["recoverable"] = cells["finished_course_treatment_count"] - cells["not_at_caseness_count"]
    cells["org_name"] = latest_names(cells["org_code"], cells["org_name"], cells["reporting_period"])
    return _schema(level, breakdown, margin), cells


def _groups(cells: dict[str, NDArray[Any]], breakdown: str, fine: bool) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """Rows and labels of one depth of a breakdown: the whole (``All ADSM``) and the sums go."""
    names = load_crosswalk("nhs_annual_labels")["margin"]
    upper = np.array([names.get(str(a), str(a)) for a in cells["variable_a"]], dtype=object)
    lower = np.array(
        ["" if b is None or b != b else names.get(str(b), str(b)) for b in cells["variable_b"]], dtype=object
    )
    is_sum = np.isin(lower, TOTALS) | (lower == "")
    split = sorted(set(upper[~is_sum]))
    keep = ~np.isin(upper, ("All ADSM", *TOTALS))
    if breakdown == "Waiting Time":
        label = np.array([f"{a}: {b}" for a, b in zip(upper, lower, strict=True)], dtype=object)
    elif fine:
        keep &= ~(is_sum & np.isin(upper, split))
        label = np.where(is_sum, upper, lower)
    else:
        keep &= is_sum
        label = upper
    return {name: values[keep] for name, values in cells.items()}, label[keep]


def _group_field(breakdown: str, margin: Margin) -> Field:
    """The group a cell counts; "not stated" is a group of people like the others, so it stays a level."""
    return Field(
        name=margin.field,
        facet=margin.facet,
        kind=Kind.CATEGORICAL,
        key=True,
        established=SERVICE,
        description=f"published breakdown {breakdown!r}" + (f"; {margin.note}" if margin.note else ""),
    )


def _schema(level: str, breakdown: str, margin: Margin) -> Schema:
    exact = level == "england"
    missing = NOT_PUBLISHED if exact else SUPPRESSED
    group = () if not margin.field else (_group_field(breakdown, margin),)
    better, worse = Direction.HIGHER_IS_BETTER, Direction.LOWER_IS_BETTER
    finished = "finished_course_treatment_count"
    notes = (
        "one-way margins of the same people: never add across breakdowns; no therapist, no therapy, no cost",
        "recovery counts out of those who finished less those not at caseness at the start: the published percentages "
        "follow this national formula, which keeps finishers without paired scores in the denominator",
    )
    return Schema(
        name=f"nhs_tt_measures_{level}",
        grain=Grain.CELL,
        assignment=Assignment.ROUTINE,
        title=f"NHS Talking Therapies: activity and outcomes by {level} and year, breakdown {breakdown}",
        source=SOURCE,
        licence=LICENCE,
        notes=(*notes, *((margin.note,) if margin.note else ()), *(EXACT_NOTES if exact else ROUNDED_NOTES)),
        fields=(
            *group,
            *setting_fields(level),
            year_field(),
            count("referrals", "referrals_received_count", missing, "referrals received"),
            count("finished", finished, missing, "finished a course: two or more treatment appointments"),
            count("at_caseness", "at_caseness_count", missing, "of these, at or above the clinical cut-off at start"),
            count("not_caseness", "not_at_caseness_count", missing, "of these, below the clinical cut-off at start"),
            *events("recovery", "recovery", "recoverable", better, missing),
            *events("reliable_recovery", "reliable_recovery", "recoverable", better, missing),
            *events("reliable_improvement", "improvement", finished, better, missing),
            *events("reliable_deterioration", "deterioration", finished, worse, missing),
            *events("no_reliable_change", "no_reliable_change", finished, None, missing),
        ),
    )
