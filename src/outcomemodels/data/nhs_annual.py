"""Published annual tables of NHS Talking Therapies (formerly IAPT), read as cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.columns import from_columns
from outcomemodels.data.dataset import PaulDataset, unknown_label
from outcomemodels.data.nhs_measures import MARGINS, measures_cells
from outcomemodels.data.nhs_proms import proms_cells
from outcomemodels.data.rows import row_groups
from outcomemodels.data.tables import Limits, open_table
from outcomemodels.errors import DataError, FileError
from outcomemodels.schema import Field, Schema

Level = Literal["provider", "england", "commissioner", "region"]
LEVELS: tuple[Level, ...] = ("provider", "england", "commissioner", "region")
PROBLEM_LEVELS = ("specific", "group", "all")

FILES: dict[tuple[str, str], str] = {
    ("proms", "provider"): "proms_provider.parquet",
    ("proms", "commissioner"): "proms_commissioner.parquet",
    ("proms", "england"): "proms_england_and_regions.csv",
    ("proms", "region"): "proms_england_and_regions.csv",
    ("measures", "provider"): "measures_provider.parquet",
    ("measures", "england"): "measures_england.csv",
}
TEXT = (
    "reporting_period",
    "org_type",
    "org_code",
    "org_name",
    "problem",
    "problem_level",
    "therapy",
    "therapy_step",
    "variable_type",
    "variable_a",
    "variable_b",
)


def read_nhs_annual(
    folder: str | Path,
    *,
    level: Level = "provider",
    years: str | Sequence[str] | None = None,
    problem_level: str = "specific",
    breakdown: str = "Total",
) -> PaulDataset:
    """Read the published annual outcome tables as cells.

    Two kinds of folder are known by their files. *Therapy-based outcomes* (``proms_*``): one cell is organisation x
    problem x therapy x year, with counts, and first and last PHQ-9, GAD-7 and WSAS as n, mean and SD. *Activity and
    outcome counts* (``measures_*``): one cell is organisation x client group x year.

    Parameters
    ----------
    folder : path
    level : {"provider", "england", "commissioner", "region"}
        Whose cells. England's are exact; below, counts are rounded to 5 and small ones suppressed. A suppressed
        value is missing with the reason "suppressed", never zero.
    years : str or sequence of str, optional
        Financial years such as ``"2023-24"``; all when absent.
    problem_level : {"specific", "group", "all"}
        Problems one by one, the published groups, or the total. Levels are never mixed: they count people twice.
    breakdown : str
        For activity and outcome counts, the one published breakdown to read ("Total", "Age Group", "Gender" …):
        breakdowns are margins of the same people and are never added.

    Returns
    -------
    PaulDataset
        Grain ``cell``.

    Raises
    ------
    FileError
        If the folder holds none of the tables.
    DataError
        If a level, year or breakdown is unknown, or problem levels are asked to be mixed.

    References
    ----------
    NHS England, NHS Talking Therapies for anxiety and depression annual reports. Open Government Licence v3.0.
    """
    place = Path(folder)
    _check_level(level, problem_level)
    kind, file = _find(place, level)
    columns = open_table(file, wanted=None, text=TEXT, limits=Limits()).arrays()
    columns = _rows_of(columns, level, _asked_years(years, columns, file.name))
    columns, note = _once(columns)
    if kind == "proms":
        schema, cells = proms_cells(columns, level=level, problem_level=problem_level)
    else:
        schema, cells = measures_cells(columns, level=level, breakdown=breakdown, fine=problem_level == "specific")
    schema = _without_empty(replace(schema, notes=(*schema.notes, *note)), cells)
    return from_columns(schema, cells, table=file.name)


def _check_level(level: str, problem_level: str) -> None:
    if level not in LEVELS:
        raise unknown_label(level, list(LEVELS), column="level", facet="setting")
    if problem_level not in PROBLEM_LEVELS:
        raise DataError(
            f"problem_level={problem_level!r}: published levels of problem are never mixed",
            column="problem_level",
            facet="problem",
            accepted=", ".join(PROBLEM_LEVELS) + " (one of them)",
            mend="the group and the total count again everybody who is in a specific problem; read one level at a time",
        )


def _find(place: Path, level: str) -> tuple[str, Path]:
    if not place.is_dir():
        raise FileError(f"no folder at {place}", accepted="a folder of NHS Talking Therapies annual tables")
    for kind in ("proms", "measures"):
        name = FILES.get((kind, level))
        if name and (place / name).is_file():
            return kind, place / name
    offered = [lv for (_, lv), name in FILES.items() if (place / name).is_file()]
    raise FileError(
        f"the folder {place.name!r} has no table for level {level!r}",
        accepted=", ".join(sorted(set(FILES.values()))),
        mend=f"levels with a table here: {', '.join(dict.fromkeys(offered))}" if offered else "check the folder",
    )


def _asked_years(years: str | Sequence[str] | None, columns: Mapping[str, Any], table: str) -> list[str]:
    known = sorted({str(y) for y in columns["reporting_period"]})
    if years is None:
        return known
    asked = [years] if isinstance(years, str) else [str(y) for y in years]
    for year in asked:
        if year not in known:
            error = unknown_label(year, known, column="reporting_period", facet="time")
            error.table = table
            raise error
    return asked


def _rows_of(columns: Mapping[str, NDArray[Any]], level: str, years: list[str]) -> dict[str, NDArray[Any]]:
    keep = np.isin(columns["reporting_period"].astype(str), years)
    if "org_type" in columns and level in ("england", "region"):
        keep &= columns["org_type"] == ("England" if level == "england" else "Commissioning Region")
    return {name: values[keep] for name, values in columns.items()}


def _once(columns: dict[str, NDArray[Any]]) -> tuple[dict[str, NDArray[Any]], tuple[str, ...]]:
    """Rows the publisher printed twice, alike but for the organisation's name, are kept once, and noted."""
    parts = [v.astype(str) if v.dtype == object else v for name, v in columns.items() if name != "org_name"]
    group = row_groups(parts)
    _, first = np.unique(group, return_index=True)
    if len(first) == len(group):
        return columns, ()
    twice = np.setdiff1d(np.arange(len(group)), first)
    codes = sorted({str(c) for c in columns["org_code"][twice]})
    first.sort()
    note = f"{len(twice)} rows published twice under two names of {', '.join(codes)} are kept once"
    return {name: v[first] for name, v in columns.items()}, (note,)


def _without_empty(schema: Schema, cells: Mapping[str, Any]) -> Schema:
    """Schema without the numbers that no cell of this selection publishes, and a note of them."""
    gone: list[Field] = []
    for field in schema:
        values = np.asarray(cells[field.source])
        if values.dtype.kind == "f" and np.isnan(values).all():
            gone.append(field)
    names = {f.name for f in gone}
    kept = tuple(f for f in schema if f.name not in names and f.of not in names)
    note = (f"not published for any cell of this selection: {', '.join(sorted(names))}",) if names else ()
    return replace(schema, fields=kept, notes=(*schema.notes, *note))


def breakdowns() -> tuple[str, ...]:
    """Published breakdowns of activity and outcome counts."""
    return tuple(MARGINS)
