"""The density that makes references: gradient, value against the rows, and what the change of variables does."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from scipy import special, stats

from outcomemodels.benchmarking.cases import load_case
from outcomemodels.benchmarking.entrants import SCRIPTS
from outcomemodels.benchmarking.execute import write_problem


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import bench_io  # type: ignore[import-not-found]
    import whitened_density  # type: ignore[import-not-found]
    import whitening  # type: ignore[import-not-found]

    return SimpleNamespace(io=bench_io, density=whitened_density, whitening=whitening)


def problem_of(name: str, io: ModuleType, folder: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    write_problem(load_case(name).problem(), folder)
    monkeypatch.setattr(sys, "argv", ["x", str(folder), "out", json.dumps({})])
    problem: SimpleNamespace = io.start()[0]
    return problem


@pytest.mark.parametrize("name", ["crossed-1e3", "near-disconnected", "strong-correlation", "crossed-binomial-1e3"])
def test_gradient_and_curvature(
    name: str, rooms: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Central differences; at the centre the effects' part is a standard normal."""
    density = rooms.density.Density(problem_of(name, rooms.io, tmp_path, monkeypatch))
    centre, scale = np.full(density.size, np.log(0.3)), np.full(density.size, 0.1)
    rooms.whitening.tell(density, centre, scale)
    folded = np.arange(density.size) < 2
    target = rooms.whitening.Whitened(density, centre, scale, folded)
    rng = np.random.default_rng(1)
    for start in (0.0, -5.0):  # the second is on the other side of an SD of zero
        x = 0.5 * rng.normal(size=target.size)
        x[0] += start
        slope = target(x)[1]
        direction = rng.normal(size=target.size)
        step = 1e-5
        found = (target(x + step * direction)[0] - target(x - step * direction)[0]) / (2 * step)
        assert slope @ direction == pytest.approx(found, rel=1e-5)
    middle, moved = np.zeros(target.size), np.zeros(target.size)
    moved[density.size :] = rng.normal(size=target.size - density.size)
    curved = (target(middle + 1e-4 * moved)[1] - target(middle - 1e-4 * moved)[1]) / 2e-4
    np.testing.assert_allclose(curved[density.size :], -moved[density.size :], atol=1e-6)
    np.testing.assert_allclose(target(middle)[1][density.size :], 0.0, atol=1e-8)


def test_value_is_that_of_the_rows(rooms: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The density equals the rows' normal density and the priors, written out, constants left away."""
    problem = problem_of("crossed-1e3", rooms.io, tmp_path, monkeypatch)
    density = rooms.density.Density(problem)
    rng, gaps = np.random.default_rng(2), []
    for _ in range(3):
        t, u = rng.normal(-1, 0.3, density.size), 0.2 * rng.normal(size=density.at[-1])
        mean, own, edge = problem.X @ u[: density.columns], 0.0, density.columns
        for block, log_sd in zip(problem.blocks, t, strict=False):
            effects = u[edge : edge + block["levels"]]
            mean = mean + effects[block["codes"]] * block["values"][:, 0]
            own += -0.5 * (effects**2).sum() / np.exp(2 * log_sd) - len(effects) * log_sd
            edge += block["levels"]
        scales = np.array([p["scale"] for p in density.priors])
        own += t.sum() - 0.5 * ((np.exp(t) / scales) ** 2).sum()
        own -= 0.5 * (((u[: density.columns] - density.mean) / density.sd) ** 2).sum()
        own += -0.5 * ((problem.y - mean) ** 2).sum() / np.exp(2 * t[-1]) - len(problem.y) * t[-1]
        gaps.append(density(t, u)[0] - own)
    np.testing.assert_allclose(gaps, 0.0, atol=1e-8)


def test_value_is_that_of_the_counts(rooms: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For yes or no the density is the binomial one by SciPy, whatever the point of the change of variables."""
    problem = problem_of("crossed-binomial-1e3", rooms.io, tmp_path, monkeypatch)
    density = rooms.density.Density(problem)
    rng, gaps = np.random.default_rng(3), []
    for _ in range(3):
        density.linearise(rng.normal(size=density.at[-1]))
        t, u = rng.normal(-1, 0.3, density.size), 0.2 * rng.normal(size=density.at[-1])
        eta, own, edge = problem.X @ u[: density.columns], 0.0, density.columns
        for block, log_sd in zip(problem.blocks, t, strict=True):
            effects = u[edge : edge + block["levels"]]
            eta = eta + effects[block["codes"]] * block["values"][:, 0]
            own += stats.norm.logpdf(effects, 0, np.exp(log_sd)).sum()
            own += stats.halfnorm.logpdf(np.exp(log_sd), scale=block["sds"][0]["scale"]) + log_sd
            edge += block["levels"]
        own += stats.norm.logpdf(u[: density.columns], density.mean, density.sd).sum()
        own += stats.binom.logpmf(problem.y, problem.n, special.expit(eta)).sum()
        gaps.append(density(t, u)[0] - own)
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-8)
