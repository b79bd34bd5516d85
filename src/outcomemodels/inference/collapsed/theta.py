"""The posterior of the variance parameters: mode, adaptive mixture importance sampling, weights.

Every point ever evaluated is kept and weighted against the mixture of all proposals (deterministic mixture), so later
proposals mend earlier ones. Points are scrambled Sobol sequences, several independent scrambles of each proposal.

References
----------
Cornuet, Marin, Mira & Robert (2012), Adaptive multiple importance sampling, doi 10.1111/j.1467-9469.2011.00756.x.
Owen & Zhou (2000), Safe and effective importance sampling, doi 10.1080/01621459.2000.10473909.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import optimize, special, stats
from scipy.stats import qmc

from outcomemodels.errors import FitError
from outcomemodels.inference.collapsed.batch import Batch
from outcomemodels.inference.collapsed.collapse import Collapsed
from outcomemodels.inference.collapsed.layout import FloatArray
from outcomemodels.inference.collapsed.parameters import Parameters
from outcomemodels.inference.collapsed.threads import over_range
from outcomemodels.inference.collapsed.weights import kish, smooth

SCRAMBLES = 5
DF = 8.0
GOOD_KISH = 0.5
GOOD_KHAT = 0.5
PROBES = (1.5, 3.0)
"""Distances, in posterior SDs, at which the fall of the density sets a proposal's scale: for its body and its tail."""
ENOUGH = 400.0
ROUNDS = 6


@dataclass(frozen=True, eq=False)
class Component:
    """A multivariate t proposal whose scale along each principal axis may differ to both sides."""

    centre: FloatArray
    axes: FloatArray
    left: FloatArray
    right: FloatArray

    def place(self, uniform: FloatArray) -> FloatArray:
        """Points from uniforms, dims (point, coordinate + 1)."""
        u = np.clip(uniform[:, :-1], 1e-12, 1 - 1e-12)
        stretch = np.sqrt(DF / stats.chi2.ppf(np.clip(uniform[:, -1:], 1e-12, 1 - 1e-12), DF))
        # the sides are chosen with probability proportional to their scale, so that the density is continuous
        share = self.left / (self.left + self.right)
        inner = np.where(u < share, 0.5 * u / share, 0.5 + 0.5 * (u - share) / (1 - share))
        z = special.ndtri(np.clip(inner, 1e-12, 1 - 1e-12))
        scale = np.where(z < 0, self.left, self.right)
        return np.asarray(self.centre + (z * stretch * scale) @ self.axes.T)

    def log_density(self, points: FloatArray) -> FloatArray:
        """Log density, dims (point,)."""
        d = len(self.centre)
        z = (points - self.centre) @ self.axes
        z = z / np.where(z < 0, self.left, self.right)
        constant = special.gammaln((DF + d) / 2) - special.gammaln(DF / 2) - 0.5 * d * np.log(DF * np.pi)
        constant -= np.log((self.left + self.right) / 2).sum()
        return np.asarray(constant - 0.5 * (DF + d) * np.log1p((z**2).sum(axis=1) / DF))


@dataclass(frozen=True, eq=False)
class Stage:
    """What one round of sampling achieved: all points so far against the mixture, and the round's own alone.

    ``own_khat`` and ``own_kish`` judge the round's ``own_points`` against its own proposal, so that a poor round shows
    even when later ones make up for it.
    """

    name: str
    points: int
    khat: float
    kish: float
    own_points: int = 0
    own_khat: float = float("nan")
    own_kish: float = float("nan")


@dataclass(frozen=True, eq=False)
class ThetaSample:
    """Weighted points of the variance parameters.

    Parameters
    ----------
    points : array, dims (point, coordinate)
        On the whitened scale.
    weights : array, dims (point,)
        Pareto-smoothed, summing to one; equal for draws of the fallback.
    scramble : array of int, dims (point,)
        Which independent scramble a point belongs to.
    khat, kish : float
        Of the last stage.
    stages : tuple of Stage
    evaluations : int
        Densities computed, gradients counted as three.
    log_evidence : float
    mode, covariance : arrays
        Of the whitened coordinates.
    held : array, dims (point, copy, held)
        Exact draws of the variables that :class:`Batch` holds at each point, when they were wanted.
    method : {"importance", "nuts", "fixed"}
    """

    points: FloatArray
    weights: FloatArray
    scramble: np.ndarray
    khat: float
    kish: float
    stages: tuple[Stage, ...]
    evaluations: int
    log_evidence: float
    method: str = "importance"
    mode: FloatArray = field(default_factory=lambda: np.zeros(0))
    covariance: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    held: FloatArray = field(default_factory=lambda: np.zeros((0, 0, 0)))


