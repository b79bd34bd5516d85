"""All that the rows say: additive cross-products of the design and the response, per variance class.

Rows of one *variance class* share their noise level and known variance; the variance of a class at noise SD ``s`` is
``s**2 + known`` per unit of weight (see :class:`Statistics`). Statistics of parts add up to those of the whole, so
rows can be streamed, merged across sites, and forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import sparse

from outcomemodels.errors import FileError, SpecError
from outcomemodels.inference.collapsed.layout import FloatArray, IntArray, Layout, check_structure
from outcomemodels.inference.collapsed.pairs import Entries, gathered
from outcomemodels.inference.collapsed.threads import over_range
from outcomemodels.plugin import LinearStructure

FORMAT = "outcomemodels.Statistics/1"
Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Statistics:
    """Sufficient statistics of a Gaussian linear structure.

    With F the design (effects, then fixed columns), r = y - X (prior means of the fixed columns), and w the weight of
    a row, per class c: ``gram`` = sum w f f', ``cross`` = sum w f r, ``square`` = sum w r^2. A row of class c has
    variance ``noise**2 / divisor[c] / w + known[c] / w``.

    Parameters
    ----------
    layout : Layout
    offset : array, dims (column,)
        Prior means of the fixed columns, taken off the response.
    noise, divisor, known : arrays, dims (class,)
        Noise level, divisor of the noise variance, and known variance of each class.
    rows, columns : arrays of int, dims (entry,)
        Places of the entries of the Gram matrix: upper triangle, ascending row then column.
    gram : sparse array, dims (entry, class)
    cross : sparse array, dims (variable, class)
    square, n, log_weight : arrays, dims (class,)
        sum w r^2, number of rows (cells), and sum of log w.
    degrees, within : arrays, dims (noise level,)
        Degrees of freedom and sum of squares within cells.
    """

    layout: Layout
    offset: FloatArray
    noise: IntArray
    divisor: FloatArray
    known: FloatArray
    rows: IntArray
    columns: IntArray
    gram: sparse.csr_array
    cross: sparse.csr_array
    square: FloatArray
    n: FloatArray
    log_weight: FloatArray
    degrees: FloatArray
    within: FloatArray

    def variances(self, noise: FloatArray, rows: float | None = None) -> FloatArray:
        """Variance of each class at the noise SDs and at the SD of rows' own effects (``aside``), dims (class,)."""
        own = 0.0 if rows is None else rows**2
        return np.asarray(noise[self.noise] ** 2 / self.divisor + self.known + own)


def statistics(structure: LinearStructure) -> Statistics:
    """Reduce a linear structure to its statistics.

    Raises
    ------
    SpecError
        If the structure is not one the exact engine can hold.
    """
    check_structure(structure)
    return statistics_of(structure, slice(None))


def divisors(structure: LinearStructure, which: IntArray | slice) -> tuple[FloatArray, Codes]:
    """What the noise variance of each row is divided by (courses in a cell times weight), and its noise level."""
    response = structure.response
    assert response is not None
    count = len(response.y[which])
    n = response.n[which].astype(float) if response.kind == "cells" else np.ones(count)
    divisor = n if structure.weight is None else n * structure.weight[which]
    if structure.noise_codes is None:
        return divisor, np.zeros(count, np.int32)
    return divisor, structure.noise_codes[which]


