"""The collapsed density against the dense multivariate normal, on every kind of structure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.collapsed.worlds import KINDS, dense, dense_log_density, fixed_sd, random_point, world
from outcomemodels.inference.collapsed.collapse import Collapsed, Variances
from outcomemodels.inference.collapsed.stats import statistics


def collapsed(kind: str, seed: int = 0, eliminate: tuple[int, ...] | None = None) -> Collapsed:
    structure = world(kind, seed)
    return Collapsed.of(statistics(structure), fixed_sd(structure), eliminate)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zero", [False, True])
def test_log_density_is_the_dense_normal(kind: str, zero: bool) -> None:
    engine = collapsed(kind)
    for seed in range(3):
        at = random_point(world(kind), seed, zero)
        assert engine.log_density(at) == pytest.approx(dense_log_density(world(kind), at), rel=1e-8)


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 10_000), n=st.integers(1, 30), data=st.data())
def test_any_order_of_elimination_gives_the_dense_normal(kind: str, seed: int, n: int, data: st.DataObject) -> None:
    structure = world(kind, seed, n)
    which = data.draw(st.sets(st.integers(0, max(len(structure.blocks) - 1, 0)))) if structure.blocks else set()
    engine = Collapsed.of(statistics(structure), fixed_sd(structure), tuple(sorted(which)))
    at = random_point(structure, seed + 1)
    assert engine.log_density(at) == pytest.approx(dense_log_density(structure, at), rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_is_that_of_finite_differences(kind: str) -> None:
    structure = world(kind)
    for eliminate in (None, ()):
        engine = collapsed(kind, eliminate=eliminate)
        at = random_point(structure, 5)
        value, shares, noise = engine.gradient(at)
        assert value == pytest.approx(engine.log_density(at), rel=1e-12)
        h = 1e-5
        for k, L in enumerate(at.factors):
            rng = np.random.default_rng(k)
            step = np.tril(rng.normal(size=L.shape)) * np.abs(L).max()
            ends = []
            for sign in (1, -1):
                moved = tuple(M + sign * h * step if i == k else M for i, M in enumerate(at.factors))
                ends.append(engine.log_density(replace(at, factors=moved)))
            slope = float(np.trace(np.linalg.solve(L, step) @ shares[k]))
            assert slope == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6, abs=1e-6)
        for g in range(len(at.noise)):
            unit = np.eye(len(at.noise))[g]
            up, down = (engine.log_density(replace(at, noise=at.noise * np.exp(s * h * unit))) for s in (1, -1))
            assert noise[g] == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_conditional_moments_and_draws_are_exact(kind: str) -> None:
    structure = world(kind)
    engine = collapsed(kind)
    at = random_point(structure, 2)
    F, mean, G, v = dense(structure, at)
    S = F @ G @ F.T + np.diag(v)
    gain = G @ F.T @ np.linalg.inv(S)
    assert structure.response is not None
    expected = mean + gain @ (structure.response.y - F @ mean)
    covariance = G - gain @ F @ G
    found = engine.moments(at)
    np.testing.assert_allclose(found.mean, expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.variance, np.diag(covariance), rtol=1e-7, atol=1e-9)
    C = np.random.default_rng(4).normal(size=(5, len(mean)))
    for eliminate in (None, ()):
        combined = collapsed(kind, eliminate=eliminate).combined(at, C)
        np.testing.assert_allclose(combined.mean, C @ expected, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(combined.variance, np.diag(C @ covariance @ C.T), rtol=1e-7, atol=1e-9)
    draws = engine.draw(at, np.random.default_rng(3), 4000)
    sd = np.sqrt(np.diag(covariance))
    assert (np.abs(draws.mean(0) - expected) <= 4.5 * sd / np.sqrt(4000) + 1e-9).all()
    assert np.abs(np.cov(draws.T) - covariance).max() <= 6 * sd.max() ** 2 / np.sqrt(4000) + 1e-9


def test_a_vanishing_variance_has_a_limit() -> None:
    """The density at sd = 1e-12 and at 0 agree, and the gradient there is finite."""
    engine = collapsed("crossed")
    values = [
        engine.log_density(Variances((np.array([[s]]), np.array([[0.5]])), np.array([1.0]))) for s in (0.0, 1e-12)
    ]
    assert values[0] == pytest.approx(values[1], rel=1e-12)
    _, shares, noise = engine.gradient(Variances((np.zeros((1, 1)), np.array([[0.5]])), np.array([1.0])))
    assert np.isfinite(noise).all()
    assert all(np.isfinite(s).all() for s in shares)


def test_no_noise_at_all_has_no_density() -> None:
    at = replace(random_point(world("crossed"), 0), noise=np.zeros(1))
    assert collapsed("crossed").log_density(at) == -np.inf


def test_a_point_lost_to_rounding_is_impossible_and_no_error() -> None:
    structure = world("slopes")
    engine = collapsed(structure)
    slopes = np.array([[1.4e-21, 0.0], [1.5e2, 3.4e2]])
    factors = tuple(slopes if len(b.columns) == 2 else np.array([[5e-12]]) for b in structure.blocks)
    at = Variances(factors, np.full(len(structure.noise), 6e-11))
    assert not engine.log_density(at) > -1e20
    assert not engine.gradient(at)[0] > -1e20
