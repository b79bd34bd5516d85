"""Loops over the dense factor of the kept variables: filling, reading, drawing from it; cached between processes."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit

from outcomemodels.inference.collapsed.kernels import eliminate

HUGE = 1e300
"""Stands for the response's own entry, so that a factor exists whenever one of the kept variables does."""


@njit(cache=True, nogil=True, error_model="numpy")
def whiten(T, group, width, at, factors, M):
    """Lower triangle of I + L'TL of the kept variables and L'T of the response (last row), into ``M``.

    ``M`` is in Fortran order. Its last diagonal is made huge, so that a factor of ``M`` exists whenever one of its
    leading part does.
    """
    m = T.shape[0] - 1
    plain = True
    for i in range(m):
        plain = plain and width[i] == 1
    tile = 32
    for i0 in range(0, m + 1, tile):
        for j0 in range(0, i0 + 1, tile):
            for j in range(j0, min(j0 + tile, m + 1)):
                for i in range(max(i0, j), min(i0 + tile, m + 1)):
                    if plain:
                        right = factors[at[j]] if j < m else 1.0
                        left = factors[at[i]] if i < m else 1.0
                        M[i, j] = left * T[i, j] * right
                    else:
                        wi = width[i] if i < m else 1
                        gi = group[i] if i < m else 0
                        wj = width[j] if j < m else 1
                        gj = group[j] if j < m else 0
                        total = 0.0
                        for a in range(gi, wi):
                            left = factors[at[i] + a * wi + gi] if i < m else 1.0
                            for b in range(gj, wj):
                                right = factors[at[j] + b * wj + gj] if j < m else 1.0
                                r, s = i - gi + a, j - gj + b
                                total += left * right * (T[r, s] if r >= s else T[s, r])
                        M[i, j] = total
    for i in range(m):
        M[i, i] += 1.0
    M[m, m] = HUGE


@njit(cache=True, nogil=True, error_model="numpy")
def fill_terms(packed, plain, group, width, at, factors, reach, T, M):
    """As :func:`whiten` from a packed lower triangle (column by column); returns the response's own entry.

    ``plain`` says that every block of kept variables has one column; then ``reach`` (dims (kept + 1,)) scales them.
    """
    m = M.shape[0] - 1
    for j in range(m + 1):
        start = j * (m + 1) - j * (j + 1) // 2
        if plain:
            own = reach[j]
            for i in range(j, m + 1):
                M[i, j] = packed[start + i] * (own * reach[i])
            M[j, j] += 1.0
        else:
            for i in range(j, m + 1):
                T[i, j] = packed[start + i]
    M[m, m] = HUGE
    if not plain:
        whiten(T, group, width, at, factors, M)
    return packed[len(packed) - 1]


@njit(cache=True, nogil=True, error_model="numpy")
def fill_scalars(D, B, A, b_at, met, met_at, tau, reach, scale, M):
    """Fill ``M`` when clusters are single effects and kept blocks have one column; log determinant and own entry.

    ``A`` is in Fortran order, like ``M``.
    """
    m = M.shape[0] - 1
    for j in range(m + 1):
        own = scale * reach[j]
        for i in range(j, m + 1):
            M[i, j] = A[i, j] * (own * reach[i])
    logdet, top = 0.0, 0.0
    q = np.empty(m + 1)
    for c in range(len(D)):
        first = met_at[c]
        k = met_at[c + 1] - first
        inside = 1.0 + scale * D[c] * tau * tau
        logdet += np.log(inside)
        times = tau * scale / np.sqrt(inside)
        b = B[b_at[c] : b_at[c] + k + 1]
        for i in range(k):
            q[i] = b[i] * times * reach[met[first + i]]
        last = b[k] * times
        for j in range(k):
            left = q[j]
            if left != 0.0:
                column = met[first + j]
                for i in range(j, k):
                    M[met[first + i], column] -= left * q[i]
                M[m, column] -= left * last
        top -= last * last
    for i in range(m):
        M[i, i] += 1.0  # last: it must not drown in what is taken off
    M[m, m] = HUGE
    return logdet, top


