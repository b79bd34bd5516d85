"""Leaving out a level: against the dense conditional normal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from inference.collapsed.worlds import dense, fixed_sd, random_point, world
from outcomemodels.errors import SpecError
from outcomemodels.inference.collapsed.leave_out import (
    _densities_by_difference,
    _densities_closed,
    leave_one_level_out,
)
from outcomemodels.inference.collapsed.sample import sample_collapsed
from outcomemodels.inference.collapsed.stats import statistics
from outcomemodels.priors import Prior


@pytest.mark.parametrize("block", ["therapist", "service"])
def test_known_variances_give_the_dense_conditional_normal(block: str) -> None:
    structure = world("crossed")
    at = random_point(structure, 1)
    structure = replace(
        structure,
        blocks=tuple(
            replace(b, sds=(Prior.constant(float(L[0, 0])),)) for b, L in zip(structure.blocks, at.factors, strict=True)
        ),
        noise=(Prior.constant(float(at.noise[0])),),
    )
    F, mean, G, v = dense(structure, at)
    S, m = F @ G @ F.T + np.diag(v), F @ mean
    found = leave_one_level_out(structure, sample_collapsed(structure, draws=40, seed=1), block, points=2)
    target = next(b for b in structure.blocks if b.id == block)
    assert structure.response is not None
    for j in range(len(target.levels)):
        own = target.codes == j
        gain = np.linalg.solve(S[np.ix_(~own, ~own)], S[np.ix_(~own, own)]).T
        centre = m[own] + gain @ (structure.response.y - m)[~own]
        spread = S[np.ix_(own, own)] - gain @ S[np.ix_(~own, own)]
        expected = stats.multivariate_normal(centre, spread).logpdf(structure.response.y[own]) if own.any() else 0.0
        assert float(found["elpd"][j]) == pytest.approx(float(expected), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize(
    "kind", ["slopes", "cells", "weights", "known", "heteroscedastic", "rank_deficient", "constants"]
)
def test_the_closed_form_is_the_difference_of_two_densities(kind: str) -> None:
    structure = world(kind)
    at = [random_point(structure, seed, zero=seed == 2) for seed in range(3)]
    for target in structure.blocks:
        closed, difference = (
            way(structure, statistics(structure), fixed_sd(structure), target, at)
            for way in (_densities_closed, _densities_by_difference)
        )
        np.testing.assert_allclose(closed, difference, rtol=1e-8, atol=1e-8)


def test_an_unknown_block_is_refused() -> None:
    structure = world("crossed")
    with pytest.raises(SpecError, match="no block 'client'"):
        leave_one_level_out(structure, sample_collapsed(structure, draws=40, seed=1), "client")
