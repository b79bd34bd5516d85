"""Entries of a Gram matrix: the combinations of levels that occur, never a table of those that do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from outcomemodels.inference.collapsed.layout import FloatArray, IntArray

Place = tuple[int, int, int]
"""First variable of a block's column, distance between its levels, and number of levels."""


@dataclass(frozen=True, eq=False)
class Sorted:
    """Levels of a block, dims (row,), the rows in their order, and where each level starts."""

    codes: NDArray[np.int32]
    order: NDArray[np.int32]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, codes: NDArray[np.int32], levels: int) -> Sorted:
        """Sort once, for every pair the block is in."""
        from outcomemodels.inference.collapsed.cell_kernels import order_by

        return cls(codes, *order_by(codes, levels))


@dataclass(frozen=True, eq=False)
class Entries:
    """Entries of a matrix by variance class; all dims (entry,).

    Parameters
    ----------
    places : array of int
        Row times the matrix's size plus column, upper triangle. No place and class occurs twice.
    classes : array of int
        Ascending within a place.
    values : array
    """

    places: IntArray
    classes: NDArray[np.int32]
    values: FloatArray

    @classmethod
    def of(cls, places: IntArray, classes: NDArray[np.integer[Any]], values: FloatArray) -> Entries:
        """With classes in little memory."""
        return cls(places, classes.astype(np.int32, copy=False), values)

    @classmethod
    def dense(cls, places: IntArray, values: FloatArray) -> Entries:
        """One entry a place and class; ``values`` dims (place, class)."""
        n = values.shape[1]
        classes = np.tile(np.arange(n, dtype=np.int32), len(places))
        return cls(np.repeat(places, n), classes, values.reshape(-1))


def gathered(parts: list[Entries], size: int, classes: int) -> tuple[IntArray, IntArray, sparse.csr_array]:
    """Rows and columns of the entries, ascending, and their values, dims (entry, class).

    ``parts`` is emptied: there may be as many entries as rows, so each array is let go of as soon as the next stands.
    """
    places = np.concatenate([np.zeros(0, np.int64), *[part.places for part in parts]])
    owners = np.concatenate([np.zeros(0, np.int32), *[part.classes for part in parts]])
    values = np.concatenate([np.zeros(0), *[part.values for part in parts]])
    parts.clear()
    order = np.argsort(places, kind="stable")
    places, owners, values = places[order], owners[order], values[order]
    del order
    starts = np.flatnonzero(np.diff(places, prepend=-1))
    pointers = np.append(starts, len(values)).astype(np.int32 if len(values) < 2**31 else np.int64)
    places = places[starts]
    gram = sparse.csr_array((values, owners, pointers), shape=(len(places), classes))
    return places // max(size, 1), places % max(size, 1), gram


def pair_entries(
    first: Sorted,
    second: Sorted,
    rows: Place,
    columns: Place,
    size: int,
    owner: NDArray[np.int32],
    classes: int,
    values: FloatArray,
) -> Entries:
    """Entries of the pair of two blocks: sums of values over the rows that share both levels.

    Parameters
    ----------
    first, second : Sorted
        Levels of the two blocks.
    rows, columns : Place
    size : int
        Of the matrix.
    owner : array, dims (row,)
        Variance class.
    classes : int
    values : array, dims (row,)
    """
    from outcomemodels.inference.collapsed.cell_kernels import pair_sums

    swap = rows[2] < columns[2]
    long, short = (second, first) if swap else (first, second)
    down, across = rows[1] * size, columns[1]
    return Entries(
        *pair_sums(
            long.order, long.starts, short.codes, min(rows[2], columns[2]), owner, classes,
            np.ascontiguousarray(values), rows[0] * size + columns[0], *((across, down) if swap else (down, across)),
        )
    )  # fmt: skip
