"""The checks catch: every wrong model fails the check named for it, and the right ones they are made from pass."""

from __future__ import annotations

import pytest

from outcomemodels.testing import CHECKS, Budget, CheckResult, all_ok, check_model, format_results
from testing.wrong_plugins import catalogue as wrong
from testing.wrong_plugins.right import Right, RightBinary, RightCells

BUDGET = Budget(seconds=8.5)
"""For the model that is slow on purpose."""


def failed(results: tuple[CheckResult, ...]) -> set[str]:
    return {r.name for r in results if r.outcome == "failed"}


def names(pairs: tuple[tuple[type, str], ...]) -> list[str]:
    return [f"{kind.__name__}-{check}" for kind, check in pairs]


@pytest.mark.parametrize("right", [Right(), RightBinary(), RightCells()], ids=lambda m: type(m).__name__)
def test_the_right_ones_pass(right: Right) -> None:
    results = check_model(right, tier="graph")
    assert all_ok(results), format_results(results, width=200)


@pytest.mark.calibration
def test_the_right_one_passes_when_fitted() -> None:
    results = check_model(Right(), tier="calibration")
    assert all_ok(results), format_results(results, width=200)


@pytest.mark.parametrize(("kind", "check"), wrong.CATCHES, ids=names(wrong.CATCHES))
def test_the_wrong_ones_are_caught(kind: type, check: str) -> None:
    results = check_model(kind(), only=(check,))
    assert check in failed(results), format_results(results, width=200)


@pytest.mark.calibration
@pytest.mark.parametrize(("kind", "check"), wrong.CATCHES, ids=names(wrong.CATCHES))
def test_wrong_ones_are_caught_among_all_checks(kind: type, check: str) -> None:
    assert check in failed(check_model(kind(), tier="graph"))


@pytest.mark.calibration
@pytest.mark.parametrize(("kind", "check"), wrong.BY_FITTING, ids=names(wrong.BY_FITTING))
def test_what_only_a_fit_shows(kind: type, check: str) -> None:
    """All that can be seen without a fit is right, and the check named is the first to fail."""
    looked = check_model(kind(), tier="graph")
    assert all_ok(looked), format_results(looked, width=200)
    results = check_model(kind(), tier="calibration", only=(check,), budget=BUDGET)
    assert failed(results) == {check}, format_results(results, width=200)


@pytest.mark.calibration
@pytest.mark.parametrize(("kind", "check"), wrong.ALSO_BY_FITTING, ids=names(wrong.ALSO_BY_FITTING))
def test_what_a_fit_shows_too(kind: type, check: str) -> None:
    results = check_model(kind(), tier="calibration", only=(check,))
    assert failed(results) == {check}, format_results(results, width=200)


def test_every_check_was_seen_to_catch_or_says_why_it_cannot() -> None:
    caught = {c for _, c in (*wrong.CATCHES, *wrong.BY_FITTING, *wrong.ALSO_BY_FITTING)}
    assert len(wrong.CATCHES) >= 20
    assert caught | set(wrong.BEYOND_AUTHORS) == {c.name for c in CHECKS}
    assert not caught & set(wrong.BEYOND_AUTHORS)
    assert all(wrong.BEYOND_AUTHORS.values())
