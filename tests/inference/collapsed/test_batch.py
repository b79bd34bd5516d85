"""Many points at once give the numbers of one at a time; levels leave the cost without leaving the density."""

from __future__ import annotations

import numpy as np
import pytest

from inference.collapsed.worlds import KINDS, block, fixed_sd, world
from outcomemodels.inference.collapsed import batch as room
from outcomemodels.inference.collapsed.batch import Batch
from outcomemodels.inference.collapsed.collapse import Collapsed
from outcomemodels.inference.collapsed.parameters import Parameters
from outcomemodels.inference.collapsed.stats import statistics
from outcomemodels.inference.collapsed.threads import over_range
from outcomemodels.plugin import LinearStructure
from outcomemodels.priors import Prior


def many_levels(weighted: bool = False, seed: int = 3) -> LinearStructure:
    """Three hundred therapists of uneven caseload (one to some fifty), crossed with 12 services."""
    from dataclasses import replace

    rng = np.random.default_rng(seed)
    structure = world("weights" if weighted else "crossed", seed, 4000)
    therapist = np.minimum(rng.exponential(60, 4000), 299).astype(int)
    return replace(
        structure,
        blocks=(block("therapist", therapist, 300), block("service", rng.integers(0, 12, 4000), 12)),
    )


def prepared(structure: LinearStructure) -> tuple[Parameters, Collapsed, Batch]:
    engine = Collapsed.of(statistics(structure), fixed_sd(structure))
    return Parameters(structure), engine, Batch(engine)


@pytest.mark.parametrize("kind", KINDS)
def test_many_points_are_each_point(kind: str) -> None:
    parameters, engine, batch = prepared(world(kind))
    etas = np.random.default_rng(0).normal(size=(9, len(parameters.coordinates)))
    expected = [parameters.log_posterior(engine, eta) for eta in etas]
    np.testing.assert_allclose(parameters.log_posteriors(batch, etas), expected, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_terms_give_the_density_and_gradient_of_the_direct_sum(
    weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "DIRECT", 0.0)
    parameters, engine, batch = prepared(many_levels(weighted))
    assert batch.separable is not None
    assert len(batch.separable.skeleton) < 40
    rng = np.random.default_rng(1)
    far = np.zeros((4, 3))
    far[[0, 1, 2, 3], [0, 0, 2, 1]] = (-30, 30, -8, -30)
    etas = np.concatenate([rng.normal(size=(12, 3)), 3 * rng.normal(size=(6, 3)), far])
    expected = np.array([parameters.log_posterior(engine, eta) for eta in etas])
    np.testing.assert_allclose(parameters.log_posteriors(batch, etas), expected, rtol=1e-10, atol=1e-8)
    for eta in etas[:8]:
        value, slope = parameters.gradient(batch, eta)
        other, expected_slope = parameters.gradient(engine, eta)
        assert value == pytest.approx(other, rel=1e-11)
        np.testing.assert_allclose(slope, expected_slope, rtol=1e-7, atol=1e-7)


def test_the_terms_give_the_gradient_where_kept_blocks_have_several_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    monkeypatch.setattr(room, "DIRECT", 0.0)
    structure, rng = many_levels(), np.random.default_rng(5)
    values = np.column_stack([np.ones(4000), rng.normal(size=4000)])
    slopes = block("service", structure.blocks[1].codes, 12, values, lkj=True)
    parameters, engine, batch = prepared(replace(structure, blocks=(structure.blocks[0], slopes)))
    assert batch.separable is not None
    for eta in rng.normal(size=(6, len(parameters.coordinates))):
        value, slope = parameters.gradient(batch, eta)
        other, expected = parameters.gradient(engine, eta)
        assert value == pytest.approx(other, rel=1e-11)
        np.testing.assert_allclose(slope, expected, rtol=1e-7, atol=1e-7)


def test_draws_by_terms_have_the_exact_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "DIRECT", 0.0)
    parameters, engine, batch = prepared(many_levels())
    eta = np.array([-0.5, 0.2, 0.3])
    draws = batch.draws(parameters.points(np.tile(eta, (2000, 1))), np.random.default_rng(4))
    exact = engine.moments(parameters.variances(eta))
    assert np.abs((draws.mean(0) - exact.mean) / np.sqrt(exact.variance / 2000)).max() < 5
    assert np.abs(draws.var(0) / exact.variance - 1).max() < 6 * np.sqrt(2 / 2000)


@pytest.mark.parametrize("kind", ["slopes", "cells", "heteroscedastic", "nested", "singletons"])
def test_draws_at_many_points_have_the_exact_moments(kind: str) -> None:
    parameters, engine, batch = prepared(world(kind))
    eta = np.random.default_rng(2).normal(size=len(parameters.coordinates)) * 0.3
    draws = batch.draws(parameters.points(np.tile(eta, (2000, 1))), np.random.default_rng(4))
    exact = engine.moments(parameters.variances(eta))
    assert np.abs((draws.mean(0) - exact.mean) / np.sqrt(exact.variance / 2000 + 1e-18)).max() < 5


def test_points_without_noise_have_no_density() -> None:
    parameters, _, batch = prepared(world("crossed"))
    etas = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -np.inf]])
    points = parameters.points(etas)
    points.noise[1] = 0.0
    assert np.isfinite(batch.log_densities(points)).tolist() == [True, False]


def test_pieces_cover_the_range_once() -> None:
    seen = np.zeros(101, int)

    def count(a: int, b: int) -> None:
        seen[a:b] += 1

    over_range(count, 101, least=4)
    over_range(count, 0)
    assert (seen == 1).all()


def test_known_scales_need_no_levels() -> None:
    """A constant SD of zero on the eliminated block is an ordinary point."""
    from dataclasses import replace

    structure = many_levels()
    blocks = (replace(structure.blocks[0], sds=(Prior.constant(0.0),)), structure.blocks[1])
    parameters, engine, batch = prepared(replace(structure, blocks=blocks))
    etas = np.zeros((1, 2))
    assert parameters.log_posteriors(batch, etas)[0] == pytest.approx(parameters.log_posterior(engine, etas[0]))
