"""Density, gradient and draws by way of the window: one scalar factor eliminated, one residual variance.

The window holds U(x) with x = log(s2 / tau^2); the kept variables' precision is I + L'UL / s2 with L diagonal. The
derivatives follow from T = U(x) / s2 alone:

    d log p = -1/2 { d log-determinants + <C + u u', dT_RR> - 2 u'dT_Ry + dT_yy },

C and u the covariance and mean of the kept variables in their own units.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import lapack

from outcomemodels.inference.collapsed.layout import FloatArray
from outcomemodels.inference.collapsed.window import in_threads

if TYPE_CHECKING:
    from outcomemodels.inference.collapsed.collapse import Collapsed, Variances
    from outcomemodels.inference.collapsed.layout import IntArray
    from outcomemodels.inference.collapsed.window import Window

LOG_2PI = float(np.log(2 * np.pi))


def densities(engine: Collapsed, sds: list[FloatArray], noise: FloatArray) -> FloatArray:
    """Log densities of many points with diagonal covariances.

    Parameters
    ----------
    engine : Collapsed
        One with a window.
    sds : list of array, dims (point, column)
        Of each block.
    noise : array, dims (point, noise level)

    Returns
    -------
    array, dims (point,)
        NaN where the window does not reach.
    """
    window, stats = _window(engine), engine.stats
    k = engine.plan.eliminated[0]
    variance = noise[:, stats.noise[0]] ** 2 / stats.divisor[0] + stats.known[0]
    out = np.full(len(noise), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.log(variance) - 2 * np.log(sds[k][:, 0])
    x = np.where(variance > 0, x, np.nan)
    good = np.flatnonzero(window.covers(x))
    if not len(good):
        return out
    v = variance[good]
    try:
        value = window.densities(x[good], v, kept_scale(engine, sds)[good])
    except np.linalg.LinAlgError:
        return out
    value += float(stats.n[0]) * (LOG_2PI + np.log(v)) - float(stats.log_weight[0])
    value += float(engine.single_square) / v
    with np.errstate(divide="ignore", invalid="ignore"):
        cells = stats.degrees * np.log(noise[good]) + stats.within / (2 * noise[good] ** 2)
    inside = np.where((stats.degrees > 0) | (stats.within > 0), cells, 0.0).sum(axis=1)
    out[good] = -0.5 * value - inside
    return out


def kept_scale(engine: Collapsed, sds: list[FloatArray]) -> FloatArray:
    """Prior SD of each kept variable, dims (point, kept)."""
    count = len(sds[0])
    out = np.empty((count, len(engine.plan.kept)))
    for k, where in engine.kept_blocks:
        out[:, where] = np.tile(sds[k], (1, engine.stats.layout.levels[k]))
    p = len(engine.fixed_sd)
    out[:, out.shape[1] - p :] = engine.fixed_sd
    return out


def gradient(engine: Collapsed, at: Variances) -> tuple[float, list[FloatArray], FloatArray] | None:
    """As :meth:`Collapsed.gradient`; None where the window does not reach or a covariance is not diagonal."""
    window, stats, plan = _window(engine), engine.stats, engine.plan
    reached = _reach(engine, at)
    if reached is None:
        return None
    x, v, scale = reached
    m = len(plan.kept)
    U = window.interpolate(np.array([x]))[0]
    try:
        T, R, half = _factored(U, v, scale)
    except np.linalg.LinAlgError:
        return None
    z = lapack.dtrtrs(R, half[:, None], lower=0, trans=0)[0][:, 0]
    misfit = float(T[m, m]) - float(half @ half)
    value = float(stats.n[0]) * (LOG_2PI + np.log(v)) - float(stats.log_weight[0]) + engine.single_square / v
    value += float(window.log_ratio(np.array([x]))[0]) + 2 * float(np.log(np.diag(R)).sum()) + misfit
    inverse = lapack.dpotri(R, lower=0)[0].T  # lower triangle
    u = scale * z
    G = np.empty((m + 1, m + 1))
    G[:m, :m] = scale[:, None] * inverse * scale + np.outer(u, u)
    G[m, :m] = -u
    G[m, m] = 1.0
    packed = G[_lower(m + 1)]
    packed *= 2.0
    packed[np.cumsum(np.arange(1, m + 2)) - 1] /= 2.0
    by_x = -0.5 * (window.log_ratio_slope(x) + float(packed @ window.slope(x)) / v)
    spread = float(packed @ U) / v  # <G, T>
    by_log_v = -0.5 * (float(stats.n[0]) - engine.single_square / v - spread) + by_x
    with np.errstate(divide="ignore", invalid="ignore"):
        cells = stats.degrees * np.log(at.noise) + stats.within / (2 * at.noise**2)
        inside = np.where(stats.degrees > 0, -stats.degrees + stats.within / at.noise**2, 0.0)
    density = -0.5 * value - float(np.where((stats.degrees > 0) | (stats.within > 0), cells, 0.0).sum())
    layout, k0 = stats.layout, plan.eliminated[0]
    shares: list[FloatArray] = [np.zeros((q, q)) for q in layout.widths]
    shares[k0][0, 0] = -2 * by_x
    own = np.diag(inverse)
    for k, where in engine.kept_blocks:
        q = layout.widths[k]
        each = z[where].reshape(-1, q)
        shares[k] = each.T @ each - layout.levels[k] * np.eye(q)
        block = np.tril(inverse[where, where])
        full = block + np.tril(block, -1).T
        for a in range(q):
            for b in range(q):
                shares[k][a, b] += float(np.trace(full[a::q, b::q])) if a != b else float(own[where][a::q].sum())
    noise = inside.copy()
    noise[stats.noise[0]] += by_log_v * 2 * at.noise[stats.noise[0]] ** 2 / stats.divisor[0] / v
    return density, shares, noise


def draws(engine: Collapsed, points: list[Variances], counts: IntArray, rng: np.random.Generator) -> FloatArray | None:
    """Exact draws of effects then coefficients, ``counts[i]`` of them at point i; dims (draw, variable).

    None where a point is out of the window's reach.
    """
    window, plan, layout = _window(engine), engine.plan, engine.stats.layout
    reached = [r for r in (_reach(engine, at) for at in points) if r is not None]
    if len(reached) < len(points):
        return None
    m, total = len(plan.kept), int(counts.sum())
    ends = np.concatenate([[0], np.cumsum(counts)])
    kept = np.empty((total, m))
    white = rng.standard_normal((total, m))

    def run(rows: IntArray) -> None:
        for i in rows:
            x, v, scale = reached[i]
            R, half = _factored(window.interpolate(np.array([x]))[0], v, scale)[1:]
            where = slice(int(ends[i]), int(ends[i + 1]))
            z = lapack.dtrtrs(R, half[:, None] + white[where].T, lower=0, trans=0)[0]
            kept[where] = z.T * scale

    in_threads(run, len(reached))
    x = np.repeat([r[0] for r in reached], counts)
    v = np.repeat([r[1] for r in reached], counts)
    out = np.empty((total, layout.size))
    out[:, plan.kept] = kept
    out[:, plan.effects] = window.draws(x, v, kept, rng.standard_normal((total, len(plan.effects))))
    out[:, layout.fixed] += engine.stats.offset
    return out


def _factored(U: FloatArray, v: float, scale: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """T (lower triangle), the upper factor R of the kept variables' precision, and R^-T times the response."""
    m = len(scale)
    T = np.zeros((m + 1, m + 1))
    T[_lower(m + 1)] = U / v
    precision = T[:m, :m] * scale[:, None] * scale
    precision[np.diag_indices(m)] += 1.0
    R, fault = lapack.dpotrf(precision.T, lower=0)
    if fault:
        raise np.linalg.LinAlgError("the precision of the kept variables is not positive")
    half = lapack.dtrtrs(R, (T[m, :m] * scale)[:, None], lower=0, trans=1)[0][:, 0]
    return T, R, half


@lru_cache(maxsize=8)
def _lower(size: int) -> np.ndarray:
    return np.tri(size, dtype=bool)


def _window(engine: Collapsed) -> Window:
    window = engine.window
    assert window is not None
    return window


def _reach(engine: Collapsed, at: Variances) -> tuple[float, float, FloatArray] | None:
    """x, the residual variance and the kept variables' prior SDs; None where the window is of no use."""
    if any(len(L) > 1 and np.count_nonzero(L - np.diag(np.diag(L))) for L in at.factors):
        return None
    v = float(engine.stats.variances(at.noise)[0])
    tau = float(at.factors[engine.plan.eliminated[0]][0, 0])
    if not (v > 0 and tau > 0 and np.isfinite(v) and np.isfinite(tau)):
        return None
    x = np.log(v) - 2 * np.log(tau)
    if not _window(engine).covers(np.array([x]))[0]:
        return None
    return float(x), v, kept_scale(engine, [np.diag(L)[None, :] for L in at.factors])[0]
