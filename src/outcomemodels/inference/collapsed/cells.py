"""Cells: rows summed over the combinations of labels they share. They add, so rows can be streamed and forgotten."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from outcomemodels.data.encode import label_order
from outcomemodels.data.store import read_dataset, write_dataset
from outcomemodels.errors import FileError, SpecError
from outcomemodels.inference.collapsed.recipe import Recipe

FloatArray = NDArray[np.float64]
FORMAT = "outcomemodels.Reduced/1"

Parts = tuple[tuple[str, str], ...]
"""What a column is: pairs of field and label; an empty label stands for the number itself."""


@dataclass(frozen=True, eq=False, repr=False)
class Reduced:
    """A table reduced to sums, enough for the exact posterior of one specification; its rows are not kept.

    A row with the outcome y, columns c and weight w (1, or the n of a cell) counts as z = (1, y, c), shifted.

    Parameters
    ----------
    recipe : Recipe
    levels : mapping of field to tuple of str
        Labels in order; code -1 is "not recorded".
    columns : tuple of Parts
        What the third and further entries of z are.
    codes : array of int32, dims (cell, field)
        Labels of each cell, fields as in ``recipe.apart``; ascending.
    sums : array, dims (cell, variable)
        sum w z.
    squares : array, dims (cell,)
        sum w y^2, and sum (n-1) sd^2 where rows are cells.
    groups : array of int32, dims (group, field)
        Labels of each group, fields as in ``recipe.squares_by``.
    products : array, dims (group, variable, variable)
        sum w z z'.
    counts : array, dims (group, 5)
        Number of rows, sum of log w, sum of n - 1, sum of (n-1) sd^2, and sum of n sd^2.
    plain : array, dims (2, variable)
        sum z and sum z^2, without weights.
    ranges : array, dims (2, variable)
        Smallest and largest value of each entry of z.
    dropped : mapping of reason to count
    source : str
        Name of what was reduced.
    notes : tuple of str
        Why these sums are approximate; empty when they are exact.
    """

    recipe: Recipe
    levels: Mapping[str, tuple[str, ...]]
    columns: tuple[Parts, ...]
    codes: NDArray[np.int32]
    sums: FloatArray
    squares: FloatArray
    groups: NDArray[np.int32]
    products: FloatArray
    counts: FloatArray
    plain: FloatArray
    ranges: FloatArray
    dropped: Mapping[str, int]
    source: str = ""
    notes: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Rows that entered."""
        return int(self.counts[:, 0].sum())

    @property
    def is_approximate(self) -> bool:
        """Whether something was suppressed or rounded."""
        return bool(self.notes)

    def digest(self) -> str:
        """SHA-256 of the recipe and every sum."""
        h = hashlib.sha256(self.recipe.digest().encode())
        for name in ("codes", "sums", "squares", "groups", "products", "counts", "plain", "ranges"):
            h.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return h.hexdigest()

    def save(self, path: str | Path) -> Path:
        """Write netCDF (``.nc``) or zarr (``.zarr``), whole or not at all."""
        data = {
            "codes": (("cell", "field"), self.codes),
            "sums": (("cell", "variable"), self.sums),
            "squares": (("cell",), self.squares),
            "groups": (("group", "group_field"), self.groups),
            "products": (("group", "variable", "variable_bis"), self.products),
            "counts": (("group", "count"), self.counts),
            "plain": (("power", "variable"), self.plain),
            "ranges": (("end", "variable"), self.ranges),
        }
        head = {
            "recipe": self.recipe.to_dict(),
            "levels": {k: list(v) for k, v in self.levels.items()},
            "columns": [[list(p) for p in c] for c in self.columns],
            "dropped": dict(self.dropped),
            "source": self.source,
            "notes": list(self.notes),
        }
        data_set = xr.Dataset(data, attrs={"format": FORMAT})
        data_set["head"] = ("byte", np.frombuffer(json.dumps(head).encode(), dtype=np.uint8))
        return write_dataset(data_set, path)

    @classmethod
    def load(cls, path: str | Path) -> Reduced:
        """Read what :meth:`save` wrote.

        Raises
        ------
        FileError
            If the file is absent, damaged or something else.
        """
        data = read_dataset(path)
        if data.attrs.get("format") != FORMAT:
            raise FileError(
                f"{path} holds no reduced rows",
                accepted=FORMAT,
                mend="write it with 'outcomemodels reduce', or Reduced.save",
            )
        head = json.loads(np.asarray(data["head"].values, dtype=np.uint8).tobytes())
        arrays: dict[str, Any] = {
            name: np.asarray(data[name].values)
            for name in ("codes", "sums", "squares", "groups", "products", "counts", "plain", "ranges")
        }
        return cls(
            recipe=Recipe.from_dict(head["recipe"]),
            levels={k: tuple(v) for k, v in head["levels"].items()},
            columns=tuple(tuple((a, b) for a, b in c) for c in head["columns"]),
            dropped=head["dropped"],
            source=head["source"],
            notes=tuple(head["notes"]),
            **arrays,
        )

    def __repr__(self) -> str:
        fields = ", ".join(f"{n} ({len(self.levels[n])})" for n in self.recipe.apart)
        lines = [
            f"Reduced rows of {self.recipe.spec.outcome!r} for model {self.recipe.spec.model!r}, from {self.source}",
            f"  rows     {self.n_rows:,} in {len(self.codes):,} cells of {fields or 'nothing'}",
            f"  columns  {', '.join(column_name(c) for c in self.columns) or 'none'}",
        ]
        if self.dropped:
            lines.append("  left out " + ", ".join(f"{count:,} ({why})" for why, count in self.dropped.items()))
        lines += [f"  APPROXIMATE: {note}" for note in self.notes]
        return "\n".join(lines)


