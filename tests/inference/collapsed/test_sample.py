"""The sampled posterior: against quadrature, names of the contract, gates and the fallback; calibration."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats as distributions

from inference.collapsed.worlds import KINDS, block, fixed_sd, world
from outcomemodels.design import Response
from outcomemodels.inference.collapsed import sample
from outcomemodels.inference.collapsed.collapse import Collapsed, Variances
from outcomemodels.inference.collapsed.diagnose import judge
from outcomemodels.inference.collapsed.fallback import nuts_theta
from outcomemodels.inference.collapsed.parameters import Parameters, normal_from_sd, sd_from_normal
from outcomemodels.inference.collapsed.sample import sample_collapsed
from outcomemodels.inference.collapsed.stats import statistics
from outcomemodels.inference.collapsed.theta import sample_theta
from outcomemodels.inference.collapsed.weights import kish, resample, smooth
from outcomemodels.plugin import LinearStructure
from outcomemodels.priors import Prior


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_on_the_whitened_scale(kind: str) -> None:
    structure = world(kind)
    engine, parameters = Collapsed.of(statistics(structure), fixed_sd(structure)), Parameters(structure)
    eta = np.random.default_rng(0).normal(size=len(parameters.coordinates))
    value, slope = parameters.gradient(engine, eta)
    assert value == pytest.approx(parameters.log_posterior(engine, eta), rel=1e-12)
    h = 1e-5
    for i, unit in enumerate(np.eye(len(eta))):
        up, down = (parameters.log_posterior(engine, eta + s * h * unit) for s in (1, -1))
        assert slope[i] == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-5)


@pytest.mark.parametrize(
    "prior",
    [Prior.half_normal(0.5), Prior.half_student_t(3, 2), Prior.exponential(2), Prior.pc(3, 0.05)],
    ids=lambda p: p.name,
)
def test_whitening_inverts_the_prior(prior: Prior) -> None:
    eta = np.array([-5.0, -1.0, -1e-9, 0.0, 0.5, 3.0])
    sd = sd_from_normal(prior, eta)
    np.testing.assert_allclose(sd, prior.ppf(distributions.norm.cdf(eta)), rtol=1e-8)
    assert normal_from_sd(prior, float(sd[4])) == pytest.approx(0.5)
    far = sd_from_normal(prior, np.array([-30.0, -12.0, 12.0, 30.0]))
    assert np.isfinite(far).all()
    assert (np.diff(far) > 0).all()


@pytest.mark.parametrize(
    "prior",
    [Prior.half_normal(1.0), Prior.half_student_t(3, 2), Prior.exponential(2), Prior.pc(3, 0.05)],
    ids=lambda p: p.name,
)
def test_posterior_of_two_variances_is_that_of_a_grid(prior: Prior) -> None:
    crossed = world("crossed", seed=4)
    structure = replace(crossed, blocks=(replace(crossed.blocks[1], sds=(prior,)),))
    engine = Collapsed.of(statistics(structure), fixed_sd(structure))
    grid = np.linspace(1e-3, 5, 160)
    table = np.array([[engine.log_density(Variances((np.array([[a]]),), np.array([b]))) for b in grid] for a in grid])
    table += structure.blocks[0].sds[0].logpdf(grid)[:, None] + structure.noise[0].logpdf(grid)
    mass = np.exp(table - table.max())
    mass /= mass.sum()
    tree = sample_collapsed(structure, draws=4000, seed=2)
    points = tree["variance_points"].dataset
    for name, marginal in (("sd_therapist", mass.sum(1)), ("noise", mass.sum(0))):
        mean = float(marginal @ grid)
        sd = float(np.sqrt(marginal @ grid**2 - mean**2))
        draws = tree["posterior"][name]
        assert abs(float(draws.mean()) - mean) < 4 * sd / np.sqrt(float(tree.attrs["kish_ess"])), name
        assert float(draws.std()) == pytest.approx(sd, rel=0.06), name
    assert float(points["weight"].sum()) == pytest.approx(1)


def test_names_dims_and_attributes_are_the_contract() -> None:
    tree = sample_collapsed(world("slopes"), draws=200, seed=1)
    dims = {str(k): v.dims[2:] for k, v in tree["posterior"].data_vars.items()}
    assert dims == {
        "beta": ("coefficient",),
        "sd_therapist": ("therapist_column",),
        "effect_therapist": ("therapist", "therapist_column"),
        "corr_therapist": ("therapist_column", "therapist_column_bis"),
        "sd_service": (),
        "effect_service": ("service",),
        "noise": (),
    }
    assert dict(tree["posterior"].sizes)["chain"] == 4
    said = json.loads(tree.attrs["diagnostics"])
    assert said["method"] == "importance"
    assert len(said["stages"]) >= 1
    assert {"khat", "kish", "own_khat", "own_kish"} <= set(said["stages"][0])
    assert tree.attrs["engine"] == "collapsed"
    np.testing.assert_allclose(np.diagonal(tree["posterior"]["corr_therapist"], axis1=2, axis2=3), 1)


def test_one_seed_one_result() -> None:
    first, second, other = (sample_collapsed(world("crossed"), draws=40, seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(first["posterior"]["beta"], second["posterior"]["beta"])
    assert not np.array_equal(first["posterior"]["beta"], other["posterior"]["beta"])


def test_known_variances_leave_nothing_to_weigh() -> None:
    structure = world("crossed")
    structure = replace(
        structure,
        blocks=tuple(replace(b, sds=(Prior.constant(0.5),)) for b in structure.blocks),
        noise=(Prior.constant(1.0),),
    )
    tree = sample_collapsed(structure, draws=40, seed=1)
    assert json.loads(tree.attrs["diagnostics"])["method"] == "fixed"
    assert (tree["posterior"]["noise"] == 1.0).all()


def test_a_failed_gate_is_named() -> None:
    structure = world("crossed")
    engine, parameters = Collapsed.of(statistics(structure), fixed_sd(structure)), Parameters(structure)
    good = sample_theta(parameters, engine, seed=1, points=512)
    assert judge(good).passed
    spoiled = replace(good, khat=0.9, kish=50.0)
    assert not judge(spoiled).passed
    assert "k-hat 0.90 is above 0.7" in judge(spoiled).faults


@pytest.mark.sampling
def test_the_fallback_agrees_with_importance_sampling() -> None:
    structure = world("crossed", seed=1)
    engine, parameters = Collapsed.of(statistics(structure), fixed_sd(structure)), Parameters(structure)
    first = sample_theta(parameters, engine, seed=1)
    second = nuts_theta(parameters, engine, first, seed=2)
    a, b = (s.weights @ s.points for s in (first, second))
    sd = np.sqrt(np.diag(first.covariance))
    assert (np.abs(a - b) < 4 * sd * np.sqrt(1 / first.kish + 1 / second.kish)).all()


def test_smoothed_weights_find_a_heavy_tail() -> None:
    rng = np.random.default_rng(0)
    for shape in (0.3, 0.9):
        ratio = distributions.genpareto.rvs(shape, size=20_000, random_state=rng)
        weights, khat = smooth(np.log(ratio))
        assert khat == pytest.approx(shape, abs=0.2)
        assert weights.sum() == pytest.approx(1)
    equal, khat = smooth(np.zeros(100))
    assert khat == -np.inf
    assert kish(equal) == pytest.approx(100)
    index = resample(np.array([0.0, 0.25, 0.75]), 400, rng)
    assert np.bincount(index, minlength=3).tolist() == [0, 100, 300]


def simulate(structure: LinearStructure, rng: np.random.Generator) -> tuple[LinearStructure, dict[str, float]]:
    """Parameters from the prior, rows from the parameters."""
    response = structure.response
    assert response is not None
    parameters = Parameters(structure)
    at = parameters.variances(rng.standard_normal(len(parameters.coordinates)))
    beta = np.array([p.draw(rng, 1)[0] for p in structure.column_priors])
    mean = structure.X @ beta
    truth = {f"beta_{i}": float(v) for i, v in enumerate(beta)}
    for b, L in zip(structure.blocks, at.factors, strict=True):
        effects = rng.standard_normal((len(b.levels), len(L))) @ L.T
        mean = mean + (effects[b.codes] * b.values).sum(1)
        truth[f"effect_{b.id}"] = float(effects[0, 0])
        truth[f"sd_{b.id}"] = float(np.sqrt((L[-1] ** 2).sum()))
        if b.correlation is not None:
            truth[f"corr_{b.id}"] = float(L[1, 0] / np.sqrt((L[1] ** 2).sum()))
    codes = np.zeros(len(mean), int) if structure.noise_codes is None else structure.noise_codes
    truth["noise"] = float(at.noise[-1])
    y = mean + at.noise[codes] * rng.standard_normal(len(mean))
    return replace(structure, response=Response("rows", y, np.ones(len(y)), np.full(len(y), np.nan))), truth


def ranks(structure: LinearStructure, replications: int, seed: int) -> dict[str, np.ndarray]:
    """Rank of the truth among 99 draws, by quantity; dims (replication,)."""
    out: dict[str, list[float]] = {}
    rng = np.random.default_rng(seed)
    for r in range(replications):
        drawn, truth = simulate(structure, rng)
        posterior = sample_collapsed(drawn, draws=400, seed=seed + r)["posterior"].dataset
        for name, value in truth.items():
            if name.startswith("beta_"):
                values = posterior["beta"].values[..., int(name[5:])]
            else:
                values = posterior[name].values
                if name.startswith("corr_"):
                    values = values[..., 1, 0]
                elif values.ndim > 2:
                    last = -1 if name.startswith(("sd_", "noise")) else 0
                    values = values.reshape(*values.shape[:2], -1)[..., last]
            out.setdefault(name, []).append(float((values.reshape(-1)[:396:4] < value).sum()))
    return {name: np.array(v) for name, v in out.items()}


def assert_uniform(found: dict[str, np.ndarray]) -> None:
    """Chi-squared over ten bins of the 100 ranks, Bonferroni over quantities at 1 in 1,000."""
    for name, values in found.items():
        counts = np.bincount((values // 10).astype(int), minlength=10)
        p = float(distributions.chisquare(counts).pvalue)
        assert p > 0.001 / len(found), f"{name}: {counts.tolist()}"


WORLDS = ("crossed", "slopes", "heteroscedastic", "nested", "tiny", "zero_variance")


def calibration_world(kind: str) -> LinearStructure:
    if kind == "tiny":
        structure = world("crossed", n=6)
        return replace(structure, blocks=(block("service", np.arange(6) % 3, 3),))
    if kind == "zero_variance":
        structure = world("crossed")
        return replace(structure, blocks=tuple(replace(b, sds=(Prior.half_normal(1e-3),)) for b in structure.blocks))
    return world(kind)


@pytest.mark.calibration
@pytest.mark.parametrize("kind", WORLDS)
def test_simulation_based_calibration(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Talts et al. (2018), arXiv:1804.06788; 300 replications, with the fewest points a run may have."""
    monkeypatch.setattr(sample, "BUDGET", 0.0)
    assert_uniform(ranks(calibration_world(kind), 300, seed=100))
