"""Priors: densities against scipy, inversion, JSON, refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import integrate, stats

from outcomemodels.errors import SpecError
from outcomemodels.priors import Prior, priors_from_dict, priors_to_dict

PROPER = [
    Prior.normal(1, 2),
    Prior.student_t(4, 0, 2),
    Prior.half_normal(2.5),
    Prior.half_student_t(3, 2.0),
    Prior.exponential(0.7),
    Prior.pc(upper=3, tail=0.05),
]


@pytest.mark.parametrize("prior", PROPER, ids=repr)
def test_density_integrates_to_distribution(prior: Prior) -> None:
    low = -60.0 if prior.name in ("normal", "student_t") else 0.0
    area, _ = integrate.quad(lambda x: float(np.exp(prior.logpdf(x))), low, 2.0, limit=200)
    assert area == pytest.approx(float(prior.cdf(2.0)), abs=1e-5)


@pytest.mark.parametrize("prior", PROPER, ids=repr)
def test_quantiles_invert_the_distribution(prior: Prior) -> None:
    q = np.array([0.01, 0.3, 0.5, 0.99])
    np.testing.assert_allclose(prior.cdf(prior.ppf(q)), q, atol=1e-9)


@pytest.mark.parametrize("prior", PROPER, ids=repr)
def test_spread_is_the_standard_deviation_of_draws(prior: Prior) -> None:
    draws = prior.draw(np.random.default_rng(3), 400_000)
    assert draws.std() == pytest.approx(prior.spread, rel=0.06)


def test_pc_puts_its_tail_where_it_says() -> None:
    assert float(1 - Prior.pc(upper=3, tail=0.05).cdf(3.0)) == pytest.approx(0.05)


def test_half_student_t_is_the_folded_t() -> None:
    x = np.array([0.5, 2.0])
    expected = np.log(2) + stats.t(3, scale=2).logpdf(x)
    np.testing.assert_allclose(Prior.half_student_t(3, 2).logpdf(x), expected)


def test_json_keeps_priors() -> None:
    priors = {"a": Prior.normal(0, 1), "b": Prior.lkj(2), "c": Prior.constant(3)}
    assert priors_from_dict(json.loads(json.dumps(priors_to_dict(priors)))) == priors


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"prior": "gamma"}, "unknown prior 'gamma'"),
        ({"prior": "normal", "mean": 0}, "accepted: mean, sd"),
        ({"prior": "half_normal", "scale": -1}, "scale above zero"),
        ({"prior": "normal", "mean": float("nan"), "sd": 1}, "finite numbers"),
    ],
)
def test_bad_priors_are_refused(raw: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Prior.from_dict(raw)


def test_a_constant_is_created_as_a_number_with_a_name() -> None:
    pm = pytest.importorskip("pymc")
    with pm.Model() as model:
        made = Prior.constant(2.5).create("sd")
    assert made.ndim == 0
    assert float(made.eval()) == 2.5
    assert model["sd"] is made
