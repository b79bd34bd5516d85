"""The marginal density of the variance parameters, its gradient, and exact draws of all effects.

Effects and coefficients are written u = L z with z standard normal, so that a variance of zero is an ordinary point:

    log p(y | L, noise) = -1/2 { sum_c [n_c log 2 pi v_c - log w_c] + log|I + L'AL| + r'Wr - |M^-1/2 L'F'Wr|^2 },

with A = F'WF from the statistics and M = I + L'AL. Chosen effects are eliminated cluster by cluster, the rest by one
dense Cholesky factor. Given the parameters, z ~ Normal(M^-1 L'F'Wr, M^-1) exactly.

References
----------
Bates et al. (2015), Fitting linear mixed-effects models using lme4, doi 10.18637/jss.v067.i01.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import lapack

from outcomemodels.inference.collapsed.factor import cholesky, inverse
from outcomemodels.inference.collapsed.layout import FloatArray, IntArray
from outcomemodels.inference.collapsed.plan import Plan, make_plan, response_places
from outcomemodels.inference.collapsed.stats import Statistics

LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class Variances:
    """One point of the parameters of variance.

    Parameters
    ----------
    factors : tuple of array, dims (column, column)
        Lower Cholesky factor of the covariance of each block.
    noise : array, dims (noise level,)
    rows : float, optional
        SD of the rows' own effects, when they are part of the rows' variance (``aside``).
    """

    factors: tuple[FloatArray, ...]
    noise: FloatArray
    rows: float | None = None


@dataclass(frozen=True, eq=False)
class Factored:
    """The posterior of effects and coefficients at one point, factored.

    ``T`` is the Schur complement before the kept variables' own prior, ``R`` the upper factor of their precision,
    ``root`` the kept variables' prior scale (dims (kept, kept) sparse in blocks, or the diagonal).
    """

    log_density: float
    T: FloatArray
    R: FloatArray
    H: FloatArray
    Q: FloatArray
    mean: FloatArray
    variances: FloatArray
    misfit: float = float("nan")


@dataclass(frozen=True, eq=False)
class Moments:
    """Exact conditional moments, coefficients with their prior mean.

    Dims (variable,), effects then coefficients; or (combination,).
    """

    mean: FloatArray
    variance: FloatArray


@dataclass(frozen=True, eq=False)
class Collapsed:
    """A structure's data with every effect and coefficient integrated out.

    Parameters
    ----------
    stats : Statistics
    fixed_sd : array, dims (column,)
        Prior SDs of the fixed columns; zero for known coefficients.
    plan : Plan
    """

    stats: Statistics
    fixed_sd: FloatArray
    plan: Plan

    @classmethod
    def of(cls, stats: Statistics, fixed_sd: FloatArray, eliminate: tuple[int, ...] | None = None) -> Collapsed:
        """Plan the elimination; ``eliminate`` names blocks by position, else the cheapest are chosen."""
        return cls(stats, np.asarray(fixed_sd, dtype=float), make_plan(stats, eliminate))

    def log_density(self, at: Variances) -> float:
        """Log density of the observed outcomes given the variance parameters."""
        return self.factor(at).log_density

    def factor(self, at: Variances) -> Factored:
        """Factor the posterior of effects and coefficients at a point."""
        from outcomemodels.inference.collapsed.kernels import eliminate

        plan, stats = self.plan, self.stats
        m = len(plan.kept)
        v = stats.variances(at.noise, at.rows)
        if not (v > 0).all() or not np.isfinite(v).all():
            return self._nothing(v)
        D, B, A, square, scale = self.weighted(v)
        T = A * scale
        H, Q = np.zeros(len(D)), np.zeros(len(B))
        logdet = eliminate(
            D, B, plan.d_at, plan.b_at, plan.size, plan.met, plan.met_at,
            plan.group, plan.width, self.factor_at, self._flat(at), scale, T, H, Q,
        )  # fmt: skip
        if not np.isfinite(logdet):  # rounding at an extreme point
            return self._nothing(v)
        M = self._whiten(T, at)
        precision = M[:m, :m] if m else np.zeros((0, 0))
        precision[np.diag_indices(m)] += 1.0
        R = np.asfortranarray(np.triu(precision.T))
        if cholesky(R, lower=False):
            return self._nothing(v)
        half = lapack.dtrtrs(R, np.asarray(M[m, :m])[:, None], lower=0, trans=1)[0][:, 0] if m else np.zeros(0)
        mean = lapack.dtrtrs(R, half[:, None], lower=0, trans=0)[0][:, 0] if m else np.zeros(0)
        logdet += 2 * float(np.log(np.diag(R)).sum()) if m else 0.0
        misfit = square + float(T[m, m]) - float(half @ half)
        value = float((stats.n * (LOG_2PI + np.log(v)) - stats.log_weight).sum()) + logdet + misfit
        value = -0.5 * value - float(self.inside(at.noise[None, :])[0])
        return Factored(value, T, R, H, Q, mean, v, misfit)

    @staticmethod
    def _nothing(v: FloatArray) -> Factored:
        nothing = np.zeros(0)
        return Factored(-np.inf, nothing, nothing, nothing, nothing, nothing, v)

    def inside(self, noise: FloatArray) -> FloatArray:
        """Minus log density of the spread within cells at each row of noise SDs, dims (point,)."""
        stats = self.stats
        with np.errstate(divide="ignore", invalid="ignore"):
            cells = stats.degrees * np.log(noise) + stats.within / (2 * noise**2)
        return np.asarray(np.where((stats.degrees > 0) | (stats.within > 0), cells, 0.0).sum(axis=1))

    @cached_property
    def noise_is_scale(self) -> bool:
        """Whether one noise SD scales every row's variance; its derivative then follows from the others."""
        return len(self.stats.degrees) == 1 and not self.stats.known.any()

    def noise_slope(self, at: Variances, misfit: float, others: float) -> FloatArray:
        """d/d log noise when all scales together only rescale the outcome.

        Then the derivatives for all scales add up to r'V^-1 r - n; ``others`` is the sum over effects and coefficients.
        """
        stats = self.stats
        inside = -stats.degrees + stats.within / at.noise**2
        return np.asarray(misfit - stats.n.sum() - others + inside)

    def gradient(self, at: Variances) -> tuple[float, list[FloatArray], FloatArray]:
        """Log density; per block E[sum_j z_j z_j'] - J I, dims (column, column); and d/d log noise.

        The derivative along any change dL of a block's factor is tr(L^-1 dL S) with S the matrix given. When rows have
        effects of their own, d/d log of their SD comes as one more matrix, dims (1, 1).
        """
        from outcomemodels.inference.collapsed.kernels import covariances

        f = self.factor(at)
        stats, plan, layout = self.stats, self.plan, self.stats.layout
        if not np.isfinite(f.log_density):
            return -np.inf, [], np.zeros(len(at.noise))
        m = len(plan.kept)
        Cz = self._kept_covariance(f)
        Cu = self.unwhiten_both(Cz, at)
        CD, CB = np.zeros(len(f.H)), np.zeros(len(f.Q))
        covariances(plan.d_at, plan.b_at, plan.size, plan.met, plan.met_at, f.H, f.Q, np.ascontiguousarray(Cu), CD, CB)
        ze = self._effects_mean(f, at)
        z = np.empty(layout.size)
        z[plan.effects], z[plan.kept] = ze, f.mean
        place = np.full(layout.size, -1)
        place[plan.kept] = np.arange(m)
        position = np.full(layout.size, -1)
        position[plan.effects] = np.arange(len(plan.effects))
        shares: list[FloatArray] = []
        for k, (levels, q) in enumerate(zip(layout.levels, layout.widths, strict=True)):
            where = np.arange(layout.block(k).start, layout.block(k).stop).reshape(levels, q)
            S = z[where].T @ z[where] - levels * np.eye(q)
            for a in range(q):
                for b in range(q):
                    if k in plan.eliminated:
                        S[a, b] += CD[self._within(position[where[:, a]], position[where[:, b]])].sum()
                    else:
                        S[a, b] += Cz[place[where[:, a]], place[where[:, b]]].sum()
            shares.append(S)
        if self.noise_is_scale and at.rows is None:
            fixed = plan.kept >= layout.fixed.start
            others = float((np.diag(Cz) + f.mean**2)[fixed].sum()) - int(fixed.sum())
            return (
                f.log_density,
                shares,
                self.noise_slope(at, f.misfit, others + sum(float(np.trace(s)) for s in shares)),
            )
        u = self._unwhiten(z, at)
        second = u[stats.rows] * u[stats.columns]
        if len(plan.effects):
            e, low = plan.to_d
            second[e] += self._cluster_units(CD, at)[low]
            x, b_place = plan.to_b
            second[x] += self._coupling_units(CB, at)[b_place]
        r, a_place = plan.to_a
        if m:
            second[r] += Cu[a_place // (m + 1), a_place % (m + 1)]
        twice = np.where(stats.rows == stats.columns, 1.0, 2.0) * second
        squares = stats.square - 2 * (stats.cross.T @ u) + stats.gram.T @ twice
        share = at.noise[stats.noise] ** 2 / stats.divisor / f.variances
        by_class = share * (squares / f.variances - stats.n)
        noise = np.bincount(stats.noise, weights=by_class, minlength=len(at.noise))
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = np.where(stats.degrees > 0, -stats.degrees + stats.within / at.noise**2, 0.0)
        if at.rows is not None:
            own = at.rows**2 / f.variances
            shares.append(np.array([[float((own * (squares / f.variances - stats.n)).sum())]]))
        return f.log_density, shares, noise + inside

    def draw(self, at: Variances, rng: np.random.Generator, size: int, factored: Factored | None = None) -> FloatArray:
        """Exact draws of effects then coefficients, dims (draw, variable)."""
        from outcomemodels.inference.collapsed.kernels import solve_back

        f = self.factor(at) if factored is None else factored
        plan = self.plan
        m = len(plan.kept)
        kept = np.tile(f.mean, (size, 1))
        if m:
            kept += lapack.dtrtrs(f.R, rng.standard_normal((m, size)), lower=0, trans=0)[0].T
        z = np.empty((size, self.stats.layout.size))
        z[:, plan.kept] = kept
        own = np.empty(len(plan.effects))
        for i in range(size):
            units = self.unwhiten_kept(kept[i], at)
            noise = rng.standard_normal(len(plan.effects))
            solve_back(plan.d_at, plan.b_at, plan.size, plan.met, plan.met_at, f.H, f.Q, units, noise, own)
            z[i, plan.effects] = own
        u = self._unwhiten(z, at)
        u[:, self.stats.layout.fixed] += self.stats.offset
        return u

    def moments(self, at: Variances) -> Moments:
        """Exact conditional means and variances, the ingredients of Rao-Blackwellised posterior moments."""
        from outcomemodels.inference.collapsed.kernels import covariances

        f = self.factor(at)
        plan, layout = self.plan, self.stats.layout
        z = np.empty(layout.size)
        z[plan.effects], z[plan.kept] = self._effects_mean(f, at), f.mean
        Cu = self.unwhiten_both(self._kept_covariance(f), at)
        CD, CB = np.zeros(len(f.H)), np.zeros(len(f.Q))
        covariances(plan.d_at, plan.b_at, plan.size, plan.met, plan.met_at, f.H, f.Q, np.ascontiguousarray(Cu), CD, CB)
        variance = np.empty(layout.size)
        variance[plan.kept] = np.diag(Cu)
        every = np.arange(len(plan.effects))
        variance[plan.effects] = self._cluster_units(CD, at)[self._within(every, every)]
        mean = self._unwhiten(z, at)
        mean[layout.fixed] += self.stats.offset
        return Moments(mean, variance)

    def combined(self, at: Variances, coefficients: FloatArray, factored: Factored | None = None) -> Moments:
        """Exact conditional moments of linear combinations of effects and coefficients, such as contrasts.

        Parameters
        ----------
        at : Variances
        coefficients : array, dims (combination, variable)
            Effects, then fixed columns.
        factored : Factored, optional
            What :meth:`factor` gave at this point; ``T`` is not needed.

        Returns
        -------
        Moments
            Dims (combination,).
        """
        from outcomemodels.inference.collapsed.kernels import push_out

        f = self.factor(at) if factored is None else factored
        plan, layout, m = self.plan, self.stats.layout, len(self.plan.kept)
        white = self._transposed(coefficients, at)
        own, kept = white[:, plan.effects], np.array(coefficients[:, plan.kept], dtype=float)
        mean = np.array(coefficients[:, layout.fixed] @ self.stats.offset)
        for i in range(len(coefficients)):
            mean[i] += push_out(plan.d_at, plan.b_at, plan.size, plan.met, plan.met_at, f.H, f.Q, own[i], kept[i])
        variance = (own**2).sum(axis=1)
        if m:
            left = np.zeros((len(kept), layout.size))
            left[:, plan.kept] = kept
            left = self._transposed(left, at)[:, plan.kept]
            mean += left @ f.mean
            variance += (lapack.dtrtrs(f.R, left.T, lower=0, trans=1)[0] ** 2).sum(axis=0)
        return Moments(mean, variance)

    def kept_posterior(self, at: Variances) -> tuple[FloatArray, FloatArray]:
        """Mean (without the prior means taken off) and covariance of the kept variables, in natural units."""
        f = self.factor(at)
        return self.unwhiten_kept(f.mean, at), self.unwhiten_both(self._kept_covariance(f), at)

    # --- the data at given class variances -----------------------------------------------------------------

    @cached_property
    def placed(self) -> tuple[FloatArray, FloatArray, FloatArray, float]:
        """D, B, A and r'r of a single class at unit variance."""
        return self._place(self.stats.gram.toarray()[:, 0], self.stats.cross.toarray()[:, 0], self.stats.square[0])

    def weighted(self, v: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, float, float]:
        """D, B, A (with the response as last row), r'Wr, and the factor still to be applied to D, B and A."""
        if len(v) == 1:
            D, B, A, square = self.placed
            return D, B, A, square / float(v[0]), 1 / float(v[0])
        w = 1 / v
        D, B, A, square = self._place(self.stats.gram @ w, self.stats.cross @ w, float(self.stats.square @ w))
        return D, B, A, square, 1.0

    def _place(
        self, gram: FloatArray, cross: FloatArray, square: float
    ) -> tuple[FloatArray, FloatArray, FloatArray, float]:
        plan = self.plan
        m = len(plan.kept)
        D, B, A = np.zeros(int(plan.d_at[-1])), np.zeros(int(plan.b_at[-1])), np.zeros((m + 1, m + 1))
        D[plan.to_d[1]] = gram[plan.to_d[0]]
        D[plan.to_d_mirror[1]] = gram[plan.to_d_mirror[0]]
        B[plan.to_b[1]] = gram[plan.to_b[0]]
        B[response_places(plan)] = cross[plan.effects]
        A.reshape(-1)[plan.to_a[1]] = gram[plan.to_a[0]]
        A[m, :m] = cross[plan.kept]
        return D, B, A, float(square)

    # --- prior scales --------------------------------------------------------------------------------------

    @cached_property
    def _factor_starts(self) -> IntArray:
        return np.concatenate([[0], np.cumsum([q * q for q in self.stats.layout.widths])]).astype(np.int64)

    @cached_property
    def factor_at(self) -> IntArray:
        """Place among the factors of every eliminated variable's block."""
        return np.asarray(self._factor_starts[self.plan.block], dtype=np.int64)

    def _flat(self, at: Variances) -> FloatArray:
        return np.concatenate([np.zeros(0), *[np.asarray(L, dtype=float).reshape(-1) for L in at.factors]])

    def _unwhiten(self, z: FloatArray, at: Variances) -> FloatArray:
        """From standard to natural units, dims (…, variable); the response or offsets are not touched."""
        layout = self.stats.layout
        u = np.empty_like(z)
        for k, L in enumerate(at.factors):
            part = z[..., layout.block(k)]
            u[..., layout.block(k)] = (
                part * L[0, 0] if len(L) == 1 else (part.reshape(-1, len(L)) @ L.T).reshape(part.shape)
            )
        u[..., layout.fixed] = z[..., layout.fixed] * self.fixed_sd
        return u

    def _transposed(self, coefficients: FloatArray, at: Variances) -> FloatArray:
        """Coefficients of natural units into those of standard ones, L'c; dims (combination, variable)."""
        layout = self.stats.layout
        out = np.empty(coefficients.shape)
        for k, L in enumerate(at.factors):
            part = coefficients[:, layout.block(k)]
            out[:, layout.block(k)] = (part.reshape(-1, len(L)) @ L).reshape(part.shape)
        out[:, layout.fixed] = coefficients[:, layout.fixed] * self.fixed_sd
        return out

    @cached_property
    def kept_blocks(self) -> tuple[tuple[int, slice], ...]:
        """Kept blocks and their places among the kept variables; the fixed columns come last."""
        out, start = [], 0
        for k, (levels, q) in enumerate(zip(self.stats.layout.levels, self.stats.layout.widths, strict=True)):
            if k not in self.plan.eliminated:
                out.append((k, slice(start, start + levels * q)))
                start += levels * q
        return tuple(out)

    def unwhiten_kept(self, z: FloatArray, at: Variances) -> FloatArray:
        """Like :meth:`_unwhiten` for the kept variables along the last axis."""
        u = np.array(z, dtype=float)
        for k, where in self.kept_blocks:
            L = at.factors[k]
            part = u[..., where]
            u[..., where] = part * L[0, 0] if len(L) == 1 else (part.reshape(-1, len(L)) @ L.T).reshape(part.shape)
        p = len(self.fixed_sd)
        if p:
            u[..., -p:] *= self.fixed_sd
        return u

    def unwhiten_both(self, C: FloatArray, at: Variances) -> FloatArray:
        """Covariance of the kept variables in natural units."""
        return self.unwhiten_kept(np.ascontiguousarray(self.unwhiten_kept(C, at).T), at)

    def _whiten(self, T: FloatArray, at: Variances) -> FloatArray:
        """L'T for the kept variables on both sides; the last row is the response's. Lower triangle given."""
        m = len(self.plan.kept)
        if all(len(at.factors[k]) == 1 for k, _ in self.kept_blocks):
            scale = np.ones(m + 1)
            for k, where in self.kept_blocks:
                scale[where] = at.factors[k][0, 0]
            scale[m - len(self.fixed_sd) : m] = self.fixed_sd
            return T * scale[:, None] * scale
        full = np.tril(T) + np.tril(T, -1).T
        for _ in range(2):
            full = np.ascontiguousarray(full.T)
            for k, where in self.kept_blocks:
                L = at.factors[k]
                part = full[:, where]
                full[:, where] = (part.reshape(-1, len(L)) @ L).reshape(part.shape)
            full[:, m - len(self.fixed_sd) : m] *= self.fixed_sd
        return full

    # --- covariances ---------------------------------------------------------------------------------------

    def _kept_covariance(self, f: Factored) -> FloatArray:
        if not len(f.mean):
            return np.zeros((0, 0))
        upper = f.R.copy(order="F")
        inverse(upper, lower=False)
        return np.asarray(upper + np.triu(upper, 1).T)

    def _effects_mean(self, f: Factored, at: Variances) -> FloatArray:
        from outcomemodels.inference.collapsed.kernels import solve_back

        plan = self.plan
        out = np.empty(len(plan.effects))
        units = self.unwhiten_kept(f.mean, at)
        nothing = np.zeros(len(plan.effects))
        solve_back(plan.d_at, plan.b_at, plan.size, plan.met, plan.met_at, f.H, f.Q, units, nothing, out)
        return out

    @cached_property
    def _cluster_of(self) -> IntArray:
        return np.repeat(np.arange(len(self.plan.size)), self.plan.size)

    def _within(self, a: IntArray, b: IntArray) -> IntArray:
        """Place in D of pairs of eliminated variables (by position) of one cluster."""
        if not len(a):
            return np.zeros(0, np.int64)
        c = self._cluster_of[a]
        first = np.concatenate([[0], np.cumsum(self.plan.size)])[c]
        return np.asarray(self.plan.d_at[c] + (a - first) * self.plan.size[c] + (b - first))

    def _cluster_units(self, CD: FloatArray, at: Variances) -> FloatArray:
        """Covariances within clusters in natural units."""
        from outcomemodels.inference.collapsed.kernels import scale_clusters

        plan = self.plan
        out = CD.copy()
        scale_clusters(
            plan.d_at, plan.size, plan.size, plan.group, plan.width, self.factor_at, self._flat(at), True, out
        )
        return out

    def _coupling_units(self, CB: FloatArray, at: Variances) -> FloatArray:
        """Covariances of eliminated with kept variables in natural units."""
        from outcomemodels.inference.collapsed.kernels import scale_clusters

        plan = self.plan
        out = CB.copy()
        scale_clusters(
            plan.b_at, plan.size, np.diff(plan.met_at) + 1,
            plan.group, plan.width, self.factor_at, self._flat(at), False, out,
        )  # fmt: skip
        return out
