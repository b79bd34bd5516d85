"""Data sets by name: the one embedded in the package, and those kept in a folder of the user's."""

from __future__ import annotations

import csv
from importlib.resources import files

import numpy as np

from outcomemodels.data.columns import from_columns
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.errors import FileError
from outcomemodels.schema import Assignment, Direction, Established, Facet, Field, Grain, Kind, Occasion, Schema

WEEKS_PER_MONTH = 52.18 / 12
"""Published months become weeks at 52.18 weeks a year."""


def load(name: str) -> PaulDataset:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        ``"beat_the_blues"`` is embedded.

    Returns
    -------
    PaulDataset

    Raises
    ------
    FileError
        If there is no data set of that name.
    """
    if name == "beat_the_blues":
        return beat_the_blues()
    raise FileError(f"no data set {name!r}", accepted="beat_the_blues")


BEAT_THE_BLUES = Schema(
    name="beat_the_blues",
    grain=Grain.EPISODE,
    assignment=Assignment.RANDOMISED,
    title="Beat the Blues: computerised CBT against treatment as usual in primary care, 100 clients",
    source="Proudfoot et al. (2003) Psychological Medicine 33:217-227, doi 10.1017/S0033291702007225; "
    "data set BtheB of the R package HSAUR3",
    licence="GPL-2 (data only)",
    notes=("months after treatment are written as weeks at 52.18 weeks a year",),
    fields=(
        Field(name="client", facet=Facet.CLIENT, kind=Kind.IDENTIFIER, column="subject", key=True, required=True),
        Field(
            name="length",
            facet=Facet.CLIENT,
            kind=Kind.CATEGORICAL,
            levels=("<6m", ">6m"),
            established=Established.SERVICE_CODE,
            description="length of the current episode of depression",
        ),
        Field(
            name="treatment",
            facet=Facet.TREATMENT,
            kind=Kind.CATEGORICAL,
            levels=("TAU", "BtheB"),
            established=Established.STRUCTURED_INTERVIEW,
            required=True,
            description="randomised: treatment as usual, or Beat the Blues (computerised CBT)",
        ),
        Field(
            name="drug",
            facet=Facet.TREATMENT,
            kind=Kind.CATEGORICAL,
            levels=("No", "Yes"),
            established=Established.SERVICE_CODE,
            description="antidepressant drug",
        ),
        Field(
            name="bdi_pre",
            facet=Facet.OUTCOME,
            kind=Kind.CONTINUOUS,
            column="bdi.pre",
            units="BDI-II points",
            low=0,
            high=63,
            measure="bdi",
            occasion=Occasion.START,
            direction=Direction.LOWER_IS_BETTER,
            established=Established.SELF_REPORT_SCREEN,
        ),
        Field(name="client", facet=Facet.CLIENT, kind=Kind.IDENTIFIER, table="assessment", column="subject"),
        Field(
            name="measure",
            facet=Facet.OUTCOME,
            kind=Kind.CATEGORICAL,
            table="assessment",
            levels=("bdi",),
            established=Established.SELF_REPORT_SCREEN,
        ),
        Field(
            name="weeks",
            facet=Facet.TIME,
            kind=Kind.CONTINUOUS,
            table="assessment",
            units="weeks",
            established=Established.STRUCTURED_INTERVIEW,
            description="planned occasion, since randomisation",
        ),
        Field(
            name="score",
            facet=Facet.OUTCOME,
            kind=Kind.CONTINUOUS,
            table="assessment",
            column="bdi",
            units="BDI-II points",
            low=0,
            high=63,
            measure="bdi",
            occasion=Occasion.DURING,
            direction=Direction.LOWER_IS_BETTER,
            established=Established.SELF_REPORT_SCREEN,
        ),
        Field(
            name="assessor",
            facet=Facet.ASSESSOR,
            kind=Kind.CATEGORICAL,
            table="assessment",
            levels=("self_report",),
            established=Established.STRUCTURED_INTERVIEW,
        ),
    ),
)


def beat_the_blues() -> PaulDataset:
    """Read the embedded trial: 100 clients, planned assessments at 2, 3, 5 and 8 months (280 of 400 held)."""
    text = (files("outcomemodels.data") / "embedded_files" / "beat_the_blues.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    main = {name: np.array([row[name] for row in rows], dtype=object) for name in rows[0]}
    months = (2, 3, 5, 8)
    planned = [(row, month) for row in rows for month in months]
    long = {
        "subject": np.array([row["subject"] for row, _ in planned], dtype=object),
        "measure": np.full(len(planned), "bdi", dtype=object),
        "weeks": np.array([month * WEEKS_PER_MONTH for _, month in planned]),
        "bdi": np.array([row[f"bdi.{month}m"] for row, month in planned], dtype=object),
        "assessor": np.full(len(planned), "self_report", dtype=object),
    }
    return from_columns(BEAT_THE_BLUES, main, long, table="beat_the_blues.csv")
