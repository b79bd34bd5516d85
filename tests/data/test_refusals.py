"""Bad input: each a clear error of the one family with place, rows and mend, and nothing half-written."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import outcomemodels as om
from outcomemodels.data.columns import from_columns
from outcomemodels.errors import BlockedError, DataError, FileError, OutcomeModelsError, SchemaError, SpecError

FIELDS: dict[str, Any] = {
    "client": {"facet": "client", "kind": "identifier", "key": True, "required": True},
    "treatment": {"facet": "treatment", "kind": "categorical", "levels": ["CBT", "Counselling", "IPT"]},
    "age": {"facet": "client", "kind": "continuous", "units": "years"},
    "start": {"facet": "time", "kind": "date", "occasion": "start"},
    "end": {"facet": "time", "kind": "date", "occasion": "end"},
    "phq9_start": {"facet": "outcome", "kind": "continuous", "measure": "phq9", "occasion": "start"},
    "phq9_end": {"facet": "outcome", "kind": "continuous", "measure": "phq9", "occasion": "end"},
}
SCHEMA = {"name": "clinic", "grain": "episode", "fields": FIELDS}


def table(**changes: list[Any]) -> dict[str, list[Any]]:
    good: dict[str, list[Any]] = {
        "client": [f"c{i}" for i in range(8)],
        "treatment": ["CBT", "IPT"] * 4,
        "age": [30 + i for i in range(8)],
        "start": ["2024-01-05"] * 8,
        "end": ["2024-05-05"] * 8,
        "phq9_start": [15] * 8,
        "phq9_end": [9, 8, 7, 6, 5, 4, 3, 2],
    }
    return {**good, **changes}


def test_the_good_table_is_read() -> None:
    assert om.read(table(), schema=SCHEMA).n == 8


@pytest.mark.parametrize(
    ("changes", "found", "column"),
    [
        pytest.param({"treatment": ["CBT", "CTB"] * 4}, "CTB", "treatment", id="unknown label"),
        pytest.param({"client": ["c0", "c0", *[f"c{i}" for i in range(2, 8)]]}, "c0", "client", id="duplicated key"),
        pytest.param({"phq9_end": [9, 8, 7, 6, 5, 4, 3, 28]}, "28", "phq9_end", id="score outside the range"),
        pytest.param({"end": ["2024-05-05"] * 7 + ["2023-05-05"]}, "2023-05-05", "end", id="reversed dates"),
        pytest.param({"age": [30, 31, 32, 33, 34, 35, 36, np.inf]}, "inf", "age", id="infinite value"),
        pytest.param({"age": [30, 31, 32, 33, 34, 35, 36, 3.92e16]}, "3.92e+16", "age", id="absurd value"),
        pytest.param({"phq9_end": [None] * 8}, "phq9_end", "phq9_end", id="all-missing outcome"),
        pytest.param({"age": [30, 31, 32, 33, 34, 35, 36, "old"]}, "old", "age", id="not a number"),
        pytest.param({"start": ["2024-01-05"] * 7 + ["soon"]}, "soon", "start", id="not a date"),
    ],
)
def test_bad_values_are_refused(changes: dict[str, list[Any]], found: str, column: str) -> None:
    with pytest.raises(DataError) as caught:
        om.read(table(**changes), schema=SCHEMA)
    error = caught.value
    assert column in str(error)
    assert found in str(error)
    assert len(error.rows) <= 5
    assert error.mend or error.accepted


def test_unknown_label_offers_near_matches() -> None:
    with pytest.raises(DataError, match="Counselling"):
        om.read(table(treatment=["CBT", "Councelling"] * 4), schema=SCHEMA)


def test_missing_required_column_is_named() -> None:
    columns = table()
    del columns["client"]
    with pytest.raises(DataError, match="client") as caught:
        om.read(columns, schema=SCHEMA)
    assert caught.value.mend


def test_at_most_five_rows_are_shown() -> None:
    with pytest.raises(DataError) as caught:
        om.read(table(phq9_end=[99] * 8), schema=SCHEMA)
    assert len(caught.value.rows) == 5
    assert "8" in str(caught.value)


def test_two_units_in_one_column() -> None:
    fields = {**FIELDS, "wait": {"facet": "time", "kind": "continuous", "units": "weeks"}}
    wait = ["3 weeks", "20 days", "2 weeks", "15 days", "4 weeks", "5 weeks", "30 days", "6 weeks"]
    with pytest.raises(DataError, match="wait"):
        om.read({**table(), "wait": wait}, schema={**SCHEMA, "fields": fields})


LONG = {
    "fields": {
        "client": {"facet": "client", "kind": "identifier"},
        "measure": {"facet": "outcome", "kind": "categorical"},
        "weeks": {"facet": "time", "kind": "continuous", "units": "weeks"},
        "score": {"facet": "outcome", "kind": "continuous"},
    }
}


def test_orphan_assessments() -> None:
    scores = {"client": ["c0", "c99"], "measure": ["phq9"] * 2, "weeks": [1, 1], "score": [9, 9]}
    with pytest.raises(DataError, match="c99"):
        om.read(table(), schema={**SCHEMA, "assessments": LONG}, assessments=scores)


def test_score_outside_its_instrument_in_the_long_table() -> None:
    scores = {"client": ["c0", "c1"], "measure": ["phq9"] * 2, "weeks": [1, 1], "score": [9, 40]}
    with pytest.raises(DataError, match="40"):
        om.read(table(), schema={**SCHEMA, "assessments": LONG}, assessments=scores)


def test_one_treatment_reads_but_does_not_fit() -> None:
    data = om.read(table(treatment=["CBT"] * 8), schema=SCHEMA)
    with pytest.raises(BlockedError, match="one-level-treatment"):
        om.fit(data, outcome="phq9_end", progress=False)


def test_outcome_among_covariates_blocks() -> None:
    fields = {**FIELDS, "phq9_again": {**FIELDS["phq9_end"], "occasion": "follow_up"}}
    data = om.read({**table(), "phq9_again": table()["phq9_end"]}, schema={**SCHEMA, "fields": fields})
    with pytest.raises((BlockedError, SpecError), match=r"outcome-among-covariates|phq9_again"):
        om.fit(data, outcome="phq9_end", covariates=("phq9_again",), progress=False)


def test_mixed_aggregate_levels(shared_data: Path) -> None:
    fields = {
        "provider": {"facet": "setting", "kind": "identifier", "key": True},
        "problem": {"facet": "problem", "kind": "categorical", "key": True},
        "treatment": {"facet": "treatment", "kind": "categorical", "key": True},
        "end": {"facet": "outcome", "kind": "continuous", "statistic": "mean"},
        "end_n": {"facet": "outcome", "kind": "count", "statistic": "n", "of": "end"},
        "end_sd": {"facet": "outcome", "kind": "continuous", "statistic": "sd", "of": "end"},
    }
    cells = {
        "provider": ["a", "a", "a", "b", "b", "b"],
        "problem": ["Panic", "PTSD", "Total"] * 2,
        "treatment": ["CBT", "CBT", "CBT", "EMDR", "EMDR", "EMDR"],
        "end": [9.0, 8, 8.5, 7, 9, 8],
        "end_n": [10, 20, 30, 10, 20, 30],
        "end_sd": [5.0] * 6,
    }
    with pytest.raises(OutcomeModelsError, match="Total"):
        om.fit(om.read(cells, schema={"name": "x", "grain": "cell", "fields": fields}), outcome="end", progress=False)
    with pytest.raises(OutcomeModelsError, match="problem_level"):
        om.read_nhs_annual(shared_data / "nhs_tt_proms", problem_level="both")


# -- files ---------------------------------------------------------------------------------------------------


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


CSV = "client,treatment,age,start,end,phq9_start,phq9_end\nc0,CBT,30,2024-01-05,2024-05-05,15,9\n"


def test_csv_is_read(tmp_path: Path) -> None:
    assert om.read(write(tmp_path / "a.csv", CSV), schema=SCHEMA).n == 1


def test_not_utf8(tmp_path: Path) -> None:
    bad = write(tmp_path / "a.csv", CSV.replace("c0", "zoë"), "latin-1")
    with pytest.raises(FileError, match="UTF-8"):
        om.read(bad, schema=SCHEMA)


def test_utf16(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="UTF-16"):
        om.read(write(tmp_path / "a.csv", CSV, "utf-16"), schema=SCHEMA)


def test_empty_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="empty"):
        om.read(write(tmp_path / "a.csv", ""), schema=SCHEMA)


def test_header_only(tmp_path: Path) -> None:
    with pytest.raises(OutcomeModelsError, match="no rows"):
        om.read(write(tmp_path / "a.csv", CSV.splitlines()[0] + "\n"), schema=SCHEMA)


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(FileError):
        om.read(tmp_path / "nothing.csv", schema=SCHEMA)


def test_truncated_gzip(tmp_path: Path) -> None:
    whole = gzip.compress((CSV + "x" * 10_000).encode())
    bad = tmp_path / "a.csv.gz"
    bad.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError):
        om.read(bad, schema=SCHEMA)


def test_truncated_parquet(tmp_path: Path, shared_data: Path) -> None:
    whole = (shared_data / "nhs_tt_proms" / "proms_provider.parquet").read_bytes()
    bad = tmp_path / "a.parquet"
    bad.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError):
        om.read(bad, schema=SCHEMA)


def test_zip_bomb(tmp_path: Path) -> None:
    """40 MB of zeros in a 40 kB file, refused once it passes the limit, without being held in memory."""
    bomb = tmp_path / "a.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.csv", CSV + "0" * 40_000_000)
    assert bomb.stat().st_size < 100_000
    with pytest.raises(FileError, match="larger than"):
        om.read(bomb, schema=SCHEMA, max_bytes=1_000_000)


def test_file_larger_than_allowed(tmp_path: Path) -> None:
    big = write(tmp_path / "a.csv", CSV + CSV.splitlines()[1] * 1000)
    with pytest.raises(FileError, match="larger than"):
        om.read(big, schema=SCHEMA, max_bytes=2000)


def test_too_many_rows_in_a_lazy_query() -> None:
    import polars as pl

    with pytest.raises(OutcomeModelsError, match="rows"):
        om.read(pl.LazyFrame(table()), schema=SCHEMA, max_rows=3)


def test_no_schema(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="schema init"):
        om.read(write(tmp_path / "a.csv", CSV))


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import xarray as xr

    data = om.read(table(), schema=SCHEMA)
    path = data.save(tmp_path / "a.nc")
    before = path.read_bytes()

    def broken(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", broken)
    with pytest.raises(OSError, match="disk full"):
        data.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.nc"]


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_saved_data_come_back(tmp_path: Path, suffix: str) -> None:
    data = om.read(table(), schema=SCHEMA)
    again = om.PaulDataset.load(data.save(tmp_path / f"a{suffix}"))
    assert again.digest() == data.digest()
    assert again.schema == data.schema


def test_damaged_save_is_refused(tmp_path: Path) -> None:
    path = om.read(table(), schema=SCHEMA).save(tmp_path / "a.nc")
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(FileError):
        om.PaulDataset.load(path)


@pytest.mark.parametrize("kind", ["pandas", "polars", "lazy", "pyarrow", "duckdb"])
def test_every_kind_of_frame_reads_alike(kind: str) -> None:
    import duckdb
    import pandas as pd
    import polars as pl

    frame = pl.DataFrame(table())
    arrow = frame.to_arrow()
    source = {
        "pandas": lambda: pd.DataFrame(table()),
        "polars": lambda: frame,
        "lazy": frame.lazy,
        "pyarrow": lambda: arrow,
        "duckdb": lambda: duckdb.from_arrow(arrow),
    }[kind]()
    want = from_columns(om.read(table(), schema=SCHEMA).schema, {k: np.array(v) for k, v in table().items()})
    got = om.read(source, schema=SCHEMA)
    assert got.digest() == want.digest()
