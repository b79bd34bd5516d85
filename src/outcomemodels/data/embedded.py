"""Data sets by name: the one embedded in the package, and those kept in a folder of the user's."""

from __future__ import annotations

import csv
import difflib
from dataclasses import replace
from importlib.resources import files

import numpy as np

from outcomemodels.data.columns import from_columns
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.sources import SOURCES, Source, find_source, locate
from outcomemodels.errors import FileError
from outcomemodels.schema import Assignment, Direction, Established, Facet, Field, Grain, Kind, Occasion, Schema

WEEKS_PER_MONTH = 52.18 / 12
"""Published months become weeks at 52.18 weeks a year."""


def load(name: str) -> PaulDataset:
    """Load a data set by name.

    Parameters
    ----------
    name : str
        ``"beat_the_blues"`` is embedded. The others are found below the folder (or the http address of a mirror)
        that the environment variable ``OUTCOMEMODELS_DATA`` names, and checked by SHA-256; :func:`available` lists
        them with their licences.

    Returns
    -------
    PaulDataset

    Raises
    ------
    FileError
        If there is no data set of that name, or its files are not at hand; says where to get them.

    Examples
    --------
    >>> import outcomemodels as om
    >>> om.load("beat_the_blues").measures
    ('bdi',)
    """
    if name == "beat_the_blues":
        return beat_the_blues()
    source = find_source(name)
    if source is None:
        known = [s.name for s in (EMBEDDED, *SOURCES)]
        near = difflib.get_close_matches(name, known, n=3)
        raise FileError(
            f"no data set {name!r}",
            accepted=", ".join(known),
            mend=f"did you mean {near[0]!r}?" if near else "read your own tables with outcomemodels.read",
        )
    from outcomemodels.data.shareable import READERS

    data = READERS[name](locate(source))
    schema = replace(
        data.schema,
        source=data.schema.source or f"{source.citation}; {source.origin}".lstrip("; "),
        licence=data.schema.licence or source.licence,
    )
    return PaulDataset(schema, data.arrays)


def available() -> dict[str, str]:
    """Names :func:`load` knows, each with one line: what it is and under which licence."""
    return {s.name: f"{s.title} [{s.licence}]" for s in (EMBEDDED, *SOURCES)}


EMBEDDED = Source(
    "beat_the_blues",
    "computerised CBT against treatment as usual in primary care, 100 clients (embedded)",
    "GPL-2",
    "data set BtheB of the R package HSAUR3",
    (),
)


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
