"""The simulator's own flags against the tables it wrote, read here a third way, with plain pandas."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcomemodels.data.nhs_dataset.read import read_nhs_records
from outcomemodels.data.nhs_simulation.simulate import simulate_nhs
from outcomemodels.data.nhs_simulation.truth import load_truth

RANGES = {"720433000": 27, "445455005": 21}
NAMES = {"720433000": "phq9", "445455005": "gad7"}


def table(folder: Path, number: str) -> pd.DataFrame:
    path = next(p for p in folder.iterdir() if p.name.lower().startswith(f"ids{number}"))
    raw = pd.read_csv(path, dtype=str) if path.suffix == ".csv" else pd.read_parquet(path).astype("string")
    raw.columns = [c.lower() for c in raw.columns]
    return raw.apply(lambda column: column.astype("string").str.strip())


def latest(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    order = rows.assign(sent=rows["uniquesubmissionid"].astype(float))
    return order.sort_values("sent", kind="stable").drop_duplicates(keys, keep="last")


def reread(folder: Path) -> pd.DataFrame:
    """Sessions, first and last PHQ-9 and GAD-7 of every referral, from the tables alone."""
    referrals = latest(table(folder, "101"), ["pathwayid"]).set_index("pathwayid")
    received, left = (pd.to_datetime(referrals[c]) for c in ("referralrequestreceiveddate", "servdischdate"))
    contacts = latest(table(folder, "201"), ["carecontactid"])
    contacts = contacts[contacts["pathwayid"].isin(referrals.index)].copy()
    code = contacts["attendordnacode"].str.lstrip("0")
    attended = code.isin(["5", "6"]) | (contacts["plannedcarecontindicator"] == "N")
    treated = contacts[attended.fillna(False) & contacts["apptype"].str.lstrip("0").isin(["2", "3", "5"])]
    logs = table(folder, "205").drop_duplicates(["pathwayid", "enddateintenabledtherlog"])
    out = pd.DataFrame(index=referrals.index)
    out["treatment_contacts"] = treated.groupby("pathwayid").size().add(logs.groupby("pathwayid").size(), fill_value=0)
    out["treatment_contacts"] = out["treatment_contacts"].fillna(0).astype(int)
    out["finished"] = left.notna() & (out["treatment_contacts"] >= 2)
    acts = latest(table(folder, "202"), ["careactid"]).set_index("careactid")
    inside = table(folder, "607").assign(value=lambda d: number(d["persscore"]))
    inside = latest(plausible(inside), ["careactid", "codedasstooltype"])
    inside = inside[inside["careactid"].isin(acts.index)]
    day = contacts.set_index("carecontactid")["carecontdate"]
    visit = acts["carecontactid"].reindex(inside["careactid"]).to_numpy()
    inside = inside.assign(day=pd.to_datetime(day.reindex(visit)).to_numpy())
    outside = table(folder, "606").assign(value=lambda d: number(d["persscore"]))
    outside = plausible(outside)
    outside = outside.assign(day=pd.to_datetime(outside["asstoolcompdate"])).drop_duplicates(
        ["pathwayid", "codedasstooltype", "day"]
    )
    columns = ["pathwayid", "codedasstooltype", "value", "day"]
    scores = pd.concat([inside[columns], outside[columns]])
    scores = scores[scores["pathwayid"].isin(referrals.index)]
    end = left.reindex(scores["pathwayid"]).to_numpy()
    begin = received.reindex(scores["pathwayid"]).to_numpy()
    scores = scores[(scores["day"] >= begin) & (np.isnat(end) | (scores["day"] <= end))].sort_values("day")
    for tool, name in NAMES.items():
        of = scores[scores["codedasstooltype"] == tool].groupby("pathwayid")["value"]
        out[f"{name}_first"], out[f"{name}_last"], out[f"{name}_count"] = of.first(), of.last(), of.size()
        out.loc[~(out[f"{name}_count"] >= 2), f"{name}_last"] = np.nan
    return out


def number(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column.astype(object), errors="coerce").astype(float)


def plausible(rows: pd.DataFrame) -> pd.DataFrame:
    top = rows["codedasstooltype"].astype(object).map(RANGES).astype(float)
    return rows[(rows["value"] >= 0) & (rows["value"] <= top)]


@pytest.mark.parametrize(
    ("version", "dirty", "kind"), [("2.1", False, "parquet"), ("2.0", True, "csv"), ("2.1", True, "parquet")]
)
def test_tables_give_the_simulators_flags(version: str, dirty: bool, kind: str, tmp_path: Path) -> None:
    simulate_nhs(
        tmp_path / "w",
        referrals=2000,
        seed=6,
        version=version,  # type: ignore[arg-type]
        dirty=dirty,
        file_format=kind,  # type: ignore[arg-type]
    )
    mine = load_truth(tmp_path / "w").flags().set_index("PathwayID")
    found = reread(tmp_path / "w").reindex(mine.index)
    assert (found["finished"] == mine["finished"]).all()
    assert (found["treatment_contacts"] == mine["treatment_contacts"]).all()
    for name, when in itertools.product(("phq9", "gad7"), ("first", "last")):
        a, b = found[f"{name}_{when}"].astype(float), mine[f"{name}_{when}"].astype(float)
        assert ((a == b) | (a.isna() & b.isna())).all(), (name, when)


def test_dirt_is_there(tmp_path: Path) -> None:
    simulate_nhs(tmp_path / "w", referrals=1500, seed=2, dirty=True, file_format="csv")
    names = [p.name for p in (tmp_path / "w").glob("*.csv")]
    contacts = pd.read_csv(next(p for p in (tmp_path / "w").glob("*.csv") if "201" in p.name), dtype=str)
    assert {"5", "05", " 5", "5 "} <= set(contacts["AttendOrDnaCode"].dropna())
    assert "ConsMediumUsed" in contacts.columns  # the other version's name
    assert contacts.duplicated().any()
    assert contacts["PathwayId"].str.startswith("X").any()
    assert any(n != "IDS201CareContact.csv" and "201" in n for n in names) or any(n.islower() for n in names)


def test_verdicts_follow_the_published_rules(tmp_path: Path) -> None:
    """What the flags must satisfy, whatever the scores."""
    simulate_nhs(tmp_path / "w", referrals=4000, seed=8)
    f = load_truth(tmp_path / "w").flags()
    phq = f["phq9_first"] - f["phq9_last"]
    assert (f.loc[f["recovered"] == "yes", "phq9_last"] < 10).all()
    assert not (
        f.loc[f["reliable"] == "improved", "phq9_last"] - f.loc[f["reliable"] == "improved", "phq9_first"] >= 6
    ).any()
    gad = f[f["anxiety_measure"] == "gad7"]
    fall = gad["gad7_first"] - gad["gad7_last"]
    both = (phq[gad.index] >= 6) & (fall <= -4)
    assert (gad.loc[both, "reliable"] == "none").all()
    assert (gad.loc[(phq[gad.index] >= 6) & (fall > -4) & gad["paired"], "reliable"] == "improved").all()
    assert set(f.loc[~f["paired"], "reliable"]) <= {"not_assessed"}
    own = f[~f["anxiety_measure"].isin(["gad7", ""])]
    assert set(own["problem_recorded"]) <= {
        *("PTSD", "Social phobia", "Panic disorder", "Agoraphobia", "Obsessive-compulsive disorder", "Health anxiety")
    }


def test_derived_fields_are_what_the_reader_derives(tmp_path: Path) -> None:
    simulate_nhs(tmp_path / "w", referrals=1500, seed=3, derived=True)
    found = {d.field: d for d in read_nhs_records(tmp_path / "w").disagreements}
    assert {"CompletedTreatment_Flag", "Recovery_Flag", "PHQ9_LastScore", "InternetEnabledTherapy_Count"} <= set(found)
    for field, d in found.items():
        assert d.compared > 500, field
        assert d.differ == d.only_theirs == d.only_ours == 0, d.sentence()
