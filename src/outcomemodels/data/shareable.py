"""Readers of the data sets that are not embedded: each gives its files a schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.columns import from_columns
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.nhs_annual import read_nhs_annual
from outcomemodels.data.tables import Limits, open_table
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

UNSPECIFIED = Established.UNSPECIFIED
SERVICE = Established.SERVICE_CODE
SELF = Established.SELF_REPORT_SCREEN
STANDARD = Established.STRUCTURED_INTERVIEW
WEEK = 7.0


def _label(name: str, facet: Facet, how: Established = UNSPECIFIED, column: str = "", key: bool = False) -> Field:
    return Field(name=name, facet=facet, kind=Kind.CATEGORICAL, established=how, column=column, key=key)


def _id(name: str, facet: Facet, column: str, key: bool = False) -> Field:
    return Field(name=name, facet=facet, kind=Kind.IDENTIFIER, column=column, key=key, required=True)


def _number(name: str, facet: Facet, units: str = "", how: Established = UNSPECIFIED, column: str = "") -> Field:
    return Field(name=name, facet=facet, kind=Kind.CONTINUOUS, units=units, established=how, column=column)


def _columns(path: Path, text: Sequence[str] = ()) -> dict[str, NDArray[Any]]:
    return open_table(path, wanted=None, text=text, limits=Limits()).arrays()


def _long(*fields: Field) -> tuple[Field, ...]:
    return tuple(replace(f, table="assessment", key=False) for f in fields)


# -- small trials ------------------------------------------------------------------------------------------------


def anorexia(files: tuple[Path, ...]) -> PaulDataset:
    """One row is one client; weights in pounds before and after."""
    weight = Field(
        name="weight_end",
        facet=Facet.OUTCOME,
        kind=Kind.CONTINUOUS,
        column="Postwt",
        units="pounds",
        measure="weight",
        occasion=Occasion.END,
        direction=Direction.HIGHER_IS_BETTER,
        established=STANDARD,
    )
    schema = Schema(
        name="anorexia",
        grain=Grain.EPISODE,
        title="Weight change of young women with anorexia under CBT, family therapy or control",
        fields=(
            Field(
                name="treatment",
                facet=Facet.TREATMENT,
                kind=Kind.CATEGORICAL,
                column="Treat",
                levels=("CBT", "Cont", "FT"),
                required=True,
            ),
            _label("problem", Facet.PROBLEM),
            weight,
            replace(weight, name="weight_start", column="Prewt", occasion=Occasion.START),
        ),
        notes=("how clients came to their treatment is not stated in the source",),
    )
    columns = _columns(files[0])
    columns["problem"] = np.full(len(columns["Treat"]), "anorexia nervosa", dtype=object)
    return from_columns(schema, columns, table=files[0].name)


def sleepstudy(files: tuple[Path, ...]) -> PaulDataset:
    """One row is one person; one assessment is one day's reaction time in milliseconds."""
    client = _id("client", Facet.CLIENT, "Subject", key=True)
    schema = Schema(
        name="sleepstudy",
        grain=Grain.EPISODE,
        title="Reaction time over days of sleep deprivation (engine check, not therapy)",
        fields=(
            client,
            *_long(
                client,
                replace(_label("measure", Facet.OUTCOME, STANDARD), levels=("reaction",)),
                _number("weeks", Facet.TIME, "weeks", STANDARD),
                replace(_number("days", Facet.TIME, "days", STANDARD), column="Days"),
                Field(
                    name="score",
                    facet=Facet.OUTCOME,
                    kind=Kind.CONTINUOUS,
                    column="Reaction",
                    units="milliseconds",
                    measure="reaction",
                    direction=Direction.LOWER_IS_BETTER,
                    established=STANDARD,
                ),
            ),
        ),
    )
    long = _columns(files[0], text=("Subject",))
    long["weeks"] = long["Days"] / WEEK
    main = {"Subject": np.array(list(dict.fromkeys(long["Subject"])), dtype=object)}
    return from_columns(schema, main, long, table=files[0].name, assessment_table=files[0].name)


