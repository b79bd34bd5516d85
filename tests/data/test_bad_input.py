"""Bad input: each a clear error of the one family, with table, column, at most five rows, and the mend."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import outcomemodels as om
from outcomemodels.data.checks import require_contrast, single_level_fields
from outcomemodels.data.read import from_columns
from outcomemodels.errors import DataError, FileError, OutcomeModelsError, SchemaError
from outcomemodels.schema.toml import read_schema

N = 60


def table(**changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    columns: dict[str, Any] = {
        "client": [f"c{i}" for i in range(N)],
        "treatment": ["CBT", "IPT"] * (N // 2),
        "age": rng.integers(18, 80, N).astype(float),
        "referred": ["2024-01-01"] * N,
        "discharged": ["2024-06-01"] * N,
        "phq9": rng.integers(0, 28, N).astype(float),
    }
    return {k: v for k, v in {**columns, **changes}.items() if v is not None}


def schema(**changes: dict[str, Any] | None) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "client": {"facet": "client", "kind": "identifier", "key": True},
        "treatment": {
            "facet": "treatment",
            "kind": "categorical",
            "levels": ["CBT", "IPT", "EMDR"],
            "required": True,
        },
        "age": {"facet": "client", "kind": "continuous"},
        "referred": {"facet": "time", "kind": "date", "occasion": "start"},
        "discharged": {"facet": "time", "kind": "date", "occasion": "end"},
        "phq9": {"facet": "outcome", "kind": "continuous", "measure": "phq9", "occasion": "end"},
    }
    return {"fields": {k: v for k, v in {**fields, **changes}.items() if v is not None}}


def put(values: list[Any] | np.ndarray, at: dict[int, Any]) -> list[Any]:
    out = list(values)
    for i, value in at.items():
        out[i] = value
    return out


def refused(kind: type[OutcomeModelsError], source: Any, described: Any = None, **more: Any) -> OutcomeModelsError:
    with pytest.raises(kind) as caught:
        om.read(source, schema=described or schema(), **more)
    error = caught.value
    assert len(error.rows) <= 5
    assert error.mend or error.accepted
    return error


def test_the_good_table_is_read() -> None:
    assert om.read(table(), schema=schema()).n == N


def test_missing_required_column() -> None:
    error = refused(DataError, table(treatment=None, Treatmnt=["CBT"] * N))
    assert error.column == "treatment"
    assert error.table == "mapping"
    assert "'Treatmnt'" in str(error)
    refused(DataError, table(client=None))


def test_a_misspelt_optional_column_is_not_dropped_in_silence() -> None:
    error = refused(DataError, table(discharged=None, dischargd=["2024-06-01"] * N))
    assert "did you mean 'dischargd'" in str(error)


def test_unknown_label_with_near_matches() -> None:
    error = refused(DataError, table(treatment=put(["CBT"] * N, dict.fromkeys(range(3, 12), "CBTT"))))
    assert error.column == "treatment"
    assert error.facet == "treatment"
    assert error.rows == ("row 4: 'CBTT' and 8 more rows",)
    assert "'CBTT' may be 'CBT'" in (error.mend or "")
    error = refused(DataError, table(treatment=put(["CBT"] * N, {0: "emdr"})))
    assert "'emdr' may be 'EMDR'" in (error.mend or "")


def test_unknown_label_of_a_typology() -> None:
    described = schema(treatment={"facet": "treatment", "kind": "categorical", "typology": "treatment"})
    error = refused(DataError, table(treatment=put(["IPT"] * N, {5: "EMDRR"})), described)
    assert "'EMDRR' may be 'EMDR'" in (error.mend or "")
    data = om.read(table(treatment=["cbt", "Interpersonal Psycho therapy (IPT)"] * (N // 2)), schema=described)
    assert set(data.strings("treatment")) == {"CBT", "IPT"}


def test_missing_value_in_a_required_column() -> None:
    error = refused(DataError, table(treatment=put(["CBT"] * N, {9: ""})))
    assert error.rows == ("row 10: ''",)


def test_duplicated_keys() -> None:
    error = refused(DataError, table(client=put([f"c{i}" for i in range(N)], {8: "c1", 9: "c1", 30: "c2"})))
    assert error.column == "client"
    assert error.rows == ("client 'c1' in rows 2, 9, 10", "client 'c2' in rows 3, 31")


ASSESSED = {
    "fields": {
        "client": {"facet": "client", "kind": "identifier", "key": True},
        "treatment": {"facet": "treatment", "kind": "categorical"},
    },
    "assessments": {
        "fields": {
            "measure": {"facet": "outcome", "kind": "categorical"},
            "weeks": {"facet": "time", "kind": "continuous", "units": "weeks"},
            "score": {"facet": "outcome", "kind": "continuous"},
        }
    },
}
TWO = {"client": ["a", "b"], "treatment": ["CBT", "IPT"]}


def scores(**changes: Any) -> dict[str, Any]:
    return {
        "client": ["a", "b", "b"],
        "measure": ["phq9", "phq9", "gad7"],
        "weeks": [0.0, 0.0, 1.0],
        "score": [27.0, 3.0, 21.0],
        **changes,
    }


def test_orphan_assessments() -> None:
    error = refused(DataError, TWO, ASSESSED, assessments=scores(client=["a", "z", "b"]))
    assert "belong to no episode" in error.found
    assert error.rows == ("row 2: client 'z'",)


def test_assessment_table_without_a_score() -> None:
    bad = {**ASSESSED, "assessments": {"fields": {"weeks": {"facet": "time", "kind": "continuous"}}}}
    assert "measure, score" in refused(SchemaError, TWO, bad, assessments=scores()).found


def test_assessments_not_in_the_schema() -> None:
    refused(SchemaError, table(), schema(), assessments=scores())


def test_score_outside_its_own_instruments_range() -> None:
    assert om.read(TWO, schema=ASSESSED, assessments=scores()).n_assessments == 3
    error = refused(DataError, TWO, ASSESSED, assessments=scores(score=[27.0, 3.0, 22.0]))
    assert "1 gad7 scores lie outside 0 to 21" in error.found
    assert error.rows == ("row 3: 22",)
    error = refused(DataError, table(phq9=put(np.full(N, 9.0), {4: 28.0, 5: -1.0})))
    assert error.column == "phq9"
    assert error.rows == ("row 5: 28", "row 6: -1")


def test_reversed_dates() -> None:
    error = refused(DataError, table(discharged=put(["2024-06-01"] * N, {2: "2023-12-31"})))
    assert error.rows == ("row 3: referred '2024-01-01', discharged '2023-12-31'",)


def test_ambiguous_and_impossible_dates() -> None:
    assert "YYYY-MM-DD" in str(refused(DataError, table(referred=put(["2024-01-01"] * N, {2: "3/4/2024"}))))
    assert "2024-02-30" in str(refused(DataError, table(referred=put(["2024-01-01"] * N, {2: "2024-02-30"}))))
    for year in ("0202", "1066", "9999"):
        stamps = put(["2024-01-01"] * N, {2: f"{year}-01-01"})
        for column in (stamps, np.array(stamps, dtype="datetime64[D]"), pa.array(stamps).cast(pa.date32())):
            error = refused(DataError, table(referred=column))
            assert "1900 to 2100" in error.found
            assert year in error.rows[0]


def test_two_units_written_in_one_column() -> None:
    described = schema(age=None, wait={"facet": "time", "kind": "continuous", "units": "weeks"})
    error = refused(DataError, table(age=None, wait=put(["3 weeks"] * N, {1: "2 months"})), described)
    assert "mixes units: months, weeks" in error.found
    assert om.read(table(age=None, wait=["3 weeks"] * N), schema=described).values("wait")[0] == 3
    error = refused(DataError, table(age=None, wait=["3 days"] * N), described)
    assert "in days, not in weeks" in error.found


def test_two_units_in_a_companion_column() -> None:
    error = refused(DataError, table(age_unit=put(["years"] * N, {1: "months"})))
    assert "mixes units" in error.found


def test_two_units_told_by_the_numbers() -> None:
    rng = np.random.default_rng(1)
    years = rng.uniform(20, 60, N)
    mixed = np.where(np.arange(N) % 2, years, years * 365.25)
    described = schema(age=None, onset={"facet": "client", "kind": "continuous"})
    error = refused(DataError, table(age=None, onset=mixed), described)
    assert "two units: days and years" in error.found
    meant = schema(age=None, onset={"facet": "client", "kind": "continuous", "low": 0, "high": 40000})
    assert om.read(table(age=None, onset=mixed), schema=meant).n == N, "a declared range settles it"


def test_one_wide_skewed_column_is_not_two_units() -> None:
    cost = np.random.default_rng(2).lognormal(5, 2, N)
    described = schema(age=None, cost={"facet": "cost", "kind": "continuous", "units": "GBP"})
    assert om.read(table(age=None, cost=cost), schema=described).n == N


def test_all_missing_outcome() -> None:
    error = refused(DataError, table(phq9=np.full(N, np.nan)))
    assert f"missing in all {N} rows" in error.found


def test_treatment_with_one_level_is_read_but_not_compared() -> None:
    data = om.read(table(treatment=["CBT"] * N), schema=schema())
    assert single_level_fields(data) == ("treatment",)
    with pytest.raises(DataError, match=r"has one level[\s\S]*'CBT' in 60 rows"):
        require_contrast(data, "treatment")
    both = om.read(table(), schema=schema())
    assert single_level_fields(both) == ()
    require_contrast(both, "treatment")


def test_infinite_values() -> None:
    error = refused(DataError, table(age=put(np.full(N, 40.0), {3: np.inf, 4: -np.inf})))
    assert "2 values of 'age' are infinite" in error.found
    assert error.rows == ("row 4: inf", "row 5: -inf")


def test_an_absurd_age_needs_no_declared_range() -> None:
    error = refused(DataError, table(age=put(np.full(N, 40.0), {0: 3.92e16})))
    assert error.rows == ("row 1: 39200000000000000",) or "3.92e+16" in error.rows[0]
    assert "0 to 120" in (error.accepted or "")


def test_the_real_absurd_age_of_the_gambling_trials(shared_data: Path) -> None:
    described = {
        "grain": "contrast",
        "fields": {
            "study": {"facet": "setting", "kind": "categorical"},
            "mean_age": {"facet": "client", "kind": "continuous", "units": "years"},
            "g": {"facet": "outcome", "kind": "continuous", "column": ".g", "statistic": "effect"},
        },
    }
    error = refused(DataError, shared_data / "metapsy" / "gambling-psyctr.csv", described)
    assert error.table == "gambling-psyctr.csv"
    assert error.column == "mean_age"
    assert len(error.rows) == 5
    described["fields"]["mean_age"]["missing"] = {"3.92e16": "damaged"}
    refused(DataError, shared_data / "metapsy" / "gambling-psyctr.csv", described)


def test_any_number_can_be_absurd() -> None:
    described = schema(age=None, budget={"facet": "cost", "kind": "continuous"})
    assert "1e12" in str(refused(DataError, table(age=None, budget=put(np.full(N, 1.0), {1: 1e15})), described))


def test_text_among_numbers_and_decimal_commas() -> None:
    assert "'unknown'" in str(refused(DataError, table(age=put(["40"] * N, {1: "unknown"}))))
    assert "not a comma" in (refused(DataError, table(age=put(["40"] * N, {1: "40,5"}))).mend or "")


def test_counts_are_whole() -> None:
    described = schema(age=None, sessions={"facet": "disposition", "kind": "count"})
    error = refused(DataError, table(age=None, sessions=put(np.full(N, 4.0), {1: 4.5})), described)
    assert "not whole" in error.found


@pytest.mark.parametrize("label", ["Total", "All problems", "Anxiety (Total)"])
def test_mixed_levels_of_aggregation(label: str) -> None:
    described = {
        "grain": "cell",
        "fields": {
            "problem": {"facet": "problem", "kind": "categorical"},
            "recovered": {"facet": "outcome", "kind": "count", "statistic": "events"},
        },
    }
    error = refused(DataError, {"problem": ["PTSD", label], "recovered": [3.0, 9.0]}, described)
    assert "mixes levels" in error.found
    assert om.read({"problem": [label], "recovered": [9.0]}, schema=described).n == 1


def test_an_ancestor_beside_its_kind_is_a_mixed_level() -> None:
    described = {
        "grain": "cell",
        "fields": {
            "problem": {"facet": "problem", "kind": "categorical", "typology": "problem"},
            "recovered": {"facet": "outcome", "kind": "count", "statistic": "events"},
        },
    }
    columns = {"problem": ["PTSD", "Anxiety and stress related disorders"], "recovered": [3.0, 9.0]}
    assert "mixes levels" in refused(DataError, columns, described).found


def test_names_of_dims_are_not_field_names() -> None:
    described = schema(client=None, episode={"facet": "client", "kind": "identifier", "key": True, "column": "client"})
    assert "name of a dim" in refused(SchemaError, table(), described).found


# -- files -------------------------------------------------------------------------------------------------------


def write(path: Path, rows: int = 40) -> Path:
    lines = ["client,treatment,phq9"] + [f"c{i},{'CBT' if i % 2 else 'IPT'},{i % 28}" for i in range(rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_non_utf8_file(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("client,treatment,phq9\nc1,CBT,3\nJosé,IPT,4\n".encode("latin-1"))
    error = refused(FileError, path)
    assert "byte 0xe9 in line 3" in error.found
    assert error.table == "latin.csv"
    path.write_bytes("client,treatment\n".encode("utf-16"))
    assert "UTF-16" in refused(FileError, path).found


@pytest.mark.parametrize("cut", [-4, -6])
def test_truncated_csv(tmp_path: Path, cut: int) -> None:
    """A file cut inside its very last field cannot be told from a whole one; any other cut leaves a short row."""
    path = write(tmp_path / "t.csv")
    path.write_bytes(path.read_bytes()[:cut])
    refused(FileError, path)


def test_unclosed_quote(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text('client,treatment,phq9\nc1,CBT,3\nc2,"IPT,4\n')
    refused(FileError, path)


def test_truncated_packed_and_parquet_files(tmp_path: Path) -> None:
    import pandas as pd

    plain = write(tmp_path / "t.csv", 4000)
    pd.read_csv(plain).to_parquet(tmp_path / "t.parquet")
    with gzip.open(tmp_path / "t.csv.gz", "wb") as packed:
        packed.write(plain.read_bytes())
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, "t.csv")
    for name in ("t.parquet", "t.csv.gz", "t.csv.zip"):
        path = tmp_path / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert refused(FileError, path).table == name


def test_damage_inside_packed_files(tmp_path: Path) -> None:
    plain = write(tmp_path / "t.csv", 4000)
    with gzip.open(tmp_path / "t.csv.gz", "wb") as packed:
        packed.write(plain.read_bytes())
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, "t.csv")
    for name in ("t.csv.gz", "t.csv.zip"):
        path = tmp_path / name
        raw = bytearray(path.read_bytes())
        for i in range(len(raw) // 2, len(raw) // 2 + 40):
            raw[i] ^= 0xFF
        path.write_bytes(bytes(raw))
        assert refused(FileError, path).table == name


def test_empty_files_and_tables(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("")
    assert "empty" in refused(FileError, path).found
    path.write_text("\n\n")
    assert "empty" in refused(FileError, path).found
    path.write_text("client,treatment,phq9\n")
    assert "no rows" in refused(DataError, path).found
    assert "no rows" in refused(DataError, pl.DataFrame(table()).head(0)).found
    assert "no rows" in refused(DataError, {k: [] for k in table()}).found


def test_wrong_kinds_of_file(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    assert "cannot tell" in refused(FileError, tmp_path / "a.xlsx").found
    assert "no file" in refused(FileError, tmp_path / "b.csv").found
    assert "folder" in refused(FileError, tmp_path).found
    assert "not a local file" in refused(FileError, "https://example.org/a.csv").found
    (tmp_path / "c.parquet").write_bytes(b"client,treatment\n1,2\n")
    refused(FileError, tmp_path / "c.parquet")


def test_repeated_column_names(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("client,phq9,phq9\na,1,2\n")
    assert "'phq9'" in refused(DataError, path).found


@pytest.mark.parametrize("name", ["bomb.csv.zip", "bomb.csv.gz"])
def test_a_bomb_is_refused_and_memory_stays_small(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    block = b"client,treatment,phq9\n" + b"a" * (1 << 20)
    if name.endswith("zip"):
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("bomb.csv", "w") as out,
        ):
            for _ in range(200):
                out.write(block)
    else:
        with gzip.open(path, "wb", compresslevel=1) as packed:
            for _ in range(200):
                packed.write(block)
    assert path.stat().st_size < 2_000_000
    import tracemalloc

    tracemalloc.start()
    error = refused(FileError, path, max_bytes=50_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "larger than" in error.found
    assert "packed" in error.found
    assert peak < 60_000_000


def test_two_files_in_one_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "x\n1\n")
        archive.writestr("b.csv", "x\n1\n")
    assert "holds 2 files" in refused(FileError, tmp_path / "two.zip").found


def test_too_many_rows_or_bytes(tmp_path: Path) -> None:
    import pandas as pd

    path = write(tmp_path / "t.csv")
    assert "40 rows" in refused(FileError, path, max_rows=10).found
    assert "larger than" in refused(FileError, path, max_bytes=100).found
    pd.DataFrame(table()).to_parquet(tmp_path / "t.parquet")
    assert "60 rows" in refused(FileError, tmp_path / "t.parquet", max_rows=10).found
    assert "memory" in refused(FileError, tmp_path / "t.parquet", max_bytes=100).found
    refused(FileError, pd.DataFrame(table()), max_rows=10)


def test_a_lazy_query_is_counted_before_it_is_collected() -> None:
    import duckdb

    refused(FileError, duckdb.sql("select range as client from range(1000000000)"), max_rows=1000)


def test_columns_of_different_length() -> None:
    with pytest.raises(DataError, match=r"columns differ in length[\s\S]*phq9: 59"):
        from_columns(read_schema(schema()), table(phq9=np.zeros(N - 1)))


def test_a_table_without_any_column_of_the_schema() -> None:
    described = {"fields": {"age": {"facet": "client", "kind": "continuous"}}}
    assert "no column of the schema" in refused(DataError, {"x": [1.0]}, described).found
