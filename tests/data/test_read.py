"""Any source, one schema, one dataset."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import outcomemodels as om
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.errors import DataError, SchemaError

SCHEMA = {
    "name": "clinic",
    "fields": {
        "client": {"facet": "client", "kind": "identifier", "column": "id", "key": True},
        "treatment": {"facet": "treatment", "kind": "categorical", "levels": ["CBT", "IPT"], "relabel": {"cbt": "CBT"}},
        "age": {"facet": "client", "kind": "continuous", "units": "years", "missing": {"999": "not stated"}},
        "started": {"facet": "time", "kind": "date", "occasion": "start"},
        "phq9": {"facet": "outcome", "kind": "continuous", "measure": "phq9", "occasion": "end"},
    },
}
FRAME = pd.DataFrame(
    {
        "id": ["007", "008", "009", "010"],
        "treatment": ["CBT", "cbt", "IPT", None],
        "age": [34.0, 999.0, np.nan, 61.0],
        "started": ["2024-01-31", "2024-02-29", None, "2024-12-01"],
        "phq9": [12, 3, 27, 0],
        "unused": [1, 2, 3, 4],
    }
)


def check(data: PaulDataset) -> None:
    assert list(data.strings("client")) == ["007", "008", "009", "010"]
    assert list(data.strings("treatment")) == ["CBT", "CBT", "IPT", ""]
    assert list(data.missing("treatment")) == ["", "", "", "blank"]
    assert list(data.missing("age")) == ["", "not stated", "blank", ""]
    assert np.isnan(data.values("age")[1:3]).all()
    assert data.values("started")[1] == np.datetime64("2024-02-29")
    assert np.isnat(data.values("started")[2])
    assert data.values("phq9").tolist() == [12, 3, 27, 0]
    assert data.outcomes == ("phq9",)


def test_files(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "a.csv", index=False)
    FRAME.to_csv(tmp_path / "b.tsv", index=False, sep="\t")
    FRAME.to_csv(tmp_path / "c.csv", index=False, sep=";")
    FRAME.to_csv(tmp_path / "d.csv", index=False, encoding="utf-8-sig")
    FRAME.to_parquet(tmp_path / "e.parquet")
    with gzip.open(tmp_path / "f.csv.gz", "wb") as packed:
        packed.write((tmp_path / "a.csv").read_bytes())
    with zipfile.ZipFile(tmp_path / "g.csv.zip", "w") as archive:
        archive.write(tmp_path / "a.csv", "a.csv")
    for path in sorted(tmp_path.iterdir()):
        check(om.read(path, schema=SCHEMA))
        check(om.read(str(path), schema=SCHEMA))


def test_frames() -> None:
    digests = set()
    tables = (
        FRAME,
        pl.from_pandas(FRAME),
        pl.from_pandas(FRAME).lazy(),
        pa.Table.from_pandas(FRAME),
        duckdb.from_arrow(pa.Table.from_pandas(FRAME)),
        {name: FRAME[name].to_numpy() for name in FRAME},
        FRAME.astype({"treatment": "category", "started": "datetime64[ns]"}),
    )
    for table in tables:
        data = om.read(table, schema=SCHEMA)
        check(data)
        digests.add(data.digest())
    assert len(digests) == 1, "the same table gives the same dataset, whatever holds it"


def test_schema_from_a_file(tmp_path: Path) -> None:
    from outcomemodels.schema.toml import read_schema, schema_to_toml

    path = tmp_path / "clinic.toml"
    path.write_text(schema_to_toml(read_schema(SCHEMA)), encoding="utf-8")
    check(om.read(FRAME, schema=path))


def test_without_a_schema() -> None:
    with pytest.raises(SchemaError, match=r"no schema[\s\S]*schema init"):
        om.read(FRAME)
    with pytest.raises(DataError, match="cannot read a table from int"):
        om.read(3, schema=SCHEMA)


def test_text_and_numbers_in_one_pandas_column() -> None:
    frame = FRAME.assign(id=pd.Series([7, "008", 9, "010"], dtype=object))
    assert list(om.read(frame, schema=SCHEMA).strings("client")) == ["7", "008", "9", "010"]


def test_none_is_a_label_where_labels_belong() -> None:
    fields = {
        "religion": {"facet": "client", "kind": "categorical"},
        "sessions": {"facet": "disposition", "kind": "count"},
    }
    data = om.read(
        {"religion": np.array(["None", "NA"], dtype=object), "sessions": np.array(["None", "4"], dtype=object)},
        schema={"fields": fields},
    )
    assert list(data.strings("religion")) == ["None", ""]
    assert list(data.missing("sessions")) == ["blank", ""]


LONG = {
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
LONG_TABLE = {
    "client": ["b", "b", "a", "a"],
    "treatment": ["CBT", "CBT", "IPT", "IPT"],
    "measure": ["phq9", "gad7", "phq9", "phq9"],
    "weeks": [0, 0, 0, 6],
    "score": [20, 15, 9, 4],
}


def test_a_long_table_is_split() -> None:
    data = om.read(LONG_TABLE, schema=LONG)
    assert (data.n, data.n_assessments, data.measures) == (2, 4, ("gad7", "phq9"))
    assert data.strings("client", "main")[data.codes_of_episode()].tolist() == LONG_TABLE["client"]
    assert dict(zip(data.strings("client", "main"), data.strings("treatment"), strict=True)) == {"b": "CBT", "a": "IPT"}


def test_two_tables_give_the_same_as_one() -> None:
    main = {"client": ["b", "a"], "treatment": ["CBT", "IPT"]}
    long = {k: v for k, v in LONG_TABLE.items() if k != "treatment"}
    assert om.read(main, schema=LONG, assessments=long).digest() == om.read(LONG_TABLE, schema=LONG).digest()


def test_an_episode_field_that_changes_is_refused() -> None:
    table = {**LONG_TABLE, "treatment": ["CBT", "IPT", "IPT", "IPT"]}
    with pytest.raises(DataError, match=r"'treatment' changes within client[\s\S]*row 2: 'IPT', but 'CBT' in row 1"):
        om.read(table, schema=LONG)


def test_optional_columns_may_be_absent_and_are_noted() -> None:
    data = om.read(FRAME.drop(columns=["started"]), schema=SCHEMA)
    assert "started" not in data
    assert any("'started'" in note for note in data.schema.notes)


def test_beat_the_blues_long_file_is_the_embedded_trial(shared_data: Path) -> None:
    schema = {
        "fields": {
            "client": {"facet": "client", "kind": "identifier", "column": "subject", "key": True},
            "bdi_pre": {"facet": "outcome", "kind": "continuous", "measure": "bdi", "occasion": "start"},
        },
        "assessments": {
            "fields": {
                "weeks": {"facet": "time", "kind": "continuous", "column": "time"},
                "score": {"facet": "outcome", "kind": "continuous", "column": "bdi", "measure": "bdi"},
            }
        },
    }
    data = om.read(shared_data / "beat_the_blues" / "btheb_long.csv", schema=schema)
    ours = om.load("beat_the_blues")
    assert np.array_equal(data.values("score"), ours.values("score"), equal_nan=True)
    assert np.array_equal(data.values("bdi_pre"), ours.values("bdi_pre"))
