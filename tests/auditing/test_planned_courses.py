"""Courses added to those there are: what is known stays known, and only the new outcomes are drawn."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from outcomemodels.auditing import foreseen
from outcomemodels.auditing.asked import targets_of
from outcomemodels.auditing.expecting import _by_chance
from outcomemodels.auditing.foreseen import half_widths, why_not
from outcomemodels.auditing.gates import Ground, ground_of
from outcomemodels.auditing.improving import with_bridges, with_courses
from outcomemodels.auditing.planning import added, planned
from outcomemodels.auditing.supporting import fitted_width
from outcomemodels.data.simulate import crossed_world
from outcomemodels.estimands import Question

ASKED = Question(problem="P0", treatments=("T1",), reference="T0")


def test_where_nothing_is_added_nothing_is_drawn(ground: Ground) -> None:
    source = ground.weighed
    seen, known = added(ground.cells, source, 3, np.random.default_rng(1)), source.seen
    np.testing.assert_allclose(seen.mean, known.mean)
    assert (seen.squares, seen.df, seen.spread) == (known.squares, known.df, known.spread)


def test_outcomes_there_are_stay_in_their_cells(ground: Ground) -> None:
    more = with_bridges(ground, targets_of(ASKED, ground.courses)[0], "service", 3, 20)
    seen = added(more.cells, ground.weighed, 3, np.random.default_rng(1))
    old, names = ground.cells, list(ground.cells.codes)
    place = {key: i for i, key in enumerate(zip(*(more.cells.codes[k].tolist() for k in names), strict=True))}
    at = [place[key] for key in zip(*(old.codes[k].tolist() for k in names), strict=True)]
    np.testing.assert_allclose(seen.mean[at], old.seen.mean)
    assert seen.df == pytest.approx(old.seen.df + 6 * 19)


def test_effects_are_drawn_with_the_moments_that_contrasts_have(ground: Ground) -> None:
    fit, rng = ground.weighed, np.random.default_rng(1)
    c = rng.normal(size=ground.cells.layout.size)
    found = fit.moments(fit.points[0], c[None, :])
    mean, variance = found.mean[0], found.variance[0]
    drawn = np.array([fit.effects(fit.points[0], rng)[0] @ c for _ in range(4000)])
    assert abs(drawn.mean() - mean) < 4 * np.sqrt(variance / 4000)
    assert abs(drawn.var() / variance - 1) < 0.1


def test_very_many_new_courses_have_the_mean_of_their_effects_and_the_noise(ground: Ground) -> None:
    target = targets_of(ASKED, ground.courses)[0]
    more = with_courses(ground, target, 40_000.0)
    points = tuple(replace(p, at=replace(p.at, rows=None)) for p in ground.weighed.points)
    source = replace(ground.weighed, points=points)
    seen = added(more.cells, source, 3, np.random.default_rng(1))
    assert seen.squares / seen.df == pytest.approx(source.points[3].noise2, rel=0.05)


def test_why_the_engine_said_nothing_is_told(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    more = with_courses(ground, targets_of(ASKED, ground.courses)[0], 50.0)
    silent = replace(ground, weighed=None)
    assert not silent.fits
    assert why_not(silent, more) == "the exact engine failed a gate of its own now"
    monkeypatch.setattr(foreseen, "can_weigh", lambda cells: False)
    assert "too many for the exact engine" in why_not(silent, more)
    monkeypatch.setattr(foreseen, "enough_to_weigh", lambda cells: False)
    assert "too few courses now" in why_not(silent, more)
    assert half_widths(silent, more, None, 2.0, 1.0, 1.5).endswith(why_not(silent, more))


def test_more_courses_are_never_promised_to_widen_the_answer() -> None:
    ground = ground_of(crossed_world(3, clients=150, treatments=3, problems=2, therapists=10, services=4)[0])
    target = targets_of(ASKED, ground.courses)[0]
    now = fitted_width(ground, target).half_width
    assert fitted_width(with_courses(ground, target, 50.0), target).half_width < 1.03 * now


def test_drawings_in_which_effects_vary_more_than_is_known_do_not_widen_the_promise() -> None:
    """Half-widths that follow how much effects vary have their mean at what is known of that."""
    varies = np.array([0.8, 1.0, 1.1, 1.3, 1.9, 2.4, 2.5, 3.0])
    ground = SimpleNamespace(
        weighed=SimpleNamespace(varies=1.2), fits=tuple(SimpleNamespace(varies=float(v)) for v in varies)
    )
    each = 3 + 2 * (varies - 1.2)
    assert each.mean() - _by_chance(ground, each) == pytest.approx(3.0)
    assert _by_chance(SimpleNamespace(weighed=None, fits=ground.fits), each) == 0.0


def test_what_is_known_of_effects_is_not_expected_to_change(ground: Ground) -> None:
    """The mean over drawings of what each says of the SDs is what is known of them now."""
    more = with_bridges(ground, targets_of(ASKED, ground.courses)[0], "service", 3, 20)
    found = [fit.varies for fit in planned(more.cells, ground.components, ground.weighed, drawings=24, seed=5)]
    assert len(found) == 24
    assert abs(np.mean(found) - ground.weighed.varies) < 4 * np.std(found) / np.sqrt(24)
