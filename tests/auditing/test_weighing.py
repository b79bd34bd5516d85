"""Cells put to the exact engine: moments and densities against the dense normal, and what is said when a gate fails."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import fair

import outcomemodels as om
from outcomemodels.auditing.asked import targets_of
from outcomemodels.auditing.gates import Ground, ground_of
from outcomemodels.auditing.supporting import average_width, fitted_width
from outcomemodels.auditing.weighing import FLAT_INTERCEPT, Point, Weighed
from outcomemodels.data.simulate import crossed_world
from outcomemodels.estimands import Question

ASKED = Question(problem="P0", treatments=("T1",), reference="T0")


def dense(fit: Weighed, point: Point) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Prior mean and variances of effects, the design, and variances of means of cells, written out."""
    cells, layout = fit.cells, fit.cells.layout
    G = np.append(point.sds, FLAT_INTERCEPT * fit.seen.spread)[layout.block] ** 2
    prior = np.zeros(layout.size)
    prior[0] = (cells.n * fit.seen.mean).sum() / cells.n.sum()
    return prior, G, layout.W.toarray(), point.noise2 / cells.n + point.own**2


def test_moments_of_contrasts_are_those_of_the_dense_normal(ground: Ground) -> None:
    fit = ground.weighed
    assert (fit.points[5].own > 0) is ground.cells.full
    for point in fit.points[::20]:
        prior, G, W, v = dense(fit, point)
        gain = (G[:, None] * W.T) @ np.linalg.inv((W * G) @ W.T + np.diag(v))
        mean = prior + gain @ (fit.seen.mean - W @ prior)
        covariance = np.diag(G) - gain @ (W * G)
        C = np.random.default_rng(1).normal(size=(4, len(G)))
        found = fit.moments(point, C)
        np.testing.assert_allclose(found.mean, C @ mean, rtol=1e-7)
        np.testing.assert_allclose(found.variance, np.diag(C @ covariance @ C.T), rtol=1e-7)


def test_the_density_weighed_is_that_of_means_and_spread_of_cells(ground: Ground) -> None:
    fit = ground.weighed
    gaps = []
    for point in fit.points[::20]:
        prior, G, W, v = dense(fit, point)
        S = (W * G) @ W.T + np.diag(v)
        r = fit.seen.mean - W @ prior
        own = -0.5 * (np.linalg.slogdet(S)[1] + r @ np.linalg.solve(S, r))
        own -= 0.5 * (fit.seen.squares / point.noise2 + fit.seen.df * np.log(point.noise2))
        gaps.append(fit.engine.log_density(point.at) - own)
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-6)


def test_effects_of_single_cells_are_shrunken_means(ground: Ground) -> None:
    fit, rng = ground.weighed, np.random.default_rng(2)
    point = fit.points[5]
    if not ground.cells.full:
        assert not fit.effects(point, rng)[1].any()
        return
    share = point.own**2 / (point.own**2 + point.noise2 / fit.cells.n)
    rest = []
    for _ in range(2000):
        effects, own = fit.effects(point, rng)
        rest.append(own - share * (fit.seen.mean - fit.cells.layout.W @ effects))
    sd = point.own * np.sqrt(1 - share)
    assert (np.abs(np.mean(rest, axis=0)) < 4.5 * sd / np.sqrt(2000)).all()
    np.testing.assert_allclose(np.std(rest, axis=0), sd, rtol=0.1)


def test_widths_say_that_the_exact_engine_weighed_and_its_gates(ground: Ground) -> None:
    target = targets_of(ASKED, ground.courses)[0]
    found = fitted_width(ground, target)
    assert found.how.startswith("exact engine")
    assert "k-hat" in found.how
    assert ground.weighed.gates.passed
    assert average_width(ground, target).half_width < found.half_width


def test_where_a_gate_fails_the_closed_form_speaks_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outcomemodels.inference.collapsed.diagnose.MIN_KISH", 1e9)
    ground = ground_of(crossed_world(3, clients=150, treatments=3, problems=2, therapists=10, services=4)[0])
    assert ground.weighed is None
    how = fitted_width(ground, targets_of(ASKED, ground.courses)[0]).how
    assert how.startswith("closed form")
    assert "did not pass its gates" in how


def test_by_how_much_has_units_and_says_why_an_informed_answer_may_be_too_wide() -> None:
    verdict = om.audit(fair(400).data()).verdict(Question(treatments=("A",), reference="B", problem="P"))
    said = verdict.in_short()
    assert verdict.first_failing.name == "precise enough"
    assert said.count(" points") == 2
    assert "half-width" in said
    assert "smallest worthwhile difference" in said
    assert "data-informed" in said
    world = fair(3000)
    world.columns["lost"] = np.random.default_rng(1).uniform(size=3000) < 0.4
    short = om.audit(world.data()).verdict(Question(treatments=("A",), reference="B", problem="P")).by_how_much
    assert short.endswith("% found, 80% needed")
