"""Loops over clusters of eliminated effects, compiled once and cached between processes.

A cluster is a set of effects that shares no row with any other cluster. Its precision D (s x s), its coupling B to the
k kept variables it meets (s x (k + 1), the response last), and its levels' covariance factors give, with
H H' = I + L' D L and Q = H^-1 L' B, its share Q'Q of the Schur complement.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def eliminate(D, B, d_at, b_at, size, met, met_at, group, width, factor_at, factors, scale, T, H, Q):
    """Eliminate every cluster; subtract the shares from the lower triangle of ``T``; return the log determinant.

    ``H`` and ``Q`` (laid out as ``D`` and ``B``) are filled.
    """
    logdet = 0.0
    m = T.shape[0] - 1
    at = 0
    for c in range(len(size)):
        s = size[c]
        k = met_at[c + 1] - met_at[c]
        index = met[met_at[c] : met_at[c + 1]]
        h = H[d_at[c] : d_at[c] + s * s].reshape(s, s)
        q = Q[b_at[c] : b_at[c] + s * (k + 1)].reshape(s, k + 1)
        d = D[d_at[c] : d_at[c] + s * s].reshape(s, s)
        b = B[b_at[c] : b_at[c] + s * (k + 1)].reshape(s, k + 1)
        if s == 1:
            tau = factors[factor_at[at]]
            root = np.sqrt(1.0 + scale * d[0, 0] * tau * tau)
            h[0, 0] = root
            logdet += 2 * np.log(root)
            times = tau * scale / root
            for i in range(k + 1):
                q[0, i] = b[0, i] * times
        else:
            for i in range(s):
                for j in range(s):
                    h[i, j] = scale * d[i, j]
                for j in range(k + 1):
                    q[i, j] = scale * b[i, j]
            for v in range(s):
                first = v - (group[at + v])
                w = width[at + v]
                f = factor_at[at + v]
                column = group[at + v]
                for i in range(s):
                    total = 0.0
                    for a in range(column, w):
                        total += h[i, first + a] * factors[f + a * w + column]
                    h[i, v] = total
            for v in range(s):
                first = v - (group[at + v])
                w = width[at + v]
                f = factor_at[at + v]
                column = group[at + v]
                for j in range(s):
                    total = 0.0
                    for a in range(column, w):
                        total += h[first + a, j] * factors[f + a * w + column]
                    h[v, j] = total
                for j in range(k + 1):
                    total = 0.0
                    for a in range(column, w):
                        total += q[first + a, j] * factors[f + a * w + column]
                    q[v, j] = total
            for i in range(s):
                h[i, i] += 1.0
            for j in range(s):
                for i in range(j, s):
                    total = h[i, j]
                    for a in range(j):
                        total -= h[i, a] * h[j, a]
                    if i == j:
                        h[j, j] = np.sqrt(total)
                    else:
                        h[i, j] = total / h[j, j]
                for i in range(j):
                    h[i, j] = 0.0
                logdet += 2 * np.log(h[j, j])
            for i in range(s):
                for a in range(i):
                    left = h[i, a]
                    if left != 0.0:
                        for j in range(k + 1):
                            q[i, j] -= left * q[a, j]
                for j in range(k + 1):
                    q[i, j] /= h[i, i]
        for i in range(k + 1):
            row = m if i == k else index[i]
            for a in range(s):
                left = q[a, i]
                if left != 0.0:
                    for j in range(min(i + 1, k)):
                        T[row, index[j]] -= left * q[a, j]
                    if i == k:
                        T[m, m] -= left * left
        at += s
    return logdet


@njit(cache=True, nogil=True)
def solve_back(d_at, b_at, size, met, met_at, H, Q, kept, noise, out):
    """Whitened effects of the clusters given the kept variables: H^-T (q_y - Q kept + noise), into ``out``."""
    at = 0
    for c in range(len(size)):
        s = size[c]
        k = met_at[c + 1] - met_at[c]
        h = H[d_at[c] : d_at[c] + s * s].reshape(s, s)
        q = Q[b_at[c] : b_at[c] + s * (k + 1)].reshape(s, k + 1)
        for i in range(s):
            total = q[i, k] + noise[at + i]
            for j in range(k):
                total -= q[i, j] * kept[met[met_at[c] + j]]
            out[at + i] = total
        for i in range(s - 1, -1, -1):
            total = out[at + i]
            for j in range(i + 1, s):
                total -= h[j, i] * out[at + j]
            out[at + i] = total / h[i, i]
        at += s


@njit(cache=True, nogil=True)
def covariances(d_at, b_at, size, met, met_at, H, Q, C, CD, CB):
    """Covariances of whitened cluster effects, laid out as ``D``, and with kept variables, as ``B``.

    ``C`` is the covariance of the kept variables, in their own units.
    """
    for c in range(len(size)):
        s = size[c]
        k = met_at[c + 1] - met_at[c]
        index = met[met_at[c] : met_at[c + 1]]
        h = H[d_at[c] : d_at[c] + s * s].reshape(s, s)
        q = Q[b_at[c] : b_at[c] + s * (k + 1)].reshape(s, k + 1)
        cd = CD[d_at[c] : d_at[c] + s * s].reshape(s, s)
        cb = CB[b_at[c] : b_at[c] + s * (k + 1)].reshape(s, k + 1)
        for i in range(s):
            for j in range(k):
                total = 0.0
                for a in range(k):
                    total += q[i, a] * C[index[a], index[j]]
                cb[i, j] = -total
        for i in range(s):
            for j in range(i + 1):
                total = 1.0 if i == j else 0.0
                for a in range(k):
                    total -= cb[i, a] * q[j, a]
                cd[i, j] = total
                cd[j, i] = total
        for i in range(s - 1, -1, -1):
            for j in range(k):
                total = cb[i, j]
                for a in range(i + 1, s):
                    total -= h[a, i] * cb[a, j]
                cb[i, j] = total / h[i, i]
            for j in range(s):
                total = cd[i, j]
                for a in range(i + 1, s):
                    total -= h[a, i] * cd[a, j]
                cd[i, j] = total / h[i, i]
        for j in range(s - 1, -1, -1):
            for i in range(s):
                total = cd[i, j]
                for a in range(j + 1, s):
                    total -= h[a, j] * cd[i, a]
                cd[i, j] = total / h[j, j]


@njit(cache=True, nogil=True)
def scale_clusters(at, size, columns, group, width, factor_at, factors, both, out):
    """Apply L on the left (and L' on the right, if ``both``) to each cluster's matrix, in place."""
    done = 0
    for c in range(len(size)):
        s = size[c]
        k = columns[c]
        x = out[at[c] : at[c] + s * k].reshape(s, k)
        for v in range(s - 1, -1, -1):
            first = v - group[done + v]
            w = width[done + v]
            f = factor_at[done + v]
            row = group[done + v]
            for j in range(k):
                total = 0.0
                for a in range(row + 1):
                    total += factors[f + row * w + a] * x[first + a, j]
                x[v, j] = total
        if both:
            for v in range(s - 1, -1, -1):
                first = v - group[done + v]
                w = width[done + v]
                f = factor_at[done + v]
                row = group[done + v]
                for i in range(s):
                    total = 0.0
                    for a in range(row + 1):
                        total += factors[f + row * w + a] * x[i, first + a]
                    x[i, v] = total
        done += s


@njit(cache=True, nogil=True)
def outer_products(D, B, b_at, met, met_at, order, ends, m, out):
    """Sums of b b'/d over runs of scalar clusters, lower triangles, one run a row of ``out``."""
    for g in range(len(ends) - 1):
        total = out[g].reshape(m + 1, m + 1)
        total[:] = 0.0
        for at in range(ends[g], ends[g + 1]):
            c = order[at]
            first = met_at[c]
            k = met_at[c + 1] - first
            b = B[b_at[c] : b_at[c] + k + 1]
            for i in range(k + 1):
                row = m if i == k else met[first + i]
                left = b[i] / D[c]
                if left != 0.0:
                    for j in range(min(i + 1, k)):
                        total[row, met[first + j]] += left * b[j]
                    if i == k:
                        total[m, m] += left * b[k]


@njit(cache=True, nogil=True)
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
    M[m, m] = 1e300


@njit(cache=True, nogil=True)
def kept_factor(M):
    """Lower Cholesky factor, log determinant of the leading part, and the response's projection; NaN if singular."""
    m = M.shape[0] - 1
    try:
        L = np.linalg.cholesky(M)
    except Exception:
        return M, np.nan, 0.0
    logdet = 0.0
    explained = 0.0
    for i in range(m):
        logdet += 2 * np.log(L[i, i])
        explained += L[m, i] * L[m, i]
    return L, logdet, explained


@njit(cache=True, nogil=True)
def direct_densities(
    D, B, A, d_at, b_at, size, met, met_at, group, width, factor_at, kept_group, kept_width, kept_at,
    factors, scale, square, logdet, misfit,
):  # fmt: skip
    """Log determinants and r'V^-1 r at many points, cluster by cluster; dims (point,)."""
    m = A.shape[0] - 1
    H = np.empty(len(D))
    Q = np.empty(len(B))
    T = np.empty((m + 1, m + 1))
    M = np.empty((m + 1, m + 1)).T
    for p in range(len(scale)):
        for i in range(m + 1):
            for j in range(i + 1):
                T[i, j] = scale[p] * A[i, j]
        first = eliminate(
            D, B, d_at, b_at, size, met, met_at, group, width, factor_at, factors[p], scale[p], T, H, Q
        )  # fmt: skip
        whiten(T, kept_group, kept_width, kept_at, factors[p], M)
        _, second, explained = kept_factor(M)
        logdet[p] = first + second
        misfit[p] = square[p] + T[m, m] - explained


@njit(cache=True, nogil=True)
def separable_densities(terms, coefficients, m, kept_group, kept_width, kept_at, factors, square, logdet, misfit):
    """As :func:`direct_densities` for shares given as a sum of terms; the clusters' own determinant is left out."""
    M = np.empty((m + 1, m + 1)).T
    tile = 4
    for p0 in range(0, len(square), tile):
        every = np.dot(coefficients[p0 : p0 + tile], terms)
        for p in range(p0, min(p0 + tile, len(square))):
            T = every[p - p0].reshape(m + 1, m + 1)
            whiten(T, kept_group, kept_width, kept_at, factors[p], M)
            _, second, explained = kept_factor(M)
            logdet[p] = second
            misfit[p] = square[p] + T[m, m] - explained


@njit(cache=True, nogil=True)
def draw_kept(T, kept_group, kept_width, kept_at, factors, noise, z, u):
    """Draws of the kept variables at one point, dims (draw, kept): standard scale ``z``, natural units ``u``."""
    m = T.shape[0] - 1
    M = np.empty((m + 1, m + 1)).T
    whiten(T, kept_group, kept_width, kept_at, factors, M)
    L, logdet, _ = kept_factor(M)
    if np.isnan(logdet):
        return False
    for d in range(noise.shape[0]):
        for i in range(m - 1, -1, -1):
            total = L[m, i] + noise[d, i]
            for k in range(i + 1, m):
                total -= L[k, i] * z[d, k]
            z[d, i] = total / L[i, i]
        for i in range(m):
            total = 0.0
            g, w = kept_group[i], kept_width[i]
            for a in range(g + 1):
                total += factors[kept_at[i] + g * w + a] * z[d, i - g + a]
            u[d, i] = total
    return True


@njit(cache=True, nogil=True)
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
