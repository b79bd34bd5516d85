"""The gate: right posteriors pass, biased and too narrow ones are stopped, few draws are told apart from wrong ones."""

from __future__ import annotations

import numpy as np
import pytest

from outcomemodels.benchmarking.gate import Moments, judge, judge_estimates
from outcomemodels.benchmarking.reference import Reference, summarise

NAMES = ("sd[therapist]", "beta[severity]")


def reference(seed: int = 1) -> Reference:
    rng = np.random.default_rng(seed)
    return Reference("made", {name: summarise(rng.normal(1.0, 0.2, (4, 5000))) for name in NAMES}, {}, {})


def moments(shift: float = 0.0, stretch: float = 1.0, size: int = 4000, seed: int = 3) -> dict[str, Moments]:
    rng = np.random.default_rng(seed)
    out = {}
    for name in NAMES:
        draws = rng.normal(1.0 + shift * 0.2, stretch * 0.2, size)
        sd = float(draws.std())
        out[name] = Moments(float(draws.mean()), sd, sd / size**0.5, sd / (2 * size) ** 0.5)
    return out


def test_the_same_posterior_passes() -> None:
    gate = judge(moments(), reference(), NAMES)
    assert gate.verdict == "passed"
    assert gate.open
    assert gate.largest_z <= 3


@pytest.mark.parametrize(("shift", "stretch"), [(0.2, 1.0), (-0.2, 1.0), (0.0, 0.8), (0.0, 1.25)])
def test_a_biased_or_misjudged_posterior_is_stopped(shift: float, stretch: float) -> None:
    gate = judge(moments(shift, stretch), reference(), NAMES)
    assert gate.verdict == "failed"
    assert not gate.open
    assert "disagree" in gate.reason


def test_false_alarms_are_rare() -> None:
    verdicts = [judge(moments(seed=s), reference(s + 500), NAMES).verdict for s in range(60)]
    assert verdicts.count("failed") <= 3  # two quantities at 0.3 % each


def test_few_draws_are_unresolved_not_failed() -> None:
    found = {name: Moments(1.0, 0.2 * 1.12, 0.02, 0.02) for name in NAMES}
    assert judge(found, reference(), NAMES).verdict == "unresolved"


def test_a_missing_quantity_fails() -> None:
    found = moments()
    del found["beta[severity]"]
    gate = judge(found, reference(), NAMES)
    assert gate.missing == ("beta[severity]",)
    assert not gate.open


def test_broken_draws_fail() -> None:
    found = {name: Moments(float("nan"), float("nan"), float("inf"), float("inf")) for name in NAMES}
    assert judge(found, reference(), NAMES).verdict == "failed"


def test_estimates_are_near_or_far() -> None:
    assert judge_estimates({"beta[severity]": 1.05}, reference(), NAMES).verdict == "near"
    assert judge_estimates({"beta[severity]": 1.3}, reference(), NAMES).verdict == "far"
    assert judge_estimates({"beta[severity]": float("nan")}, reference(), NAMES).verdict == "far"


def test_without_a_reference_nothing_is_claimed() -> None:
    assert judge(moments(), None, NAMES).verdict == "no reference"