def find_mode(parameters: Parameters, engine: Batch) -> tuple[FloatArray, FloatArray, int]:
    """Mode on the whitened scale, negative Hessian there, and gradients used.

    Raises
    ------
    FitError
        If the density is not finite at the start.
    """
    start = parameters.start(engine.engine)
    best, _ = parameters.gradient(engine, start)
    if not np.isfinite(best):
        raise FitError(
            "the density of the variance parameters is not finite at the start",
            accepted="a response with finite variance, and priors that allow noise above zero",
        )
    used = 1
    scale = 1 / np.sqrt(parameters.rough_curvature(engine.engine, start))

    def objective(x: FloatArray) -> tuple[float, FloatArray]:
        nonlocal used
        used += 1
        value, gradient = parameters.gradient(engine, np.clip(start + scale * x, -30, 30))
        if not np.isfinite(value):
            return 1e300, np.zeros(len(x))
        return best - value, -gradient * scale

    x = np.zeros(len(start))
    for _ in range(3):
        found = optimize.minimize(objective, x, jac=True, method="BFGS", options={"gtol": 0.01, "maxiter": 60})
        x = found.x
        mode = np.clip(start + scale * x, -30, 30)
        slope = parameters.gradient(engine, mode)[1]
        hessian = _curvature(parameters, engine, mode, slope)
        used += 1 + len(mode)
        step = np.linalg.solve(_positive(hessian), slope)
        if float(slope @ step) < 0.01:  # within a tenth of a posterior SD of the mode
            break
        values = parameters.log_posteriors(engine, np.stack([mode, mode + step]))
        if values[1] > values[0]:
            x = (mode + step - start) / scale
    return mode, _positive(hessian), used


def _curvature(parameters: Parameters, engine: Batch, at: FloatArray, slope: FloatArray) -> FloatArray:
    """Negative Hessian from one-sided differences of the gradient; step in units of a rough posterior SD."""
    d = len(at)
    out = np.zeros((d, d))
    h = 1e-4

    def some(first: int, last: int) -> None:
        for i in range(first, last):
            moved = at.copy()
            moved[i] += h
            out[i] = -(parameters.gradient(engine, moved)[1] - slope) / h

    over_range(some, d)
    return (out + out.T) / 2


def _positive(hessian: FloatArray) -> FloatArray:
    """The nearest precision that is at least half that of the prior."""
    value, axes = np.linalg.eigh(hessian)
    return np.asarray((axes * np.maximum(value, 0.5)) @ axes.T)


def split_component(
    log_density: Callable[[FloatArray], FloatArray], mode: FloatArray, hessian: FloatArray
) -> Component:
    """Component at the mode with left and right scales found by probing each axis; densities of many points at once."""
    value, axes = np.linalg.eigh(hessian)
    sd = 1 / np.sqrt(value)
    moves = [side * far * (axes * sd).T for far in PROBES for side in (-1, 1)]
    found = log_density(np.concatenate([mode[None, :], *[mode + move for move in moves]]))
    drop = np.maximum(found[0] - found[1:], 1e-3).reshape(len(PROBES), 2, len(mode))
    scales = np.array(PROBES)[:, None, None] / np.sqrt(2 * drop)
    sides = np.clip(scales.max(axis=0), 0.5, 3.0)
    return Component(mode, axes, 1.05 * sd * sides[0], 1.05 * sd * sides[1])


def refit(points: FloatArray, weights: FloatArray, hessian: FloatArray) -> Component:
    """Component with the weighted moments of a sample, each axis with its own two scales."""
    d = points.shape[1]
    centre = weights @ points
    spread = (points - centre).T @ ((points - centre) * weights[:, None])
    size = kish(weights)
    trust = size / (size + 2 * d)
    spread = trust * spread + (1 - trust) * np.linalg.inv(hessian)
    value, axes = np.linalg.eigh(spread)
    sd = np.sqrt(np.maximum(value, 1e-14))
    z = (points - centre) @ axes
    left, right = np.empty(d), np.empty(d)
    for i in range(d):
        below = z[:, i] < 0
        a = np.sqrt(weights[below] @ z[below, i] ** 2 / max(weights[below].sum(), 1e-12))
        b = np.sqrt(weights[~below] @ z[~below, i] ** 2 / max(weights[~below].sum(), 1e-12))
        left[i], right[i] = np.clip([a, b], 0.5 * sd[i], 2 * sd[i])
    return Component(centre, axes, 1.05 * left, 1.05 * right)


