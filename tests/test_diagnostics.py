"""The verdict: what passes, what fails, and that it is said."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from outcomemodels.diagnostics import MAX_CHECKED, Verdict, diagnose


def tree(
    *, chains: int = 4, draws: int = 500, shift: float = 0.0, wide: int = 0, attrs: dict[str, object] | None = None
) -> xr.DataTree:
    rng = np.random.default_rng(1)
    sd = rng.normal(size=(chains, draws))
    sd[0] += shift
    posterior = {
        "sd_therapist": (("chain", "draw"), sd),
        "beta": (("chain", "draw", "coefficient"), rng.normal(size=(chains, draws, 2))),
        "fixed": (("chain", "draw"), np.ones((chains, draws))),
    }
    if wide:
        effects = rng.normal(size=(chains, draws, wide))
        effects[1, :, wide // 2] += 3
        posterior["effect_therapist"] = (("chain", "draw", "therapist"), effects)
    coords = {"coefficient": ["intercept", "age"], **({"therapist": [f"H{i}" for i in range(wide)]} if wide else {})}
    stats = {
        "diverging": (("chain", "draw"), np.zeros((chains, draws), dtype=bool)),
        "energy": (("chain", "draw"), rng.normal(size=(chains, draws))),
    }
    made = xr.DataTree.from_dict({"posterior": xr.Dataset(posterior, coords), "sample_stats": xr.Dataset(stats)})
    made.attrs = dict(attrs or {})
    return made


def test_independent_draws_pass() -> None:
    found = diagnose(tree())
    assert found.passed
    assert found.numbers["max_rhat"] < 1.01
    assert found.numbers["min_ess_bulk"] > 1000
    assert found.numbers["divergences"] == 0
    assert found.numbers["min_ebfmi"] == pytest.approx(2, abs=0.3)
    assert "4 chains of 500 draws agree" in found.sentences[0]


def test_r_hat_of_draws_that_are_independent_by_construction_is_not_read() -> None:
    attrs: dict[str, object] = {"independent_draws": 1, "khat": 0.1, "kish_ess": 800}
    found = diagnose(tree(shift=0.3, attrs=attrs))
    assert found.passed
    assert "max_rhat" not in found.numbers
    assert "2,000 draws, independent by construction" in found.sentences[0]
    few = diagnose(tree(draws=50, attrs=attrs))
    assert not few.passed
    assert "Too few draws: 200" in few.sentences[0]


def test_independent_values_that_are_not_finite_fail() -> None:
    made = tree(attrs={"independent_draws": 1})
    made["posterior"]["beta"][0, 0, 1] = np.nan
    found = diagnose(made)
    assert not found.passed
    assert "beta[age]" in found.sentences[0]


def test_chains_that_disagree_fail_by_name() -> None:
    found = diagnose(tree(shift=3))
    assert not found.passed
    assert found.numbers["max_rhat_parameter"] == "sd_therapist"
    assert "chains disagree about sd_therapist" in found.sentences[0]
    assert str(found).startswith("SAMPLING FAILED")


def test_the_worst_of_many_is_found() -> None:
    found = diagnose(tree(wide=5 * MAX_CHECKED))
    assert found.numbers["max_rhat_parameter"] == f"effect_therapist[H{5 * MAX_CHECKED // 2}]"


def test_too_few_draws_fail() -> None:
    found = diagnose(tree(draws=50))
    assert not found.passed
    assert any("Too few effective draws for means" in s for s in found.sentences)


def test_divergences_fail() -> None:
    made = tree()
    made["sample_stats"]["diverging"][0, 3] = True
    found = diagnose(made)
    assert found.numbers["divergences"] == 1
    assert any("lost its way in 1 draws" in s for s in found.sentences)


def test_sticky_energy_fails() -> None:
    made = tree()
    energy = np.random.default_rng(1).normal(size=(4, 500)).cumsum(axis=1)
    made["sample_stats"]["energy"][:] = energy
    found = diagnose(made)
    assert not found.passed
    assert any("E-BFMI" in s for s in found.sentences)


@pytest.mark.parametrize(
    ("attrs", "passed"),
    [
        ({"khat": 0.2, "kish_ess": 900}, True),
        ({"khat": "0.9", "kish_ess": "900"}, False),
        ({"khat": "nan", "kish_ess": 900}, False),
        ({"khat": 0.2, "kish_ess": 90}, False),
    ],
)
def test_importance_weights_are_judged(attrs: dict[str, object], passed: bool) -> None:
    assert diagnose(tree(attrs=attrs)).passed is passed


def test_values_that_are_not_finite_fail() -> None:
    made = tree()
    made["posterior"]["beta"][0, 0, 1] = np.nan
    found = diagnose(made)
    assert not found.passed
    assert "beta[age]" in found.sentences[0]


def test_one_chain_is_judged_by_its_halves() -> None:
    assert diagnose(tree(chains=1, draws=2000)).passed
    trending = tree(chains=1, draws=2000)
    trending["posterior"]["sd_therapist"][0] = np.linspace(0, 1, 2000)
    assert not diagnose(trending).passed


def test_nothing_to_judge_is_not_a_pass() -> None:
    made = xr.DataTree.from_dict({"posterior": xr.Dataset({"c": (("chain", "draw"), np.ones((2, 10)))})})
    assert not diagnose(made).passed


def test_as_a_plain_dict() -> None:
    made = Verdict(passed=True, sentences=("fine",), numbers={"max_rhat": 1.0}).to_dict()
    assert made == {"passed": True, "sentences": ["fine"], "numbers": {"max_rhat": 1.0}}
