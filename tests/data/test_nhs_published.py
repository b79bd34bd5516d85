"""The published England values, reproduced exactly by the reader (folder READMEs list them)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import outcomemodels as om
from outcomemodels.data.dataset import PaulDataset


@pytest.fixture(scope="module")
def england(shared_data: Path) -> PaulDataset:
    return om.read_nhs_annual(shared_data / "nhs_tt_proms", level="england", years=["2023-24"])


def row(data: PaulDataset, problem: str, treatment: str) -> int:
    found = np.flatnonzero((data.strings("problem") == problem) & (data.strings("treatment") == treatment))
    assert len(found) == 1, (problem, treatment, found)
    return int(found[0])


@pytest.mark.parametrize(
    ("treatment", "n", "start", "end", "recovery"),
    [
        ("CBT", 78_568, 15.8, 10.6, 40.0),
        ("Guided self-help (book)", 67_637, 15.3, 10.8, 34.7),
        ("Counselling for depression", 51_817, 14.6, 9.4, 43.4),
        ("IPT", 5_205, 15.4, 9.4, 45.3),
    ],
)
def test_depression(england: PaulDataset, treatment: str, n: int, start: float, end: float, recovery: float) -> None:
    at = row(england, "Depression", treatment)
    assert england.values("courses")[at] == n
    assert england.values("phq9_start")[at] == start
    assert england.values("phq9_end")[at] == end
    assert england.values("reliable_recovery_percent")[at] == pytest.approx(recovery, abs=1e-9)


def test_effect_size(england: PaulDataset) -> None:
    assert england.values("phq9_d")[row(england, "Depression", "CBT")] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("problem", "treatment", "recovery"),
    [
        ("PTSD", "CBT", 38.2),
        ("PTSD", "EMDR", 43.3),
        ("PTSD", "Guided self-help (book)", 6.9),
        ("Generalised anxiety disorder", "CBT", 49.3),
        ("Generalised anxiety disorder", "Guided self-help (book)", 46.4),
    ],
)
def test_reliable_recovery(england: PaulDataset, problem: str, treatment: str, recovery: float) -> None:
    found = england.values("reliable_recovery_percent")[row(england, problem, treatment)]
    assert found == pytest.approx(recovery, abs=1e-9)


def test_suppressed_is_not_zero(shared_data: Path) -> None:
    providers = om.read_nhs_annual(shared_data / "nhs_tt_proms", years=["2023-24"])
    counts = providers.values("reliable_recovery")
    assert np.isnan(counts).any()
    assert not (counts == 0).any()
    assert "reliable_recovery_missing" in providers.arrays


RECOVERY = {
    "2017-18": 50.8,
    "2018-19": 52.1,
    "2019-20": 51.1,
    "2020-21": 51.4,
    "2021-22": 50.2,
    "2022-23": 49.9,
    "2023-24": 50.1,
}


def test_measures(shared_data: Path) -> None:
    data = om.read_nhs_annual(shared_data / "nhs_tt_measures", level="england")
    found = dict(zip(data.strings("year"), data.values("recovery_percent"), strict=True))
    assert {k: round(float(v), 1) for k, v in found.items()} == RECOVERY