def statistics_of(structure: LinearStructure, which: IntArray | slice) -> Statistics:
    """Statistics of some rows of a structure that has been checked."""
    response = structure.response
    assert response is not None
    layout = Layout.of(structure)
    offset = np.array([p.values[0] for p in structure.column_priors])
    is_cells = response.kind == "cells"
    y = response.y[which] - structure.X[which] @ offset if offset.any() else np.asarray(response.y[which], dtype=float)
    count = len(y)
    divisor, codes = divisors(structure, which)
    groups = len(layout.noise_levels)
    if structure.known_variance is None:
        class_of, weight = codes, divisor
        noise, class_divisor, known = np.arange(groups), np.ones(groups), np.zeros(groups)
    else:
        key = np.stack([codes.astype(float), divisor, structure.known_variance[which]])
        unique, inverse = np.unique(key, axis=1, return_inverse=True)
        class_of, weight = inverse.reshape(-1).astype(np.int32), np.ones(count)
        noise, class_divisor, known = unique[0].astype(np.int64), unique[1], unique[2]
    classes = len(noise)
    degrees, within = np.zeros(groups), np.zeros(groups)
    if is_cells:
        n = response.n[which]
        degrees = np.bincount(codes, weights=n - 1, minlength=groups)
        squares = np.nan_to_num((n - 1) * response.sd[which] ** 2)
        within = np.bincount(codes, weights=squares, minlength=groups)
    part = _Part.of(structure, layout, which, weight, class_of, classes)
    rows, columns, gram = _gram(part)
    return Statistics(
        layout=layout,
        offset=offset,
        noise=noise,
        divisor=class_divisor,
        known=known,
        rows=rows,
        columns=columns,
        gram=gram,
        cross=_cross(part, y),
        square=np.bincount(class_of, weights=weight * y**2, minlength=classes),
        n=np.bincount(class_of, minlength=classes).astype(float),
        log_weight=np.bincount(class_of, weights=np.log(weight), minlength=classes),
        degrees=degrees,
        within=within,
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """Rows of a structure laid out for the loops: codes and values by block, fixed columns, weights and classes."""

    layout: Layout
    codes: tuple[Codes, ...]
    values: tuple[FloatArray, ...]
    X: FloatArray
    weight: FloatArray
    owner: NDArray[np.int32]
    classes: int

    @classmethod
    def of(
        cls,
        structure: LinearStructure,
        layout: Layout,
        which: IntArray | slice,
        weight: FloatArray,
        owner: Codes,
        classes: int,
    ) -> _Part:
        return cls(
            layout,
            tuple(np.ascontiguousarray(b.codes[which]) for b in structure.blocks),
            tuple(np.ascontiguousarray(b.values[which], dtype=float) for b in structure.blocks),
            np.ascontiguousarray(structure.X[which], dtype=float),
            np.ascontiguousarray(weight, dtype=float),
            np.ascontiguousarray(owner, dtype=np.int32),
            classes,
        )


def _by_level(
    part: _Part, codes: Codes, levels: int, left: FloatArray, a: int, right: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Level, class, and sums of w left[:, a] right, dims (met, column), for every level and class that occur."""
    from outcomemodels.inference.collapsed.row_kernels import sum_columns

    classes, columns = part.classes, right.shape[1]
    if levels * classes * columns <= 4 * len(codes) + 1_000_000:
        sums, seen = np.zeros((levels, classes, columns)), np.zeros((levels, classes), bool)
        sum_columns(codes, left, a, right, part.weight, part.owner, sums, seen)
        level, owner = np.nonzero(seen)
        return level, owner, sums[level, owner]
    met, compact = np.unique(codes.astype(np.int64) * classes + part.owner, return_inverse=True)
    sums, seen = np.zeros((len(met), 1, columns)), np.zeros((len(met), 1), bool)
    sum_columns(compact.reshape(-1), left, a, right, part.weight, np.zeros(len(codes), np.int32), sums, seen)
    return met // classes, met % classes, sums[:, 0]


def _cross(part: _Part, y: FloatArray) -> sparse.csr_array:
    """Sum of w f r, dims (variable, class)."""
    layout, classes, outcome = part.layout, part.classes, y[:, None]
    found: list[tuple[IntArray, IntArray, FloatArray]] = []
    for k, (codes, values) in enumerate(zip(part.codes, part.values, strict=True)):
        for a in range(layout.widths[k]):
            level, owner, sums = _by_level(part, codes, layout.levels[k], values, a, outcome)
            found.append((layout.starts[k] + level * layout.widths[k] + a, owner, sums[:, 0]))
    none = np.zeros(len(y), np.int32)
    for a in range(len(layout.columns)):
        _, owner, sums = _by_level(part, none, 1, part.X, a, outcome)
        found.append((np.full(len(owner), layout.fixed.start + a), owner, sums[:, 0]))
    if not found:
        return sparse.csr_array((layout.size, classes))
    variable, owners, values = (np.concatenate(x) for x in zip(*found, strict=True))
    return sparse.csr_array(sparse.coo_array((values, (variable, owners)), (layout.size, classes)))


def _gram(part: _Part) -> tuple[IntArray, IntArray, sparse.csr_array]:
    """Sum of w f f': places of the upper triangle, and values, dims (entry, class)."""
    blocks = range(len(part.codes))
    work: list[Callable[[], list[Entries]]] = [partial(_within, part, k) for k in blocks]
    work += [partial(_between, part, k, other) for k in blocks for other in range(k + 1, len(blocks))]
    done: list[list[Entries]] = [[] for _ in work]

    def some(first: int, last: int) -> None:
        for i in range(first, last):
            done[i] = work[i]()

    over_range(some, len(work))
    entries = [entry for each in (*done, _fixed(part)) for entry in each]
    done.clear()
    return gathered(entries, part.layout.size, part.classes)


def _within(part: _Part, k: int) -> list[Entries]:
    """A block with itself and with the fixed columns."""
    layout, p, q = part.layout, part.layout.size, part.layout.widths[k]
    own, out = part.values[k], list[Entries]()
    for a in range(q):
        for right in (own, part.X):
            if not right.shape[1]:
                continue
            level, owner, sums = _by_level(part, part.codes[k], layout.levels[k], own, a, right)
            here = layout.starts[k] + level * q
            for b in range(a if right is own else 0, right.shape[1]):
                column = here + b if right is own else np.full(len(level), layout.fixed.start + b)
                out.append(Entries.of((here + a) * p + column, owner, sums[:, b]))
    return out


def _between(part: _Part, k: int, other: int) -> list[Entries]:
    """One block with another."""
    layout, p = part.layout, part.layout.size
    q, r = layout.widths[k], layout.widths[other]
    out: list[Entries] = []
    for a in range(q):
        for b in range(r):
            i, j, owner, sums = _by_pair(part, k, a, other, b)
            row, column = layout.starts[k] + i * q + a, layout.starts[other] + j * r + b
            out.append(Entries.of(row * p + column, owner, sums))
    return out


def _by_pair(part: _Part, k: int, a: int, other: int, b: int) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Level, other level, class and sum of every pair that occurs."""
    from outcomemodels.inference.collapsed.row_kernels import sum_pairs

    first, second, classes = part.codes[k], part.codes[other], part.classes
    levels = part.layout.levels[other]
    size = part.layout.levels[k] * levels * classes
    if size <= 4 * len(first) + 1_000_000:
        total, seen = np.zeros(size), np.zeros(size, bool)
        sum_pairs(
            first, second, levels, part.values[k], a, part.values[other], b,
            part.weight, part.owner, classes, total, seen,
        )  # fmt: skip
        met = np.flatnonzero(seen)
        total = total[met]
    else:
        met, inverse = np.unique((first.astype(np.int64) * levels + second) * classes + part.owner, return_inverse=True)
        value = part.weight * part.values[k][:, a] * part.values[other][:, b]
        total = np.bincount(inverse.reshape(-1), weights=value, minlength=len(met))
    pair, owner = met // classes, met % classes
    return pair // levels, pair % levels, owner, total


def _fixed(part: _Part) -> list[Entries]:
    """The fixed columns among themselves."""
    start, p = part.layout.fixed.start, part.layout.size
    none = np.zeros(len(part.X), np.int32)
    out: list[Entries] = []
    for a in range(len(part.layout.columns)):
        _, owner, sums = _by_level(part, none, 1, part.X, a, part.X)
        out += [
            Entries.of(np.full(len(owner), (start + a) * p + start + b), owner, sums[:, b])
            for b in range(a, len(part.layout.columns))
        ]
    return out


def merge(first: Statistics, second: Statistics) -> Statistics:
    """Statistics of the rows of both.

    Raises
    ------
    SpecError
        If they describe different variables, levels or prior means.
    """
    if first.layout != second.layout or not np.array_equal(first.offset, second.offset):
        raise SpecError(
            "these statistics cannot be added: their blocks, levels, columns or prior means differ",
            accepted="statistics of one model with one list of levels and one set of priors",
            mend="declare the levels of every factor before reducing the parts",
        )
    p = max(first.layout.size, 1)
    classes = np.concatenate([_class_keys(first), _class_keys(second)], axis=1)
    unique, owner = np.unique(classes, axis=1, return_inverse=True)
    owner = owner.reshape(-1)
    count = unique.shape[1]
    split = len(first.noise)
    places, entry = np.unique(
        np.concatenate([first.rows * p + first.columns, second.rows * p + second.columns]), return_inverse=True
    )
    entry = entry.reshape(-1)
    gram = _lift(first.gram, entry[: len(first.rows)], owner[:split], (len(places), count))
    gram = gram + _lift(second.gram, entry[len(first.rows) :], owner[split:], (len(places), count))
    every = np.arange(first.layout.size)
    cross = _lift(first.cross, every, owner[:split], (first.layout.size, count))
    cross = cross + _lift(second.cross, every, owner[split:], (first.layout.size, count))

    def total(name: str) -> FloatArray:
        both = np.concatenate([getattr(first, name), getattr(second, name)])
        return np.bincount(owner, weights=both, minlength=count)

    return replace(
        first,
        noise=unique[0].astype(np.int64),
        divisor=unique[1],
        known=unique[2],
        rows=places // p,
        columns=places % p,
        gram=sparse.csr_array(gram),
        cross=sparse.csr_array(cross),
        square=total("square"),
        n=total("n"),
        log_weight=total("log_weight"),
        degrees=first.degrees + second.degrees,
        within=first.within + second.within,
    )


def _class_keys(part: Statistics) -> FloatArray:
    return np.stack([part.noise.astype(float), part.divisor, part.known])


def _lift(values: sparse.csr_array, rows: IntArray, columns: IntArray, shape: tuple[int, int]) -> sparse.csr_array:
    coo = values.tocoo()
    i, j = coo.coords
    return sparse.csr_array(sparse.coo_array((coo.data, (rows[i], columns[j])), shape))


ARRAYS = ("offset", "noise", "divisor", "known", "rows", "columns", "square", "n", "log_weight", "degrees", "within")


def save_statistics(stats: Statistics, path: str | Path) -> None:
    """Write statistics to a netCDF file."""
    data: dict[str, tuple[str, object]] = {}
    for name in ARRAYS:
        data[name] = (f"{name}_dim", getattr(stats, name))
    for name in ("gram", "cross"):
        part: sparse.csr_array = getattr(stats, name)
        for field in ("data", "indices", "indptr"):
            data[f"{name}_{field}"] = (f"{name}_{field}_dim", getattr(part, field))
    layout = stats.layout
    attrs = {
        "format": FORMAT,
        "layout": json.dumps(
            {
                "blocks": layout.blocks,
                "levels": layout.levels,
                "widths": layout.widths,
                "columns": layout.columns,
                "noise_levels": layout.noise_levels,
            }
        ),
    }
    xr.Dataset(data, attrs=attrs).to_netcdf(path, engine="h5netcdf")


def load_statistics(path: str | Path) -> Statistics:
    """Read what :func:`save_statistics` wrote.

    Raises
    ------
    FileError
        If the file is missing or is not such a file.
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf") as raw:
            data = raw.load()
    except (OSError, ValueError) as error:
        raise FileError(f"cannot read statistics: {error}", mend="reduce the rows again") from error
    if data.attrs.get("format") != FORMAT:
        raise FileError(f"the file has format {data.attrs.get('format')!r}", accepted=FORMAT)
    raw_layout = json.loads(str(data.attrs["layout"]))
    layout = Layout(**{key: tuple(value) for key, value in raw_layout.items()})
    arrays: dict[str, Any] = {name: np.asarray(data[name].values) for name in ARRAYS}
    classes = len(arrays["noise"])
    matrices: dict[str, Any] = {
        name: sparse.csr_array(
            tuple(np.asarray(data[f"{name}_{field}"].values) for field in ("data", "indices", "indptr")),
            shape=(size, classes),
        )
        for name, size in (("gram", len(arrays["rows"])), ("cross", layout.size))
    }
    return Statistics(layout=layout, **arrays, **matrices)
