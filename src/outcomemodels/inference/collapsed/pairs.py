"""Entries of a Gram matrix from pairs of factors: the combinations that occur, never a table of those that do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from outcomemodels.inference.collapsed.cell_kernels import order_by, pair_sums
from outcomemodels.inference.collapsed.layout import FloatArray, IntArray

Place = tuple[int, int, int]
"""First variable of a block's column, distance between its levels, and number of levels."""


@dataclass(frozen=True, eq=False)
class Sorted:
    """Levels of a block, dims (row,), the rows in their order, and where each level starts."""

    codes: NDArray[np.int64]
    order: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, codes: NDArray[np.int64], levels: int) -> Sorted:
        """Sort once, for every pair the block is in."""
        return cls(codes, *order_by(codes, levels))


@dataclass(frozen=True, eq=False)
class Entries:
    """Entries of a matrix by variance class; all dims (entry,)."""

    rows: IntArray
    columns: IntArray
    classes: IntArray
    values: FloatArray

    @classmethod
    def dense(cls, rows: IntArray, columns: IntArray, values: FloatArray) -> Entries:
        """One entry a place and class; ``values`` dims (place, class)."""
        n = values.shape[1]
        return cls(np.repeat(rows, n), np.repeat(columns, n), np.tile(np.arange(n), len(rows)), values.reshape(-1))

    @staticmethod
    def gathered(parts: Sequence[Entries], size: int, classes: int) -> tuple[IntArray, IntArray, sparse.csr_array]:
        """Places of the upper triangle, ascending, and values, dims (entry, class)."""
        if not parts:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), sparse.csr_array((0, classes))
        rows = np.concatenate([p.rows for p in parts])
        columns = np.concatenate([p.columns for p in parts])
        owners = np.concatenate([p.classes for p in parts])
        values = np.concatenate([p.values for p in parts])
        wide = sparse.csr_array(
            sparse.coo_array((values, (rows, columns * classes + owners)), (max(size, 1), max(size, 1) * classes))
        )
        wide.sum_duplicates()
        row = np.repeat(np.arange(wide.shape[0]), np.diff(wide.indptr))
        column, owner = np.divmod(wide.indices.astype(np.int64), classes)
        if classes == 1:
            shape = (len(row), 1)
            gram = sparse.csr_array((wide.data, np.zeros(len(row), np.int64), np.arange(len(row) + 1)), shape=shape)
            return row, column, gram
        new = np.ones(len(row), dtype=bool)
        new[1:] = (row[1:] != row[:-1]) | (column[1:] != column[:-1])
        starts = np.flatnonzero(new)
        pointers = np.append(starts, len(row))
        gram = sparse.csr_array((wide.data, owner, pointers), shape=(len(starts), classes))
        return row[starts], column[starts], gram


def pair_entries(
    first: Sorted,
    second: Sorted,
    rows: Place,
    columns: Place,
    owner: NDArray[np.int64],
    classes: int,
    values: Sequence[FloatArray],
    shifts: Sequence[tuple[int, int]] = ((0, 0),),
) -> list[Entries]:
    """Entries of the pair of two blocks: sums of values over the rows that share both levels.

    Parameters
    ----------
    first, second : Sorted
        Levels of the two blocks.
    rows, columns : Place
    owner : array, dims (row,)
        Variance class.
    classes : int
    values : sequence of arrays, dims (row,)
    shifts : sequence of (row shift, column shift)
        Where each of ``values`` goes, beside the place of the first.
    """
    swap = rows[2] < columns[2]
    long, short = (second, first) if swap else (first, second)
    size = rows[2] if swap else columns[2]
    i, j, c, sums = pair_sums(long.order, long.starts, short.codes, size, owner, classes, np.stack(list(values)))
    if swap:
        i, j = j, i
    return [
        Entries(rows[0] + i * rows[1] + a, columns[0] + j * columns[1] + b, c, sums[:, v])
        for v, (a, b) in enumerate(shifts)
    ]
