"""Variance components of large data by moments, all at once: products of two courses that share an effect.

The expected product of two courses' deviations is the sum of the variances of the effects they share (Haseman & Elston
1972, doi 10.1007/BF01066731; MINQUE(0) of Rao 1971), so that sums over pairs give an equation for each batch.
"""

from __future__ import annotations

import numpy as np

from outcomemodels.auditing.cells import Batch, Cells
from outcomemodels.auditing.combinations import combinations


def moments(cells: Cells, noise2: float) -> dict[str, float]:
    """SD by role, 0 where the data show none.

    Parameters
    ----------
    cells : Cells
        With outcomes.
    noise2 : float
        Variance of one course, which stands in for the products of courses with themselves.
    """
    from scipy.optimize import nnls

    assert cells.seen is not None
    n = cells.n
    r = cells.seen.mean - float((n * cells.seen.mean).sum() / n.sum())
    own = float((n * r * r).sum()) + cells.seen.squares
    batches: list[Batch] = [(), *cells.layout.batches]
    shared: dict[frozenset[str], tuple[float, float]] = {}
    pairs = np.zeros((len(batches), len(batches)))
    products = np.zeros(len(batches))
    for i, a in enumerate(batches):
        for j, b in enumerate(batches[: i + 1]):
            names = frozenset(a) | frozenset(b)
            if names not in shared:
                of = _groups(cells, names)
                count = float((np.bincount(of, weights=n) ** 2).sum() - n.sum())
                shared[names] = count, float((np.bincount(of, weights=n * r) ** 2).sum()) - own
            pairs[i, j] = pairs[j, i] = shared[names][0]
        products[i] = shared[frozenset(a)][1]
    products[0] = -own  # deviations sum to nothing
    scale = 1 / np.sqrt(np.maximum(np.diag(pairs), 1e-12))
    left = scale[:, None] * pairs * scale
    found, _ = nnls(np.column_stack([left, -left[:, :1]]), scale * products)
    variances = found[1 : len(batches)] * scale[1:]
    by_role: dict[str, list[float]] = {}
    for batch, variance in zip(cells.layout.batches, variances, strict=True):
        by_role.setdefault(cells.role(batch), []).append(min(float(variance), 25 * noise2))
    return {role: float(np.sqrt(np.mean(each))) for role, each in by_role.items()}


def _groups(cells: Cells, names: frozenset[str]) -> np.ndarray:
    return (
        combinations([cells.codes[name] for name in cells.codes if name in names])[1]
        if names
        else np.zeros(len(cells.n), dtype=np.int64)
    )
