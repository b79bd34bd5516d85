"""Levels leave the cost of a density: the shares of all scalar clusters as a short sum of fixed matrices.

A cluster of one effect with precision d takes b b'/d s(dx) from the Schur complement, s(t) = t / (1 + t), at
x = (prior variance) / (noise variance). Over the d that occur, the functions x -> s(dx) on all of [0, inf] are
combinations of those of a few "skeleton" values of d to rounding (some ten to thirty, by the decay of singular values
of Cauchy kernels), hence

    sum_j b_j b_j'/d_j s(d_j x) = sum_k s(delta_k x) G_k,    G_k = sum_j P_kj b_j b_j'/d_j,

at every x, without a window and without a fallback; a density then costs the same for ten levels and for ten million.

References
----------
Beckermann & Townsend (2017), Singular values of matrices with displacement structure, doi 10.1137/16M1096426.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from outcomemodels.inference.collapsed.layout import FloatArray
from outcomemodels.inference.collapsed.plan import Plan

TOLERANCE = 1e-12
"""Largest error of the interpolated functions, which lie between 0 and 1."""
CHUNK = 16


@dataclass(frozen=True, eq=False)
class Separable:
    """The Schur complement as ``scale * (terms[0] - sum_k s(skeleton[k] x) terms[k + 1])``.

    Parameters
    ----------
    precision, count : arrays, dims (distinct precision,)
        Precisions above zero of the clusters, and how many clusters have each.
    skeleton : array, dims (term,)
    terms : array, dims (term + 1, (kept + 1) * (kept + 2) / 2)
        The kept part of the data and the G; packed lower triangles, column by column, the response as last row.
    error : float
        Largest error of the interpolated functions, relative to the data's part of the complement.
    """

    precision: FloatArray
    count: FloatArray
    skeleton: FloatArray
    terms: FloatArray
    error: float

    def coefficients(self, scale: FloatArray, x: FloatArray) -> FloatArray:
        """Coefficients of the terms, dims (point, term + 1)."""
        t = self.skeleton * x[:, None]
        return np.asarray(np.column_stack([scale, -scale[:, None] * t / (1 + t)]))

    def slope(self, scale: float, x: float) -> FloatArray:
        """Derivative of the coefficients with respect to log x, at fixed scale; dims (term + 1,)."""
        t = self.skeleton * x
        return np.asarray(np.concatenate([[0.0], -scale * t / (1 + t) ** 2]))

    def log_determinant(self, x: FloatArray) -> FloatArray:
        """Sum of log(1 + d x) over clusters, dims (point,)."""
        return np.asarray(np.log1p(x[:, None] * self.precision) @ self.count)


def separate(plan: Plan, D: FloatArray, B: FloatArray, A: FloatArray) -> Separable | None:
    """Find the terms; None when the clusters are not scalars or the precisions too spread out.

    Parameters
    ----------
    plan : Plan
    D, B, A : arrays
        As placed by the plan, for one variance class of unit variance.
    """
    from outcomemodels.inference.collapsed.kernels import outer_products

    if not plan.is_scalar:
        return None
    distinct, member = np.unique(D, return_inverse=True)
    empty = int((distinct <= 0).sum())
    precision = distinct[empty:]
    if not len(precision):
        return None
    count = np.bincount(member, minlength=len(distinct))[empty:].astype(float)
    found = _skeleton(precision)
    if found is None:
        return None
    skeleton, P, error = found
    m = len(plan.kept)
    terms = np.zeros((len(skeleton) + 1, (m + 1) * (m + 2) // 2))
    terms[0] = packed(A)
    order = np.argsort(member, kind="stable")[int(np.bincount(member, minlength=len(distinct))[:empty].sum()) :]
    ends = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    buffer = np.empty((CHUNK, terms.shape[1]))
    for start in range(0, len(precision), CHUNK):
        stop = min(start + CHUNK, len(precision))
        outer_products(D, B, plan.b_at, plan.met, plan.met_at, order, ends[start : stop + 1], m, buffer)
        terms[1:] += P[:, start:stop] @ buffer[: stop - start]
    return Separable(precision, count, skeleton, terms, error)


def packed(lower: FloatArray) -> FloatArray:
    """Lower triangle of a square matrix, column by column."""
    return np.asarray(lower.T[np.triu_indices(len(lower))])


def _skeleton(precision: FloatArray) -> tuple[FloatArray, FloatArray, float] | None:
    """Skeleton values, coefficients of every precision's function on theirs (term, distinct precision), and error."""
    low, high = float(precision[0]), float(precision[-1])
    log_x = np.arange(-np.log(high) - 37, -np.log(low) + 37, 0.2)
    candidates = np.exp(np.linspace(np.log(low), np.log(high), 128)) if high > low * (1 + 1e-12) else precision[:1]

    def functions(d: FloatArray) -> FloatArray:
        return np.asarray(1 / (1 + np.exp(-(log_x[:, None] + np.log(d)))))

    _, R, pivot = linalg.qr(functions(candidates), mode="economic", pivoting=True)
    size = np.abs(np.diag(R))
    rank = int((size > 1e-15 * size[0]).sum())
    skeleton = np.sort(candidates[pivot[:rank]])
    basis = functions(skeleton)
    P = np.linalg.lstsq(basis, functions(precision), rcond=1e-15)[0]
    error = float(np.abs(basis @ P - functions(precision)).max())
    return (skeleton, np.asarray(P), max(error, 1e-16)) if error <= TOLERANCE else None