def column_name(parts: Parts) -> str:
    """``age``, ``sex[female]``, ``weeks:treatment[CBT]``."""
    return ":".join(f"{n}[{level}]" if level else n for n, level in parts)


def merge_reduced(parts: Sequence[Reduced]) -> Reduced:
    """Sums over the rows of all parts.

    Raises
    ------
    SpecError
        If there is none, or they were reduced by different recipes.
    """
    if not parts:
        raise SpecError("there is nothing to merge", accepted="one or more reduced tables")
    for part in parts[1:]:
        if not part.recipe.same_as(parts[0].recipe):
            raise SpecError(
                "these reduced tables cannot be added: they were made by different recipes",
                rows=_differences(parts[0].recipe, part.recipe),
                accepted="one schema, one outcome and one set of terms for all",
                mend="reduce each part with the same schema file and the same choices",
            )
    if len(parts) == 1:
        return parts[0]
    levels = unified_levels(parts)
    columns = tuple(dict.fromkeys(c for p in parts for c in p.columns))
    shift = parts[0].recipe.shift
    lifted = [_lift(p, levels, columns, shift) for p in parts]
    codes, cell = _unique(np.concatenate([p.codes for p in lifted]))
    groups, group = _unique(np.concatenate([p.groups for p in lifted]))
    dropped: dict[str, int] = {}
    for p in parts:
        for why, count in p.dropped.items():
            dropped[why] = dropped.get(why, 0) + count
    ranges = np.stack([p.ranges for p in lifted])
    return replace(
        parts[0],
        levels=levels,
        columns=columns,
        codes=codes,
        sums=_summed([p.sums for p in lifted], cell, len(codes)),
        squares=_summed([p.squares for p in lifted], cell, len(codes)),
        groups=groups,
        products=_summed([p.products for p in lifted], group, len(groups)),
        counts=_summed([p.counts for p in lifted], group, len(groups)),
        plain=np.sum([p.plain for p in lifted], axis=0),
        ranges=np.stack([ranges[:, 0].min(axis=0), ranges[:, 1].max(axis=0)]),
        dropped=dropped,
        source=" + ".join(dict.fromkeys(p.source for p in parts)),
        notes=tuple(dict.fromkeys(n for p in parts for n in p.notes)),
    )


def _differences(first: Recipe, second: Recipe) -> list[str]:
    a, b = first.to_dict(), second.to_dict()
    return [
        f"{name}: {_short(a[name])} against {_short(b[name])}" for name in a if name != "shift" and a[name] != b[name]
    ]


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:120]}…"


def unified_levels(parts: Sequence[Reduced]) -> dict[str, tuple[str, ...]]:
    """One list of labels a field: as declared, or sorted."""
    out = {}
    for name in parts[0].levels:
        declared = parts[0].recipe.schema[name].levels
        out[name] = declared or label_order(dict.fromkeys(v for p in parts for v in p.levels[name]))
    return out


