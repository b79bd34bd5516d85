"""Integrating theta: mode, scale, and adaptive mixture importance sampling on scrambled Sobol points.

1. Mode by BFGS, coordinates scaled by their curvature at the start.
2. Curvature at the mode from differences of the analytic gradient; probes along its eigenvectors give a left and a
   right scale to each direction of a split Student-t.
3. Weights from points of that proposal; while k-hat or the Kish size is poor, a Student-t fitted to the weighted
   sample is added, and all points are weighted against the mixture (Cornuet et al. 2012,
   doi 10.1111/j.1467-9469.2011.00756.x).
4. Pareto smoothing (Vehtari et al. 2024, Pareto smoothed importance sampling, JMLR 25:72).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from outcomemodels.errors import FitError
from outcomemodels.inference.collapsed.collapse import Collapsed

FloatArray = NDArray[np.float64]

DF = 8.0
INFLATION = 1.1
GOOD_KHAT = 0.4
GOOD_KISH = 0.5
ROUNDS = 4
POINTS = 512
STEP = 1e-4


@dataclass(frozen=True, eq=False)
class Proposal:
    """Split Student-t: independent along the columns of ``axes``, own scale to each side.

    ``centre`` dims (coordinate,), ``axes`` (coordinate, direction), ``left`` and ``right`` (direction,).
    """

    centre: FloatArray
    axes: FloatArray
    left: FloatArray
    right: FloatArray

    def draw(self, count: int, seed: int) -> FloatArray:
        """Points by inversion of scrambled Sobol numbers, dims (point, coordinate)."""
        size = len(self.centre)
        uniform = stats.qmc.Sobol(size, scramble=True, rng=np.random.default_rng(seed)).random(count)
        share = self.left / (self.left + self.right)
        below = uniform < share
        u = np.where(below, 0.5 * uniform / share, 0.5 + 0.5 * (uniform - share) / (1 - share))
        z = stats.t.ppf(np.clip(u, 1e-9, 1 - 1e-9), DF)
        return np.asarray(self.centre + (z * np.where(below, self.left, self.right)) @ self.axes.T)

    def log_density(self, points: FloatArray) -> FloatArray:
        """Log density, dims (point,)."""
        z = np.linalg.solve(self.axes, (points - self.centre).T).T
        scale = np.where(z < 0, self.left, self.right)
        each = stats.t.logpdf(z / scale, DF) + np.log(2 / (self.left + self.right))
        return np.asarray(each.sum(axis=1) - np.linalg.slogdet(self.axes)[1])


@dataclass(frozen=True, eq=False)
class WeightedTheta:
    """Weighted points of eta, dims (point, coordinate), with smoothed normalised weights and their diagnostics."""

    points: FloatArray
    weights: FloatArray
    khat: float
    kish: float
    evaluations: int
    rounds: int
    mode: FloatArray
    stages: tuple[tuple[str, float, float], ...] = field(default=())


def integrate(
    collapsed: Collapsed, *, seed: int, spread: float, points: int = POINTS, report: Callable[[str], None]
) -> WeightedTheta:
    """Weighted sample of the variance parameters.

    Raises
    ------
    FitError
        If no mode is found or no point has weight.
    """
    if collapsed.size == 0:
        return WeightedTheta(np.zeros((1, 0)), np.ones(1), 0.0, np.inf, 1, 0, np.zeros(0))
    mode, scale, used = find_mode(collapsed, spread)
    report("mode found")
    proposal, probes = split_t(collapsed, mode, scale)
    used += probes
    proposals: list[Proposal] = []
    eta = np.zeros((0, collapsed.size))
    target = np.zeros(0)
    stages: list[tuple[str, float, float]] = []
    weights, khat, kish = np.zeros(0), np.inf, 0.0
    for round_ in range(ROUNDS):
        fresh = proposal.draw(points, seed + 101 * round_)
        values = np.array([collapsed.log_density(p) for p in fresh])
        used += points
        proposals.append(proposal)
        eta, target = np.vstack([eta, fresh]), np.append(target, values)
        weights, khat, kish = _weigh(eta, target, proposals)
        stages.append((f"round {round_ + 1}", khat, kish))
        report(f"round {round_ + 1}: k-hat {khat:.2f}, effective points {kish:.0f} of {len(eta)}")
        if khat <= GOOD_KHAT and kish >= max(GOOD_KISH * points, 400.0):
            break
        if kish > 3 * collapsed.size:
            proposal = _fitted(eta, weights)
    return WeightedTheta(eta, weights, khat, kish, used, len(stages), mode, tuple(stages))


def find_mode(collapsed: Collapsed, spread: float) -> tuple[FloatArray, FloatArray, int]:
    """Mode on the whitened scale, the curvature matrix there, and evaluations used."""
    start = collapsed.parameters.start(spread)
    used = 0

    def negative(x: FloatArray, unit: FloatArray) -> tuple[float, FloatArray]:
        nonlocal used
        used += 3
        value, gradient = collapsed.log_density_and_gradient(x * unit)
        return (1e300, np.zeros_like(x)) if not np.isfinite(value) else (-value, -gradient * unit)

    eta = start
    for _ in range(2):  # the second pass is scaled by the curvature where the first ended
        curvature, cost = _diagonal(collapsed, eta)
        used += cost
        unit = 1 / np.sqrt(np.maximum(curvature, 1.0))
        found = optimize.minimize(
            negative, eta / unit, args=(unit,), jac=True, method="BFGS", options={"gtol": 1e-3, "maxiter": 60}
        )
        eta = np.asarray(found.x * unit)
    hessian = np.empty((collapsed.size, collapsed.size))
    for i in range(collapsed.size):
        step = np.zeros(collapsed.size)
        step[i] = STEP * max(1.0, 1.0) * unit[i] * 100
        up = collapsed.log_density_and_gradient(eta + step)[1]
        down = collapsed.log_density_and_gradient(eta - step)[1]
        hessian[i] = (down - up) / (2 * step[i])
        used += 6
    if not np.isfinite(hessian).all():
        raise FitError(
            "the mode of the variance parameters could not be found",
            mend="look at the audit for batches with one level each, or fit with engine='nuts'",
        )
    return eta, (hessian + hessian.T) / 2, used


def _diagonal(collapsed: Collapsed, eta: FloatArray) -> tuple[FloatArray, int]:
    """Curvature along each coordinate, from differences of the gradient."""
    out = np.empty(collapsed.size)
    base = collapsed.log_density_and_gradient(eta)[1]
    for i in range(collapsed.size):
        step = np.zeros(collapsed.size)
        step[i] = STEP
        out[i] = (base - collapsed.log_density_and_gradient(eta + step)[1])[i] / STEP
    return np.where(np.isfinite(out), out, 1.0), 3 * (collapsed.size + 1)


def split_t(collapsed: Collapsed, mode: FloatArray, curvature: FloatArray) -> tuple[Proposal, int]:
    """Proposal with a left and a right scale along each eigenvector of the curvature, probed at 1.5 SD."""
    values, axes = np.linalg.eigh(curvature)
    sd = 1 / np.sqrt(np.maximum(values, 0.5))
    top = collapsed.log_density(mode)
    scales = np.empty((2, len(sd)))
    for i in range(len(sd)):
        for side, sign in enumerate((-1.0, 1.0)):
            drop = top - collapsed.log_density(mode + sign * 1.5 * sd[i] * axes[:, i])
            ratio = 1.5 / np.sqrt(2 * drop) if np.isfinite(drop) and drop > 1e-3 else 2.0
            scales[side, i] = sd[i] * INFLATION * float(np.clip(ratio, 0.4, 3.0))
    return Proposal(mode, axes, scales[0], scales[1]), 2 * len(sd)


def _fitted(eta: FloatArray, weights: FloatArray) -> Proposal:
    """Student-t with the weighted mean and covariance."""
    mean = weights @ eta
    centred = eta - mean
    covariance = (centred * weights[:, None]).T @ centred
    values, axes = np.linalg.eigh(covariance)
    sd = np.sqrt(np.maximum(values, 1e-12)) * INFLATION
    z = centred @ axes
    left = np.sqrt((weights[:, None] * np.where(z < 0, z, 0) ** 2).sum(0) / (weights[:, None] * (z < 0)).sum(0))
    right = np.sqrt((weights[:, None] * np.where(z >= 0, z, 0) ** 2).sum(0) / (weights[:, None] * (z >= 0)).sum(0))
    left, right = (np.where(np.isfinite(s) & (s > 0), s * INFLATION, sd) for s in (left, right))
    return Proposal(mean, axes, left, right)


def _weigh(eta: FloatArray, target: FloatArray, proposals: list[Proposal]) -> tuple[FloatArray, float, float]:
    """Smoothed normalised weights against the mixture of proposals, k-hat, and the Kish size."""
    from arviz_stats.base import array_stats

    mixture = special.logsumexp([p.log_density(eta) for p in proposals], axis=0) - np.log(len(proposals))
    log = target - mixture
    if not np.isfinite(log).any():
        raise FitError("no point of the variance parameters has a finite density", mend="fit with engine='nuts'")
    finite = np.isfinite(log)
    log = np.where(finite, log, log[finite].min() - 700.0)
    smoothed, khat = array_stats.psislw(log.max() - log)  # it takes minus log weights
    weights = np.exp(np.asarray(smoothed) - special.logsumexp(smoothed))
    return weights, float(khat), float(1 / (weights**2).sum())
