"""Complementary suppression: further cells hidden so that no single hidden one can be had from a total.

Where exactly one cell of cells that add up to a known total is hidden, subtraction gives it away. So the smallest
shown one is hidden too, over and over until no row and no column has a single hidden cell (the usual secondary
suppression, without the search for the least loss).

References
----------
Hundepool et al. (2012), Statistical Disclosure Control, doi 10.1002/9781118348239.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def complementary(
    values: ArrayLike, hidden: NDArray[np.bool_], *, across: bool = True, groups: Sequence[NDArray[np.int64]] = ()
) -> NDArray[np.bool_]:
    """Hide further cells of a table of counts.

    Parameters
    ----------
    values : array_like, dims (row, column)
        Counts; NaN is no cell.
    hidden : ndarray of bool, dims (row, column)
        Cells hidden already because they are small.
    across : bool
        Whether the cells of a row add up to something known.
    groups : sequence of ndarray of int
        Rows whose cells add up, column by column, to something known. A group of one row protects nothing: its total
        is the cell itself.

    Returns
    -------
    ndarray of bool, dims (row, column)
        Cells to hide, the given ones included.

    Examples
    --------
    >>> complementary([[3, 12, 20]], np.array([[True, False, False]])).tolist()
    [[True, True, False]]
    """
    numbers = np.asarray(values, dtype=np.float64)
    out = hidden & np.isfinite(numbers)
    down = [np.asarray(rows) for rows in groups if len(rows) > 1]
    while True:
        before = int(out.sum())
        if across:
            for i in np.flatnonzero(out.sum(axis=1) == 1):
                _one_more(numbers[i], out[i])
        for rows in down:
            for j in np.flatnonzero(out[rows].sum(axis=0) == 1):
                column = out[rows, j]
                _one_more(numbers[rows, j], column)
                out[rows, j] = column
        if int(out.sum()) == before:
            return out | hidden


def _one_more(values: NDArray[np.float64], hidden: NDArray[np.bool_]) -> None:
    """Hide the smallest shown cell of a line, in place; nothing where all are hidden."""
    shown = np.where(hidden | ~np.isfinite(values), np.inf, values)
    if np.isfinite(shown).any():
        hidden[int(np.argmin(shown))] = True
