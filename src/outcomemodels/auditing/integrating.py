"""The variance components that outcomes allow, weighed under the priors of a fit, so that widths integrate over them.

Components are put on a scale on which their half-normal priors are standard normal; there the posterior is weighed by
importance sampling from its mode (two rounds, deterministic mixture; Owen & Zhou 2000, doi
10.1080/01621459.2000.10473909).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp, ndtr, ndtri

from outcomemodels.auditing.cells import Cells
from outcomemodels.auditing.likelihood import Marginal, Solved

FloatArray = NDArray[np.float64]

MOST_KEPT = 360
"""Effects left after elimination; with more, components are estimated by moments and held there."""

MOST_WORK = 5_000_000
"""Effects left squared times those eliminated over a thousand, and cells by batches squared; beyond it the same."""

ROUNDS = (192, 320)
KEPT = (48, 160)
"""Fewest and most values that are kept, as memory allows."""
DF = 7.0
LOW, HIGH = -4.5, 6.0


@dataclass(frozen=True, eq=False)
class Weighed:
    """Equally weighted values of the components with the equations at each.

    ``kish`` is the effective number of the points they were taken from; ``names`` the batches in the order of ``sds``.
    """

    marginal: Marginal
    points: tuple[Solved, ...]
    cell: FloatArray
    kish: float

    def sd(self, role: str) -> float:
        """Mean SD of the batches of a role; NaN where there is none."""
        cells = self.marginal.cells
        if role == "noise":
            return float(np.sqrt(np.mean([p.noise2 for p in self.points])))
        if role == "cell":
            return float(self.cell.mean())
        mine = [k for k, batch in enumerate(cells.layout.batches) if cells.role(batch) == role]
        if not mine:
            return float("nan")
        return float(np.mean([np.sqrt((p.sds[mine] ** 2).mean()) for p in self.points]))


def can_weigh(cells: Cells) -> bool:
    """Whether the equations are small enough to be solved some hundred times."""
    layout = cells.layout
    counts = np.diff(layout.starts)
    if not len(counts) or not len(cells.n):
        return False
    kept = layout.size - int(counts.max())
    own = len(cells.n) * (len(counts) + 1) ** 2 if cells.full else 0
    return kept <= MOST_KEPT and max(kept**2 * int(counts.max()) / 1000, 10 * own, 10 * len(cells.n)) <= MOST_WORK


def weigh(marginal: Marginal, *, seed: int) -> Weighed:
    """Weigh the components and keep some of them."""
    kept = int(np.clip(2_000_000 / len(marginal.order[0]) ** 2, *KEPT))
    scales = _Scales(marginal)
    mode, spread = _mode(scales)
    rng = np.random.default_rng(seed)
    proposals = [(mode, np.linalg.cholesky(spread))]
    sets: list[FloatArray] = []
    densities: list[FloatArray] = []
    weights = np.ones(1)
    for i, size in enumerate(ROUNDS):
        placed = _place(proposals[-1], size, rng)
        sets.append(placed)
        densities.append(np.array([scales.log_posterior(x) for x in placed]))
        every = np.concatenate(sets)
        share = np.log(np.array(ROUNDS[: i + 1]) / sum(ROUNDS[: i + 1]))
        mixture = logsumexp([s + _log_t(p, every) for s, p in zip(share, proposals, strict=True)], axis=0)
        log_weights = np.concatenate(densities) - mixture
        log_weights = np.minimum(log_weights, logsumexp(log_weights) - 0.5 * np.log(len(every)))  # truncated (Ionides)
        weights = np.exp(log_weights - logsumexp(log_weights))
        centre = weights @ every
        covariance = (every - centre).T @ ((every - centre) * weights[:, None])
        proposals.append((centre, np.linalg.cholesky(0.9 * covariance + 0.1 * spread)))
    at = np.searchsorted(np.cumsum(weights), (np.arange(kept) + rng.uniform()) / kept * (1 - 1e-12))
    chosen = every[np.minimum(at, len(every) - 1)]
    values = [scales.natural(x) for x in chosen]
    points = tuple(marginal.solve(sds, noise, cell)[1] for sds, noise, cell in values)
    return Weighed(marginal, points, np.array([cell for _, _, cell in values]), float(1 / (weights**2).sum()))


class _Scales:
    """The posterior on the scale of the priors: batches, then the noise where it is free, then single cells."""

    def __init__(self, marginal: Marginal) -> None:
        self.marginal = marginal
        spread = marginal.seen.spread
        self.batches = len(marginal.layout.batches)
        self.free_noise = marginal.known_noise is None
        self.cell = marginal.cells.full
        self.prior = np.array([spread / 2] * self.batches + [spread] * self.free_noise + [spread / 2] * self.cell)

    def natural(self, x: FloatArray) -> tuple[FloatArray, float, float]:
        """SDs of the batches, of the noise and of single cells."""
        value = np.maximum(-self.prior * ndtri(ndtr(-np.clip(x, LOW, HIGH)) / 2), 1e-5 * self.prior)
        noise = float(value[self.batches]) if self.free_noise else float(self.marginal.known_noise or 0.0)
        return value[: self.batches], noise, float(value[-1]) if self.cell else 0.0

    def log_posterior(self, x: FloatArray) -> float:
        try:
            return self.marginal.solve(*self.natural(x))[0] - 0.5 * float(x @ x)
        except np.linalg.LinAlgError:
            return -1e300

    def with_gradient(self, x: FloatArray) -> tuple[float, FloatArray]:
        if self.cell:
            value, step = self.log_posterior(x), 1e-4
            moved = [self.log_posterior(x + step * e) for e in np.eye(len(x))]
            return value, (np.array(moved) - value) / step
        sds, noise, _ = self.natural(x)
        value, solved = self.marginal.solve(sds, noise)
        by_sd, by_noise = self.marginal.gradient(solved)
        natural = np.append(sds, noise) if self.free_noise else sds
        slope = np.append(by_sd, by_noise) if self.free_noise else by_sd
        # d sd / d x from equal densities: 2 phi(sd / s) / s d sd = phi(x) d x
        change = self.prior / 2 * np.exp(0.5 * (natural / self.prior) ** 2 - 0.5 * np.clip(x, LOW, HIGH) ** 2)
        return value - 0.5 * float(x @ x), slope * change - x


def _mode(scales: _Scales) -> tuple[FloatArray, FloatArray]:
    """Mode and the inverse of the curvature there."""
    d = len(scales.prior)
    start = np.full(d, -0.5)
    if scales.free_noise:
        seen = scales.marginal.seen
        rough = np.sqrt(seen.squares / seen.df) if seen.df > 0 and seen.squares > 0 else 0.8 * seen.spread
        start[scales.batches] = -float(ndtri(np.clip(2 * ndtr(-rough / scales.prior[scales.batches]), 1e-9, 0.999)))

    from scipy import optimize

    def objective(x: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = scales.with_gradient(x)
        return -value, -gradient

    found = optimize.minimize(
        objective, start, jac=True, method="L-BFGS-B", bounds=[(LOW, HIGH)] * d, options={"maxiter": 40, "ftol": 1e-7}
    )
    mode = np.asarray(found.x)
    step = 0.05
    up = np.stack([scales.with_gradient(mode + step * e)[1] for e in np.eye(d)])
    down = np.stack([scales.with_gradient(mode - step * e)[1] for e in np.eye(d)])
    hessian = -(up - down) / (2 * step)
    values, axes = np.linalg.eigh((hessian + hessian.T) / 2)
    return mode, (axes / np.maximum(values, 0.7)) @ axes.T


def _place(proposal: tuple[FloatArray, FloatArray], size: int, rng: np.random.Generator) -> FloatArray:
    centre, root = proposal
    half = rng.normal(size=(size // 2, len(centre))) * np.sqrt(DF / rng.chisquare(DF, size // 2))[:, None]
    return np.asarray(centre + np.concatenate([half, -half]) @ root.T)


def _log_t(proposal: tuple[FloatArray, FloatArray], points: FloatArray) -> FloatArray:
    centre, root = proposal
    d = len(centre)
    z = np.linalg.solve(root, (points - centre).T)
    constant = gammaln((DF + d) / 2) - gammaln(DF / 2) - 0.5 * d * np.log(DF * np.pi) - np.log(np.diag(root)).sum()
    return np.asarray(constant - 0.5 * (DF + d) * np.log1p((z**2).sum(axis=0) / DF))