def _unique(codes: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    if codes.shape[1] == 0:
        return codes[:1], np.zeros(len(codes), np.int64)
    sizes = codes.max(axis=0).astype(np.int64) + 2
    if float(np.prod(sizes.astype(float))) < 2.0**62:
        key = np.zeros(len(codes), np.int64)
        for f, size in enumerate(sizes):
            key = key * size + codes[:, f] + 1
        _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        return codes[first], inverse.reshape(-1)
    unique, inverse = np.unique(codes, axis=0, return_inverse=True)
    return unique, inverse.reshape(-1)


def _summed(parts: list[FloatArray], owner: NDArray[np.int64], size: int) -> FloatArray:
    out = np.zeros((size, *parts[0].shape[1:]))
    at = 0
    for part in parts:  # no cell occurs twice in one part
        out[owner[at : at + len(part)]] += part
        at += len(part)
    return out


def _lift(
    part: Reduced, levels: Mapping[str, tuple[str, ...]], columns: tuple[Parts, ...], shift: tuple[float, ...]
) -> Reduced:
    """The same sums by other lists of labels and columns, and another shift."""
    where = {n: {label: i for i, label in enumerate(labels)} for n, labels in levels.items()}
    recode = {n: np.array([*(where[n][v] for v in part.levels[n]), -1], dtype=np.int32) for n in levels}

    def codes(old: NDArray[np.int32], names: tuple[str, ...]) -> NDArray[np.int32]:
        return np.stack([recode[n][old[:, f]] for f, n in enumerate(names)], axis=1) if names else old

    size = 2 + len(columns)
    place = np.array([0, 1, *(2 + columns.index(c) for c in part.columns)])
    same = np.array_equal(place, np.arange(size))
    sums = part.sums if same else np.zeros((len(part.sums), size))
    if not same:
        sums[:, place] = part.sums
    products = np.zeros((len(part.products), size, size))
    products[:, place[:, None], place[None, :]] = part.products
    plain, ranges = np.zeros((2, size)), np.stack([np.zeros(size), np.zeros(size)])
    plain[:, place], ranges[:, place] = part.plain, part.ranges
    lifted = replace(
        part,
        levels=levels,
        columns=columns,
        codes=codes(part.codes, part.recipe.apart),
        sums=sums,
        groups=codes(part.groups, part.recipe.squares_by),
        products=products,
        plain=plain,
        ranges=ranges,
    )
    return lifted if shift == part.recipe.shift else _reshift(lifted, shift)


def _reshift(part: Reduced, shift: tuple[float, ...]) -> Reduced:
    """The same sums about another shift of the outcome and the numbers."""
    size = part.sums.shape[1]
    by = np.zeros(size)
    by[1 : 1 + len(shift)] = np.subtract(part.recipe.shift, shift)
    move = np.eye(size)
    move[:, 0] += by
    before = part.sums
    squares = part.squares + 2 * by[1] * before[:, 1] + by[1] ** 2 * before[:, 0]
    count = part.counts[:, 0].sum()
    plain = np.stack([part.plain[0] + count * by, part.plain[1] + 2 * by * part.plain[0] + count * by**2])
    return replace(
        part,
        recipe=replace(part.recipe, shift=shift),
        sums=before @ move.T,
        squares=squares,
        products=move @ part.products @ move.T,
        plain=plain,
        ranges=part.ranges + by,
    )


def ordered(part: Reduced) -> Reduced:
    """The same sums with labels in order and cells ascending, whatever order the rows came in."""
    lifted = _lift(part, unified_levels([part]), part.columns, part.recipe.shift)
    order, group = _order(lifted.codes), _order(lifted.groups)
    return replace(
        lifted,
        codes=lifted.codes[order],
        sums=lifted.sums[order],
        squares=lifted.squares[order],
        groups=lifted.groups[group],
        products=lifted.products[group],
        counts=lifted.counts[group],
    )


def _order(codes: NDArray[np.int32]) -> NDArray[np.int64]:
    return np.asarray(np.lexsort(codes.T[::-1]) if codes.shape[1] else np.arange(len(codes)))
