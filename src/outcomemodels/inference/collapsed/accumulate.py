"""Summing batches of rows into cells: grows with the combinations of labels met, never with the rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.design.terms import MAX_LEVELS
from outcomemodels.errors import DataError, FileError
from outcomemodels.inference.collapsed.cell_kernels import add_products, add_sums, find_cells, pack
from outcomemodels.inference.collapsed.cells import Parts, Reduced, ordered
from outcomemodels.inference.collapsed.recipe import Recipe
from outcomemodels.inference.collapsed.rows import LabelReader, NumberReader, column_of
from outcomemodels.inference.collapsed.threads import over_range
from outcomemodels.schema import Statistic

FloatArray = NDArray[np.float64]

MAX_COLUMNS = 200
MAX_CELLS = 20_000_000


class Table:
    """Combinations of labels, numbered in order of appearance, found by hashing."""

    def __init__(self, fields: int) -> None:
        self.widths = np.full(fields, 8, np.int64)
        self.keys = np.empty(1024, np.int64)
        self.slots = np.zeros(4096, np.int64)
        self.owners = np.full(4096, -1, np.int32)
        self.count = 0

    def find(self, codes: NDArray[np.int32]) -> NDArray[np.int32]:
        """Number of the combination in each row; ``codes`` dims (field, row)."""
        n = codes.shape[1]
        if not len(codes):
            self.count = max(self.count, 1 if n else 0)
            return np.zeros(n, np.int32)
        needed = np.array([int(c.max(initial=-1)) + 1 for c in codes])
        if (needed >= 2**self.widths - 1).any():
            known = self.codes()
            self.widths = np.maximum(self.widths, np.ceil(np.log2(needed + 2)).astype(np.int64) + 1)
            if self.widths.sum() > 62:
                raise FileError("the labelled fields have too many labels to be told apart together")
            self.keys[: self.count] = self._packed(known)
            self._rehash(len(self.slots))
        keys = self._packed(codes)
        if self.count + n > len(self.keys):
            self.keys = np.concatenate([self.keys[: self.count], np.empty(self.count + 2 * n, np.int64)])
        if 2 * (self.count + n) > len(self.slots):
            self._rehash(2 ** int(np.ceil(np.log2(2.5 * (self.count + n)))))
        out = np.empty(n, np.int32)
        self.count = find_cells(keys, self.slots, self.owners, self.keys, self.count, out)
        return out

    def codes(self) -> NDArray[np.int32]:
        """Labels of each combination, dims (field, combination)."""
        keys = self.keys[: self.count]
        shifts = self._shifts()
        out = [((keys >> s) & ((1 << int(w)) - 1)) - 1 for s, w in zip(shifts, self.widths, strict=True)]
        return np.array(out, dtype=np.int32).reshape(len(self.widths), self.count)

    def restore(self, codes: NDArray[np.int32]) -> None:
        """Become the table that numbered these combinations, dims (field, combination)."""
        self.find(codes)
        self.count = max(self.count, codes.shape[1])

    def _shifts(self) -> NDArray[np.int64]:
        return np.asarray(np.cumsum(self.widths) - self.widths, dtype=np.int64)

    def _packed(self, codes: NDArray[np.int32]) -> NDArray[np.int64]:
        out = np.empty(codes.shape[1], np.int64)
        pack(np.ascontiguousarray(codes, dtype=np.int32), self._shifts(), out)
        return out

    def _rehash(self, size: int) -> None:
        keys = self.keys[: self.count].copy()
        self.slots, self.owners = np.zeros(size, np.int64), np.full(size, -1, np.int32)
        find_cells(keys, self.slots, self.owners, self.keys, 0, np.empty(len(keys), np.int32))


class Accumulator:
    """Sums of the rows seen so far."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        schema = recipe.schema
        self.labels = {n: LabelReader(schema[n]) for n in recipe.labelled}
        self.numbers = {n: NumberReader(schema[n]) for n in recipe.numbers}
        self.response = {Statistic.VALUE: NumberReader(recipe.outcome)}
        if recipe.is_cells:
            there = schema.summaries_of(recipe.spec.outcome)
            self.response |= {s: NumberReader(there[s]) for s in (Statistic.N, Statistic.SD)}
        self.columns: list[Parts] = [((n, ""),) for n in recipe.numbers]
        self.cells, self.groups = Table(len(recipe.apart)), Table(len(recipe.squares_by))
        size = 2 + len(self.columns)
        self.sums, self.squares = np.zeros((0, size)), np.zeros(0)
        self.products, self.counts = np.zeros((0, size, size)), np.zeros((0, 5))
        self.plain = np.zeros((2, size))
        self.ranges = np.stack([np.full(size, np.inf), np.full(size, -np.inf)])
        self.dropped: dict[str, int] = {}

    def add(self, columns: Mapping[str, Any], table: str) -> int:
        """Add a batch; return how many rows it had.

        Raises
        ------
        DataError
            For values the schema does not allow.
        """
        recipe = self.recipe
        codes, numbers, answers = self._read(columns, table)
        y, weight, sd = self._response(answers)
        rows = len(y)
        keep = self._kept(y, numbers)
        if keep is not None:
            y, weight, sd = y[keep], weight[keep], sd[keep]
            codes = {n: c[keep] for n, c in codes.items()}
            numbers = {n: v[keep] for n, v in numbers.items()}
        if not len(y):
            return rows
        self._track(codes)
        if not recipe.shift:
            means = [y.mean(), *(v.mean() for v in numbers.values())]
            self.recipe = recipe = replace(recipe, shift=tuple(float(f"{m:.2g}") for m in means))
        z = np.empty((1 + len(self.columns), len(y)))
        np.subtract(y, recipe.shift[0], out=z[0])
        for k, (value, shift) in enumerate(zip(numbers.values(), recipe.shift[1:], strict=True)):
            np.subtract(value, shift, out=z[1 + k])
        for k, parts in enumerate(self.columns[len(numbers) :], start=1 + len(numbers)):
            z[k] = self._indicator(parts, codes, numbers)
        self._sum(z, weight, sd, codes)
        return rows

    def _read(
        self, columns: Mapping[str, Any], table: str
    ) -> tuple[dict[str, NDArray[np.int32]], dict[str, FloatArray], dict[Statistic, FloatArray]]:
        """Codes, numbers and the response; columns are independent, so they are read side by side."""
        readers: list[LabelReader | NumberReader] = [
            *self.labels.values(),
            *self.numbers.values(),
            *self.response.values(),
        ]
        read: list[Any] = [None] * len(readers)

        def some(first: int, last: int) -> None:
            for i in range(first, last):
                read[i] = readers[i].read(column_of(columns, readers[i].field, table), table)

        over_range(some, len(readers))
        a, b = len(self.labels), len(self.labels) + len(self.numbers)
        return (
            dict(zip(self.labels, read[:a], strict=True)),
            dict(zip(self.numbers, read[a:b], strict=True)),
            dict(zip(self.response, read[b:], strict=True)),
        )

    def _response(self, read: Mapping[Statistic, FloatArray]) -> tuple[FloatArray, FloatArray, FloatArray]:
        y = read[Statistic.VALUE]
        if not self.recipe.is_cells:
            return y, np.ones(len(y)), np.zeros(len(y))
        n, sd = read[Statistic.N], read[Statistic.SD]
        usable = np.isfinite(n) & (n > 0) & (np.isfinite(sd) | (n == 1))
        return np.where(usable, y, np.nan), n, np.where(n == 1, 0.0, sd)

    def _kept(self, y: FloatArray, numbers: Mapping[str, FloatArray]) -> NDArray[np.bool_] | None:
        """Rows with the outcome and every number, or None for all; what is left out is counted."""
        present = ~np.isnan(y)
        lost = {f"{self.recipe.spec.outcome} missing": int(len(y) - np.count_nonzero(present))}
        for name, values in numbers.items():
            blank = np.isnan(values)
            blank &= present
            count = int(np.count_nonzero(blank))
            if count:
                lost[f"{name} missing"] = count
                present &= ~blank
        for why, count in lost.items():
            if count:
                self.dropped[why] = self.dropped.get(why, 0) + count
        return None if not any(lost.values()) else present

    def _track(self, codes: Mapping[str, NDArray[np.int32]]) -> None:
        """Make room for indicator columns of labels not met before; for the rows so far they were zero."""
        named = set(self.recipe.spec.covariates or ()) if not self.recipe.spec.formula else set(self.recipe.indicators)
        wanted: list[Parts] = []
        for name in self.recipe.indicators:
            labels = self._labels(name, codes)
            if len(labels) <= MAX_LEVELS or name in named:
                wanted += [((name, label),) for label in labels]
        for term in self.recipe.products:
            choices = [[(n, v) for v in self._labels(n, codes)] if n in self.labels else [(n, "")] for n in term]
            wanted += [tuple(parts) for parts in product(*choices)]
        new = [p for p in wanted if p not in set(self.columns)]
        if len(self.columns) + len(new) > MAX_COLUMNS:
            many = max(self.recipe.indicators, key=lambda n: len(self.labels[n].labels), default="")
            raise DataError(
                f"the fixed columns are more than {MAX_COLUMNS}",
                column=many,
                rows=[f"{n}: {len(self.labels[n].labels):,} labels" for n in self.recipe.indicators],
                accepted=f"at most {MAX_COLUMNS} columns",
                mend="enter fields with many labels as batches of effects, not as covariates",
            )
        if new:
            self.columns += new
            pad = len(new)
            self.sums = np.pad(self.sums, ((0, 0), (0, pad)))
            self.products = np.pad(self.products, ((0, 0), (0, pad), (0, pad)))
            self.plain, self.ranges = np.pad(self.plain, ((0, 0), (0, pad))), np.pad(self.ranges, ((0, 0), (0, pad)))

    def _labels(self, name: str, codes: Mapping[str, NDArray[np.int32]]) -> list[str]:
        from outcomemodels.design.build import NOT_RECORDED

        known = [p[1] for c in self.columns for p in c if p[0] == name and p[1]]
        labels = list(self.labels[name].labels)
        if (NOT_RECORDED in known or (codes[name] < 0).any()) and NOT_RECORDED not in labels:
            labels.append(NOT_RECORDED)
        return labels

    def _indicator(
        self, parts: Parts, codes: Mapping[str, NDArray[np.int32]], numbers: Mapping[str, FloatArray]
    ) -> FloatArray:
        out: FloatArray = np.ones(1)
        for name, label in parts:
            if not label:
                out = out * numbers[name]
                continue
            labels = self.labels[name].labels
            out = out * (codes[name] == (labels.index(label) if label in labels else -1))
        return out

    def _sum(self, z: FloatArray, weight: FloatArray, sd: FloatArray, codes: Mapping[str, NDArray[np.int32]]) -> None:
        """Add to the sums; those by cell and those by group are apart and made side by side."""
        parts = (self._sum_cells, self._sum_groups)

        def some(first: int, last: int) -> None:
            for part in parts[first:last]:
                part(z, weight, sd, codes)

        over_range(some, len(parts))

    def _sum_cells(
        self, z: FloatArray, weight: FloatArray, sd: FloatArray, codes: Mapping[str, NDArray[np.int32]]
    ) -> None:
        cell = self.cells.find(_stacked([codes[name] for name in self.recipe.apart], len(weight)))
        if self.cells.count > MAX_CELLS:
            raise FileError(
                f"the rows fall into more than {MAX_CELLS:,} combinations of {', '.join(self.recipe.apart)}",
                accepted="fewer combinations, since memory grows with them",
                mend="leave a field out of the schema, or name the batches that enter",
            )
        self.sums, self.squares = _grown(self.sums, self.cells.count), _grown(self.squares, self.cells.count)
        add_sums(cell, weight, z, self.sums, self.squares)
        if self.recipe.is_cells:
            within = (weight - 1) * sd**2
            self.squares[: self.cells.count] += np.bincount(cell, weights=within, minlength=self.cells.count)

    def _sum_groups(
        self, z: FloatArray, weight: FloatArray, sd: FloatArray, codes: Mapping[str, NDArray[np.int32]]
    ) -> None:
        n = len(weight)
        group = self.groups.find(_stacked([codes[name] for name in self.recipe.squares_by], n))
        size = self.groups.count
        self.products, self.counts = _grown(self.products, size, exactly=True), _grown(self.counts, size, exactly=True)
        add_products(group, weight, z, self.products)
        self.counts[:, 0] += np.bincount(group, minlength=size)
        if self.recipe.is_cells:
            within = (weight - 1) * sd**2
            for k, values in enumerate((np.log(weight), weight - 1, within, weight * sd**2), start=1):
                self.counts[:, k] += np.bincount(group, weights=values, minlength=size)
        self.plain[0] += [n, *z.sum(axis=1)]
        self.plain[1] += [n, *np.einsum("ki,ki->k", z, z)]
        self.ranges[0] = np.minimum(self.ranges[0], [1.0, *z.min(axis=1)])
        self.ranges[1] = np.maximum(self.ranges[1], [1.0, *z.max(axis=1)])

    def reduced(self, source: str) -> Reduced:
        """What has been summed, in order.

        Raises
        ------
        DataError
            If no row had the outcome.
        """
        if not self.cells.count:
            raise DataError(
                f"no row has both {self.recipe.spec.outcome!r} and the numbers that enter",
                column=self.recipe.spec.outcome,
                rows=[f"{reason}: {count}" for reason, count in self.dropped.items()],
                mend="drop the covariate that is missing, or choose another outcome",
            )
        upper = self.products
        both = upper + np.triu(upper, 1).transpose(0, 2, 1)
        return ordered(
            Reduced(
                recipe=self.recipe,
                levels={n: r.labels for n, r in self.labels.items()},
                columns=tuple(self.columns),
                codes=np.ascontiguousarray(self.cells.codes().T),
                sums=self.sums[: self.cells.count],
                squares=self.squares[: self.cells.count],
                groups=np.ascontiguousarray(self.groups.codes().T),
                products=both,
                counts=self.counts,
                plain=self.plain,
                ranges=self.ranges,
                dropped=dict(self.dropped),
                source=source,
            )
        )


def _stacked(codes: list[NDArray[np.int32]], n: int) -> NDArray[np.int32]:
    return np.stack(codes) if codes else np.zeros((0, n), np.int32)


def _grown(array: FloatArray, size: int, *, exactly: bool = False) -> FloatArray:
    """The array with room for ``size`` entries, zeros behind those it had."""
    if len(array) >= size:
        return array
    out = np.zeros((size if exactly else max(size, 2 * len(array)), *array.shape[1:]))
    out[: len(array)] = array
    return out
