"""Courses collapsed to cells: one for every combination of treatment, problem, therapist, setting and time that occurs.

With the sums kept here, nothing that follows grows with the number of courses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from outcomemodels.auditing.combinations import combinations
from outcomemodels.auditing.courses import Codes, Courses, pairs_of, used
from outcomemodels.auditing.freed import freed
from outcomemodels.schema import Grain

FloatArray = NDArray[np.float64]
Batch = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the outcomes of the courses behind some cells come to, freed of the start score and client numbers.

    Parameters
    ----------
    mean : array, dims (cell,)
    squares, df : float
        Sum of squares within cells, and its degrees of freedom.
    spread : float
        SD of the outcome as it stands; the priors of a fit are scaled by it.
    """

    mean: FloatArray
    squares: float
    df: float
    spread: float


@dataclass(frozen=True, eq=False)
class Cells:
    """Courses with the outcome, counted by every combination of the factors that enter.

    Parameters
    ----------
    codes : mapping of factor to codes, dims (cell,)
    n : array, dims (cell,)
        Courses.
    roles : mapping of factor to role
    batches : tuple of tuple of str
        The factors and the crossings that have effects.
    spread : float or None
        SD of the outcome, where outcomes are known.
    seen : Seen or None
        The outcomes; None for courses that are only planned.
    """

    codes: Mapping[str, Codes]
    n: FloatArray
    roles: Mapping[str, str]
    batches: tuple[Batch, ...]
    spread: float | None = None
    seen: Seen | None = None
    _caseloads: dict[str, Mapping[int, float]] = field(default_factory=dict, repr=False)

    def role(self, batch: Batch) -> str:
        """Role of a batch, as variance components are named."""
        return "cell" if len(batch) > 2 else ":".join(self.roles[name] for name in batch)

    @property
    def full(self) -> bool:
        """Whether the crossing of all factors has effects: then every cell has one of its own."""
        return any(len(batch) > 2 for batch in self.batches)

    @cached_property
    def layout(self) -> Layout:
        """Where every effect stands."""
        return _layout(self)

    @cached_property
    def products(self) -> csr_array:
        """Courses that have both of two effects, dims (effect, effect)."""
        W = self.layout.W
        return csr_array(W.T @ csr_array(diags_array(self.n) @ W))

    def caseload(self, name: str) -> Mapping[int, float]:
        """Share of courses of each level of a factor that has any."""
        if name not in self._caseloads:
            codes = self.codes[name]
            seen = codes >= 0
            count = np.bincount(codes[seen], weights=self.n[seen])
            self._caseloads[name] = {int(i): float(count[i] / count.sum()) for i in np.flatnonzero(count)}
        return self._caseloads[name]

    def joined_by(self, codes: Mapping[str, Codes], n: FloatArray) -> Cells:
        """With courses that are only planned added; what is known of outcomes is left behind."""
        names = list(self.codes)
        levels, of = combinations([np.concatenate([self.codes[name], codes[name]]) for name in names])
        count = np.bincount(of, weights=np.concatenate([self.n, n]), minlength=len(levels))
        merged = {name: levels[:, i].astype(np.int32) for i, name in enumerate(names)}
        return Cells(merged, count, self.roles, self.batches, self.spread)


@dataclass(frozen=True, eq=False)
class Layout:
    """The effects of all batches in one row: the intercept first, then batch after batch.

    Parameters
    ----------
    W : sparse array, dims (cell, effect)
        Which effects a cell has.
    batches : tuple of tuple of str
        Those with effects of their own here; the full crossing is added to the noise of its cell instead.
    starts : array of int, dims (batch + 1,)
        First effect of each batch, and the number of effects.
    """

    W: csr_array
    batches: tuple[Batch, ...]
    starts: NDArray[np.int64]
    _keys: Mapping[Batch, tuple[NDArray[np.int64], NDArray[np.int64]]]

    @property
    def size(self) -> int:
        """Effects in all."""
        return int(self.starts[-1])

    def at(self, batch: Batch, key: tuple[int, ...]) -> int | None:
        """Place of the effect of one combination of codes; None where no course has it."""
        keys, sizes = self._keys[batch]
        if any(not -1 <= code < size - 1 for code, size in zip(key, sizes, strict=True)):
            return None
        wanted = 0
        for code, size in zip(key, sizes, strict=True):
            wanted = wanted * int(size) + code + 1
        place = int(np.searchsorted(keys, wanted))
        found = place < len(keys) and keys[place] == wanted
        return int(self.starts[self.batches.index(batch)]) + place if found else None

    @property
    def each(self) -> NDArray[np.int64]:
        """Effects of every cell: the intercept, then one of each batch; dims (cell, batch + 1)."""
        return np.asarray(self.W.indices.reshape(-1, len(self.batches) + 1))

    @cached_property
    def block(self) -> NDArray[np.int64]:
        """Number of the batch of each effect, -1 for the intercept; dims (effect,)."""
        out = np.full(self.size, -1, dtype=np.int64)
        for k in range(len(self.batches)):
            out[self.starts[k] : self.starts[k + 1]] = k
        return out


