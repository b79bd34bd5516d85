"""All that the rows say: additive cross-products of the design and the response, per variance class.

Rows of one *variance class* share their noise level and known variance; the variance of a class at noise SD ``s`` is
``s**2 + known`` per unit of weight (see :class:`Statistics`). Statistics of parts add up to those of the whole, so
rows can be streamed, merged across sites, and forgotten.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy import sparse

from outcomemodels.errors import FileError, SpecError
from outcomemodels.inference.collapsed.layout import FloatArray, IntArray, Layout, check_structure
from outcomemodels.plugin import LinearStructure

FORMAT = "outcomemodels.Statistics/1"


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

    def variances(self, noise: FloatArray) -> FloatArray:
        """Variance of each class at the noise SDs, dims (class,)."""
        return np.asarray(noise[self.noise] ** 2 / self.divisor + self.known)


def statistics(structure: LinearStructure) -> Statistics:
    """Reduce a linear structure to its statistics.

    Raises
    ------
    SpecError
        If the structure is not one the exact engine can hold.
    """
    check_structure(structure)
    return statistics_of(structure, np.arange(structure.X.shape[0]))


def statistics_of(structure: LinearStructure, which: IntArray) -> Statistics:
    """Statistics of some rows of a structure that has been checked."""
    response = structure.response
    assert response is not None
    layout = Layout.of(structure)
    offset = np.array([p.values[0] for p in structure.column_priors])
    is_cells = response.kind == "cells"
    y = response.y[which] - structure.X[which] @ offset
    n = response.n[which] if is_cells else np.ones(len(which))
    divisor = n if structure.weight is None else n * structure.weight[which]
    codes = np.zeros(len(which), np.int64)
    if structure.noise_codes is not None:
        codes = structure.noise_codes[which].astype(np.int64)
    groups = len(layout.noise_levels)
    if structure.known_variance is None:
        class_of, weight = codes, divisor
        noise, class_divisor, known = np.arange(groups), np.ones(groups), np.zeros(groups)
    else:
        key = np.stack([codes.astype(float), divisor, structure.known_variance[which]])
        unique, inverse = np.unique(key, axis=1, return_inverse=True)
        class_of, weight = inverse.reshape(-1).astype(np.int64), np.ones(len(which))
        noise, class_divisor, known = unique[0].astype(np.int64), unique[1], unique[2]
    classes = len(noise)
    degrees, within = np.zeros(groups), np.zeros(groups)
    if is_cells:
        degrees = np.bincount(codes, weights=n - 1, minlength=groups)
        squares = np.nan_to_num((n - 1) * response.sd[which] ** 2)
        within = np.bincount(codes, weights=squares, minlength=groups)
    rows, columns, gram = _gram(structure, layout, which, class_of, weight, classes)
    return Statistics(
        layout=layout,
        offset=offset,
        noise=noise,
        divisor=class_divisor,
        known=known,
        rows=rows,
        columns=columns,
        gram=gram,
        cross=_cross(structure, layout, which, class_of, weight * y, classes),
        square=np.bincount(class_of, weights=weight * y**2, minlength=classes),
        n=np.bincount(class_of, minlength=classes).astype(float),
        log_weight=np.bincount(class_of, weights=np.log(weight), minlength=classes),
        degrees=degrees,
        within=within,
    )


def _cross(
    structure: LinearStructure, layout: Layout, which: IntArray, class_of: IntArray, wy: FloatArray, classes: int
) -> sparse.csr_array:
    """Sum of w f r, dims (variable, class)."""
    variables: list[IntArray] = []
    values: list[FloatArray] = []
    for k, block in enumerate(structure.blocks):
        first = layout.starts[k] + block.codes[which].astype(np.int64) * layout.widths[k]
        for a in range(layout.widths[k]):
            variables.append(first + a)
            values.append(block.values[which, a] * wy)
    for a in range(len(layout.columns)):
        variables.append(np.full(len(which), layout.fixed.start + a))
        values.append(structure.X[which, a] * wy)
    total = np.zeros(0)
    if not variables:
        return sparse.csr_array((layout.size, classes))
    keys = [v * classes + class_of for v in variables]
    if layout.size * classes <= 2 * len(which) + 100_000:
        total = np.zeros(layout.size * classes)
        for key, value in zip(keys, values, strict=True):
            total += np.bincount(key, weights=value, minlength=layout.size * classes)
        return sparse.csr_array(total.reshape(layout.size, classes))
    data = np.concatenate(values)
    place = np.concatenate(variables)
    return sparse.csr_array(sparse.coo_array((data, (place, np.tile(class_of, len(values)))), (layout.size, classes)))


def _gram(
    structure: LinearStructure, layout: Layout, which: IntArray, class_of: IntArray, weight: FloatArray, classes: int
) -> tuple[IntArray, IntArray, sparse.csr_array]:
    """Sum of w f f': places of the upper triangle, and values, dims (entry, class)."""
    places: list[IntArray] = []
    owners: list[IntArray] = []
    sums: list[FloatArray] = []

    def add(place: IntArray, values: list[FloatArray], targets: list[IntArray], size: int) -> None:
        """Sum ``values`` by (place, class); ``place`` indexes a pair of levels, ``targets`` gives entry keys."""
        unique, compact = _compact(place * classes + class_of, size * classes)
        for value, target in zip(values, targets, strict=True):
            places.append(target[unique // classes])
            owners.append(unique % classes)
            sums.append(np.bincount(compact, weights=value, minlength=len(unique)))

    p = layout.size
    blocks = structure.blocks
    for k, block in enumerate(blocks):
        codes = block.codes[which].astype(np.int64)
        levels = np.arange(layout.levels[k])
        for a in range(layout.widths[k]):
            left = weight * block.values[which, a]
            here = layout.starts[k] + levels * layout.widths[k] + a
            inside = range(a, layout.widths[k])
            values = [left * block.values[which, b] for b in inside]
            targets = [here * p + here - a + b for b in inside]
            values += [left * structure.X[which, b] for b in range(len(layout.columns))]
            targets += [here * p + layout.fixed.start + b for b in range(len(layout.columns))]
            add(codes, values, targets, len(levels))
        for other in range(k + 1, len(blocks)):
            second = blocks[other]
            place = codes * layout.levels[other] + second.codes[which]
            size = layout.levels[k] * layout.levels[other]
            unique, compact = _compact(place * classes + class_of, size * classes)
            pair, owner = unique // classes, unique % classes
            i, j = pair // layout.levels[other], pair % layout.levels[other]
            for a in range(layout.widths[k]):
                for b in range(layout.widths[other]):
                    value = weight * block.values[which, a] * second.values[which, b]
                    row = layout.starts[k] + i * layout.widths[k] + a
                    column = layout.starts[other] + j * layout.widths[other] + b
                    places.append(row * p + column)
                    owners.append(owner)
                    sums.append(np.bincount(compact, weights=value, minlength=len(unique)))
    X = structure.X[which]
    order = range(len(layout.columns))
    for first in order:
        add(
            np.zeros(len(which), np.int64),
            [weight * X[:, first] * X[:, b] for b in order[first:]],
            [np.array([(layout.fixed.start + first) * p + layout.fixed.start + b]) for b in order[first:]],
            1,
        )
    if not places:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), sparse.csr_array((0, classes))
    keys, entry = np.unique(np.concatenate(places), return_inverse=True)
    values_by_class = sparse.coo_array(
        (np.concatenate(sums), (entry.reshape(-1), np.concatenate(owners))), (len(keys), classes)
    )
    return keys // p, keys % p, sparse.csr_array(values_by_class)


def _compact(keys: IntArray, size: int) -> tuple[IntArray, IntArray]:
    """The keys that occur, ascending, and the position of each key among them."""
    if size <= 4 * len(keys) + 1_000_000:
        seen = np.bincount(keys, minlength=size) > 0
        position = np.cumsum(seen) - 1
        return np.flatnonzero(seen), position[keys]
    unique, inverse = np.unique(keys, return_inverse=True)
    return unique, inverse.reshape(-1)


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
