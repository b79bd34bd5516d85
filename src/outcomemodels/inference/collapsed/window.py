"""One scalar factor eliminated for good: densities whose cost knows neither rows nor its levels.

With one residual variance s2 and the eliminated factor's levels j (weight d_j, coupling b_j to the kept variables and
the response), the Schur complement of the kept variables is

    T = U(x) / s2,   U(x) = A - sum_j b_j b_j' / (d_j + exp x),   x = log(s2 / tau^2).

Each entry of U is analytic in x inside |Im x| < pi, so on an interval of half-width 1 its Chebyshev interpolant on 16
nodes errs by about 6.4**-16 = 1e-13. Intervals are laid end to end from the first x asked for and built when needed; a
point too far away is left to the direct elimination.

References
----------
Trefethen (2019), Approximation Theory and Approximation Practice, doi 10.1137/1.9781611975949, chapter 8.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from outcomemodels.inference.collapsed.layout import FloatArray, IntArray

if TYPE_CHECKING:
    from outcomemodels.inference.collapsed.plan import Plan

NODES = 16
HALF_WIDTH = 1.0
MOST_INTERVALS = 12
THREADS = max(1, min(os.cpu_count() or 1, 8))
CHUNK = 8
"""Points interpolated at once by each thread."""


@dataclass(frozen=True, eq=False)
class Window:
    """U(x) of one eliminated scalar factor, interpolated.

    Parameters
    ----------
    weight : array, dims (level,)
        d_j.
    at, index, values : arrays
        Rows b_j in compressed form: ``at`` dims (level + 1,), the kept variable met and its entry, dims (entry,).
    response : array, dims (level,)
        The last entry of b_j.
    whole : array, dims (pair,)
        Lower triangle of A, the response's row last.
    size : int
        Kept variables m; a pair is an entry of the lower triangle of (m + 1, m + 1).
    """

    weight: FloatArray
    at: IntArray
    index: IntArray
    values: FloatArray
    response: FloatArray
    whole: FloatArray
    size: int
    _intervals: dict[int, FloatArray] = field(default_factory=dict)
    _first: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, plan: Plan, D: FloatArray, B: FloatArray, A: FloatArray) -> Window:
        """Take over what a scalar plan placed."""
        m = len(plan.kept)
        last = plan.b_at[1:] - 1
        inner = np.ones(len(B), bool)
        inner[last] = False
        lower = np.tril_indices(m + 1)
        return cls(
            weight=D.copy(),
            at=plan.met_at,
            index=plan.met,
            values=B[inner],
            response=B[last],
            whole=np.ascontiguousarray(A[lower]),
            size=m,
        )

    def covers(self, x: FloatArray) -> np.ndarray:
        """Whether U can be interpolated there; dims (point,). Builds the intervals it can."""
        good = np.isfinite(x) & (np.abs(x) < 60)
        if not good.any():
            return good
        if not self._first:
            self._first.append(float(np.median(x[good])))
        which = np.where(good, np.rint((np.where(good, x, 0.0) - self._first[0]) / (2 * HALF_WIDTH)), 0).astype(int)
        wanted, count = np.unique(which[good], return_counts=True)
        for k in wanted[np.argsort(-count)]:
            if int(k) not in self._intervals and len(self._intervals) < MOST_INTERVALS:
                self._intervals[int(k)] = self._build(self._centre(int(k)))
        return np.asarray(good & np.isin(which, list(self._intervals)))

    def interpolate(self, x: FloatArray) -> FloatArray:
        """U at covered points, dims (point, pair)."""
        out = np.empty((len(x), len(self.whole)))
        which = np.rint((x - self._first[0]) / (2 * HALF_WIDTH)).astype(int)
        for k in np.unique(which):
            there = which == k
            out[there] = _weights(x[there] - self._centre(int(k))) @ self._intervals[int(k)]
        return out

    def slope(self, x: float) -> FloatArray:
        """Derivative of U with respect to x at a covered point, dims (pair,)."""
        k = int(np.rint((x - self._first[0]) / (2 * HALF_WIDTH)))
        return np.asarray(_slope_weights(x - self._centre(k)) @ self._intervals[k])

    def log_ratio(self, x: FloatArray) -> FloatArray:
        """Sum over levels of log(1 + d_j exp(-x)), dims (point,)."""
        value, count = self._histogram
        return np.asarray([float(count @ np.log1p(value * e)) for e in np.exp(-x)])

    def log_ratio_slope(self, x: float) -> float:
        """Derivative of :meth:`log_ratio` with respect to x."""
        value, count = self._histogram
        part = value * np.exp(-x)
        return -float(count @ (part / (1 + part)))

    def densities(self, x: FloatArray, variance: FloatArray, scale: FloatArray) -> FloatArray:
        """Return log|I + L'TL| + T_yy - |..|^2 of the kept variables, plus the levels' log determinant.

        Parameters
        ----------
        x, variance : arrays, dims (point,)
            Covered points, and the residual variance.
        scale : array, dims (point, kept)
            Prior SD of each kept variable; their covariance must be diagonal.
        """
        out = self.log_ratio(x)

        def run(rows: IntArray) -> None:
            from outcomemodels.inference.collapsed.window_kernels import kept_densities

            for start in range(0, len(rows), CHUNK):
                part = rows[start : start + CHUNK]
                out[part] += kept_densities(self.interpolate(x[part]), 1 / variance[part], scale[part])

        in_threads(run, len(x))
        return out

    def draws(self, x: FloatArray, variance: FloatArray, kept: FloatArray, noise: FloatArray) -> FloatArray:
        """Effects of the levels given kept variables in their own units.

        Parameters
        ----------
        x, variance : arrays, dims (draw,)
        kept : array, dims (draw, kept)
        noise : array, dims (draw, level)
            Standard normal.

        Returns
        -------
        array, dims (draw, level)
        """
        out = np.empty_like(noise)
        ready = np.ascontiguousarray(kept.T)
        pivot = np.exp(x)

        def run(rows: IntArray) -> None:
            levels = slice(int(rows[0]), int(rows[-1]) + 1)
            rest = self.response[levels, None] - self._coupling[levels] @ ready
            precision = self.weight[levels] + pivot[:, None]
            out[:, levels] = rest.T / precision + noise[:, levels] * np.sqrt(variance[:, None] / precision)

        in_threads(run, len(self.weight), together=True)
        return out

    @cached_property
    def _coupling(self) -> sparse.csr_array:
        return sparse.csr_array((self.values, self.index, self.at), shape=(len(self.weight), self.size))

    # --- building -------------------------------------------------------------------------------------------

    @cached_property
    def _histogram(self) -> tuple[FloatArray, FloatArray]:
        value, count = np.unique(self.weight, return_counts=True)
        return value, count.astype(float)

    def _centre(self, k: int) -> float:
        return self._first[0] + 2 * HALF_WIDTH * k

    def _build(self, centre: float) -> FloatArray:
        """U at the nodes of one interval, dims (node, pair)."""
        from outcomemodels.inference.collapsed.window_kernels import add_outer

        pivots = 1 / (self.weight[:, None] + np.exp(centre + HALF_WIDTH * _nodes()))
        parts: list[FloatArray] = []

        def run(rows: IntArray) -> None:
            total = np.zeros((len(self.whole), NODES))
            add_outer(rows, self.at, self.index, self.values, self.response, pivots, self.size, total)
            parts.append(total)

        in_threads(run, len(self.weight))
        out = np.tile(self.whole, (NODES, 1))
        for part in parts:
            out -= part.T
        return out


def in_threads(run: Callable[[IntArray], None], count: int, *, together: bool = False) -> None:
    """Run over ``range(count)`` in shares, one for each core: interleaved, or each in one piece."""
    every = np.arange(count)
    threads = min(THREADS, max(count, 1))
    shares = np.array_split(every, threads) if together else [every[t::threads] for t in range(threads)]
    if threads == 1:
        run(every)
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(run, share) for share in shares]:
            done.result()


def _nodes() -> FloatArray:
    """Chebyshev nodes of the second kind on [-1, 1]."""
    return np.cos(np.pi * np.arange(NODES) / (NODES - 1))


def _sides() -> FloatArray:
    """Barycentric weights of the nodes."""
    sides = np.where(np.arange(NODES) % 2 == 0, 1.0, -1.0)
    sides[[0, -1]] /= 2
    return sides


def _weights(offset: FloatArray) -> FloatArray:
    """Weights of the node values at offsets from a centre, dims (point, node)."""
    gap = offset[:, None] / HALF_WIDTH - _nodes()
    hit = np.abs(gap) < 1e-14
    part = _sides() / np.where(hit, 1.0, gap)
    weights = part / part.sum(axis=1, keepdims=True)
    return np.where(hit.any(axis=1)[:, None], hit.astype(float), weights)


def _slope_weights(offset: float) -> FloatArray:
    """Weights of the node values for the derivative of the interpolant, dims (node,)."""
    nodes, sides = _nodes(), _sides()
    gap = nodes[:, None] - nodes + np.eye(NODES)
    matrix = sides / sides[:, None] / gap
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return np.asarray(_weights(np.array([offset]))[0] @ matrix / HALF_WIDTH)
