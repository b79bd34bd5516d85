"""The NUTS engine against independent implementations, on real data.

Reference values are those of the data folders' READMEs (lme4 1.1-31, MASS) and hand-written PyMC or quadrature.
Tolerances are Monte Carlo sized: |difference| <= 4 combined MCSE for posteriors of the same density; for point
estimates under weak priors, a stated share of the standard error, since a posterior mean is not an estimate.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy.polynomial.hermite_e import hermegauss

import outcomemodels as om
from outcomemodels import Prior
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.fitted import Fit
from outcomemodels.workflow import fit_spec

pytestmark = pytest.mark.sampling

WEAK = {"noise": Prior.half_student_t(3, 50.0)}


def fit_nuts(data: PaulDataset, **choices: object) -> Fit:
    return om.fit(data, engine="nuts", draws=2000, tune=1000, chains=4, seed=11, progress=False, **choices)  # type: ignore[arg-type]


def mcse(values: np.ndarray) -> float:
    """Monte Carlo error of the mean, dims (chain, draw), by ArviZ."""
    import arviz_stats as azs

    return float(azs.mcse(values, method="mean"))


def uncentred_intercept(fit: Fit) -> xr.DataArray:
    """Intercept at zero of every column, where lme4 puts it."""
    centres = xr.DataArray([c.centre for c in fit.design.columns], dims="coefficient")
    beta = fit.posterior["beta"]
    return beta.isel(coefficient=0) - (beta * centres).isel(coefficient=slice(1, None)).sum("coefficient")


@pytest.fixture(scope="module")
def beat_the_blues() -> Fit:
    return fit_nuts(
        om.load("beat_the_blues"),
        formula="bdi ~ bdi_pre + weeks + treatment + drug + length + (1 | client)",
        priors={**WEAK, "sd_client": Prior.half_student_t(3, 50.0)},
    )


def test_beat_the_blues_agrees_with_lme4(beat_the_blues: Fit) -> None:
    assert beat_the_blues.verdict.passed, beat_the_blues.verdict.sentences
    months = 12 / 52.1775
    reference = {
        "bdi_pre": (0.640, 0.078),
        "weeks": (-0.705 * months, 0.146 * months),
        "treatment[BtheB]": (-2.329, 1.670),
        "drug[Yes]": (-2.825, 1.727),
        "length[>6m]": (0.197, 1.638),
    }
    posterior = beat_the_blues.posterior
    for name, (estimate, error) in reference.items():
        draws = posterior["beta"].sel(coefficient=name)
        slack = 0.10 * error + 4 * mcse(draws.values)
        assert abs(float(draws.mean()) - estimate) < slack, name
        assert float(draws.std()) == pytest.approx(error, rel=0.12), name
    intercept = uncentred_intercept(beat_the_blues)
    assert abs(float(intercept.mean()) - 5.592) < 0.10 * 2.242 + 4 * mcse(intercept.values)
    assert float(posterior["sd_client"].mean()) == pytest.approx(6.98, abs=0.5 * float(posterior["sd_client"].std()))
    assert float(posterior["noise"].mean()) == pytest.approx(5.01, abs=0.5 * float(posterior["noise"].std()))


def test_beat_the_blues_agrees_with_a_hand_written_model(beat_the_blues: Fit) -> None:
    """The same density written by hand, non-centred and uncentred columns; PyMC, at least 1,000 ESS."""
    import pymc as pm

    design = beat_the_blues.design
    response = design.response
    assert response is not None
    X, codes = design.matrix(), design.crossing(("client",)).codes
    priors = beat_the_blues.priors
    with pm.Model():
        a = pm.Normal("a", *priors["intercept"].values)
        b = [pm.Normal(f"b{i}", *priors[c.name].values) for i, c in enumerate(design.columns[1:])]
        tau = pm.HalfStudentT("tau", nu=3, sigma=50.0)
        sigma = pm.HalfStudentT("sigma", nu=3, sigma=50.0)
        u = pm.Normal("u", 0, tau, shape=int(codes.max()) + 1)
        mu = a + sum(b[i] * X[:, i + 1] for i in range(len(b))) + u[codes]
        pm.Normal("y", mu, sigma, observed=response.y)
        tree = pm.sample(
            2000, tune=1000, chains=4, cores=2, random_seed=5, progressbar=False, compute_convergence_checks=False
        )
    other = tree["posterior"].to_dataset()
    pairs = [("a", 0), *((f"b{i}", i + 1) for i in range(len(design.columns) - 1))]
    ours = {name: beat_the_blues.posterior["beta"].isel(coefficient=i) for name, i in pairs}
    ours |= {"tau": beat_the_blues.posterior["sd_client"], "sigma": beat_the_blues.posterior["noise"]}
    for name, draws in ours.items():
        error = np.hypot(mcse(draws.values), mcse(other[name].values))
        assert abs(float(draws.mean() - other[name].mean())) < 4 * error, name
        assert float(draws.std() / other[name].std()) == pytest.approx(1, abs=0.12), name


def test_sleepstudy_random_slope(shared_data: Path) -> None:
    """lme4 REML: 251.405 (6.825), 10.467 (1.546); SD 24.741, 5.922, correlation 0.07, residual 25.592."""
    fit = fit_nuts(
        om.load("sleepstudy"),
        formula="reaction ~ days + (1 + days | client)",
        priors={
            "noise": Prior.half_student_t(3, 100.0),
            "sd_days_by_client[1]": Prior.half_student_t(3, 100.0),
            "sd_days_by_client[days]": Prior.half_student_t(3, 50.0),
            "corr_days_by_client": Prior.lkj(1.0),
        },
    )
    posterior = fit.posterior
    slope = posterior["beta"].sel(coefficient="days")
    assert abs(float(slope.mean()) - 10.467) < 0.1 * 1.546 + 4 * mcse(slope.values)
    intercept = uncentred_intercept(fit)
    assert abs(float(intercept.mean()) - 251.405) < 0.1 * 6.825 + 4 * mcse(intercept.values)
    assert float(posterior["noise"].mean()) == pytest.approx(25.592, abs=0.5 * float(posterior["noise"].std()))
    sds = posterior["sd_days_by_client"]
    assert float(sds.sel(days_by_client_column="days").mean()) == pytest.approx(5.922, abs=1.0)


def test_anorexia_covariance_analysis(shared_data: Path) -> None:
    """Prewt -0.566 (0.161) with offset, so 0.434; against CBT: Cont -4.097 (1.894), FT 4.563 (2.133); sd 6.978."""
    data = om.load("anorexia")
    fit = fit_nuts(
        data,
        formula="weight_end ~ weight_start + treatment",
        priors={"noise": Prior.half_student_t(3, 50.0), "intercept": Prior.normal(80, 500.0)},
    )
    posterior = fit.posterior["beta"]
    base = {c.name: posterior.sel(coefficient=c.name) for c in fit.design.columns}
    slope = base["weight_start"]
    assert abs(float(slope.mean()) - 0.434) < 0.1 * 0.161 + 4 * mcse(slope.values)
    zero = 0 * slope
    level = {k: base.get(f"treatment[{k}]", zero) for k in fit.design.factor("treatment").levels}
    for name, estimate, error in (("Cont", -4.097, 1.894), ("FT", 4.563, 2.133)):
        contrast = level[name] - level["CBT"]
        assert abs(float(contrast.mean()) - estimate) < 0.1 * error + 4 * mcse(contrast.values), name
        assert float(contrast.std()) == pytest.approx(error, rel=0.1), name
    assert float(fit.posterior["noise"].mean()) == pytest.approx(6.978, abs=0.5 * float(fit.posterior["noise"].std()))


def test_binomial_against_quadrature(shared_data: Path) -> None:
    """Random-intercept logistic model on counts; reference: grid over (intercept, sd), 40-node Gauss-Hermite."""
    from outcomemodels.data.columns import from_columns
    from outcomemodels.schema import Facet, Field, Grain, Kind, Schema, Statistic
    from outcomemodels.spec import ModelSpec

    rng = np.random.default_rng(8)
    total = rng.integers(8, 40, size=12)
    events = rng.binomial(total, 1 / (1 + np.exp(-(0.2 + 0.6 * rng.standard_normal(12)))))
    schema = Schema(
        name="services",
        grain=Grain.CELL,
        fields=(
            Field(name="service", facet=Facet.SETTING, kind=Kind.IDENTIFIER, key=True),
            Field(name="recovery", facet=Facet.OUTCOME, kind=Kind.COUNT, statistic=Statistic.EVENTS),
            Field(name="total", facet=Facet.OUTCOME, kind=Kind.COUNT, statistic=Statistic.TOTAL, of="recovery"),
        ),
    )
    columns = {
        "service": np.array([f"s{i}" for i in range(12)], dtype=object),
        "recovery": events.astype(float),
        "total": total.astype(float),
    }
    data = from_columns(schema, columns)
    priors = (("intercept", Prior.normal(0, 1.5)), ("sd_service", Prior.half_normal(1.0)))
    from outcomemodels.inference.settings import Settings

    fit = fit_spec(
        data,
        ModelSpec(outcome="recovery", batches=("service",), covariates=(), priors=priors),
        settings=Settings(engine="nuts", draws=2000, seed=4, progress=False),
    )
    nodes, weights = hermegauss(40)
    a, s = np.meshgrid(np.linspace(-2, 2.5, 161), np.linspace(1e-3, 3, 160), indexing="ij")
    log = priors[0][1].logpdf(a) + priors[1][1].logpdf(s)
    for n, y in zip(total, events, strict=True):
        eta = a[..., None] + s[..., None] * nodes
        log += np.log((weights * np.exp(y * eta - n * np.logaddexp(0, eta))).sum(-1))
    mass = np.exp(log - log.max())
    mass /= mass.sum()
    for name, grid in (("a", a), ("s", s)):
        draws = fit.posterior["beta"].isel(coefficient=0) if name == "a" else fit.posterior["sd_service"]
        mean = float((mass * grid).sum())
        sd = float(np.sqrt((mass * grid**2).sum() - mean**2))
        assert abs(float(draws.mean()) - mean) < 4 * mcse(draws.values) + 0.005, name
        assert float(draws.std()) == pytest.approx(sd, rel=0.08), name