@njit(cache=True, nogil=True, error_model="numpy")
def fill_clusters(
    D, B, A, d_at, b_at, size, met, met_at, group, width, factor_at, kept_group, kept_width, kept_at,
    factors, scale, T, H, Q, M,
):  # fmt: skip
    """Fill ``M`` for clusters of any kind; returns their log determinant and the response's own entry."""
    m = A.shape[0] - 1
    for i in range(m + 1):
        for j in range(i + 1):
            T[i, j] = scale * A[i, j]
    logdet = eliminate(D, B, d_at, b_at, size, met, met_at, group, width, factor_at, factors, scale, T, H, Q)
    whiten(T, kept_group, kept_width, kept_at, factors, M)
    return logdet, T[m, m]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _below(L, z, i, m):
    """Column ``i`` of ``L`` below the diagonal, times ``z``."""
    total = 0.0
    for k in range(i + 1, m):
        total += L[k, i] * z[k]
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz"})
def _column(packed, reach, C, mean, own, first):
    """Part of :func:`second_moment` below the diagonal, of one column whose entries start at ``first``."""
    total = 0.0
    for i in range(first, len(mean)):
        total += packed[i - first] * reach[i] * (C[i] + mean[i] * own)
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def second_moment(packed, reach, C, mean):
    """Expected value of (u, -1)' T (u, -1) for u with mean ``reach * mean`` and covariance ``reach C reach``.

    T is symmetric, given by its packed lower triangle (column by column), the response last; of ``C``, in Fortran
    order, the lower triangle is read.
    """
    m = len(mean)
    total = packed[len(packed) - 1]
    for j in range(m):
        start = j * (m + 1) - j * (j + 1) // 2
        below = _column(packed[start + j + 1 : start + m], reach, C[:, j], mean, mean[j], j + 1)
        own = packed[start + j] * reach[j] * (C[j, j] + mean[j] * mean[j])
        total += reach[j] * (own + 2.0 * below - 2.0 * packed[start + m] * mean[j])
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def read(L, group, width, at, factors, draws):
    """Log determinant and the response's explained part of a factor; draws of the kept variables, in natural units.

    ``draws`` holds standard normals, dims (draw, kept), and is overwritten.
    """
    m = L.shape[0] - 1
    logdet, explained = 0.0, 0.0
    for i in range(m):
        logdet += 2 * np.log(L[i, i])
        explained += L[m, i] * L[m, i]
    for d in range(draws.shape[0]):
        z = draws[d]
        for i in range(m - 1, -1, -1):
            z[i] = (L[m, i] + z[i] - _below(L, z, i, m)) / L[i, i]
        for i in range(m - 1, -1, -1):
            total = 0.0
            g, w = group[i], width[i]
            for a in range(g + 1):
                total += factors[at[i] + g * w + a] * z[i - g + a]
            z[i] = total
    return logdet, explained


@njit(cache=True, nogil=True, error_model="numpy")
def draw_scalars(D, B, b_at, met, met_at, tau, scale, kept, noise):
    """Effects of scalar clusters in natural units given kept variables; dims kept (kept, draw), noise (cluster, draw).

    ``noise`` (standard normal) is overwritten; ``tau`` and ``scale`` have one value a draw.
    """
    draws = kept.shape[1]
    total = np.empty(draws)
    for c in range(len(D)):
        first = met_at[c]
        k = met_at[c + 1] - first
        b = B[b_at[c] : b_at[c] + k + 1]
        for d in range(draws):
            total[d] = b[k]
        for i in range(k):
            left = b[i]
            row = kept[met[first + i]]
            for d in range(draws):
                total[d] -= left * row[d]
        for d in range(draws):
            inside = 1.0 + scale[d] * D[c] * tau[d] * tau[d]
            noise[c, d] = tau[d] * (total[d] * tau[d] * scale[d] / inside + noise[c, d] / np.sqrt(inside))
