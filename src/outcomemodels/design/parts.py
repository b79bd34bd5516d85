"""What a design is made of: labelled fields as codes, numbers, fixed columns, batches of effects, crossings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from outcomemodels.design.response import FloatArray, IntArray
from outcomemodels.errors import QuestionError
from outcomemodels.schema import Facet


class Unseen(IntEnum):
    """How a grouping that is not one of the fitted levels is meant; the value is the code in a design."""

    NEW = -1
    UNKNOWN = -2

    def __repr__(self) -> str:
        return self.name


NEW = Unseen.NEW
"""Somebody or somewhere not in the data: drawn from the fitted population."""
UNKNOWN = Unseen.UNKNOWN
"""One of those in the data, not known which: drawn from the fitted levels by caseload."""


@dataclass(frozen=True, eq=False)
class Factor:
    """A labelled field as codes.

    ``codes`` dims (obs,); -1 is NEW and -2 UNKNOWN, in counterfactual designs only. Where rows were summed over the
    field, all codes are UNKNOWN and ``count`` holds the courses of each level.
    """

    name: str
    facet: Facet
    levels: tuple[str, ...]
    codes: IntArray
    count: tuple[float, ...] | None = None

    def code(self, label: str) -> int:
        """Code of a label.

        Raises
        ------
        QuestionError
            If the label was not in the fitted data, with near matches.
        """
        if label in self.levels:
            return self.levels.index(label)
        import difflib

        near = difflib.get_close_matches(label, self.levels, n=5, cutoff=0.4)
        raise QuestionError(
            f"{label!r} does not occur in the fitted data",
            column=self.name,
            facet=self.facet.value,
            accepted=", ".join(repr(v) for v in self.levels[:20]) + (" …" if len(self.levels) > 20 else ""),
            mend=(f"did you mean {' or '.join(repr(n) for n in near)}? " if near else "")
            + "use outcomemodels.NEW for a level outside the data, UNKNOWN for an unnamed one inside",
        )


@dataclass(frozen=True, eq=False)
class Number:
    """A numeric field. ``values`` dims (obs,); ``centre`` and ``spread`` are of the fitted rows.

    Where rows were summed into cells, ``values`` are means of cells, ``within`` is the mean variance inside them, and
    ``range`` the smallest and largest value of a row.
    """

    name: str
    facet: Facet
    units: str
    values: FloatArray
    centre: float
    spread: float
    within: float = 0.0
    range: tuple[float, float] | None = None

    @property
    def seen(self) -> tuple[float, float]:
        """Smallest and largest value of a fitted row."""
        return self.range or (float(np.nanmin(self.values)), float(np.nanmax(self.values)))


@dataclass(frozen=True, slots=True)
class Column:
    """A fixed column: the product of its parts, minus ``centre``.

    ``parts`` are pairs (field, level); an empty level means the number itself, otherwise the indicator of that
    label. No parts: the intercept.
    """

    name: str
    parts: tuple[tuple[str, str], ...]
    centre: float
    spread: float


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch of exchangeable effects, one per level of the crossing ``by``.

    ``columns`` are what varies: ``"1"`` is the intercept, other names are columns by name (see
    :meth:`Design.column_values`). ``correlated`` says that several columns share a covariance matrix.
    """

    by: tuple[str, ...]
    columns: tuple[str, ...] = ("1",)
    correlated: bool = False

    @property
    def name(self) -> str:
        """For people: ``treatment:problem``, ``age|treatment``, ``1 + weeks|client``."""
        by = ":".join(self.by)
        if self.columns == ("1",):
            return by
        return f"{' + '.join(self.columns)}|{by}"

    @property
    def id(self) -> str:
        """For graphs and trees: ``treatment_x_problem``, ``age_by_treatment``."""
        by = "_x_".join(self.by)
        slopes = [c for c in self.columns if c != "1"]
        if not slopes:
            return by
        head = "_and_".join(_identifier(c) for c in slopes)
        return f"{head}_by_{by}"


def _identifier(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name).strip("_")


@dataclass(frozen=True, eq=False)
class Crossing:
    """Observed combinations of one or more factors.

    ``levels`` are tuples of labels; ``codes`` dims (obs,) with -1 where the combination was not observed;
    ``count`` dims (level,), the number of courses (rows, or the n of cells) behind each level.
    """

    by: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    codes: IntArray
    count: FloatArray

    @property
    def labels(self) -> tuple[str, ...]:
        """Level names for coords: ``CBT | Depression``."""
        return tuple(" | ".join(level) for level in self.levels)

    @property
    def dim(self) -> str:
        """Name of the dim: the factor names joined by ``_x_``."""
        return "_x_".join(self.by)


def distinct_rows(codes: IntArray, sizes: Sequence[int]) -> tuple[IntArray, IntArray]:
    """Distinct rows of codes, ascending, and which of them each row is.

    Parameters
    ----------
    codes : array of int, dims (row, factor)
        From zero to below ``sizes``.
    sizes : sequence of int, one per factor
    """
    total = float(np.prod([float(s) for s in sizes]))
    if total >= 2.0**62 or (len(codes) and codes.min() < 0):
        unique, inverse = np.unique(codes, axis=0, return_inverse=True)
        return unique.astype(np.int32), inverse.reshape(-1).astype(np.int32)
    key = codes[:, 0].astype(np.int64)
    for f, size in enumerate(sizes[1:], start=1):
        key *= size
        key += codes[:, f]
    if total <= 4 * len(key) + 1_000_000:
        seen = np.zeros(int(total), dtype=bool)
        seen[key] = True
        kept = np.flatnonzero(seen)
        place: IntArray = (np.cumsum(seen) - 1).astype(np.int32)[key]
    else:
        kept, inverse = np.unique(key, return_inverse=True)
        place = inverse.reshape(-1).astype(np.int32)
    parts = []
    rest = kept
    for size in reversed(sizes):
        rest, part = np.divmod(rest, size)
        parts.append(part)
    return np.stack(parts[::-1], axis=1).astype(np.int32), place
