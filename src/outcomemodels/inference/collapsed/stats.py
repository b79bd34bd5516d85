"""Sufficient statistics of a linear structure: additive cross-products, one set per noise level.

Split the unknowns into one eliminated block (the one with most levels; its cross-product is block-diagonal) and the
rest: fixed columns and the effects of the other blocks. With R = [rest columns, y] and E the eliminated columns:

    A = R' W R    (rest + 1, rest + 1)        B = E' W R   (levels * k, rest + 1), sparse
    D = E' W E    (levels, k, k)              N            rows behind the data

Everything adds over rows, so statistics of parts are the parts of the statistics.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from outcomemodels.errors import SpecError
from outcomemodels.plugin import Block, LinearStructure

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each unknown sits among the rest; ``eliminated`` is the index of the eliminated block, or -1."""

    n_columns: int
    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    widths: tuple[int, ...]
    eliminated: int

    @property
    def rest(self) -> int:
        """Number of unknowns that are not eliminated."""
        return self.n_columns + sum(
            s * w for i, (s, w) in enumerate(zip(self.sizes, self.widths, strict=True)) if i != self.eliminated
        )


@dataclass(frozen=True, eq=False)
class Statistics:
    """Cross-products per noise level; tuples dims (noise,)."""

    layout: Layout
    count: FloatArray
    A: tuple[FloatArray, ...]
    B: tuple[sparse.csr_array, ...]
    D: tuple[FloatArray, ...]

    def merge(self, other: Statistics) -> Statistics:
        """Statistics of both sets of rows.

        Raises
        ------
        SpecError
            If the two were made for other unknowns.
        """
        if self.layout != other.layout or len(self.A) != len(other.A):
            raise SpecError("statistics of different structures cannot be added", accepted="the same blocks and levels")
        return replace(
            self,
            count=self.count + other.count,
            A=tuple(a + b for a, b in zip(self.A, other.A, strict=True)),
            B=tuple((a + b).tocsr() for a, b in zip(self.B, other.B, strict=True)),
            D=tuple(a + b for a, b in zip(self.D, other.D, strict=True)),
        )


def layout_of(structure: LinearStructure) -> Layout:
    """Eliminate the block with most levels; the rest follow the fixed columns in order."""
    sizes = tuple(len(b.levels) for b in structure.blocks)
    widths = tuple(len(b.columns) for b in structure.blocks)
    eliminated = int(np.argmax(sizes)) if sizes else -1
    starts, at = [], len(structure.columns)
    for i, (size, width) in enumerate(zip(sizes, widths, strict=True)):
        starts.append(-1 if i == eliminated else at)
        at += 0 if i == eliminated else size * width
    return Layout(len(structure.columns), tuple(starts), sizes, widths, eliminated)


def statistics_of(structure: LinearStructure) -> Statistics:
    """Reduce the rows of a structure.

    Raises
    ------
    SpecError
        For other families, or known variances that differ by row: these do not reduce.
    """
    response = structure.response
    if structure.family != "gaussian" or response is None:
        raise SpecError("only Gaussian structures with a response reduce to cross-products")
    if structure.known_variance is not None:
        raise SpecError(
            "known sampling variances do not reduce to cross-products", mend="use engine='nuts' for this structure"
        )
    layout = layout_of(structure)
    weight = np.ones(len(response.y)) if structure.weight is None else structure.weight
    rows = response.n if response.kind == "cells" else np.ones(len(response.y))
    within = np.nan_to_num((response.n - 1) * response.sd**2) if response.kind == "cells" else np.zeros(len(weight))
    offset = np.array([p.values[0] for p in structure.column_priors])
    y = response.y - structure.X @ offset  # unknown columns are counted from their prior mean
    parts = [sparse.csr_array(structure.X)]
    parts += [indicator(b) for i, b in enumerate(structure.blocks) if i != layout.eliminated]
    R = sparse.csr_array(sparse.hstack([*parts, sparse.csr_array(y[:, None])], format="csr"))
    codes = np.zeros(len(y), dtype=np.int32) if structure.noise_codes is None else structure.noise_codes
    count, A, B, D = [], [], [], []
    for level in range(len(structure.noise_levels)):
        mine = np.flatnonzero(codes == level)
        w = (weight * rows)[mine]
        WR = R[mine].multiply(w[:, None]).tocsr()
        a = (R[mine].T @ WR).toarray()
        a[-1, -1] += float((weight * within)[mine].sum())
        A.append(a)
        count.append(float(rows[mine].sum()))
        b, d = _eliminated(structure, layout, mine, w, WR)
        B.append(b)
        D.append(d)
    return Statistics(layout, np.array(count), tuple(A), tuple(B), tuple(D))


def indicator(block: Block) -> sparse.csr_array:
    """Design of a block, dims (obs, level * column), columns of one level adjacent."""
    n, k = block.values.shape
    where = (block.codes[:, None].astype(np.int64) * k + np.arange(k)).ravel()
    pointers = np.arange(0, n * k + 1, k)
    return sparse.csr_array((block.values.ravel(), where, pointers), shape=(n, len(block.levels) * k))


def _eliminated(
    structure: LinearStructure, layout: Layout, mine: NDArray[np.intp], w: FloatArray, WR: sparse.csr_array
) -> tuple[sparse.csr_array, FloatArray]:
    if layout.eliminated < 0:
        return sparse.csr_array((0, layout.rest + 1)), np.zeros((0, 1, 1))
    block = structure.blocks[layout.eliminated]
    E = indicator(block)[mine]
    size, k = len(block.levels), len(block.columns)
    values, codes = block.values[mine], block.codes[mine]
    D = np.empty((size, k, k))
    for i in range(k):
        for j in range(k):
            D[:, i, j] = np.bincount(codes, weights=w * values[:, i] * values[:, j], minlength=size)
    return sparse.csr_array(E.T @ WR), D
