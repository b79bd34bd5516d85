"""Schema files: written with help, read back the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomemodels.data.embedded import BEAT_THE_BLUES
from outcomemodels.data.nhs_proms import _schema as proms_schema
from outcomemodels.errors import FileError, SchemaError
from outcomemodels.schema import Facet, Field, Grain, Kind, Schema
from outcomemodels.schema.toml import read_schema, schema_from_toml, schema_to_toml


def test_round_trip_of_shipped_schemas() -> None:
    for schema in (BEAT_THE_BLUES, proms_schema("provider", "specific"), proms_schema("england", "all")):
        assert schema_from_toml(schema_to_toml(schema)) == schema


text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)


@given(text, text, text, st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_round_trip_of_odd_texts(label: str, column: str, code: str, low: float, required: bool) -> None:
    field = Field(
        name="x",
        facet=Facet.CLIENT,
        kind=Kind.CONTINUOUS,
        column=column,
        levels=(label,),
        missing=((code, label),),
        low=low,
        required=required,
        description=label,
    )
    schema = Schema(name="n" + label, grain=Grain.EPISODE, fields=(field,), notes=(column,))
    assert schema_from_toml(schema_to_toml(schema)) == schema


def test_the_draft_lists_what_is_accepted() -> None:
    written = schema_to_toml(BEAT_THE_BLUES)
    for word in ("treatment", "self_report_screen", "follow_up", "lower_is_better", "identifier"):
        assert word in written.split("schema = ")[0]


def test_bad_schema_files(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no schema file"):
        read_schema(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    with pytest.raises(FileError, match="not UTF-8"):
        read_schema(tmp_path / "latin.toml")
    (tmp_path / "broken.toml").write_text("name = [")
    with pytest.raises(SchemaError, match="not TOML"):
        read_schema(tmp_path / "broken.toml")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"fields": {}}, "no fields"),
        ({"colour": 1, "fields": {"a": {"facet": "client", "kind": "count"}}}, "colour"),
        ({"schema": "99", "fields": {"a": {"facet": "client", "kind": "count"}}}, "version '99'"),
        ({"fields": {"a": {"facet": "weather", "kind": "count"}}}, "weather"),
        ({"fields": {"a": {"facet": "client", "kind": "ordered"}}}, "no levels"),
        ({"fields": {"1a": {"facet": "client", "kind": "count"}}}, "not an identifier"),
        ({"fields": {"a": {"facet": "client", "kind": "count", "low": 5, "high": 1}}}, "low 5"),
    ],
)
def test_unusable_schemas_say_why(raw: dict[str, object], words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        read_schema(raw)
