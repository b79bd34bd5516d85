"""Denominators, published counts, suppression, multiverse, instruments, scoring, JSON."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from outcomemodels.errors import DataError, FileError, SchemaError
from outcomemodels.outcomes.complementary import complementary
from outcomemodels.outcomes.criteria import Operator
from outcomemodels.outcomes.denominators import funnel, published_rate, rates
from outcomemodels.outcomes.instruments import instruments, read_instruments
from outcomemodels.outcomes.multiverse import outcome_multiverse, rule_variants
from outcomemodels.outcomes.rules import OutcomeRule, ReferralScores, apply_rule, nhs_rule
from outcomemodels.outcomes.scoring import score_items
from outcomemodels.outcomes.suppression import Disclosure, suppress

ROOT = Path(os.environ.get("OUTCOMEMODELS_DATA") or Path(__file__).parents[3] / "shared" / "data")
needs_data = pytest.mark.skipif(not (ROOT / "nhs_tt_reference").exists(), reason="shared NHS tables are absent")
NAN = float("nan")


def four_clients() -> ReferralScores:
    """Reliably recovered; unpaired case; not a case; entered once only."""
    return ReferralScores.from_arrays(
        phq9_first=[15, 14, 5, 20],
        phq9_last=[4, 6, 4, NAN],
        phq9_count=[3, 2, 2, 1],
        anxiety={"gad7": ([12, 11, 3, 15], [3, NAN, 2, NAN], [3, 1, 2, 1])},
        problem=["F32.1", "F411", "F431", ""],
        treatment_contacts=[6, 3, 2, 1],
        discharged=[True] * 4,
    )


def test_four_denominators_and_bounds():
    scores = four_clients()
    found = {(r.denominator, r.outcome): r for r in rates(apply_rule(nhs_rule(), scores), scores)}
    assert [found[d, "recovery"].total for d in ("national", "complete_case", "entered", "all_referred")] == [
        2,
        1,
        3,
        3,
    ]
    assert found["national", "recovery"].rate == 0.5
    assert found["national", "recovery"].highest == 1.0
    assert found["entered", "recovery"].lowest == pytest.approx(1 / 3)
    assert found["national", "improvement"].total == 3


@needs_data
def test_england_rates_use_finished_minus_not_at_caseness():
    d = pd.read_csv(ROOT / "nhs_tt_measures" / "measures_england.csv").query("variable_type == 'Total'")
    assert len(d) == 7
    for row in d.itertuples():
        for outcome in ("recovery", "reliable_recovery", "improvement", "deterioration"):
            mine = published_rate(
                outcome,
                events=getattr(row, f"{outcome}_count"),
                finished=row.finished_course_treatment_count,
                not_at_caseness=row.not_at_caseness_count,
            )
            assert 100 * mine == pytest.approx(getattr(row, f"{outcome}_percentage"), abs=0.0501)


@needs_data
def test_england_funnel():
    d = pd.read_csv(ROOT / "nhs_tt_reference" / "funnel_by_problem_england_2014_2024.csv")
    d = d[(d.variable_a == "All") & (d.variable_b == "All")]
    for year, third in (("fy1819", "first_treatment"), ("fy2324", "accessing_services")):
        n = d[d.nhs_fy == year].set_index("measure")["count"]
        started = n.get(third, n.get("first_treatment"))
        shares = funnel(referred=n["referrals_received"], started=started, finished=n["finished_course_treatment"])
        assert shares["lost_after_start"] == pytest.approx(0.467, abs=0.001)
        assert shares["finished_of_referred"] == pytest.approx(0.363 if year == "fy1819" else 0.367, abs=0.0006)


def test_rule_survives_json_and_operators_switch():
    for version in ("nhs-1.5", "nhs-2.0", "nhs-2.1"):
        assert OutcomeRule.from_json(nhs_rule(version).to_json()) == nhs_rule(version)
    strict = nhs_rule().variant("strict", reliable_operator=Operator.ABOVE)
    assert OutcomeRule.from_json(strict.to_json()) == strict
    with pytest.raises(SchemaError):
        OutcomeRule.from_json('{"format": "outcomemodels.OutcomeRule/1"}')
    with pytest.raises(SchemaError):
        OutcomeRule.from_json("[")


def test_mean_score_differences_are_exact():
    mi = instruments()["mi_alone"].criterion()
    assert mi.change(np.array([3.0]), np.array([2.27]))[0] == 1
    assert not mi.is_case(np.array([2.3]))[0]


def test_out_of_range_is_refused():
    bad = ReferralScores.from_arrays(
        phq9_first=[99.0], phq9_last=[3.0], phq9_count=[2], anxiety={}, problem=[""], treatment_contacts=[2],
        discharged=[True],
    )  # fmt: skip
    with pytest.raises(DataError, match="0 to 27"):
        apply_rule(nhs_rule(), bad)


def test_suppression_says_so():
    found = suppress({"service": ["a", "b"], "n": [4, 13], "d": [22, 98]}, counts=["n", "d"], rates={"pc": ("n", "d")})
    assert np.isnan(found.columns["n"][0])
    assert found.columns["n"][1] == 15
    assert np.isnan(found.columns["pc"][0])
    assert found.columns["pc"][1] == 15
    assert "suppressed (1 cells)" in found.to_pandas().attrs["suppression"]
    with pytest.raises(DataError, match="not a count"):
        suppress({"n": [1.5]}, counts=["n"])


def test_multiverse():
    scores = four_clients()
    found = outcome_multiverse(scores, np.array([0, 1, 1, 0]), ["a", "b"], rules=rule_variants(nhs_rule()))
    assert found.rate.shape == (8 * 16, 2)
    assert 0 <= found.best_share()["b"] <= 1
    first = found.universes.index(("nhs-2.1", "recovery", "national"))
    assert found.rank[first].tolist() == [1.0, 2.0]


def test_prorating_and_reversal():
    phq = instruments()["phq9"]
    two = [[1] * 9, [2] * 8 + [NAN], [1] * 7 + [NAN] * 2]
    assert score_items(phq, two)[:2].tolist() == [9.0, 18.0]
    assert np.isnan(score_items(phq, two)[2])
    assert score_items(instruments()["core10"], [[0, 4, 4] + [0] * 7]).tolist() == [0.0]
    with pytest.raises(DataError, match="impossible"):
        score_items(phq, [[4] * 9])


def test_user_instruments(tmp_path):
    path = tmp_path / "ours.toml"
    path.write_text('version = "u1"\n[instruments.ers]\nlow=0\nhigh=40\ndirection = "lower_is_better"\ncaseness = 15\n')
    assert read_instruments(path)["ers"].tag("caseness") == "user"
    for text, error, said in (
        ("version = 1", SchemaError, "version"),
        ('version="x"\n[instruments.a]\nlow=0\nhigh=4\ndirection="down"', SchemaError, "lower_is_better"),
        (
            'version="x"\n[instruments.a]\nlow=0\nhigh=4\ndirection="lower_is_better"\ncaseness=9',
            SchemaError,
            "range",
        ),
        ("not toml", FileError, "TOML"),
    ):
        path.write_text(text)
        with pytest.raises(error, match=said):
            read_instruments(path)
    with pytest.raises(FileError):
        read_instruments(tmp_path / "absent.toml")


def test_a_single_hidden_cell_takes_another_with_it():
    table = {"service": ["a", "b", "c"], "yes": [3, 40, 50], "no": [60, 70, 80], "all": [63, 110, 130]}
    plain = suppress(table, counts=["yes", "no", "all"])
    assert plain.hidden == {"yes": 1, "no": 0, "all": 0}
    found = suppress(table, counts=["yes", "no", "all"], parts=["yes", "no", "all"], within=())
    gone = np.isnan(np.stack([found.columns[c] for c in ("yes", "no", "all")], axis=1))
    assert gone.tolist() == [[True, True, False], [True, True, False], [False, False, False]]
    assert "1 cells, and 3 more that would give one away by subtraction" in found.note
    with pytest.raises(DataError, match="not columns"):
        suppress(table, counts=["yes"], parts=["no"])


@pytest.mark.parametrize("seed", range(20))
def test_no_line_of_a_table_has_one_hidden_cell(seed):
    rng = np.random.default_rng(seed)
    values = rng.poisson(rng.choice([3, 10, 40]), (rng.integers(2, 7), rng.integers(2, 7))).astype(float)
    hidden = complementary(values, values < 5, groups=[np.arange(len(values))])
    assert hidden[values < 5].all()
    for line in (*hidden, *hidden.T):
        assert line.sum() != 1
    plain = Disclosure().plain({"count": values.tolist()})["count"]
    assert [[v is None for v in row] for row in plain] == hidden.tolist()
