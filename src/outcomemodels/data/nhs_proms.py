"""Therapy-based outcomes: cells of organisation x problem x therapy x year, with scores before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.errors import DataError
from outcomemodels.schema import (
    Assignment,
    Direction,
    Established,
    Facet,
    Field,
    Grain,
    Kind,
    Occasion,
    Schema,
    Statistic,
)
from outcomemodels.schema.typologies import load_crosswalk

SOURCE = (
    "NHS England, NHS Talking Therapies for anxiety and depression annual reports, by way of Wiedemann M, nhstt "
    "(github.com/bennettoxford/nhstt)"
)
LICENCE = "Open Government Licence v3.0; contains public sector information; Copyright NHS England"
SERVICE = Established.SERVICE_CODE
SUPPRESSED = (("", "suppressed"),)
NOT_PUBLISHED = (("", "not published"),)

COMMON_NOTES = (
    "aggregates, not people; only courses with two or more attended treatment appointments are in them",
    "treatment was not randomised; scores are self-reported at the first and last session; no follow-up",
)
ROUNDED_NOTES = (
    "counts are rounded to 5 and percentages to whole numbers by the publisher",
    "values the publisher suppressed are missing with the reason 'suppressed', never zero; small cells are missing "
    "not at random; a suppressed value and one that could not be calculated are published alike",
)
EXACT_NOTES = ("England counts are exact; a blank is a value the publisher did not calculate",)
N_NOTE = (
    "n of the score means is the published count of courses of that therapy: it is the denominator of the England "
    "improvement percentages, and no mean is published without it. It overstates n where a questionnaire is missing, "
    "most for WSAS"
)
RECOVERY_NOTE = (
    "recovery and reliable recovery count out of courses less those below the clinical cut-off at the start; where "
    "that count is suppressed the total is missing too"
)


def proms_cells(
    columns: Mapping[str, NDArray[Any]], *, level: str, problem_level: str
) -> tuple[Schema, dict[str, NDArray[Any]]]:
    """Cells of one level of problem.

    Raises
    ------
    DataError
        If the table has no row of that level.
    """
    keep = columns["problem_level"] == problem_level
    if not keep.any():
        found = sorted({str(v) for v in columns["problem_level"]})
        raise DataError(
            f"no row has problem_level {problem_level!r}",
            column="problem_level",
            facet="problem",
            accepted=", ".join(found) or "no rows for these years at all",
            mend="2019-20 published only depression, anxiety disorders together, and the total"
            if problem_level == "specific"
            else None,
        )
    cells = {name: values[keep] for name, values in columns.items()}
    names = load_crosswalk("nhs_annual_labels")
    cells["problem"] = _unified(cells["problem"], names["problem"])
    cells["therapy"] = _unified(cells["therapy"], names["treatment"])
    cells["org_name"] = latest_names(cells["org_code"], cells["org_name"], cells["reporting_period"])
    cells["at_caseness"] = cells["courses_of_therapy_count"] - cells["not_caseness_count"]
    cells["assessor"] = np.full(len(cells["problem"]), "self_report", dtype=object)
    return _schema(level, problem_level), cells


def _unified(labels: NDArray[Any], names: Mapping[str, str]) -> NDArray[Any]:
    distinct, inverse = np.unique(labels.astype(str), return_inverse=True)
    return np.asarray(np.array([names.get(d, d) for d in distinct], dtype=object)[inverse])


def latest_names(codes: NDArray[Any], names: NDArray[Any], years: NDArray[Any]) -> NDArray[Any]:
    """One name per organisation code, the latest; organisations are renamed, and two codes may share a name."""
    latest: dict[str, tuple[str, str]] = {}
    for code, name, year in set(zip(codes.astype(str), names.astype(str), years.astype(str), strict=True)):
        if code not in latest or (year, name) > latest[code]:
            latest[code] = (year, name)
    chosen = {code: name for code, (_, name) in latest.items()}
    shared = list(chosen.values())
    chosen = {c: f"{n} ({c})" if shared.count(n) > 1 else n for c, n in chosen.items()}
    distinct, inverse = np.unique(codes.astype(str), return_inverse=True)
    return np.asarray(np.array([chosen[d] for d in distinct], dtype=object)[inverse])


# -- schema ----------------------------------------------------------------------------------------------------


def _schema(level: str, problem_level: str) -> Schema:
    exact = level == "england"
    missing = NOT_PUBLISHED if exact else SUPPRESSED
    fields = (
        Field(
            name="treatment",
            facet=Facet.TREATMENT,
            kind=Kind.CATEGORICAL,
            column="therapy",
            key=True,
            established=SERVICE,
            typology="treatment",
            description="therapy type the service recorded; one code covers every CBT protocol",
        ),
        Field(
            name="problem",
            facet=Facet.PROBLEM,
            kind=Kind.CATEGORICAL,
            key=True,
            established=SERVICE,
            typology="problem",
            description="problem descriptor the service recorded, not a research diagnosis",
        ),
        *setting_fields(level),
        year_field(),
        Field(
            name="intensity",
            facet=Facet.TREATMENT,
            kind=Kind.ORDERED,
            column="therapy_step",
            levels=("low", "high"),
            missing=(("unclear", "not grouped by the publisher"),),
            established=SERVICE,
        ),
        Field(
            name="assessor",
            facet=Facet.ASSESSOR,
            kind=Kind.CATEGORICAL,
            levels=("self_report",),
            established=SERVICE,
        ),
        count("finished", "total_finishing_course_treatment_count", missing, "referrals that finished a course"),
        count("courses", "courses_of_therapy_count", missing, "courses of this therapy"),
        count("not_caseness", "not_caseness_count", missing, "of these, below the clinical cut-off at the start"),
        *_scores("phq9", "phq", "PHQ-9", Facet.OUTCOME, missing),
        *_scores("gad7", "gad", "GAD-7", Facet.OUTCOME, missing),
        *_scores("wsas", "wsas", "WSAS", Facet.FUNCTIONING, missing),
        *events("recovery", "ther_recovery", "at_caseness", Direction.HIGHER_IS_BETTER, missing),
        *events("reliable_recovery", "ther_rel_recovery", "at_caseness", Direction.HIGHER_IS_BETTER, missing),
        *events(
            "reliable_improvement",
            "ther_improvement",
            "courses_of_therapy_count",
            Direction.HIGHER_IS_BETTER,
            missing,
        ),
        *events(
            "reliable_deterioration",
            "ther_deterioration",
            "courses_of_therapy_count",
            Direction.LOWER_IS_BETTER,
            missing,
        ),
        *events("no_reliable_change", "ther_no_change", "courses_of_therapy_count", None, missing),
    )
    return Schema(
        name=f"nhs_tt_proms_{level}",
        grain=Grain.CELL,
        assignment=Assignment.ROUTINE,
        title=f"NHS Talking Therapies: outcomes by {level}, problem, therapy and year ({problem_level} problems)",
        source=SOURCE,
        licence=LICENCE,
        notes=(*COMMON_NOTES, *(EXACT_NOTES if exact else ROUNDED_NOTES), N_NOTE, RECOVERY_NOTE),
        fields=fields,
    )


def setting_fields(level: str) -> tuple[Field, ...]:
    """Organisation by code, with its latest name; none for England."""
    if level == "england":
        return ()
    code = Field(
        name=level,
        facet=Facet.SETTING,
        kind=Kind.CATEGORICAL,
        column="org_code",
        key=True,
        established=SERVICE,
        description="ODS code; organisations merge, so a code is not one team for ever",
    )
    name = Field(
        name=f"{level}_name",
        facet=Facet.SETTING,
        kind=Kind.CATEGORICAL,
        column="org_name",
        established=SERVICE,
        description="latest published name of the code",
    )
    return (code, name)


def year_field() -> Field:
    """NHS financial year, April to March."""
    return Field(
        name="year",
        facet=Facet.TIME,
        kind=Kind.CATEGORICAL,
        column="reporting_period",
        key=True,
        established=SERVICE,
        description="NHS financial year, April to March",
    )


def count(name: str, column: str, missing: tuple[tuple[str, str], ...], description: str) -> Field:
    """A published count of courses or people; says how far clients came, so facet disposition."""
    return Field(
        name=name,
        facet=Facet.DISPOSITION,
        kind=Kind.COUNT,
        column=column,
        missing=missing,
        established=SERVICE,
        units="courses",
        description=description,
    )


def _scores(
    measure: str, prefix: str, title: str, facet: Facet, missing: tuple[tuple[str, str], ...]
) -> tuple[Field, ...]:
    out: list[Field] = []
    for occasion in (Occasion.END, Occasion.START):
        outcome = f"{measure}_{occasion.value}"
        common: dict[str, Any] = {
            "facet": facet,
            "missing": missing,
            "established": Established.SELF_REPORT_SCREEN,
            "occasion": occasion,
        }
        out += [
            Field(
                name=outcome,
                kind=Kind.CONTINUOUS,
                column=f"{prefix}_mean_{occasion.value}",
                units=f"{title} points",
                measure=measure,
                direction=Direction.LOWER_IS_BETTER,
                statistic=Statistic.MEAN,
                description="published mean, rounded to 0.1",
                **common,
            ),
            Field(
                name=f"{outcome}_n",
                kind=Kind.COUNT,
                column="courses_of_therapy_count",
                statistic=Statistic.N,
                of=outcome,
                description="courses of this therapy; overstates n where the questionnaire is missing",
                **common,
            ),
            Field(
                name=f"{outcome}_sd",
                kind=Kind.CONTINUOUS,
                column=f"{prefix}_sd_{occasion.value}",
                units=f"{title} points",
                statistic=Statistic.SD,
                of=outcome,
                description="published standard deviation, rounded to 0.1",
                **common,
            ),
        ]
    effect = Field(
        name=f"{measure}_d",
        facet=facet,
        kind=Kind.CONTINUOUS,
        column=f"{prefix}_effect_size",
        missing=missing,
        established=Established.SELF_REPORT_SCREEN,
        statistic=Statistic.EFFECT,
        of=f"{measure}_end",
        description="published Cohen d from start to end; a change, not an effect of treatment",
    )
    return (*out, effect)


def events(
    name: str,
    prefix: str,
    total: str,
    direction: Direction | None,
    missing: tuple[tuple[str, str], ...],
) -> tuple[Field, ...]:
    """A published count of outcomes, what it counts out of, and the published percentage."""
    common: dict[str, Any] = {
        "facet": Facet.OUTCOME,
        "missing": missing,
        "established": Established.SELF_REPORT_SCREEN,
    }
    return (
        Field(
            name=name,
            kind=Kind.COUNT,
            column=f"{prefix}_count",
            statistic=Statistic.EVENTS,
            direction=direction,
            **common,
        ),
        Field(name=f"{name}_total", kind=Kind.COUNT, column=total, statistic=Statistic.TOTAL, of=name, **common),
        Field(
            name=f"{name}_percent",
            kind=Kind.CONTINUOUS,
            column=f"{prefix}_percentage",
            units="percent",
            of=name,
            description="as published",
            **common,
        ),
    )
