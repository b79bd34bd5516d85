"""Published NHS Talking Therapies tables: England's values exactly, and the traps of the tables below England."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import outcomemodels as om
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.nhs_annual import breakdowns
from outcomemodels.errors import DataError, FileError

YEAR = "2023-24"


@pytest.fixture(scope="module")
def england(shared_data: Path) -> PaulDataset:
    return om.read_nhs_annual(shared_data / "nhs_tt_proms", level="england", years=YEAR)


@pytest.fixture(scope="module")
def providers(shared_data: Path) -> PaulDataset:
    return om.read_nhs_annual(shared_data / "nhs_tt_proms")


@pytest.mark.parametrize(
    ("problem", "treatment", "expected"),
    [
        ("Depression", "CBT", {"courses": 78568, "phq9_start": 15.8, "phq9_end": 10.6, "phq9_d": 0.9, "rr": 40.0}),
        (
            "Depression",
            "Guided Self Help (Book)",
            {"courses": 67637, "phq9_start": 15.3, "phq9_end": 10.8, "rr": 34.7},
        ),
        (
            "Depression",
            "Counselling for Depression",
            {"courses": 51817, "phq9_start": 14.6, "phq9_end": 9.4, "rr": 43.4},
        ),
        ("Depression", "IPT", {"courses": 5205, "phq9_start": 15.4, "phq9_end": 9.4, "rr": 45.3}),
        ("PTSD", "CBT", {"rr": 38.2}),
        ("PTSD", "EMDR", {"rr": 43.3}),
        ("PTSD", "Guided Self Help (Book)", {"rr": 6.9}),
        ("GAD", "CBT", {"rr": 49.3}),
        ("GAD", "Guided Self Help (Book)", {"rr": 46.4}),
    ],
)
def test_england_2023_24_as_published(
    england: PaulDataset, problem: str, treatment: str, expected: dict[str, float]
) -> None:
    cell = england.where(problem=problem, treatment=treatment)
    assert cell.n == 1
    for name, value in expected.items():
        field = "reliable_recovery_percent" if name == "rr" else name
        assert float(cell.values(field)[0]) == value, field
    ratio = 100 * cell.values("reliable_recovery")[0] / cell.values("reliable_recovery_total")[0]
    assert round(float(ratio), 1) == expected["rr"], "counts and totals give the published percentage"
    assert cell.values("phq9_end_n")[0] == cell.values("courses")[0]


def test_every_england_percentage_follows_from_its_counts(england: PaulDataset) -> None:
    for name in (
        "recovery",
        "reliable_recovery",
        "reliable_improvement",
        "reliable_deterioration",
        "no_reliable_change",
    ):
        events, total = england.values(name), england.values(f"{name}_total")
        published = england.values(f"{name}_percent")
        held = np.isfinite(events) & np.isfinite(published) & (total > 0)
        assert held.sum() > 100
        assert np.abs(100 * events[held] / total[held] - published[held]).max() <= 0.0501, name


def test_england_recovery_rates(shared_data: Path) -> None:
    data = om.read_nhs_annual(shared_data / "nhs_tt_measures", level="england")
    rates = dict(zip(data.strings("year"), data.values("recovery_percent"), strict=True))
    assert rates == {
        "2017-18": 50.8,
        "2018-19": 52.1,
        "2019-20": 51.1,
        "2020-21": 51.4,
        "2021-22": 50.2,
        "2022-23": 49.9,
        "2023-24": 50.1,
    }
    counted = 100 * data.values("recovery") / data.values("recovery_total")
    assert np.round(counted, 1).tolist() == data.values("recovery_percent").tolist()
    last = data.where(year=YEAR)
    assert (last.values("finished")[0], last.values("referrals")[0]) == (671648, 1829202)
    poverty = om.read_nhs_annual(
        shared_data / "nhs_tt_measures", level="england", years=YEAR, breakdown="Indices of Deprivation Decile"
    )
    by = dict(zip(poverty.strings("deprivation_decile"), poverty.values("recovery_percent"), strict=True))
    assert (by["01 Least deprived"], by["10 Most deprived"]) == (56.1, 42.3)


def test_provider_cells(providers: PaulDataset) -> None:
    assert providers.n == 19_990
    assert int(np.isfinite(providers.values("phq9_end")).sum()) == 16_177
    assert int(np.isfinite(providers.values("reliable_recovery_percent")).sum()) == 10_354
    assert np.nansum(providers.values("courses")) == pytest.approx(2.13e6, rel=0.01)
    assert providers.outcomes[:3] == ("phq9_end", "gad7_end", "wsas_end")


def test_suppressed_is_missing_and_never_zero(providers: PaulDataset) -> None:
    for name in ("courses", "recovery", "phq9_end", "not_caseness"):
        values = providers.values(name)
        reasons = providers.missing(name)
        assert (values[np.isfinite(values)] > 0).all(), name
        assert set(reasons[~np.isfinite(values)]) == {"suppressed"}
        assert set(reasons[np.isfinite(values)]) == {""}
    assert any("rounded to 5" in note for note in providers.schema.notes)


def test_labels_are_one_across_years(providers: PaulDataset, shared_data: Path) -> None:
    labels = [str(v) for v in providers.labels("problem")]
    assert len({v.casefold() for v in labels}) == len(labels) == 14
    assert "CBT" in providers.labels("treatment")
    names = providers.to_frame().groupby("provider")["provider_name"].nunique()
    assert int(names.max()) == 1
    for breakdown in breakdowns()[1:]:
        data = om.read_nhs_annual(shared_data / "nhs_tt_measures", level="england", breakdown=breakdown)
        margin = data.schema.fields[0].name
        folded = [str(v).casefold() for v in data.labels(margin)]
        assert len(set(folded)) == len(folded), breakdown


def test_levels_of_problem_are_never_mixed(shared_data: Path) -> None:
    folder = shared_data / "nhs_tt_proms"
    with pytest.raises(DataError, match="never mixed"):
        om.read_nhs_annual(folder, problem_level="specific+group")
    for level, label in (("group", "Anxiety and stress related disorders"), ("all", "All problems")):
        data = om.read_nhs_annual(folder, level="england", years=YEAR, problem_level=level)
        assert set(data.strings("problem")) == {label}
    with pytest.raises(DataError, match=r"mixes levels[\s\S]*count people twice"):
        om.read(
            folder / "proms_provider.parquet",
            schema={
                "grain": "cell",
                "fields": {
                    "problem": {"facet": "problem", "kind": "categorical"},
                    "treatment": {"facet": "treatment", "kind": "categorical", "column": "therapy"},
                    "recovered": {"facet": "outcome", "kind": "count", "column": "ther_recovery_count"},
                },
            },
        )


def test_specific_problems_are_not_in_the_first_year(shared_data: Path) -> None:
    data = om.read_nhs_annual(shared_data / "nhs_tt_proms", level="england", years="2019-20")
    assert set(data.strings("problem")) == {"Depression"}


def test_commissioners_and_regions(shared_data: Path) -> None:
    for level in ("commissioner", "region"):
        data = om.read_nhs_annual(shared_data / "nhs_tt_proms", level=level, years=YEAR)
        assert data.n > 0
        assert data.schema[level].facet == "setting"


def test_rows_published_twice_are_kept_once(shared_data: Path) -> None:
    data = om.read_nhs_annual(shared_data / "nhs_tt_measures", years=YEAR)
    assert any("published twice" in note and "TAF90" in note for note in data.schema.notes)


def test_wrong_questions(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "nhs_tt_proms"
    with pytest.raises(DataError, match=r"unknown label '2023-4'[\s\S]*did you mean '2023-24'"):
        om.read_nhs_annual(folder, years="2023-4")
    with pytest.raises(DataError, match="unknown label 'trust'"):
        om.read_nhs_annual(folder, level="trust")
    with pytest.raises(DataError, match="unknown label 'Age Groups'"):
        om.read_nhs_annual(shared_data / "nhs_tt_measures", level="england", breakdown="Age Groups")
    with pytest.raises(FileError, match="no table for level 'region'"):
        om.read_nhs_annual(shared_data / "nhs_tt_measures", level="region")
    with pytest.raises(FileError, match="no folder"):
        om.read_nhs_annual(tmp_path / "none")
    with pytest.raises(FileError, match="no table for level"):
        om.read_nhs_annual(tmp_path)
