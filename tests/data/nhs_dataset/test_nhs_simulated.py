"""Simulated folder, read, rules: the simulator's own verdict on every referral."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import outcomemodels as om
from data.nhs_dataset.small_folder import write_folder
from outcomemodels.data.nhs_dataset import read, referrals, tables
from outcomemodels.data.nhs_dataset.spill import Scratch
from outcomemodels.data.nhs_simulation.simulate import simulate_nhs
from outcomemodels.errors import DataError, FileError


def differences(folder, **options) -> dict[str, int]:
    """Referrals on which reader and simulator differ, by flag."""
    found = om.read_nhs_records(folder, **options)
    ours = found.data.to_frame()
    truth = pd.read_parquet(folder / "truth" / "flags.parquet").set_index("PathwayID").loc[ours["course"]]
    assert len(truth) == len(ours)
    words = {"none": "no reliable change"}
    yes_no = {True: "yes", False: "no"}
    pairs = {
        "sessions": (ours["sessions"], truth["treatment_contacts"]),
        "online": (ours["online_sessions"], truth["internet_sessions"]),
        "finished": (ours["finished"], truth["finished"].map(yes_no)),
        "paired": (ours["paired"], truth["paired"].map(yes_no)),
        "anxiety measure": (ours["anxiety_measure"], truth["anxiety_measure"]),
        "at caseness": (ours["at_caseness"], truth["at_caseness"].str.replace("_", " ")),
        "recovered": (ours["recovered"], truth["recovered"].str.replace("_", " ")),
        "reliable change": (ours["reliable_change"], truth["reliable"].str.replace("_", " ").replace(words)),
        "reliable recovery": (ours["reliable_recovery"], truth["reliable_recovery"].str.replace("_", " ")),
        "first PHQ-9": (ours["phq9_start"].fillna(-1), truth["phq9_first"].fillna(-1)),
        "last PHQ-9": (ours["phq9_end"].fillna(-1), truth["phq9_last"].fillna(-1)),
        "first GAD-7": (ours["gad7_start"].fillna(-1), truth["gad7_first"].fillna(-1)),
        "last GAD-7": (ours["gad7_end"].fillna(-1), truth["gad7_last"].fillna(-1)),
        "problem": (ours["problem"], truth["problem_recorded"]),
        "end code": (ours["end_code"].replace("", "open"), truth["disposition_by_end_code"]),
        "wait": (ours["wait_to_treatment"].fillna(-1), truth["wait_to_treatment"]),
        "state": (
            ours["state"].replace("not assessed", "not seen"),
            truth["disposition_by_contacts"].str.replace("_", " ").replace(["in treatment", "waiting"], "open"),
        ),
    }
    out = {name: int((np.asarray(a) != np.asarray(b)).sum()) for name, (a, b) in pairs.items()}
    out |= {f"flag {d.field}": d.differ + d.only_theirs + d.only_ours for d in found.disagreements}
    return out


@pytest.mark.parametrize("version", ["2.0", "2.1"])
@pytest.mark.parametrize(("dirty", "kind"), [(False, "parquet"), (True, "csv")])
def test_every_flag_of_every_referral(tmp_path, version, dirty, kind):
    folder = tmp_path / "ids"
    simulate_nhs(folder, referrals=2000, seed=3, version=version, file_format=kind, dirty=dirty, derived=True)
    found = differences(folder)
    assert len(found) > 25
    assert {name: n for name, n in found.items() if n} == {}


def test_deprivation_by_neighbourhood(tmp_path):
    simulate_nhs(tmp_path / "ids", referrals=300, seed=4)
    found = om.read_nhs_dataset(tmp_path / "ids", deprivation=tmp_path / "ids" / "linked" / "lsoa_imd.parquet")
    decile = found.values("deprivation")
    assert np.isfinite(decile).all()
    assert set(decile) <= set(range(1, 11))
    with pytest.raises(DataError, match="lacks a column"):
        om.read_nhs_dataset(tmp_path / "ids", deprivation={"area": ["a"], "decile": [1]})


def test_the_order_of_rows_does_not_matter(tmp_path):
    simulate_nhs(tmp_path / "ids", referrals=600, seed=5)
    (tmp_path / "mixed").mkdir()
    rng = np.random.default_rng(1)
    for file in (tmp_path / "ids").glob("IDS*.parquet"):
        table = pq.read_table(file)
        pq.write_table(table.take(pa.array(rng.permutation(table.num_rows))), tmp_path / "mixed" / file.name)
    one, other = (om.read_nhs_dataset(tmp_path / f).to_frame().set_index("course") for f in ("ids", "mixed"))
    pd.testing.assert_frame_equal(one, other.loc[one.index], check_names=False)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dirty") / "ids"
    simulate_nhs(folder, referrals=700, seed=6, file_format="csv", dirty=True, derived=True)
    return folder


@pytest.mark.parametrize("held", [10**9, 2000])
def test_parts_make_no_difference(dirty, tmp_path, monkeypatch, held):
    """However many parts, in memory or in files: one data set, one quality table, one set of verdicts."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(read, "Scratch", partial(Scratch, held=held))
    one, *others = (om.read_nhs_records(dirty, partitions=k, scratch=scratch) for k in (1, 2, 7, 700))
    for other in others:
        assert other.data.digest() == one.data.digest()
        assert other.quality.to_json() == one.quality.to_json()
        pd.testing.assert_frame_equal(other.therapist_weights(), one.therapist_weights())
    assert not any(scratch.iterdir())


def test_parts_of_the_small_folder(tmp_path):
    folder = write_folder(tmp_path / "small")
    assert len({om.read_nhs_dataset(folder, partitions=k).digest() for k in (1, 2, 3)}) == 1
    for wrong in (0, -1, 10**9):
        with pytest.raises(DataError, match="partitions"):
            om.read_nhs_dataset(folder, partitions=wrong)
    with pytest.raises(FileError, match="temporary files"):
        _ = Scratch(tmp_path / "absent").folder


def test_flags_hold_in_parts(dirty):
    assert {name: n for name, n in differences(dirty, partitions=5).items() if n} == {}


def test_progress_is_told(dirty):
    told: list[str] = []
    om.read_nhs_dataset(dirty, partitions=3, progress=told.append)
    assert any(t.startswith("IDS201CareContact: ") and "rows" in t for t in told)
    assert "courses: part 3 of 3" in told


def test_earlier_submissions_are_dropped_on_the_way(dirty, monkeypatch):
    whole = om.read_nhs_dataset(dirty).digest()
    monkeypatch.setattr(referrals, "FEW", 10)
    monkeypatch.setattr(tables, "BATCH", 100)
    assert om.read_nhs_dataset(dirty).digest() == whole