def _layout(cells: Cells) -> Layout:
    batches = tuple(b for b in cells.batches if len(b) <= 2)
    m = len(cells.n)
    columns, starts, keys = [np.zeros(m, dtype=np.int64)], [1], {}
    for batch in batches:
        levels, of = combinations([cells.codes[name] for name in batch])
        sizes = np.array([int(cells.codes[name].max(initial=-1)) + 2 for name in batch], dtype=np.int64)
        flat = np.zeros(len(levels), dtype=np.int64)
        for i, size in enumerate(sizes):
            flat = flat * size + levels[:, i] + 1
        keys[batch] = (flat, sizes)
        columns.append(starts[-1] + of)
        starts.append(starts[-1] + len(levels))
    each = np.stack(columns, axis=1)
    pointer = np.arange(m + 1, dtype=np.int64) * each.shape[1]
    W = csr_array((np.ones(each.size), each.reshape(-1), pointer), shape=(m, starts[-1]))
    return Layout(W, batches, np.array(starts, dtype=np.int64), keys)


def cells_of(courses: Courses) -> Cells:
    """Collapse courses to cells and choose the batches the way the model ``paul`` does.

    Crossings without the treatment are left out: they cost much and say next to nothing of its contrasts.
    """
    fields = [
        (f, role)
        for f, role in (
            (courses.treatment, "treatment"),
            (courses.problem, "problem"),
            (courses.therapist, "therapist"),
            *((s, "setting") for s in courses.settings),
            *((t, "time") for t in courses.times),
        )
        if f is not None
    ]
    rows = np.flatnonzero(courses.usable & np.isfinite(courses.y))
    names = [f.name for f, _ in fields]
    levels, of = combinations([courses.codes[name][rows] for name in names] or [np.zeros(len(rows), np.int32)])
    n = np.bincount(of, weights=courses.n[rows], minlength=len(levels))
    codes32 = {name: levels[:, i].astype(np.int32) for i, name in enumerate(names)}
    roles = {f.name: role for f, role in fields}
    seen = _seen(courses, rows, of, n) if len(rows) else None
    batches = _batches(codes32, roles, courses.data.grain)
    return Cells(codes32, n, roles, batches, None if seen is None else seen.spread, seen)


def _seen(courses: Courses, rows: NDArray[np.int64], of: NDArray[np.int64], n: FloatArray) -> Seen:
    """Sums of the outcomes; the SD within published cells counts too."""
    weight, y = courses.n[rows], courses.y[rows]
    whole = float(weight.sum())
    middle = float((weight * y).sum()) / whole
    inner = np.where(np.isfinite(courses.sd[rows]) & (weight > 1), (weight - 1) * courses.sd[rows] ** 2, 0.0)
    if courses.binomial:
        share = max(middle * (1 - middle), 1e-4)  # a logit is worth this much of a share
        mean = np.bincount(of, weights=weight * y, minlength=len(n)) / n
        return Seen(mean, 0.0, 0.0, share)
    spread = float(np.sqrt(((weight * (y - middle) ** 2).sum() + inner.sum()) / whole)) or 1.0
    free, lost = freed(courses, rows)
    mean = np.bincount(of, weights=weight * free, minlength=len(n)) / n
    squares = float((weight * (free - mean[of]) ** 2).sum() + inner.sum())
    if courses.data.grain is Grain.EPISODE:
        df = whole - len(n)
    else:
        df = float((weight - 1)[np.isfinite(courses.sd[rows]) & (weight > 1)].sum())
    return Seen(mean, squares, max(df - lost, 0.0), spread)


def _batches(codes: Mapping[str, Codes], roles: Mapping[str, str], grain: Grain) -> tuple[Batch, ...]:
    many = [name for name in codes if used(codes[name]) >= 2]
    out: list[Batch] = [(name,) for name in many]
    treatment = next((name for name in many if roles[name] == "treatment"), None)
    if treatment is not None:
        first = next((name for name in many if roles[name] == "setting"), None)
        every = grain is Grain.CELL  # of courses only the first setting is crossed, and no period
        partners = [name for name in many if every or roles[name] in ("problem", "therapist") or name == first]
        out += [(treatment, name) for name in partners if name != treatment and _crossed(codes[treatment], codes[name])]
    if grain is Grain.CELL:
        published = tuple(name for name in many if roles[name] != "therapist")
        if len(published) > 2:
            out.append(published)
    return tuple(out)


def _crossed(a: Codes, b: Codes) -> bool:
    return pairs_of(a, b) > max(used(a), used(b))
