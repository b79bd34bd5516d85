"""Loops over clusters of eliminated effects, compiled once and cached between processes.

A cluster is a set of effects that shares no row with any other cluster. Its precision D (s x s), its coupling B to the
k kept variables it meets (s x (k + 1), the response last), and its levels' covariance factors give, with
H H' = I + L' D L and Q = H^-1 L' B, its share Q'Q of the Schur complement.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def eliminate(D, B, d_at, b_at, size, met, met_at, group, width, factor_at, factors, scale, T, H, Q):
    """Eliminate every cluster; subtract the shares from the lower triangle of ``T``; return the log determinant.

    ``H`` and ``Q`` (laid out as ``D`` and ``B``) are filled.
    """
    logdet = 0.0
    m = T.shape[0] - 1
    at = 0
    most = 0
    for c in range(len(size)):
        if size[c] > 1:
            most = max(most, met_at[c + 1] - met_at[c])
    share = np.empty((most + 1, most + 1))
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
        if s > 1:
            for i in range(k + 1):
                share[i, : i + 1] = 0.0
            for a in range(s):
                for i in range(k + 1):
                    left = q[a, i]
                    if left != 0.0:
                        for j in range(i + 1):
                            share[i, j] += left * q[a, j]
        else:
            share = share if k < len(share) else np.empty((k + 1, k + 1))
            for i in range(k + 1):
                left = q[0, i]
                for j in range(i + 1):
                    share[i, j] = left * q[0, j]
        for i in range(k):
            row = index[i]
            for j in range(i + 1):
                T[row, index[j]] -= share[i, j]
        for j in range(k):
            T[m, index[j]] -= share[k, j]
        T[m, m] -= share[k, k]
        at += s
    return logdet


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy")
def push_out(d_at, b_at, size, met, met_at, H, Q, own, kept):
    """Turn a combination of whitened effects of the clusters into one of their noise and of the kept variables.

    ``own``, coefficients of the effects, becomes H^-1 own, those of the noise; ``kept``, coefficients of the kept
    variables in their own units, loses what the effects owe to them. Returns the part that the response gives.
    """
    at = 0
    given = 0.0
    for c in range(len(size)):
        s = size[c]
        k = met_at[c + 1] - met_at[c]
        h = H[d_at[c] : d_at[c] + s * s].reshape(s, s)
        q = Q[b_at[c] : b_at[c] + s * (k + 1)].reshape(s, k + 1)
        for i in range(s):
            total = own[at + i]
            for j in range(i):
                total -= h[i, j] * own[at + j]
            total /= h[i, i]
            own[at + i] = total
            if total != 0.0:
                given += total * q[i, k]
                for j in range(k):
                    kept[met[met_at[c] + j]] -= total * q[i, j]
        at += s
    return given


@njit(cache=True, nogil=True, error_model="numpy")
def draw_clusters(d_at, b_at, size, met, met_at, H, Q, kept, group, width, factor_at, factors, effects):
    """Effects of the clusters in natural units given kept variables, dims (draw, variable).

    ``effects`` holds standard normals and is overwritten.
    """
    for d in range(len(effects)):
        z = effects[d]
        solve_back(d_at, b_at, size, met, met_at, H, Q, kept[d], z, z)
        for v in range(len(z) - 1, -1, -1):
            g, w, f = group[v], width[v], factor_at[v]
            total = 0.0
            for a in range(g + 1):
                total += factors[f + g * w + a] * z[v - g + a]
            z[v] = total


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy")
def outer_products(D, B, b_at, met, met_at, order, ends, m, out):
    """Sums of b b'/d over runs of scalar clusters, packed lower triangles by column, a run a row of ``out``."""
    for g in range(len(ends) - 1):
        total = out[g]
        total[:] = 0.0
        for at in range(ends[g], ends[g + 1]):
            c = order[at]
            first = met_at[c]
            k = met_at[c + 1] - first
            b = B[b_at[c] : b_at[c] + k + 1]
            for j in range(k + 1):
                column = m if j == k else met[first + j]
                start = column * (m + 1) - column * (column + 1) // 2
                right = b[j] / D[c]
                if right != 0.0:
                    for i in range(j, k):
                        total[start + met[first + i]] += right * b[i]
                    total[start + m] += right * b[k]
