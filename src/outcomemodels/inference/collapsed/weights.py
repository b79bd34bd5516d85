"""Pareto-smoothed importance weights (Vehtari, Simpson, Gelman, Yao & Gabry 2024, arXiv:1507.02646)."""

from __future__ import annotations

import numpy as np

from outcomemodels.inference.collapsed.layout import FloatArray


def smooth(log_weights: FloatArray) -> tuple[FloatArray, float]:
    """Normalised, smoothed weights and the Pareto shape k-hat of their upper tail.

    With fewer than 5 weights in the tail, or weights that are all equal, nothing is smoothed and k-hat is -inf.
    """
    n = len(log_weights)
    finite = np.isfinite(log_weights)
    if not finite.any():
        return np.full(n, 1 / max(n, 1)), np.inf
    w = np.exp(log_weights - log_weights[finite].max())
    tail = int(min(np.ceil(0.2 * n), np.ceil(3 * np.sqrt(n))))
    khat = -np.inf
    if tail >= 5:
        order = np.argsort(w, kind="stable")
        upper, cut = order[-tail:], float(w[order[-tail - 1]])
        excess = w[upper] - cut
        if excess[-1] > 1e-12 * w[upper[-1]] and cut > 0 and (excess > 0).sum() >= 5:
            khat, sigma = fit_pareto(np.maximum(excess, 1e-300))
            if np.isfinite(khat):
                level = (np.arange(tail) + 0.5) / tail
                if abs(khat) < 1e-8:
                    smoothed = cut - sigma * np.log1p(-level)
                else:
                    smoothed = cut + sigma / khat * np.expm1(-khat * np.log1p(-level))
                w[upper] = np.minimum(smoothed, w.max())
    return w / w.sum(), float(khat)


def fit_pareto(excess: FloatArray) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution, ascending ``excess`` above zero.

    References
    ----------
    Zhang & Stephens (2009), doi 10.1198/tech.2009.08017; prior on the shape as in Vehtari et al. (2024).
    """
    x = np.sort(excess)
    n = len(x)
    grid = 30 + int(np.sqrt(n))
    quartile = x[int(n / 4 + 0.5) - 1]
    b = 1 / x[-1] + (1 - np.sqrt(grid / (np.arange(grid) + 0.5))) / (3 * quartile)
    k = np.log1p(-b[:, None] * x).mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        profile = n * (np.log(-b / k) - k - 1)
    profile = np.where(np.isfinite(profile), profile, -np.inf)
    mass = np.exp(profile - profile.max())
    mass /= mass.sum()
    b_mean = float((b * mass).sum())
    shape = float(np.log1p(-b_mean * x).mean())
    scale = -shape / b_mean
    return (n * shape + 10 * 0.5) / (n + 10), scale


def kish(weights: FloatArray) -> float:
    """Kish's effective size, (sum w)^2 / sum w^2."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def resample(weights: FloatArray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Systematic resampling: indices in random order."""
    edges = np.cumsum(weights / weights.sum())
    edges[-1] = 1.0
    index = np.searchsorted(edges, (np.arange(size) + rng.uniform()) / size, side="right")
    return np.asarray(rng.permutation(np.minimum(index, len(weights) - 1)))
