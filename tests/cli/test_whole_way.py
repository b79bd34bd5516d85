"""Simulate, read, audit, fit, ask, report, and the answers beside the truth: one command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from outcomemodels.cli.main import cli
from outcomemodels.data.nhs_simulation.codes import PROBLEM_LABELS
from outcomemodels.data.nhs_simulation.parameters import parameters

FAIR = {
    # nothing of the client decides the treatment
    **dict.fromkeys(("allocation.severity", "allocation.personality", "allocation.previous", "service.lean_sd"), 0.0),
    **{f"allocation.high_by_problem[{q}]": 0.0 for q in PROBLEM_LABELS},
    **{f"allocation.arm_by_problem[{k}]": 0.0 for k in parameters().parameters["allocation.arm_by_problem"].value},
    # nobody leaves early, nobody changes treatment
    **{"dose.drop_first": -30.0, "dose.drop_later": -30.0, "dose.early_finish": 0.0, "size.follow_months": 20.0},
    **{"allocation.step_up": -30.0, "allocation.step_down": 0.0, "measure.missed_visit": 0.0},
    # descriptors are right
    **{f"problem.accuracy[{q}]": 0.9999 for q in PROBLEM_LABELS},
    **{"problem.unspecified_finished": 1e-6, "problem.unspecified_once": 1e-6, "service.descriptor_sd": 0.0},
}
"""A world whose records hold what the model assumes."""


def call(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(w) for w in words])


def test_the_whole_way_is_one_command(tmp_path: Path) -> None:
    out = tmp_path / "w"
    done = call("simulate", "nhs", "--referrals", "2e3", "--seed", 4, "--out", out, "--run", "--problem", "Depression")
    assert done.exit_code == 0, done.output
    assert (out / "report.html").read_text().startswith("<!DOCTYPE html>")
    found = json.loads((out / "comparison.json").read_text())
    assert found["outcome"] == "phq9_end"
    assert {x["problem"] for x in found["lines"]} == {"Depression"}
    assert all(x["covered"] == (x["low"] <= x["true"] <= x["high"]) for x in found["lines"])
    assert "intervals hold the truth" in done.output
    again = call("simulate", "compare", out / "fit.nc", out, "--problem", "Depression", "--json")
    assert json.loads(again.output)["lines"] == found["lines"]


def test_wrong_words_are_named(tmp_path: Path) -> None:
    for words, said in (
        (("--referrals", "many"), "not a number"),
        (("--referrals", "1.5"), "not a whole number"),
        (("--set", "benefit.mean"), "NAME=NUMBER"),
    ):
        done = call("simulate", "nhs", "--out", tmp_path / "w", *words)
        assert done.exit_code == 2
        assert said in done.output


def test_assumptions_are_printed_with_their_tags(tmp_path: Path) -> None:
    done = call("simulate", "nhs", "--out", tmp_path / "w", "--referrals", 200, "--set", "dose.tau_high=5")
    assert "dose.tau_high = 5  [2, 12]  set by the caller" in done.output
    assert "M-low:" in done.output
    brief = call("simulate", "nhs", "--out", tmp_path / "v", "--referrals", 200, "--no-assumptions")
    assert "dose.tau_high" not in brief.output
    assert "published" in brief.output


@pytest.mark.calibration
def test_in_a_fair_world_intervals_hold_the_truth(tmp_path: Path) -> None:
    from outcomemodels.cli.whole_way import whole_way
    from outcomemodels.data.nhs_simulation.simulate import simulate_nhs

    simulate_nhs(tmp_path / "w", referrals=5000, seed=10, values=FAIR)
    problems = ("Depression", "Generalised anxiety disorder", "PTSD")
    fitted, _ = whole_way(tmp_path / "w", problems=problems, quiet=True)
    assert fitted.verdict.passed
    words = ("--quantity", "completed", "--among", "entered", *(w for q in problems for w in ("--problem", q)))
    found = json.loads(call("simulate", "compare", tmp_path / "w" / "fit.nc", tmp_path / "w", *words, "--json").output)
    assert len(found["lines"]) >= 30
    assert found["coverage"] > 0.8  # contrasts of one fit share their reference: this is no binomial share
    assert found["error"] < 1.3
