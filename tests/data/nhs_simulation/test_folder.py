"""The folder of a simulated world: names, keys, sameness by seed."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from outcomemodels.data.nhs_simulation.simulate import simulate_nhs
from outcomemodels.data.nhs_simulation.tables import TABLES
from outcomemodels.errors import FileError, SpecError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("nhs") / "clean"
    simulate_nhs(out, referrals=1500, seed=3, interview_share=0.2)
    return out


def frame(folder: Path, name: str) -> pd.DataFrame:
    return pq.read_table(folder / f"{name}.parquet").to_pandas()


def test_every_table_is_written(folder: Path) -> None:
    assert {p.stem for p in folder.glob("*.parquet")} == set(TABLES)


def test_number_of_referrals_is_exact(folder: Path) -> None:
    assert frame(folder, "IDS101Referral")["PathwayID"].nunique() == 1500
    assert len(frame(folder / "truth", "flags")) == 1500


def test_keys_hold(folder: Path) -> None:
    referrals, contacts = frame(folder, "IDS101Referral"), frame(folder, "IDS201CareContact")
    acts, scores = frame(folder, "IDS202CareActivity"), frame(folder, "IDS607CodedScoreAssessmentAct")
    assert set(contacts["PathwayID"]) <= set(referrals["PathwayID"])
    assert set(acts["CareContactId"]) <= set(contacts["CareContactId"])
    assert set(scores["CareActId"]) <= set(acts["CareActId"])
    assert set(referrals["Person_ID"]) == set(frame(folder, "IDS001MPI")["Person_ID"])
    submissions = set(frame(folder, "IDS000Header")["UniqueSubmissionID"])
    for table in (referrals, contacts, acts, scores):
        assert set(table["UniqueSubmissionID"]) <= submissions


def test_some_people_are_referred_again(folder: Path) -> None:
    first = frame(folder, "IDS101Referral").drop_duplicates("PathwayID")
    assert first["Person_ID"].duplicated().any()


def test_the_same_seed_gives_the_same_folder(folder: Path, tmp_path: Path) -> None:
    simulate_nhs(tmp_path / "again", referrals=1500, seed=3, interview_share=0.2)
    for path in folder.rglob("*.parquet"):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(folder)).read_bytes(), path.name


def test_truth_says_what_it_is(folder: Path) -> None:
    told = json.loads((folder / "truth" / "truth.json").read_text())
    assert told["seed"] == 3
    assert set(told["parameters"]["benefit.mean"]) == {"value", "low", "high", "source", "tag", "what", "overridden"}


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_versions_name_their_fields(version: str, tmp_path: Path) -> None:
    simulate_nhs(tmp_path / "w", referrals=300, seed=1, version=version, file_format="csv")  # type: ignore[arg-type]
    names = pyarrow.csv.read_csv(tmp_path / "w" / "IDS101Referral.csv").column_names
    contacts = pyarrow.csv.read_csv(tmp_path / "w" / "IDS201CareContact.csv").column_names
    assert ("SourceOfReferralIAPT" in names) == ("ConsMechanism" in contacts) == (version == "2.1")


def test_a_full_folder_is_not_touched(folder: Path) -> None:
    with pytest.raises(FileError, match="not empty"):
        simulate_nhs(folder, referrals=300)


def test_an_unknown_parameter_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"benefit\.maen"):
        simulate_nhs(tmp_path / "w", referrals=300, values={"benefit.maen": 1.0})


def test_a_tiny_world_can_be_written(tmp_path: Path) -> None:
    made = simulate_nhs(tmp_path / "w", referrals=100, seed=2)
    assert "published" in str(made.calibration)
