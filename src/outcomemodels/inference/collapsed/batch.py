"""Densities, gradients and draws at many points at once, on every core.

The same numbers as :class:`collapse.Collapsed` gives one by one; here levels have left the cost where they can
(``separable``), and the loop over points runs without the interpreter.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import lapack

from outcomemodels.inference.collapsed.collapse import LOG_2PI, Collapsed, Variances
from outcomemodels.inference.collapsed.layout import FloatArray, IntArray
from outcomemodels.inference.collapsed.separable import Separable, separate
from outcomemodels.inference.collapsed.threads import over_range

DIRECT = 4.0
"""The terms are used when the loop over clusters would cost so many times as much as summing them."""
UNSAFE = 1e-8
"""Error of a whitened entry of the dense factor above which a point is summed directly."""
TILE = 16
"""Draws that share one pass over the clusters."""


@dataclass(frozen=True, eq=False)
class Points:
    """Points of the parameters of variance.

    Parameters
    ----------
    factors : array, dims (point, entry)
        Entries of the lower Cholesky factors of the blocks' covariances, block by block, row by row.
    noise : array, dims (point, noise level)
    """

    factors: FloatArray
    noise: FloatArray

    def __len__(self) -> int:
        return len(self.noise)

    def one(self, index: int, widths: tuple[int, ...]) -> Variances:
        """One point in the form of the other routines."""
        edges = np.concatenate([[0], np.cumsum([q * q for q in widths])])
        parts = [self.factors[index, a:b] for a, b in itertools.pairwise(edges)]
        return Variances(tuple(p.reshape(q, q) for p, q in zip(parts, widths, strict=True)), self.noise[index])


@dataclass(frozen=True, eq=False)
class Batch:
    """An engine prepared for many points.

    Parameters
    ----------
    engine : Collapsed
    """

    engine: Collapsed

    @cached_property
    def separable(self) -> Separable | None:
        """The shares of the clusters as a sum of terms, when that is possible and pays."""
        plan, stats = self.engine.plan, self.engine.stats
        if len(stats.noise) != 1 or not plan.is_scalar:
            return None
        met = np.diff(plan.met_at).astype(float)
        if ((met + 1) ** 2 / 2).sum() < DIRECT * (len(plan.kept) + 1) ** 2:
            return None
        D, B, A, _ = self.engine.placed
        return separate(plan, D, B, A)

    @cached_property
    def _kept(self) -> tuple[IntArray, IntArray, IntArray]:
        """Column within the level, columns of the block, and place among the factors of every kept variable."""
        engine = self.engine
        layout, kept = engine.stats.layout, engine.plan.kept
        block = np.searchsorted(np.array(layout.starts[1:]), kept, side="right")
        width = np.array([*layout.widths, 1])[block]
        group = (kept - np.array(layout.starts)[block]) % width
        sizes = np.concatenate([[0], np.cumsum([q * q for q in layout.widths])])
        at = np.where(block == len(layout.blocks), sizes[-1] + kept - layout.fixed.start, sizes[block])
        return group.astype(np.int64), width.astype(np.int64), at.astype(np.int64)

    def _extended(self, points: Points) -> FloatArray:
        """Factors of the blocks, then the prior SDs of the fixed columns; dims (point, entry)."""
        fixed = np.broadcast_to(self.engine.fixed_sd, (len(points), len(self.engine.fixed_sd)))
        return np.ascontiguousarray(np.concatenate([points.factors, fixed], axis=1))

    def _class_variances(self, points: Points) -> FloatArray:
        stats = self.engine.stats
        return np.asarray(points.noise[:, stats.noise] ** 2 / stats.divisor + stats.known)

    def log_densities(self, points: Points) -> FloatArray:
        """Log density of the observed outcomes at each point, dims (point,)."""
        engine, stats = self.engine, self.engine.stats
        v = self._class_variances(points)
        usable = ((v > 0) & np.isfinite(v)).all(axis=1) & np.isfinite(points.factors).all(axis=1)
        if not usable.all():
            out = np.full(len(points), -np.inf)
            if usable.any():
                out[usable] = self.log_densities(Points(points.factors[usable], points.noise[usable]))
            return out
        factors = self._extended(points)
        logdet, misfit = np.empty(len(points)), np.empty(len(points))
        if self.separable is not None:
            self._by_terms(factors, v[:, 0], logdet, misfit)
        else:
            self._directly(factors, v, logdet, misfit)
        value = np.log(v) @ stats.n + float((stats.n * LOG_2PI - stats.log_weight).sum()) + logdet + misfit
        out = np.asarray(-0.5 * value - engine.inside(points.noise))
        return np.where(np.isnan(out), -np.inf, out)

    def _by_terms(self, factors: FloatArray, v: FloatArray, logdet: FloatArray, misfit: FloatArray) -> None:
        from outcomemodels.inference.collapsed.kernels import separable_densities

        separable = self.separable
        assert separable is not None
        scale, square = 1 / v, self.engine.placed[3] / v
        x = scale * factors[:, self._eliminated_entry] ** 2
        coefficients = separable.coefficients(scale, x)
        m = len(self.engine.plan.kept)

        def some(a: int, b: int) -> None:
            separable_densities(
                separable.terms, coefficients[a:b], m, *self._kept, factors[a:b], square[a:b], logdet[a:b], misfit[a:b]
            )

        over_range(some, len(v), least=4)
        logdet += separable.log_determinant(x)
        # at extreme points (noise far below the data's scale) the terms' rounding could matter: sum directly there
        size = np.sqrt(np.diag(separable.terms[0].reshape(m + 1, m + 1))[:m])
        largest = (np.abs(factors[:, self._kept[2]]) * size).max(axis=1, initial=0.0) ** 2 * scale
        unsafe = np.flatnonzero(np.isnan(logdet) | (separable.error * largest > UNSAFE))
        if len(unsafe):
            exact = np.empty((2, len(unsafe)))
            self._directly(factors[unsafe], v[unsafe, None], exact[0], exact[1])
            logdet[unsafe], misfit[unsafe] = exact

    def _directly(self, factors: FloatArray, v: FloatArray, logdet: FloatArray, misfit: FloatArray) -> None:
        from outcomemodels.inference.collapsed.kernels import direct_densities

        engine, plan = self.engine, self.engine.plan
        clusters = (plan.d_at, plan.b_at, plan.size, plan.met, plan.met_at, plan.group, plan.width, engine.factor_at)

        def some(a: int, b: int) -> None:
            if v.shape[1] == 1:
                D, B, A, square = engine.placed
                scale = 1 / v[a:b, 0]
                direct_densities(
                    D, B, A, *clusters, *self._kept, factors[a:b], scale, square * scale, logdet[a:b], misfit[a:b]
                )  # fmt: skip
                return
            for p in range(a, b):
                D, B, A, square, _ = engine.weighted(v[p])
                here = slice(p, p + 1)
                direct_densities(
                    D, B, A, *clusters, *self._kept, factors[here], np.ones(1), np.array([square]),
                    logdet[here], misfit[here],
                )  # fmt: skip

        over_range(some, len(v), least=4)

    @cached_property
    def _eliminated_entry(self) -> int:
        """Place among the factors of the one eliminated block's SD."""
        widths = self.engine.stats.layout.widths
        return int(sum(q * q for q in widths[: self.engine.plan.eliminated[0]]))

    def gradient(self, at: Variances) -> tuple[float, list[FloatArray], FloatArray]:
        """As :meth:`Collapsed.gradient`; the same cost for any number of levels where the terms are used."""
        separable = self.separable
        if separable is None:
            return self.engine.gradient(at)
        from outcomemodels.inference.collapsed.kernels import whiten

        engine, plan, layout = self.engine, self.engine.plan, self.engine.stats.layout
        m, stats = len(plan.kept), engine.stats
        v = float(stats.variances(at.noise)[0])
        nothing = -np.inf, [np.zeros((q, q)) for q in layout.widths], np.zeros(len(at.noise))
        if not (v > 0 and np.isfinite(v)):
            return nothing
        flat = np.concatenate([np.zeros(0), *[np.asarray(L, dtype=float).reshape(-1) for L in at.factors]])
        factors = np.concatenate([flat, engine.fixed_sd])
        scale, x = 1 / v, factors[self._eliminated_entry] ** 2 / v
        T = (separable.coefficients(np.array([scale]), np.array([x]))[0] @ separable.terms).reshape(m + 1, m + 1)
        M = np.empty((m + 1, m + 1), order="F")
        whiten(T, *self._kept, factors, M)
        L, fault = lapack.dpotrf(M, lower=1, overwrite_a=1)
        if fault:
            return nothing
        half = np.array(L[m, :m])
        R = np.asfortranarray(L[:m, :m])
        mean = lapack.dtrtrs(R, half[:, None], lower=1, trans=1)[0][:, 0]
        C = lapack.dpotri(R, lower=1)[0]
        C = np.tril(C) + np.tril(C, -1).T
        logdet = 2 * float(np.log(np.diag(R)).sum()) + float(separable.log_determinant(np.array([x]))[0])
        misfit = engine.placed[3] / v + float(T[m, m]) - float(half @ half)
        value = stats.n[0] * (LOG_2PI + np.log(v)) - stats.log_weight[0] + logdet + misfit
        # d/dlog x of the kept part: half of tr(Cu T') plus the quadratic form of T' in (-mean, 1)
        weight = np.zeros((m + 1, m + 1))
        u = engine.unwhiten_kept(mean, at)
        weight[:m, :m] = engine.unwhiten_both(C, at) + np.outer(u, u)
        weight[m, :m] = -2 * u
        weight[m, m] = 1.0
        weight[:m, :m] = 2 * np.tril(weight[:m, :m], -1) + np.diag(np.diag(weight[:m, :m]))
        t = x * separable.precision
        slope = float(separable.slope(scale, x) @ (separable.terms @ weight.reshape(-1)))
        slope += float((t / (1 + t)) @ separable.count)
        shares: list[FloatArray] = []
        second = C + np.outer(mean, mean)
        starts = dict(engine.kept_blocks)
        for k, (levels, q) in enumerate(zip(layout.levels, layout.widths, strict=True)):
            if k in plan.eliminated:
                shares.append(np.array([[-slope]]))
                continue
            where = np.arange(starts[k].start, starts[k].stop).reshape(levels, q)
            total = np.array([[second[where[:, a], where[:, b]].sum() for b in range(q)] for a in range(q)])
            shares.append(total - levels * np.eye(q))
        fixed = float(np.diag(second)[m - len(engine.fixed_sd) :].sum()) - len(engine.fixed_sd)
        noise = engine.noise_slope(at, misfit, sum(float(np.trace(s)) for s in shares) + fixed)
        return float(-0.5 * value - engine.inside(at.noise[None, :])[0]), shares, noise

    def draws(self, points: Points, rng: np.random.Generator) -> FloatArray:
        """One exact draw of effects then coefficients at each point, dims (point, variable).

        Noise is drawn before the work is spread, so the result does not depend on the number of threads.
        """
        from outcomemodels.inference.collapsed.kernels import draw_kept, draw_scalars

        engine, plan, layout = self.engine, self.engine.plan, self.engine.stats.layout
        m, e = len(plan.kept), len(plan.effects)
        if self.separable is None:
            return self._draws_one_by_one(points, rng)
        separable = self.separable
        v = self._class_variances(points)[:, 0]
        factors = self._extended(points)
        scale, tau = 1 / v, factors[:, self._eliminated_entry]
        coefficients = separable.coefficients(scale, scale * tau**2)
        out = np.empty((len(points), layout.size))
        D, B, _, _ = engine.placed
        streams = rng.spawn(-(-len(points) // TILE))

        def some(first: int, last: int) -> None:
            for tile in range(first, last):
                a, b = tile * TILE, min((tile + 1) * TILE, len(points))
                own = streams[tile]
                kept, noise = own.standard_normal((b - a, m)), own.standard_normal((e, b - a))
                u, z = np.empty((b - a, m)), np.empty((1, m))
                for p in range(a, b):
                    T = (coefficients[p] @ separable.terms).reshape(m + 1, m + 1)
                    row = kept[p - a : p - a + 1]
                    if not draw_kept(T, *self._kept, factors[p], row, z, u[p - a : p - a + 1]):
                        raise FloatingPointError("a weighted point has no posterior")
                columns = np.ascontiguousarray(u.T)
                draw_scalars(D, B, plan.b_at, plan.met, plan.met_at, tau[a:b], scale[a:b], columns, noise)
                out[a:b, plan.kept] = u
                out[a:b, plan.effects] = noise.T

        over_range(some, len(streams))
        out[:, layout.fixed] += engine.stats.offset
        return out

    def _draws_one_by_one(self, points: Points, rng: np.random.Generator) -> FloatArray:
        out = np.empty((len(points), self.engine.stats.layout.size))
        streams = rng.spawn(len(points))
        widths = self.engine.stats.layout.widths

        def some(first: int, last: int) -> None:
            for p in range(first, last):
                out[p] = self.engine.draw(points.one(p, widths), streams[p], 1)[0]

        over_range(some, len(points))
        return out
