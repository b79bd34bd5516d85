"""Loops over rows: sums of products by pairs of levels, one pass each and no copies; cached between processes."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

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
