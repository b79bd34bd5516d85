"""Densities, gradients and draws at many points at once, on every core.

The same numbers as :class:`collapse.Collapsed` gives one by one; here levels have left the cost where they can
(``separable``), one dense matrix a thread is filled, factored and read in place, and the heavy work of each point runs
without the interpreter's lock.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from outcomemodels.inference.collapsed.collapse import LOG_2PI, Collapsed, Variances
from outcomemodels.inference.collapsed.factor import cholesky, inverse
from outcomemodels.inference.collapsed.layout import FloatArray, IntArray
from outcomemodels.inference.collapsed.separable import Separable, separate
from outcomemodels.inference.collapsed.threads import over_range

DIRECT = 4.0
"""The terms are used when the loop over clusters would cost so many times as much as summing them."""
UNSAFE = 1e-10
"""Error of an entry of the dense factor, on the scale of its diagonal, above which a point is summed directly."""
TILE = 16
"""Draws that share one pass over the clusters."""
TERMS_TILE = 8
"""Points that share one pass over the terms."""


@dataclass(frozen=True, eq=False)
class Points:
    """Points of the parameters of variance.

    Parameters
    ----------
    factors : array, dims (point, entry)
        Entries of the lower Cholesky factors of the blocks' covariances, block by block, row by row.
    noise : array, dims (point, noise level)
    rows : array, dims (point,), optional
        SD of the rows' own effects (``aside``).
    """

    factors: FloatArray
    noise: FloatArray
    rows: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.noise)

    def take(self, which: NDArray[Any]) -> Points:
        """Some of the points, by position or by mask."""
        return Points(self.factors[which], self.noise[which], None if self.rows is None else self.rows[which])

    def one(self, index: int, widths: tuple[int, ...]) -> Variances:
        """One point in the form of the other routines."""
        edges = np.concatenate([[0], np.cumsum([q * q for q in widths])])
        parts = [self.factors[index, a:b] for a, b in itertools.pairwise(edges)]
        rows = None if self.rows is None else float(self.rows[index])
        return Variances(tuple(p.reshape(q, q) for p, q in zip(parts, widths, strict=True)), self.noise[index], rows)


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
        v = points.noise[:, stats.noise] ** 2 / stats.divisor + stats.known
        return np.asarray(v if points.rows is None else v + points.rows[:, None] ** 2)

    @cached_property
    def _plain(self) -> bool:
        """Whether every kept block has one column."""
        return bool((self._kept[1] == 1).all())

    @cached_property
    def _start(self) -> FloatArray:
        """The kept part of a single class at unit variance, in the dense factor's order."""
        return np.asfortranarray(self.engine.placed[2])

    @property
    def draws_kept(self) -> bool:
        """Whether :meth:`evaluate` draws the kept variables only; the rest is then quickly drawn from them."""
        return self.engine.plan.is_scalar and len(self.engine.stats.noise) == 1

    @property
    def held(self) -> int:
        """Variables drawn by :meth:`evaluate`: those kept, or all."""
        return len(self.engine.plan.kept) if self.draws_kept else self.engine.stats.layout.size

    def log_densities(self, points: Points) -> FloatArray:
        """Log density of the observed outcomes at each point, dims (point,)."""
        return self.evaluate(points, np.zeros((len(points), 0, self.held)))

    def evaluate(self, points: Points, draws: FloatArray) -> FloatArray:
        """Log densities as above, and exact draws of variables from the same factors.

        Parameters
        ----------
        points : Points
        draws : array, dims (point, copy, held)
            Standard normals; overwritten by draws of the kept variables, or of all variables in their order where
            :attr:`draws_kept` is false; in natural units and without the prior means.
        """
        engine, stats = self.engine, self.engine.stats
        v = self._class_variances(points)
        usable = ((v > 0) & np.isfinite(v)).all(axis=1) & np.isfinite(points.factors).all(axis=1)
        if not usable.all():
            out = np.full(len(points), -np.inf)
            if usable.any():
                part = draws[usable]
                out[usable] = self.evaluate(points.take(usable), part)
                draws[usable] = part
            return out
        factors = self._extended(points)
        logdet, misfit = np.empty(len(points)), np.empty(len(points))
        if self.separable is not None:
            self._by_terms(self.separable, factors, v[:, 0], logdet, misfit, draws)
        else:
            self._directly(factors, v, logdet, misfit, draws)
        value = np.log(v) @ stats.n + float((stats.n * LOG_2PI - stats.log_weight).sum()) + logdet + misfit
        out = np.asarray(-0.5 * value - engine.inside(points.noise))
        return np.where(np.isnan(out), -np.inf, out)

    def _reach(self, factors: FloatArray) -> FloatArray:
        """Scales of the kept variables, when blocks have one column, and of the response; dims (point, kept + 1)."""
        return np.ascontiguousarray(np.column_stack([factors[:, self._kept[2]], np.ones(len(factors))]))

    def _by_terms(
        self,
        separable: Separable,
        factors: FloatArray,
        v: FloatArray,
        logdet: FloatArray,
        misfit: FloatArray,
        draws: FloatArray,
    ) -> None:
        from outcomemodels.inference.collapsed.dense_kernels import fill_terms

        scale, square = 1 / v, self.engine.placed[3] / v
        x = scale * factors[:, self._eliminated_entry] ** 2
        coefficients, reach = separable.coefficients(scale, x), self._reach(factors)
        m = len(self.engine.plan.kept)
        before = draws.copy() if draws.size else draws

        def some(a: int, b: int) -> None:
            T = np.empty((0, 0) if self._plain else (m + 1, m + 1))
            triangles = np.empty((0, 0))

            def fill(p: int, M: FloatArray) -> tuple[float, float]:
                nonlocal triangles
                within = (p - a) % TERMS_TILE
                if not within:
                    triangles = coefficients[p : min(p + TERMS_TILE, b)] @ separable.terms
                return 0.0, float(fill_terms(triangles[within], self._plain, *self._kept, factors[p], reach[p], T, M))

            def finish(p: int, M: FloatArray) -> tuple[float, float]:
                return self._read(M, factors[p], draws[p])

            self._in_place(fill, finish, a, b, square, logdet, misfit)

        over_range(some, len(v), least=4)
        logdet += separable.log_determinant(x)
        # what the data put into a diagonal entry, beside what is left of it: their ratio multiplies the rounding,
        # and where it is extreme (noise far below the data's scale) the sum is direct
        diagonal = np.concatenate([[0], np.cumsum(np.arange(m + 1, 1, -1))])[:m]
        own = reach[:, :m] ** 2
        left = 1 + own * np.maximum(coefficients @ separable.terms[:, diagonal], 0.0)
        largest = (own * separable.terms[0, diagonal] * scale[:, None] / left).max(axis=1, initial=0.0)
        unsafe = np.flatnonzero(np.isnan(logdet) | ~(separable.error * largest <= UNSAFE))
        if len(unsafe):
            exact, again = np.empty((2, len(unsafe))), before[unsafe]
            self._directly(factors[unsafe], v[unsafe, None], exact[0], exact[1], again, careful=True)
            logdet[unsafe], misfit[unsafe] = exact
            draws[unsafe] = again

    def _directly(
        self,
        factors: FloatArray,
        v: FloatArray,
        logdet: FloatArray,
        misfit: FloatArray,
        draws: FloatArray,
        *,
        careful: bool = False,
    ) -> None:
        """Sum over clusters; ``careful`` takes the road that rounding harms least, at extreme points."""
        from outcomemodels.inference.collapsed.dense_kernels import fill_clusters, fill_scalars
        from outcomemodels.inference.collapsed.kernels import draw_clusters

        engine, plan = self.engine, self.engine.plan
        m = len(plan.kept)
        one_class = v.shape[1] == 1
        scale = 1 / v[:, 0] if one_class else np.ones(len(v))
        square = engine.placed[3] * scale if one_class else np.empty(len(v))
        simple = plan.is_scalar and self._plain and one_class and not careful
        reach = self._reach(factors) if simple else factors
        own_places = (plan.group, plan.width, engine.factor_at)
        clusters = (plan.d_at, plan.b_at, plan.size, plan.met, plan.met_at, *own_places)

        def some(a: int, b: int) -> None:
            T = np.empty((0, 0) if simple else (m + 1, m + 1))
            H, Q = (np.empty(0 if simple else n) for n in (int(plan.d_at[-1]), int(plan.b_at[-1])))

            def fill(p: int, M: FloatArray) -> tuple[float, float]:
                if simple:
                    D, B = engine.placed[:2]
                    tau = float(factors[p, self._eliminated_entry])
                    own, top = fill_scalars(
                        D, B, self._start, plan.b_at, plan.met, plan.met_at, tau, reach[p], scale[p], M
                    )
                    return own, top
                if one_class:
                    D, B, A = engine.placed[:3]
                else:
                    D, B, A, square[p], _ = engine.weighted(v[p])
                own, top = fill_clusters(D, B, A, *clusters, *self._kept, factors[p], scale[p], T, H, Q, M)
                return own, top

            def finish(p: int, M: FloatArray) -> tuple[float, float]:
                if self.draws_kept or not draws.shape[1]:
                    return self._read(M, factors[p], draws[p])
                kept, effects = draws[p][:, plan.kept], draws[p][:, plan.effects]
                found = self._read(M, factors[p], kept)
                draw_clusters(
                    *clusters[:5], H, Q, kept, *own_places, factors[p], effects
                )  # fmt: skip
                draws[p][:, plan.kept], draws[p][:, plan.effects] = kept, effects
                return found

            self._in_place(fill, finish, a, b, square, logdet, misfit)

        over_range(some, len(v), least=4)

    def _read(self, M: FloatArray, factors: FloatArray, draws: FloatArray) -> tuple[float, float]:
        from outcomemodels.inference.collapsed.dense_kernels import read

        logdet, explained = read(M, *self._kept, factors, draws)
        return logdet, explained

    def _in_place(
        self,
        fill: Callable[[int, FloatArray], tuple[float, float]],
        finish: Callable[[int, FloatArray], tuple[float, float]],
        a: int,
        b: int,
        square: FloatArray,
        logdet: FloatArray,
        misfit: FloatArray,
    ) -> None:
        """Fill, factor and read one dense matrix after the other, in the same place."""
        m = len(self.engine.plan.kept)
        M = np.empty((m + 1, m + 1), order="F")
        for p in range(a, b):
            own, top = fill(p, M)
            if cholesky(M):
                logdet[p], misfit[p] = np.nan, np.nan
                continue
            kept, explained = finish(p, M)
            logdet[p] = own + kept
            misfit[p] = square[p] + top - explained

    @cached_property
    def _eliminated_entry(self) -> int:
        """Place among the factors of the one eliminated block's SD."""
        widths = self.engine.stats.layout.widths
        return int(sum(q * q for q in widths[: self.engine.plan.eliminated[0]]))

    def gradient(self, at: Variances) -> tuple[float, list[FloatArray], FloatArray]:
        """As :meth:`Collapsed.gradient`; the same cost for any number of levels where the terms are used."""
        separable = self.separable
        if separable is None or at.rows is not None:
            return self.engine.gradient(at)
        from outcomemodels.inference.collapsed.dense_kernels import fill_terms, second_moment

        engine, plan, stats = self.engine, self.engine.plan, self.engine.stats
        m = len(plan.kept)
        v = float(stats.variances(at.noise)[0])
        nothing: tuple[float, list[FloatArray], FloatArray] = (-np.inf, [], np.zeros(len(at.noise)))
        if not (v > 0 and np.isfinite(v)):
            return nothing
        flat = np.concatenate([np.zeros(0), *[np.asarray(L, dtype=float).reshape(-1) for L in at.factors]])
        factors = np.concatenate([flat, engine.fixed_sd])
        scale, x = 1 / v, factors[self._eliminated_entry] ** 2 / v
        coefficients = separable.coefficients(np.array([scale]), np.array([x]))[0]
        triangle, moved = np.stack([coefficients, separable.slope(scale, x)]) @ separable.terms
        reach = self._reach(factors[None, :])[0]
        M = np.empty((m + 1, m + 1), order="F")
        T = np.empty((0, 0) if self._plain else (m + 1, m + 1))
        top = fill_terms(triangle, self._plain, *self._kept, factors, reach, T, M)
        if cholesky(M):
            return nothing
        half = np.array(M[m, :m])
        C = np.asfortranarray(M[:m, :m])
        mean = lapack.dtrtrs(C, half[:, None], lower=1, trans=1)[0][:, 0]
        logdet = 2 * float(np.log(np.diag(C)).sum())
        inverse(C)  # of its lower triangle
        logdet += float(separable.log_determinant(np.array([x]))[0])
        misfit = engine.placed[3] / v + float(top) - float(half @ half)
        value = stats.n[0] * (LOG_2PI + np.log(v)) - stats.log_weight[0] + logdet + misfit
        # d/dlog x: half of the expected (u, -1)' T' (u, -1), T' the derivative of the kept part
        t = x * separable.precision
        slope = float((t / (1 + t)) @ separable.count)
        if self._plain:
            slope += float(second_moment(moved, reach[:m], C, mean))
        else:
            C = np.tril(C) + np.tril(C, -1).T
            u = engine.unwhiten_kept(mean, at)
            natural = engine.unwhiten_both(C, at)
            slope += float(second_moment(moved, np.ones(m), np.asfortranarray(natural), u))
        shares, fixed = self._shares(C, mean, slope)
        noise = engine.noise_slope(at, misfit, sum(float(np.trace(s)) for s in shares) + fixed)
        return float(-0.5 * value - engine.inside(at.noise[None, :])[0]), shares, noise

    def _shares(self, C: FloatArray, mean: FloatArray, slope: float) -> tuple[list[FloatArray], float]:
        """Second moments of each block, whitened and summed over levels, less the prior's; the same of fixed columns.

        Where every block has one column, only the diagonal of ``C`` is read.
        """
        engine, plan, layout = self.engine, self.engine.plan, self.engine.stats.layout
        own = np.diag(C) + mean**2
        starts = dict(engine.kept_blocks)
        shares: list[FloatArray] = []
        for k, (levels, q) in enumerate(zip(layout.levels, layout.widths, strict=True)):
            if k in plan.eliminated:
                shares.append(np.array([[-slope]]))
            elif q == 1:
                shares.append(np.array([[float(own[starts[k]].sum()) - levels]]))
            else:
                where = np.arange(starts[k].start, starts[k].stop).reshape(levels, q)
                u = mean[where]
                within = C[where[:, :, None], where[:, None, :]].sum(axis=0)
                shares.append(within + u.T @ u - levels * np.eye(q))
        p = len(engine.fixed_sd)
        return shares, float(own[len(own) - p :].sum()) - p

    def held_draws(self, points: Points, rng: np.random.Generator) -> FloatArray:
        """One exact draw of the held variables at each point, dims (point, held); without the prior means."""
        draws = rng.standard_normal((len(points), 1, self.held))
        if not np.isfinite(self.evaluate(points, draws)).all():
            raise FloatingPointError("a weighted point has no posterior")
        return np.asarray(draws[:, 0])

    def draws(self, points: Points, rng: np.random.Generator, held: FloatArray | None = None) -> FloatArray:
        """One exact draw of effects then coefficients at each point, dims (point, variable).

        Noise is drawn before the work is spread, so the result does not depend on the number of threads.

        Parameters
        ----------
        points : Points
        rng : numpy.random.Generator
        held : array, dims (point, held), optional
            Draws of the held variables at these points, when they were made before.
        """
        from outcomemodels.inference.collapsed.dense_kernels import draw_scalars

        engine, plan, layout = self.engine, self.engine.plan, self.engine.stats.layout
        given = self.held_draws(points, rng) if held is None else held
        if not self.draws_kept:
            given[:, layout.fixed] += engine.stats.offset
            return given
        scale, tau = 1 / self._class_variances(points)[:, 0], points.factors[:, self._eliminated_entry].copy()
        out = np.empty((len(points), layout.size))
        out[:, plan.kept] = given
        D, B, _, _ = engine.placed
        streams = rng.spawn(-(-len(points) // TILE))

        def some(first: int, last: int) -> None:
            for tile in range(first, last):
                a, b = tile * TILE, min((tile + 1) * TILE, len(points))
                noise = streams[tile].standard_normal((len(plan.effects), b - a))
                columns = np.ascontiguousarray(given[a:b].T)
                draw_scalars(D, B, plan.b_at, plan.met, plan.met_at, tau[a:b], scale[a:b], columns, noise)
                out[a:b, plan.effects] = noise.T

        over_range(some, len(streams))
        out[:, layout.fixed] += engine.stats.offset
        return out