def enrichd_bdi(files: tuple[Path, ...]) -> PaulDataset:
    """One row is one client of the CBT arm; one assessment is one visit's BDI."""
    client = _id("client", Facet.CLIENT, "patient_id", key=True)
    schema = Schema(
        name="enrichd_bdi",
        grain=Grain.EPISODE,
        title="BDI at every visit, CBT arm of ENRICHD (depression after a heart attack)",
        assignment=Assignment.UNKNOWN,
        fields=(
            client,
            _label("treatment", Facet.TREATMENT, STANDARD),
            _label("problem", Facet.PROBLEM),
            Field(
                name="antidepressant_start_day",
                facet=Facet.TREATMENT,
                kind=Kind.CONTINUOUS,
                units="days",
                missing=(("", "never"),),
                established=SERVICE,
                description="days from randomisation; negative is before",
            ),
            *_long(
                client,
                replace(_label("measure", Facet.OUTCOME, SELF), levels=("bdi",)),
                _number("weeks", Facet.TIME, "weeks", SERVICE),
                replace(_label("antidepressant", Facet.TREATMENT, SERVICE), relabel=(("0", "No"), ("1", "Yes"))),
                Field(
                    name="score",
                    facet=Facet.OUTCOME,
                    kind=Kind.CONTINUOUS,
                    column="bdi",
                    units="BDI points",
                    measure="bdi",
                    direction=Direction.LOWER_IS_BETTER,
                    established=SELF,
                ),
                replace(_label("assessor", Facet.ASSESSOR, STANDARD), levels=("self_report",)),
            ),
        ),
        notes=("one arm only: change over time is not an effect of treatment; the drug was chosen, not assigned",),
    )
    long = _columns(files[0], text=("patient_id",))
    n = len(long["bdi"])
    long["weeks"] = long["day"] / WEEK
    long["assessor"] = np.full(n, "self_report", dtype=object)
    _, first = np.unique(long["patient_id"].astype(str), return_index=True)
    first.sort()
    main = {
        "patient_id": long["patient_id"][first],
        "antidepressant_start_day": long["antidepressant_start_day"][first],
        "treatment": np.full(len(first), "CBT", dtype=object),
        "problem": np.full(len(first), "depression after a heart attack", dtype=object),
    }
    return from_columns(schema, main, long, table=files[0].name, assessment_table=files[0].name)


def inst_eval(files: tuple[Path, ...]) -> PaulDataset:
    """One row is one rating: student as client, lecturer as therapist, department as setting."""
    schema = Schema(
        name="inst_eval",
        grain=Grain.EPISODE,
        title="Lecture ratings, ETH Zurich: an analogue of clients, therapists and services",
        assignment=Assignment.ROUTINE,
        fields=(
            _id("client", Facet.CLIENT, "s"),
            _id("therapist", Facet.THERAPIST, "d"),
            _label("setting", Facet.SETTING, SERVICE, "dept"),
            replace(_label("service", Facet.SETTING, SERVICE), relabel=(("0", "own"), ("1", "other department"))),
            replace(_label("student_age", Facet.CLIENT, SERVICE, "studage"), kind=Kind.ORDERED, levels=tuple("2468")),
            replace(_label("lecture_age", Facet.TIME, SERVICE, "lectage"), kind=Kind.ORDERED, levels=tuple("123456")),
            Field(
                name="rating",
                facet=Facet.OUTCOME,
                kind=Kind.CONTINUOUS,
                column="y",
                units="points",
                low=1,
                high=5,
                measure="rating",
                direction=Direction.HIGHER_IS_BETTER,
                established=SELF,
            ),
        ),
    )
    text = ("s", "d", "dept", "service", "studage", "lectage")
    return from_columns(schema, _columns(files[0], text), table=files[0].name)


# -- trials of treatment for opioid use ----------------------------------------------------------------------------


def ctn0094(files: tuple[Path, ...]) -> PaulDataset:
    """One row is one person randomised (first phase); urine tests at attended visits after randomisation."""
    tables = {f.stem: _columns(f, text=("who", "project", "site_masked", "which", "treatment")) for f in files}
    drawn = tables["randomization"]
    first = drawn["which"] == "1"
    who = drawn["who"][first]
    row = {w: i for i, w in enumerate(who)}
    start = dict(zip(who, drawn["when"][first], strict=True))
    main: dict[str, NDArray[Any]] = {"who": who, "treatment": drawn["treatment"][first]}
    for table in ("everybody", "demographics", "psychiatric", "site_masked"):
        position = {w: i for i, w in enumerate(tables[table]["who"])}
        order = np.array([position.get(w, -1) for w in who])
        if (order < 0).any():
            raise DataError(
                f"{int((order < 0).sum())} people of randomization are not in {table}", table=f"{table}.csv"
            )
        main.update({name: values[order] for name, values in tables[table].items() if name != "who"})
    visits = tables["visit"]
    attended = {
        (w, day)
        for w, day, what in zip(visits["who"], visits["when"], visits["what"], strict=True)
        if what in ("visit", "final") and w in row and day > start[w]
    }
    tests = tables["uds"]
    opioid = {(w, d) for w, d, what in zip(tests["who"], tests["when"], tests["what"], strict=True) if what == "Opioid"}
    total, clean = np.zeros(len(who)), np.zeros(len(who))
    for w, day in attended:
        total[row[w]] += 1
        clean[row[w]] += (w, day) not in opioid
    main |= {"visits": total, "opioid_free": clean}
    people = tuple(
        replace(_label(n, Facet.CLIENT, SELF), missing=(("Refused/missing", "refused or missing"),))
        for n in ("race", "is_hispanic", "education", "marital", "is_male")
    )
    problems = tuple(
        replace(_label(n, Facet.PROBLEM, STANDARD), missing=(("Missing", "missing"), ("Not answered", "not answered")))
        for n in ("has_major_dep", "has_anx_pan", "has_bipolar", "has_schizophrenia")
    )
    free = Field(
        name="opioid_free",
        facet=Facet.OUTCOME,
        kind=Kind.COUNT,
        statistic=Statistic.EVENTS,
        direction=Direction.HIGHER_IS_BETTER,
        established=STANDARD,
        description="attended visits after randomisation without an opioid-positive urine test",
    )
    total_field = replace(free, name="opioid_free_total", column="visits", statistic=Statistic.TOTAL, of=free.name)
    schema = Schema(
        name="ctn0094",
        grain=Grain.EPISODE,
        title="Three harmonised trials of treatment for opioid use (CTN-0027, -0030, -0051), first randomisation",
        assignment=Assignment.RANDOMISED,
        fields=(
            _id("client", Facet.CLIENT, "who", key=True),
            _label("treatment", Facet.TREATMENT, STANDARD),
            _label("site", Facet.SETTING, SERVICE, "site_masked"),
            _label("project", Facet.SETTING, SERVICE),
            _number("age", Facet.CLIENT, "years", SELF),
            *people,
            *problems,
            _label("job", Facet.FUNCTIONING, SELF),
            _label("is_living_stable", Facet.FUNCTIONING, SELF),
            free,
            replace(total_field, description="attended visits after randomisation"),
        ),
        notes=(
            "randomised within a trial (project), not between trials: compare treatments within project",
            "missed visits are in neither count; people who left early have few visits, and missing is not at random",
            "drug treatment with more or less counselling, not psychotherapy",
        ),
    )
    return from_columns(schema, main, table="ctn0094")


