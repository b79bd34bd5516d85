"""Loops of the interpolated density, compiled once and cached between processes."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def add_outer(rows, at, index, values, response, pivots, size, total):
    """Add ``pivots[j, node] b_j b_j'`` of some levels to ``total``, dims (pair, node)."""
    nodes = pivots.shape[1]
    for j in rows:
        start, stop = at[j], at[j + 1]
        p = pivots[j]
        for a in range(start, stop + 1):
            if a < stop:
                left, row = values[a], index[a]
            else:
                left, row = response[j], size
            first = row * (row + 1) // 2
            for b in range(start, min(a + 1, stop)):
                product = left * values[b]
                cell = total[first + index[b]]
                for q in range(nodes):
                    cell[q] += product * p[q]
        cell = total[size * (size + 1) // 2 + size]
        for q in range(nodes):
            cell[q] += response[j] * response[j] * p[q]


@njit(cache=True, nogil=True)
def kept_densities(pairs, precision, scale):
    """Log determinant and misfit of the kept variables; ``pairs`` dims (point, pair), ``scale`` (point, kept)."""
    count, m = scale.shape
    out = np.empty(count)
    for p in range(count):
        M = np.zeros((m, m))
        h = np.empty(m)
        at = 0
        row = pairs[p]
        s = scale[p]
        for i in range(m):
            left = precision[p] * s[i]
            for j in range(i + 1):
                M[i, j] = left * row[at] * s[j]
                at += 1
            M[i, i] += 1.0
        for j in range(m):
            h[j] = precision[p] * row[at] * s[j]
            at += 1
        misfit = precision[p] * row[at]
        value = 0.0
        if m:
            L = np.linalg.cholesky(M)
            for j in range(m):
                h[j] /= L[j, j]
                value += 2 * np.log(L[j, j])
                misfit -= h[j] * h[j]
                left = h[j]
                for i in range(j + 1, m):
                    h[i] -= left * L[i, j]
        out[p] = value + misfit
    return out
