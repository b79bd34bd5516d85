"""Reduction of draws: signs, ties, exclusions, and agreement with known distributions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from outcomemodels.estimands.reduce import contrasts, p_beneficial, p_worthwhile, rank, sign_of, summarise
from outcomemodels.schema import Direction

EVERY = np.ones(3, dtype=bool)


def test_summary_is_that_of_the_draws() -> None:
    draws = np.arange(101.0)
    found = summarise(draws, probability=0.9)
    assert (found.mean, found.low, found.high) == pytest.approx((50.0, 5.0, 95.0))
    assert found.sd == pytest.approx(draws.std(ddof=1))


def test_contrasts_are_taken_draw_by_draw() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 100, (500, 1))
    expected = shared + np.array([0.0, 1.0, 2.0])
    found = contrasts(expected, reference=1)
    np.testing.assert_allclose(found, np.tile([-1.0, 0.0, 1.0], (500, 1)), atol=1e-9)


@pytest.mark.parametrize(("direction", "sign"), [("higher_is_better", 1), ("lower_is_better", -1)])
def test_direction_of_improvement(direction: str, sign: int) -> None:
    assert sign_of(Direction(direction)) == sign
    assert sign_of(None) is None
    contrast = np.array([1.0, 1.0, 1.0, -1.0])
    assert p_beneficial(contrast, sign=sign) == (0.75 if sign == 1 else 0.25)
    assert p_worthwhile(2 * contrast, sign=sign, by=2.0) == (0.75 if sign == 1 else 0.25)
    assert p_worthwhile(contrast, sign=sign, by=2.0) == 0.0


def test_exact_zeros_are_neither_better_nor_worse() -> None:
    assert p_beneficial(np.zeros(10), sign=1) == 0.5


def test_the_best_is_the_lowest_where_lower_is_better() -> None:
    expected = np.tile([3.0, 1.0, 2.0], (10, 1))
    low = rank(expected, sign=-1, among=EVERY)
    assert low.p_best.tolist() == [0.0, 1.0, 0.0]
    assert low.sucra.tolist() == [0.0, 1.0, 0.5]
    assert low.regret.tolist() == [2.0, 0.0, 1.0]
    high = rank(expected, sign=1, among=EVERY)
    assert high.p_best.tolist() == [1.0, 0.0, 0.0]
    assert high.regret.tolist() == [0.0, 2.0, 1.0]


def test_ties_are_shared() -> None:
    found = rank(np.tile([1.0, 1.0, 0.0], (4, 1)), sign=1, among=EVERY)
    assert found.p_best.tolist() == [0.5, 0.5, 0.0]
    assert found.sucra.tolist() == [0.75, 0.75, 0.0]
    assert found.regret.tolist() == [0.0, 0.0, 1.0]


def test_left_out_treatments_take_no_part() -> None:
    expected = np.tile([3.0, 1.0, 99.0], (4, 1))
    found = rank(expected, sign=1, among=np.array([True, True, False]))
    assert found.p_best[:2].tolist() == [1.0, 0.0]
    assert found.regret[:2].tolist() == [0.0, 2.0]
    assert np.isnan([found.p_best[2], found.sucra[2], found.regret[2]]).all()


def test_one_treatment_cannot_be_ranked() -> None:
    found = rank(np.ones((4, 3)), sign=1, among=np.array([True, False, False]))
    assert np.isnan(found.p_best).all()


def test_ranking_of_normals_is_as_on_paper() -> None:
    rng = np.random.default_rng(1)
    draws = 200_000
    expected = rng.normal([0.0, 1.0], [1.0, 2.0], (draws, 2))
    found = rank(expected, sign=1, among=np.ones(2, dtype=bool))
    sd = np.sqrt(5.0)
    p = stats.norm.cdf(1 / sd)
    assert found.p_best[1] == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / draws))
    assert found.sucra[1] == pytest.approx(found.p_best[1])
    loss = sd * stats.norm.pdf(1 / sd) - (1 - p) * 1.0  # E[max(first - second, 0)]
    assert found.regret[1] == pytest.approx(loss, abs=0.02)
    assert found.regret[0] - found.regret[1] == pytest.approx(1.0, abs=0.02)


def test_probabilities_and_ranks_add_up() -> None:
    expected = np.random.default_rng(2).normal(size=(1000, 5)).round(1)
    found = rank(expected, sign=-1, among=np.ones(5, dtype=bool))
    assert found.p_best.sum() == pytest.approx(1)
    assert found.sucra.mean() == pytest.approx(0.5)
    by_hand = np.stack([stats.rankdata(row) for row in expected]).mean(axis=0)
    np.testing.assert_allclose(found.sucra, (5 - by_hand) / 4)