# -- published tables ------------------------------------------------------------------------------------------------


def nhs_annual(files: tuple[Path, ...]) -> PaulDataset:
    """Provider cells of an annual table."""
    return read_nhs_annual(files[0].parent)


def metapsy(files: tuple[Path, ...]) -> PaulDataset:
    """One row is one contrast: a treatment arm against a control arm on one outcome."""
    effect = Field(
        name="g_benefit",
        facet=Facet.OUTCOME,
        kind=Kind.CONTINUOUS,
        units="Hedges g",
        statistic=Statistic.EFFECT,
        direction=Direction.HIGHER_IS_BETTER,
        missing=(("", "direction not certain"),),
        established=SERVICE,
        description="positive favours the treatment",
    )
    schema = Schema(
        name="metapsy",
        grain=Grain.CONTRAST,
        title="Effects of randomised psychotherapy trials, 15 Metapsy databases stacked",
        assignment=Assignment.RANDOMISED,
        fields=(
            _label("treatment", Facet.TREATMENT, SERVICE),
            _label("control", Facet.TREATMENT, SERVICE),
            _label("format", Facet.TREATMENT, SERVICE),
            _number("n_sessions", Facet.TREATMENT, "sessions", SERVICE),
            _label("problem", Facet.PROBLEM, SERVICE),
            _label("diagnosis", Facet.PROBLEM),
            _label("database", Facet.SETTING, SERVICE),
            _label("study", Facet.SETTING, SERVICE),
            _label("country_region", Facet.SETTING, SERVICE),
            _label("recruitment", Facet.SETTING, SERVICE),
            _label("age_group", Facet.CLIENT, SERVICE),
            _number("mean_age", Facet.CLIENT, "years", SERVICE),
            _number("percent_women", Facet.CLIENT, "percent", SERVICE),
            _label("occasion", Facet.TIME, SERVICE, "time"),
            _number("weeks", Facet.TIME, "weeks", SERVICE, "time_weeks"),
            _label("instrument", Facet.OUTCOME, SERVICE),
            _label("assessor", Facet.ASSESSOR, SERVICE, "rating"),
            effect,
            Field(
                name="g_se",
                facet=Facet.OUTCOME,
                kind=Kind.CONTINUOUS,
                units="Hedges g",
                statistic=Statistic.SE,
                of="g_benefit",
                established=SERVICE,
                required=True,
            ),
        ),
        notes=(
            "several rows per study (arms, outcomes, occasions) are dependent and share controls",
            "one trial can be in two databases; code books differ by database",
        ),
    )
    return from_columns(
        schema, _columns(files[0], text=[f.source for f in schema if f.kind.is_labelled]), table="metapsy"
    )


READERS: dict[str, Callable[[tuple[Path, ...]], PaulDataset]] = {
    "anorexia": anorexia,
    "sleepstudy": sleepstudy,
    "enrichd_bdi": enrichd_bdi,
    "inst_eval": inst_eval,
    "ctn0094": ctn0094,
    "nhs_tt_proms": nhs_annual,
    "nhs_tt_measures": nhs_annual,
    "metapsy": metapsy,
}
