"""Which combinations of codes occur, and which of them each row has; counted, not sorted, where the range allows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]
Whole = NDArray[np.int64]

MOST_MARKED = 20_000_000
"""Largest range that is marked off one by one (160 MB); beyond it values are sorted."""


def distinct(values: Whole, size: int) -> tuple[Whole, Whole]:
    """Values that occur, ascending, and the position of each row's among them.

    Parameters
    ----------
    values : array of int, dims (row,)
        From 0 to ``size`` - 1.
    size : int
    """
    if size > MOST_MARKED:
        levels, of = np.unique(values, return_inverse=True)
        return levels.astype(np.int64), of.reshape(-1).astype(np.int64)
    seen = np.zeros(size, dtype=bool)
    seen[values] = True
    return np.flatnonzero(seen).astype(np.int64), (np.cumsum(seen) - 1)[values]


def combinations(columns: Sequence[Codes | Whole]) -> tuple[Whole, Whole]:
    """Combinations that occur, dims (combination, column), in order of the columns, and each row's, dims (row,).

    Parameters
    ----------
    columns : sequence of array of int, dims (row,)
        Codes of -1 (missing) and more.
    """
    of = np.zeros(len(columns[0]) if columns else 0, dtype=np.int64)
    levels = np.zeros((1 if len(of) else 0, 0), dtype=np.int64)
    for column in columns:
        shifted = column.astype(np.int64) + 1
        size = int(shifted.max(initial=0)) + 1
        found, of = distinct(of * size + shifted, max(len(levels), 1) * size)
        levels = np.column_stack([levels[found // size], found % size - 1])
    return levels, of
