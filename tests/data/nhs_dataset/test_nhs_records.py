"""Derivations from a folder written by hand, where every expected value can be counted on fingers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import outcomemodels as om
from data.nhs_dataset.small_folder import TABLES, write_folder
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.nhs_dataset.quality import quality_of
from outcomemodels.errors import DataError, FileError, SchemaError
from outcomemodels.outcomes.contact_rule import contact_rule
from outcomemodels.outcomes.rules import nhs_rule


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return om.read_nhs_records(write_folder(tmp_path_factory.mktemp("ids") / "small"))


@pytest.fixture(scope="module")
def row(records):
    return records.data.to_frame().set_index("course").loc


def test_latest_submission_of_each_pathway(records, row):
    assert records.data.n == 3
    assert row["PW1", "discharged"] == pd.Timestamp("2021-06-01")
    assert pd.isna(row["PW3", "discharged"])
    assert list(row[["PW1", "PW2", "PW3"], "data_set_version"]) == ["2.0", "2.0", "2.1"]


def test_persons_and_repeat_referrals(row):
    assert row["PW1", "client"] == row["PW3", "client"] == "P1"
    assert list(row[["PW1", "PW3"], "previous_referrals"]) == [0, 1]
    assert row["PW1", "age"] == pytest.approx(30, abs=0.01)
    assert row["PW1", "gender"] == "female"
    assert row["PW2", "gender"] == ""
    assert row["PW1", "employment"] == "unemployed, seeking work"
    assert row["PW3", "employment"] == "employed"
    assert row["PW1", "deprivation"] == 3
    assert row["PW1", "chronicity"] == "2 to 5 years"


def test_contacts_are_counted_once_and_only_treatment(row):
    assert row["PW1", "sessions"] == 3  # C1, C2 (submitted twice), C5 (unplanned); not DNA, employment, follow-up
    assert row["PW1", "missed_contacts"] == 1
    assert row["PW1", "treatment_minutes"] == 160
    assert row["PW1", "wait_to_treatment"] == 19
    assert row["PW1", "first_to_second"] == 31
    assert row["PW1", "medium"] == "face to face"


def test_one_treatment_and_the_way_through_stepped_care(row):
    assert row["PW1", "treatment"] == "CBT"
    assert row["PW1", "treatment_share"] == pytest.approx(2 / 3)
    assert row["PW1", "treatment_basis"] == "most frequent type, mixed treatment"
    assert row["PW1", "pathway"] == "stepped up"
    assert row["PW2", "treatment"] == ""


def test_therapist_weights(records, row):
    weights = records.therapist_weights().set_index("therapist")["weight"]
    assert weights.to_dict() == pytest.approx({"RX1:T2": 0.5, "RX1:T1": 1 / 3, "RX1:T3": 1 / 6})
    assert row["PW1", "therapist"] == "RX1:T2"
    assert row["PW1", "qualification"] == "qualified"
    assert row["PW1", "therapists"] == 3


def test_problem_selection(row):
    assert row["PW1", "problem"] == "Depression"  # latest validated primary; rubbish and secondary do not count
    assert row["PW1", "problem_basis"] == "validated, primary"
    assert row["PW1", "problem_changed"] == "yes"
    assert row["PW1", "comorbid"] == "yes"
    assert row["PW2", "problem"] == "Social phobia"
    assert row["PW2", "problem_basis"] == "not validated"
    assert row["PW3", "problem"] == "Unspecified problem"


def test_scores_of_the_course(records, row):
    assert row["PW1", "phq9_start"] == 15
    assert row["PW1", "phq9_end"] == 12  # 17:00, not 09:00; not the one after discharge, not 99
    assert row["PW1", "gad7_end"] == 3  # not the follow-up
    assert row["PW1", "wsas_start"] == 20
    assert row["PW2", "phq9_start"] == 9
    assert np.isnan(row["PW2", "phq9_end"])
    assert row["PW1", "at_caseness"] == "yes"
    assert row["PW1", "recovered"] == "no"
    assert row["PW1", "reliable_change"] == "improved"
    phases = pd.Series(records.data.strings("phase", "assessment")).value_counts()
    assert phases["after discharge"] == 2


def test_dispositions_and_their_disagreement(tmp_path, row):
    assert list(row[["PW1", "PW2", "PW3"], "state"]) == ["finished", "assessed only", "open"]
    assert list(row[["PW1", "PW2", "PW3"], "disposition"]) == ["completed", "declined", "open"]
    assert list(row[["PW1", "PW2", "PW3"], "end_code_agrees"]) == ["yes", "yes", ""]
    wrong = TABLES["IDS101Referral"].replace(",46,", ",14,")
    found = om.read_nhs_dataset(write_folder(tmp_path / "wrong", IDS101Referral=wrong))
    assert any("disagree" in n and "1 of 2" in n for n in found.schema.notes)


def test_every_field_says_where_it_comes_from(records):
    assert all(f.description.startswith("from ") for f in records.data.schema if f.table == "main")


def test_vodim(records, tmp_path):
    table = records.quality.table().set_index("field")
    assert table.loc["IDS606CodedScoreAssessmentRefer.PersScore", "invalid"] == 1
    assert table.loc["IDS001MPI.Gender", "default"] == 1
    assert records.quality.facts["contact rows repeated, left out"] == 1
    assert records.quality.facts["contact rows that belong to no referral, left out"] == 1
    hidden = records.quality.export(by_provider=True)
    assert "suppressed" in hidden.note
    shown = np.concatenate([hidden.columns[c] for c in ("valid", "rows")])
    assert np.nanmin(shown) >= 5
    assert set(np.unique(shown[np.isfinite(shown)]) % 5) == {0.0}
    path = records.data.save(tmp_path / "x.nc")
    kept = quality_of(PaulDataset.load(path))
    assert (kept.counts == records.quality.counts).all()
    assert "data quality" in repr(records.data)


def test_derived_fields_of_the_extract_are_compared(tmp_path):
    lines = TABLES["IDS101Referral"].splitlines()
    flags = ["CompletedTreatment_Flag,PHQ9_LastScore,TherapySession_FirstDate", "N,,", "Y,12,2021-01-21", "N,,", ",,"]
    text = "\n".join(f"{a},{b}" for a, b in zip(lines, flags, strict=True)) + "\n"
    found = om.read_nhs_records(write_folder(tmp_path / "flags", IDS101Referral=text)).disagreements
    by_name = {d.field: d for d in found}
    assert by_name["CompletedTreatment_Flag"].differ == 0
    assert by_name["PHQ9_LastScore"].differ == 0
    assert by_name["TherapySession_FirstDate"].differ == 1


def test_exclusions(tmp_path):
    folder = write_folder(tmp_path / "x")
    table = {"provider": ["RX1"], "from": ["2021-02-01"], "to": [""], "reason": ["no scores sent"]}
    found = om.read_nhs_dataset(folder, exclusions=table)
    assert list(found.labels("course")[found.codes("course")]) == ["PW1", "PW3"]
    assert any("no scores sent" in n for n in found.schema.notes)
    with pytest.raises(DataError, match="no reason"):
        om.read_nhs_dataset(folder, exclusions=table | {"reason": [""]})
    with pytest.raises(DataError, match="date that is none"):
        om.read_nhs_dataset(folder, exclusions=table | {"from": ["soon"]})


def test_parquet_types_and_monthly_parts_give_the_same(tmp_path, records):
    folder = tmp_path / "typed"
    write_folder(folder, IDS101Referral=None, ids201carecontact=None)
    whole = pd.read_csv(write_folder(tmp_path / "csv") / "IDS101Referral.csv", parse_dates=[4, 5, 8])
    (folder / "IDS101REFERRAL").mkdir()
    pq.write_table(pa.Table.from_pandas(whole[:2]), folder / "IDS101REFERRAL" / "part-1.parquet")
    pq.write_table(pa.Table.from_pandas(whole[2:]), folder / "IDS101REFERRAL" / "part-2.parquet")
    contacts = pd.read_csv(tmp_path / "csv" / "ids201carecontact.csv", parse_dates=["CareContDate"])
    contacts["AttendOrDNACode"] = contacts["AttendOrDNACode"].astype(float)
    pq.write_table(pa.Table.from_pandas(contacts), folder / "Ids201CareContact.parquet")
    found = om.read_nhs_dataset(folder).to_frame()
    pd.testing.assert_frame_equal(found, records.data.to_frame())


def test_without_the_referral_table(tmp_path):
    with pytest.raises(FileError, match="no referral table"):
        om.read_nhs_dataset(write_folder(tmp_path / "x", IDS101Referral=None))
    with pytest.raises(FileError, match="no folder"):
        om.read_nhs_dataset(tmp_path / "absent")


def test_referrals_alone_are_a_dataset(tmp_path):
    only = write_folder(tmp_path / "x", **{n: None for n in TABLES if n != "IDS101Referral"})
    found = om.read_nhs_dataset(only)
    assert found.n == 3
    assert any("no table IDS201CareContact" in n for n in found.schema.notes)


def test_another_contact_rule(tmp_path):
    folder = write_folder(tmp_path / "x")
    strict = replace(contact_rule(), version="ours", unplanned_attended=False, treated=("02", "05"))
    found = om.read_nhs_dataset(folder, contacts=strict).to_frame().set_index("course")
    assert found.loc["PW1", "sessions"] == 1
    with pytest.raises(SchemaError, match="see nobody"):
        replace(contact_rule(), version="ours", treated=("06",))
    with pytest.raises(SchemaError, match="no contact rule"):
        contact_rule("nhs-9")


def test_another_outcome_rule(tmp_path):
    folder = write_folder(tmp_path / "x")
    rule = nhs_rule().variant("depression-only", recovery_needs="depression", caseness={"phq9": 13})
    found = om.read_nhs_dataset(folder, rule=rule).to_frame().set_index("course")
    assert found.loc["PW1", "recovered"] == "yes"


def test_tables_that_belong_to_nothing_are_refused(tmp_path):
    other = TABLES["IDS603PresentingComplaints"].replace("PW", "Q")
    folder = write_folder(tmp_path / "x", IDS603PresentingComplaints=other)
    with pytest.raises(DataError, match="none of 5 rows of IDS603"):
        om.read_nhs_dataset(folder)
    found = om.read_nhs_dataset(folder, damaged="skip")
    assert any("none of 5 rows" in n for n in found.schema.notes)


@pytest.mark.parametrize("how", ["semicolons", "quotes", "windows", "byte order mark", "blank lines", "dates"])
def test_spellings_of_csv(tmp_path, how):
    text = TABLES["IDS101Referral"]
    cells = [line.split(",") for line in text.strip().split("\n")]
    changed = {
        "semicolons": text.replace(",", ";"),
        "quotes": "\n".join(",".join(f'"{c}"' for c in row) for row in cells),
        "windows": text.replace("\n", "\r\n"),
        "byte order mark": "\ufeff" + text,
        "blank lines": text.replace("\n", "\n\n"),
        "dates": text.replace("2021-01-01", "01/01/2021").replace("2021-02-01", "20210201"),
    }[how]
    one = om.read_nhs_dataset(write_folder(tmp_path / "a")).to_frame()
    other = om.read_nhs_dataset(write_folder(tmp_path / "b", IDS101Referral=changed)).to_frame()
    pd.testing.assert_frame_equal(one, other)


FURTHER = {
    "IDS002GP": "Person_ID,GMPCodeReg,OrgIDCCGGP\nP1,Y00001,\nP2,,\nP9,Y00002,\n",
    "IDS003AccommodationStatus": "Person_ID,AccommodationType\nP1,01\n",
    "IDS011SocPerCircumstances": "Person_ID,SocPerCircumstance,SocPerCircumstanceRecDate\n"
    "P1,1234567,2021-01-01\nP2,x,\n",
    "IDS012OverseasVisitorChargCat": "Person_ID,OverseasVisitorChargCat\nP1,A\n",
    "IDS105OnwardReferral": "PathwayID,OnwardReferDate,OnwardReferReason\nPW1,2021-03-01,02\nPWX,2021-03-01,02\n",
    "IDS108WaitingTimePauses": "PathwayID,PauseStartDate,PauseEndDate,PauseReason\n"
    "PW1,2021-01-05,2021-01-08,1\nPW1,2021-01-05,2021-01-08,1\nPW1,2021-01-07,2021-01-10,1\nPW1,2021-01-15,2021-06-01,\n"
    "PW2,2020-01-01,2020-01-05,\nPW3,,2022-05-05,\n",
    "IDS803CareCluster": "PathwayID,AMHCareClustCodeFin\nPW1,03\nPW2,\n",
}


def test_tables_that_say_little_are_counted(tmp_path):
    found = om.read_nhs_records(write_folder(tmp_path / "x", **FURTHER))
    row = found.data.to_frame().set_index("course")
    assert list(row.loc[["PW1", "PW2", "PW3"], "onward_referral"]) == ["yes", "no", "no"]
    assert list(row.loc[["PW1", "PW2", "PW3"], "paused_days"]) == [10, 0, 0]  # 5th to 10th, 15th to the 20th
    table = found.quality.table().set_index("field")
    assert table.loc["IDS002GP.GMPCodeReg", ["valid", "missing"]].tolist() == [2, 1]
    assert table.loc["IDS011SocPerCircumstances.SocPerCircumstance", ["valid", "invalid"]].tolist() == [1, 1]
    assert table.loc["IDS803CareCluster.AMHCareClustCodeFin", ["valid", "missing"]].tolist() == [1, 1]
    assert table.loc["IDS105OnwardReferral.OnwardReferDate", "valid"] == 2
    assert found.quality.facts["onward referral rows that belong to no referral, left out"] == 1
    assert found.quality.facts["waiting-time pauses without referral or usable dates, left out"] == 1
    assert {f.partition(".")[0] for f in table.index} >= set(FURTHER) - {"IDS003AccommodationStatus"}


def test_without_them_nothing_is_said(records):
    assert "onward_referral" not in records.data.schema
    assert not any("IDS105" in n or "IDS803" in n for n in records.data.schema.notes)
