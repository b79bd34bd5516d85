"""Rows with effects of their own: the block that is set aside changes nothing but the cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from outcomemodels.inference.collapsed.aside import find_aside, with_own_effects, without
from outcomemodels.inference.collapsed.batch import Batch
from outcomemodels.inference.collapsed.collapse import Collapsed
from outcomemodels.inference.collapsed.parameters import Parameters
from outcomemodels.inference.collapsed.sample import fixed_sds
from outcomemodels.inference.collapsed.stats import statistics
from outcomemodels.plugin import Block, LinearStructure, Response
from outcomemodels.priors import Prior


def cells(kind: str) -> LinearStructure:
    rng = np.random.default_rng(3)
    n = 80
    one = np.ones((n, 1))
    size = rng.integers(5, 60, n).astype(float)
    blocks = tuple(
        Block(name, (name,), tuple(f"{name}{i}" for i in range(k)), codes.astype(np.int32), ("1",), one, (prior,), None)
        for name, k, codes, prior in (
            ("provider", 9, rng.integers(0, 9, n), Prior.half_normal(1.0)),
            ("cell", n + 3, rng.permutation(n + 3)[:n], Prior.half_student_t(3, 1.0)),
            ("treatment", 4, rng.integers(0, 4, n), Prior.exponential(1.0)),
        )
    )
    y = rng.normal(0, 1, n) + rng.normal(0, 1, 9)[blocks[0].codes]
    is_cells = kind == "cells"
    sd = rng.gamma(20, 0.1, n) if is_cells else np.full(n, np.nan)
    more: dict[str, Any] = {}
    if kind == "weights":
        more = {"weight": rng.gamma(3, 0.5, n), "known_variance": rng.gamma(2, 0.2, n)}
    if kind == "two noises":
        more = {"noise_by": "g", "noise_levels": ("a", "b"), "noise_codes": rng.integers(0, 2, n).astype(np.int32)}
    return LinearStructure(
        family="gaussian",
        columns=("1", "x"),
        X=np.column_stack([np.ones(n), rng.normal(size=n)]),
        column_priors=(Prior.normal(0.5, 2.0), Prior.normal(0, 1)),
        blocks=blocks,
        response=Response("cells" if is_cells else "rows", y, size if is_cells else np.ones(n), sd),
        noise=(Prior.half_normal(2.0),) * (2 if kind == "two noises" else 1),
        **more,
    )


def both(kind: str) -> tuple[LinearStructure, Parameters, Batch, Parameters, Batch]:
    structure = cells(kind)
    aside = find_aside(structure)
    assert aside == 1
    whole = Batch(Collapsed.of(statistics(structure), fixed_sds(structure)))
    less = Batch(Collapsed.of(statistics(without(structure, aside)), fixed_sds(structure)))
    return structure, Parameters(structure), whole, Parameters(structure, aside), less


@pytest.mark.parametrize("kind", ["cells", "rows", "weights", "two noises"])
def test_density_and_gradient_do_not_change(kind: str) -> None:
    _, parameters, whole, fewer, less = both(kind)
    assert fewer.names == parameters.names
    etas = np.random.default_rng(1).normal(size=(8, len(parameters.names)))
    np.testing.assert_allclose(
        fewer.log_posteriors(less, etas), parameters.log_posteriors(whole, etas), rtol=1e-10, atol=1e-9
    )
    for eta in etas:
        value, slope = parameters.gradient(whole, eta)
        other, mine = fewer.gradient(less, eta)
        assert other == pytest.approx(value, rel=1e-10)
        np.testing.assert_allclose(mine, slope, rtol=1e-7, atol=1e-8)
    assert np.isfinite(fewer.start(less.engine)).all()


@pytest.mark.parametrize("kind", ["cells", "rows", "weights", "two noises"])
def test_draws_have_the_closed_forms_moments(kind: str) -> None:
    structure, parameters, whole, fewer, less = both(kind)
    eta = np.array([0.2, 0.1, -0.3, -0.4, -0.6])[: len(parameters.names)]
    size = 6000
    points = fewer.points(np.tile(eta, (size, 1)))
    held = less.draws(points, np.random.default_rng(5))
    assert points.rows is not None
    draws = with_own_effects(structure, 1, held, points.rows, points.noise, np.random.default_rng(6))
    exact = whole.engine.moments(parameters.variances(eta))
    error = np.sqrt(exact.variance / size)
    assert (np.abs(draws.mean(axis=0) - exact.mean) < 5 * error + 1e-12).all()
    np.testing.assert_allclose(draws.var(axis=0), exact.variance, rtol=0.12)
    pair = np.cov(draws[:, whole.engine.stats.layout.block(0)][:, 0], draws[:, whole.engine.stats.layout.fixed][:, 0])
    again = whole.draws(parameters.points(np.tile(eta, (size, 1))), np.random.default_rng(7))
    other = np.cov(again[:, whole.engine.stats.layout.block(0)][:, 0], again[:, whole.engine.stats.layout.fixed][:, 0])
    np.testing.assert_allclose(pair, other, atol=6 * np.abs(other).max() / np.sqrt(size))


def test_a_block_is_set_aside_only_where_each_row_has_its_own_level() -> None:
    structure = cells("cells")
    codes = structure.blocks[1].codes.copy()
    codes[0] = codes[1]
    shared = (structure.blocks[0], replace(structure.blocks[1], codes=codes), structure.blocks[2])
    assert find_aside(replace(structure, blocks=shared)) is None
    doubled = (structure.blocks[0], replace(structure.blocks[1], values=2 * structure.blocks[1].values))
    assert find_aside(replace(structure, blocks=doubled)) is None
