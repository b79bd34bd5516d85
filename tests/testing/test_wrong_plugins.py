"""The checks catch: every wrong model fails the check named for it, and the right ones they are made from pass."""

from __future__ import annotations

import pytest

from outcomemodels.testing import CHECKS, CheckResult, all_ok, check_model, format_results
from testing import wrong_plugins as wrong


def failed(results: tuple[CheckResult, ...]) -> set[str]:
    return {r.name for r in results if r.outcome == "failed"}


@pytest.mark.parametrize(
    "right", [wrong.Right(), wrong.RightBinary(), wrong.RightCells()], ids=lambda m: type(m).__name__
)
def test_the_right_ones_pass(right: wrong.Right) -> None:
    results = check_model(right, tier="graph")
    assert all_ok(results), format_results(results, width=200)


@pytest.mark.parametrize(("kind", "check"), wrong.CATCHES, ids=[f"{k.__name__}-{c}" for k, c in wrong.CATCHES])
def test_the_wrong_ones_are_caught(kind: type, check: str) -> None:
    results = check_model(kind(), only=(check,))
    assert check in failed(results), format_results(results, width=200)


@pytest.mark.calibration
@pytest.mark.parametrize(("kind", "check"), wrong.CATCHES, ids=[k.__name__ for k, _ in wrong.CATCHES])
def test_wrong_ones_are_caught_among_all_checks(kind: type, check: str) -> None:
    assert check in failed(check_model(kind(), tier="graph"))


@pytest.mark.calibration
@pytest.mark.parametrize(("kind", "check"), wrong.BY_SAMPLING, ids=[k.__name__ for k, _ in wrong.BY_SAMPLING])
def test_what_only_sampling_shows(kind: type, check: str) -> None:
    assert not failed(check_model(kind(), tier="graph"))
    assert failed(check_model(kind(), tier="calibration", only=(check,))) == {check}


def test_there_are_enough() -> None:
    assert len(wrong.CATCHES) >= 20
    assert {c for _, c in wrong.CATCHES} <= {c.name for c in CHECKS}
