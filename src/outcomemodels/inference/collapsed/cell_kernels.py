"""Loops over rows and over cells, compiled once and cached between processes."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


@nb.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _slot(key: int, mask: int) -> Any:
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((mixed ^ (mixed >> np.uint64(29))) & np.uint64(mask))


@nb.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def find_cells(keys: Any, slots: Any, owners: Any, cell_keys: Any, count: int, out: Any) -> int:
    """Cell of each key; unknown keys become new cells, numbered on. Returns the number of cells."""
    mask = len(slots) - 1
    for i in range(len(keys)):
        key = keys[i]
        at = _slot(key, mask)
        while owners[at] >= 0 and slots[at] != key:
            at = (at + 1) & mask
        if owners[at] < 0:
            slots[at] = key
            owners[at] = count
            cell_keys[count] = key
            count += 1
        out[i] = owners[at]
    return count


@nb.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def add_sums(cell: Any, weight: Any, values: Any, sums: Any, squares: Any) -> None:
    """Add w z to ``sums`` and w y^2 to ``squares``, row by row; ``values`` dims (variable, row), y first."""
    d = values.shape[0]
    for i in range(len(cell)):
        c = cell[i]
        w = weight[i]
        sums[c, 0] += w
        for k in range(d):
            sums[c, k + 1] += w * values[k, i]
        squares[c] += w * values[0, i] * values[0, i]


@nb.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def add_products(group: Any, weight: Any, values: Any, products: Any) -> None:
    """Add w z z' to ``products`` dims (group, variable, variable), upper triangle; z starts with 1."""
    d = values.shape[0]
    z = np.empty(d + 1)
    z[0] = 1.0
    for i in range(len(group)):
        for k in range(d):
            z[k + 1] = values[k, i]
        g = group[i]
        w = weight[i]
        for a in range(d + 1):
            left = w * z[a]
            for b in range(a, d + 1):
                products[g, a, b] += left * z[b]


@nb.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def pack(codes: Any, shifts: Any, out: Any) -> None:
    """One whole number for each row of codes, dims (field, row); -1 is allowed."""
    for i in range(codes.shape[1]):
        key = np.int64(0)
        for f in range(codes.shape[0]):
            key |= np.int64(codes[f, i] + 1) << shifts[f]
        out[i] = key


@nb.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def add_levels(level: Any, table: Any, columns: Any, out: Any) -> None:
    """Add some columns of ``table``, dims (row, variable), to ``out``, dims (level, column)."""
    for i in range(len(level)):
        for k in range(len(columns)):
            out[level[i], k] += table[i, columns[k]]


@nb.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def order_by(codes: Any, size: int) -> tuple[Any, Any]:
    """Rows in the order of their codes, and where each code starts; a stable counting sort."""
    starts = np.zeros(size + 1, np.int64)
    for c in codes:
        starts[c + 1] += 1
    for j in range(size):
        starts[j + 1] += starts[j]
    place = starts[:-1].copy()
    order = np.empty(len(codes), np.int32)
    for i in range(len(codes)):
        order[place[codes[i]]] = i
        place[codes[i]] += 1
    return order, starts


@nb.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def pair_sums(
    order: Any,
    starts: Any,
    second: Any,
    size: int,
    classes: Any,
    n_classes: int,
    values: Any,
    base: int,
    first_step: int,
    second_step: int,
) -> tuple[Any, Any, Any]:
    """Sums of ``values`` dims (row,) by (first code, second code, class).

    Returns places (base + first code * its step + second code * its step), classes and sums, dims (entry,), ascending
    by codes and class.
    """
    most = min(len(order), (len(starts) - 1) * size * n_classes)
    scratch = np.zeros(size * n_classes)
    seen = np.full(size * n_classes, -1, np.int64)
    touched = np.empty(size * n_classes, np.int64)
    places, owners, sums = np.empty(most, np.int64), np.empty(most, np.int32), np.empty(most)
    put = 0
    for j in range(len(starts) - 1):
        count = 0
        for at in range(starts[j], starts[j + 1]):
            i = order[at]
            t = second[i] * n_classes + classes[i]
            if seen[t] != j:
                seen[t] = j
                touched[count] = t
                count += 1
                scratch[t] = 0.0
            scratch[t] += values[i]
        for t in np.sort(touched[:count]):
            places[put] = base + j * first_step + (t // n_classes) * second_step
            owners[put] = t % n_classes
            sums[put] = scratch[t]
            put += 1
    return places[:put], owners[:put], sums[:put]


@nb.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def look_over(values: Any) -> tuple[float, float, int, int]:
    """Smallest and largest value, how many are NaN, and how many are not whole."""
    low, high = np.inf, -np.inf
    blank = broken = 0
    for v in values:
        if np.isnan(v):
            blank += 1
            continue
        low, high = min(low, v), max(high, v)
        if v != np.floor(v):
            broken += 1
    return low, high, blank, broken
