"""Loops over rows: sums of products by pairs of levels, one pass each and no copies; cached between processes."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def sum_pairs(first, second, levels, left, a, right, b, weight, owner, classes, total, seen):
    """Add weight * left[:, a] * right[:, b] to ``total`` at (first, second, class); mark what is met in ``seen``."""
    for r in range(len(first)):
        at = (first[r] * levels + second[r]) * classes + owner[r]
        total[at] += weight[r] * left[r, a] * right[r, b]
        seen[at] = True


@njit(cache=True, nogil=True)
def sum_columns(codes, left, a, right, weight, owner, total, seen):
    """Add weight * left[:, a] * right to ``total``, dims (level, class, column of right); mark levels in ``seen``."""
    for r in range(len(codes)):
        times = weight[r] * left[r, a]
        into = total[codes[r], owner[r]]
        for b in range(right.shape[1]):
            into[b] += times * right[r, b]
        seen[codes[r], owner[r]] = True


@njit(cache=True, nogil=True)
def take_off(codes, values, effects, rest):
    """Take a block's part off what is left of the outcome; dims effects (draw, level * column), rest (draw, row)."""
    q = values.shape[1]
    for d in range(rest.shape[0]):
        for r in range(len(codes)):
            for a in range(q):
                rest[d, r] -= values[r, a] * effects[d, codes[r] * q + a]


@njit(cache=True, nogil=True)
def own_effects(rest, level, divisor, known, codes, sd, noise, out):
    """Rows' own effects given what is left, dims (draw, level); ``out`` holds prior draws and is overwritten."""
    for d in range(rest.shape[0]):
        t2 = sd[d] ** 2
        for r in range(len(level)):
            v = noise[d, codes[r]] ** 2 / divisor[r] + known[r]
            share = t2 / (t2 + v)
            out[d, level[r]] = share * rest[d, r] + np.sqrt(1.0 - share) * out[d, level[r]]
