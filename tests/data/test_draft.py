"""Drafted schemas: sensible guesses, accepted by the reader."""

from __future__ import annotations

from pathlib import Path

import pytest

import outcomemodels as om
from outcomemodels.data.draft import draft_schema, identifier
from outcomemodels.schema import Assignment, Established, Facet, Kind
from outcomemodels.schema.toml import schema_from_toml, schema_to_toml

TABLE = {
    "Client ID": ["a", "b", "c"],
    "Treatment arm": ["CBT", "IPT", "CBT"],
    "therapist": ["t1", "t2", "t1"],
    "clinic": ["n", "n", "s"],
    "diagnosis": ["PTSD", "GAD", "PTSD"],
    "age": [30, 40, 50],
    "referral_date": ["2024-01-01", "2024-01-02", "2024-01-03"],
    "phq9_pre": [20, 15, 10],
    "PHQ-9 end": [10, 12, 3],
    "wsas_post": [10, 20, 30],
    "sessions": [8, 2, 5],
}


def test_guesses() -> None:
    draft = draft_schema(TABLE)
    guessed = {f.source: (f.facet, f.kind) for f in draft}
    assert guessed["Client ID"] == (Facet.CLIENT, Kind.IDENTIFIER)
    assert guessed["Treatment arm"] == (Facet.TREATMENT, Kind.CATEGORICAL)
    assert guessed["therapist"] == (Facet.THERAPIST, Kind.IDENTIFIER)
    assert guessed["clinic"][0] is Facet.SETTING
    assert guessed["diagnosis"][0] is Facet.PROBLEM
    assert guessed["referral_date"] == (Facet.TIME, Kind.DATE)
    assert guessed["wsas_post"][0] is Facet.FUNCTIONING
    assert guessed["sessions"] == (Facet.DISPOSITION, Kind.COUNT)
    assert draft["client_id"].key
    assert draft["age"].units == "years"
    assert (draft["phq9_pre"].measure, draft["phq9_pre"].occasion) == ("phq9", "start")
    assert (draft["phq_9_end"].measure, draft["phq_9_end"].occasion) == ("phq9", "end")
    assert draft.assignment is Assignment.UNKNOWN
    assert {f.established for f in draft} == {Established.UNSPECIFIED}


def test_a_draft_survives_its_file_and_reads_its_table() -> None:
    draft = schema_from_toml(schema_to_toml(draft_schema(TABLE)))
    assert om.read(TABLE, schema=draft).outcomes == ("phq_9_end", "wsas_post")


@pytest.mark.parametrize(
    "name",
    [
        "beat_the_blues/btheb_wide.csv",
        "anorexia/anorexia.csv",
        "inst_eval/inst_eval.csv",
        "ctn0094/demographics.csv",
        "jobs_ii/jobs_ii.csv",
        "metapsy/metapsy_stacked.csv",
        "gicbt_adherence/gicbt_sessions.csv",
    ],
)
def test_drafts_of_real_tables_read_them(shared_data: Path, name: str) -> None:
    draft = draft_schema(shared_data / name)
    assert schema_from_toml(schema_to_toml(draft)) == draft
    assert om.read(shared_data / name, schema=draft).n > 0


def test_identifiers() -> None:
    assert identifier("BDI (post)") == "bdi_post"
    assert identifier("2nd score") == "f_2nd_score"
    assert identifier("Episode") == "course"
    assert identifier("a", {"a"}) == "a_2"
    assert identifier("%%") == "field"