def sample_theta(
    parameters: Parameters,
    engine: Collapsed | Batch,
    *,
    seed: int,
    points: int = 1024,
    copies: int = 0,
) -> ThetaSample:
    """Importance sample of the variance parameters.

    Rounds go on until k-hat is below ``GOOD_KHAT`` and Kish's effective size above both ``GOOD_KISH`` of the points
    and ``ENOUGH``; at most ``ROUNDS``.

    Parameters
    ----------
    parameters : Parameters
    engine : Collapsed or Batch
    seed : int
    points : int
        Densities in each round; rounded to a power of two per scramble.
    copies : int
        Draws of the variables held to make at every point while its factor is at hand.
    """
    batch = engine if isinstance(engine, Batch) else Batch(engine)
    d = len(parameters.coordinates)
    if d == 0:
        value = float(parameters.log_posteriors(batch, np.zeros((1, 0)))[0])
        stage = Stage("no free variance parameters", 1, -np.inf, np.inf)
        return ThetaSample(np.zeros((1, 0)), np.ones(1), np.zeros(1, int), -np.inf, np.inf, (stage,), 1, value, "fixed")

    noise = np.random.default_rng(np.random.SeedSequence((seed, 1)))

    def many(etas: FloatArray) -> FloatArray:
        return parameters.log_posteriors(batch, etas)

    mode, hessian, gradients = find_mode(parameters, batch)
    used = 3 * gradients + 2 * d * len(PROBES) + 1
    components = [split_component(many, mode, hessian)]
    seeds = np.random.SeedSequence(seed)
    each = 1 << max(4, round(np.log2(points / SCRAMBLES)))
    held: list[FloatArray] = []
    sets: list[FloatArray] = []
    densities: list[FloatArray] = []
    scramble: list[np.ndarray] = []
    counts: list[int] = []
    stages: list[Stage] = []
    for round_ in range(ROUNDS):
        component = components[-1]
        uniform = [qmc.Sobol(d + 1, rng=np.random.default_rng(c)).random(each) for c in seeds.spawn(SCRAMBLES)]
        placed = component.place(np.concatenate(uniform))
        held.append(noise.standard_normal((len(placed), copies, batch.held)))
        sets.append(placed)
        densities.append(parameters.log_posteriors(batch, placed, held[-1]))
        scramble.append(np.repeat(np.arange(SCRAMBLES), each))
        counts.append(len(placed))
        used += len(placed)
        every = np.concatenate(sets)
        log_weights = np.concatenate(densities) - _mixture(components, counts, every)
        weights, khat = smooth(log_weights)
        effective = kish(weights)
        own, own_khat = smooth(densities[-1] - component.log_density(placed))
        stages.append(Stage(f"round {round_ + 1}", len(every), khat, effective, len(placed), own_khat, kish(own)))
        if khat < GOOD_KHAT and effective > GOOD_KISH * len(every) and effective >= ENOUGH:
            break
        if round_ + 1 < ROUNDS:
            components.append(refit(every, weights, hessian))
    top = float(log_weights.max())
    evidence = top + float(np.log(np.exp(log_weights - top).mean())) - 0.5 * d * np.log(2 * np.pi)
    centre = weights @ every
    spread = (every - centre).T @ ((every - centre) * weights[:, None])
    return ThetaSample(
        points=every,
        weights=weights,
        scramble=np.concatenate(scramble),
        khat=khat,
        kish=effective,
        stages=tuple(stages),
        evaluations=used,
        log_evidence=evidence,
        mode=mode,
        covariance=spread,
        held=np.concatenate(held),
    )


def _mixture(components: list[Component], counts: list[int], points: FloatArray) -> FloatArray:
    """Log density of the mixture of all proposals used so far."""
    share = np.array(counts) / sum(counts)
    each = np.stack([np.log(s) + c.log_density(points) for s, c in zip(share, components, strict=True)])
    return np.asarray(special.logsumexp(each, axis=0))
