"""Packets: what a site may hand over instead of its rows, checked for counts that would point at single people.

A reduced table shows how many courses share a treatment, a problem, a therapist and a setting, with the sums of their
scores. Where few do, the sums come close to being the rows. The statistics of the model's own batches show the same
counts, so nothing would be gained by sending those instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from outcomemodels.errors import BlockedError, SpecError
from outcomemodels.inference.collapsed.cells import FloatArray, Reduced, column_name, ordered
from outcomemodels.schema import Facet

MINIMUM = 10

Small = Literal["refuse", "suppress"]


@dataclass(frozen=True)
class Disclosure:
    """Counts of a reduced table that are below a minimum.

    Parameters
    ----------
    minimum : int
    fields : tuple of str
        Fields whose combinations are the cells.
    n_cells, n_small : int
        Cells, and those with fewer courses than the minimum.
    n_rows, n_rows_small : int
        Rows in all, and in small cells.
    labels : tuple of str
        Covariate labels that fewer than the minimum share within some cell.
    rare : tuple of str
        Covariate labels that fewer than the minimum share at the whole site, or within a group by which products of
        columns are kept.
    examples : tuple of str
        The smallest cells.
    """

    minimum: int
    fields: tuple[str, ...]
    n_cells: int
    n_small: int
    n_rows: int
    n_rows_small: int
    labels: tuple[str, ...]
    rare: tuple[str, ...]
    examples: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether no count is below the minimum."""
        return not (self.n_small or self.labels or self.rare)

    def __str__(self) -> str:
        cells = f"cells of {' x '.join(self.fields) or 'nothing'}"
        if self.passed:
            return f"No count below {self.minimum}: {self.n_cells:,} {cells}, {self.n_rows:,} rows."
        lines = [
            f"{self.n_small:,} of {self.n_cells:,} {cells} hold fewer than {self.minimum} courses "
            f"({self.n_rows_small:,} of {self.n_rows:,} rows).",
            *(f"  {e}" for e in self.examples),
        ]
        if self.labels:
            lines.append(f"Labels with fewer than {self.minimum} courses in some cell: {', '.join(self.labels[:8])}.")
        if self.rare:
            lines.append(f"Labels with fewer than {self.minimum} courses altogether: {', '.join(self.rare[:8])}.")
        return "\n".join(lines)


def check_disclosure(reduced: Reduced, *, minimum: int = MINIMUM) -> Disclosure:
    """Look for small counts; nothing is changed."""
    n = reduced.sums[:, 0]
    small = np.flatnonzero(n < minimum)
    worst = small[np.argsort(n[small], kind="stable")][:5]
    names = reduced.recipe.apart
    inside, rare = [], []
    for k, parts in _indicators(reduced):
        count = reduced.sums[n >= minimum, k]
        if _is_small(count, minimum).any():
            inside.append(column_name(parts))
        if _is_small(reduced.products[:, 0, k], minimum).any():
            rare.append(column_name(parts))
    return Disclosure(
        minimum=minimum,
        fields=names,
        n_cells=len(n),
        n_small=len(small),
        n_rows=round(float(n.sum())),
        n_rows_small=round(float(n[small].sum())),
        labels=tuple(inside),
        rare=tuple(rare),
        examples=tuple(
            f"{n[c]:.0f} course{'' if n[c] == 1 else 's'}: "
            + ", ".join(f"{f} {_label(reduced, f, int(reduced.codes[c, i]))}" for i, f in enumerate(names))
            for c in worst
        ),
    )


def export_packet(
    reduced: Reduced,
    path: str | Path | None = None,
    *,
    site: str,
    minimum: int = MINIMUM,
    small: Small = "refuse",
    round_to: int = 0,
) -> Reduced:
    """Make what a site may hand over: sums without rows, therapists under numbers, no count below the minimum.

    Parameters
    ----------
    reduced : Reduced
    path : path, optional
        Where to write it.
    site : str
        Name the therapists of this site are numbered under; it must differ between sites.
    minimum : int
        Fewest courses a cell may hold.
    small : {"refuse", "suppress"}
        Whether smaller cells stop the export, or are left out and the packet marked approximate.
    round_to : int
        Round the courses of each cell to a multiple of this, keeping its means; marks the packet approximate.

    Returns
    -------
    Reduced
        To be added by :func:`outcomemodels.merge`, and fitted by :func:`outcomemodels.fit_reduced`.

    Raises
    ------
    BlockedError
        If a count is below the minimum and was not to be suppressed, saying which; or if it cannot be suppressed.
    SpecError
        For settings that make no sense.
    """
    if not site.strip() or minimum < 1 or round_to < 0:
        raise SpecError(
            f"site={site!r}, minimum={minimum}, round_to={round_to}",
            accepted="a name, a minimum of at least 1, and a multiple of at least 0",
        )
    if small not in ("refuse", "suppress"):
        raise SpecError(f"small={small!r}", accepted="refuse, suppress")
    if reduced.recipe.is_cells and (small == "suppress" or round_to):
        raise SpecError("published cells are suppressed by those who publish them", accepted="rows of single courses")
    found = check_disclosure(reduced, minimum=minimum)
    if not found.passed and small == "refuse":
        raise BlockedError(
            f"this packet would show counts below {minimum}",
            rows=str(found).splitlines(),
            accepted=f"at least {minimum} courses behind every count",
            mend="small='suppress' leaves them out and marks the packet approximate; fewer or coarser fields keep more",
        )
    out, notes = reduced, list(reduced.notes)
    if not found.passed:
        out = _suppressed(reduced, minimum)
        notes.append(
            f"{site} left out {found.n_rows_small:,} of {found.n_rows:,} rows in {found.n_small:,} cells of fewer than "
            f"{minimum} courses" + (" and evened out small counts of labels" if found.labels else "")
        )
    if round_to > 1:
        n = out.sums[:, 0]
        out = reweighted(out, np.maximum(np.round(n / round_to), 1) * round_to)
        notes.append(f"{site} rounded the courses of each cell to multiples of {round_to}")
    left = check_disclosure(out, minimum=minimum)
    if not left.passed:
        raise BlockedError(
            "some small counts cannot be suppressed",
            rows=str(left).splitlines(),
            accepted=f"covariate labels that at least {minimum} courses of every treatment share",
            mend="merge rare labels in the schema (relabel), or leave the field out of the covariates",
        )
    out = _numbered(_without_extremes(replace(out, notes=tuple(notes))), site)
    out = replace(out, source=site, dropped={w: c for w, c in out.dropped.items() if c >= minimum})
    if path is not None:
        out.save(path)
    return out


def reweighted(reduced: Reduced, courses: FloatArray) -> Reduced:
    """The same table with other numbers of courses behind the cells.

    Means of cells are kept. Products of columns are those between the cells, with the new numbers, plus those within
    them, shrunk or grown with the degrees of freedom: right on average, exact only where nothing changed.

    Parameters
    ----------
    reduced : Reduced
        Of single courses.
    courses : array, dims (cell,)
        Zero removes a cell.
    """
    n = reduced.sums[:, 0]
    ratio = courses / n
    means = reduced.sums / n[:, None]
    group = _group_of(reduced)
    products = np.zeros_like(reduced.products)
    counts = reduced.counts.copy()
    for g in range(len(products)):
        own = group == g
        before = (means[own] * n[own, None]).T @ means[own]
        after = (means[own] * courses[own, None]).T @ means[own]
        degrees = float((n[own] - 1).sum())
        kept = float(np.maximum(courses[own] - 1, 0.0).sum())
        products[g] = after + (reduced.products[g] - before) * (kept / degrees if degrees > 0 else 0.0)
        counts[g, 0] = courses[own].sum()
    inside = reduced.squares - n * means[:, 1] ** 2
    squares = courses * means[:, 1] ** 2 + inside * np.maximum(courses - 1, 0.0) / np.maximum(n - 1, 1.0)
    kept_cells, kept_groups = courses > 0, counts[:, 0] > 0
    total = products[kept_groups].sum(axis=0)
    return replace(
        reduced,
        codes=reduced.codes[kept_cells],
        sums=(reduced.sums * ratio[:, None])[kept_cells],
        squares=squares[kept_cells],
        groups=reduced.groups[kept_groups],
        products=products[kept_groups],
        counts=counts[kept_groups],
        plain=np.stack([total[0], np.diag(total)]),
    )


def _suppressed(reduced: Reduced, minimum: int) -> Reduced:
    n = reduced.sums[:, 0]
    if (n < minimum).all():
        raise BlockedError(
            f"every cell holds fewer than {minimum} courses, so nothing would be left",
            accepted="some cells of the minimum size",
            mend="reduce with fewer fields: leave therapist or setting out of the schema, or name the batches",
        )
    out = reweighted(reduced, np.where(n < minimum, 0.0, n))
    sums = out.sums.copy()
    for k, _ in _indicators(out):
        small = _is_small(sums[:, k], minimum)
        if small.any():  # the share of all such cells together, so that their sum is kept
            sums[small, k] = sums[small, 0] * sums[small, k].sum() / sums[small, 0].sum()
    return replace(out, sums=_not_small(sums, out, minimum))


def _not_small(sums: FloatArray, reduced: Reduced, minimum: int) -> FloatArray:
    """Shares that still read as small counts are written as the share of the site, which is no count of a cell."""
    out = sums.copy()
    total = reduced.products.sum(axis=0)[0]
    for k, _ in _indicators(reduced):
        small = _is_small(out[:, k], minimum)
        out[small, k] = out[small, 0] * total[k] / total[0]
    return out


def _is_small(count: FloatArray, minimum: int) -> NDArray[np.bool_]:
    """Whole counts above zero and below the minimum; shares spread over cells are not counts."""
    whole = np.abs(count - np.round(count)) < 1e-9
    return np.asarray((count > 0.5) & (count < minimum - 0.5) & whole)


def _indicators(reduced: Reduced) -> Sequence[tuple[int, tuple[tuple[str, str], ...]]]:
    return [(2 + k, parts) for k, parts in enumerate(reduced.columns) if all(level for _, level in parts)]


def _group_of(reduced: Reduced) -> NDArray[np.int64]:
    where = [reduced.recipe.apart.index(name) for name in reduced.recipe.squares_by]
    index = {tuple(map(int, g)): i for i, g in enumerate(reduced.groups)}
    return np.array([index[tuple(map(int, c))] for c in reduced.codes[:, where]], dtype=np.int64)


def _without_extremes(reduced: Reduced) -> Reduced:
    """Ranges as mean and two SDs: the smallest and largest value are single people."""
    n = reduced.plain[0, 0]
    mean = reduced.plain[0] / n
    spread = 2 * np.sqrt(np.maximum(reduced.plain[1] / n - mean**2, 0.0))
    low, high = np.maximum(mean - spread, reduced.ranges[0]), np.minimum(mean + spread, reduced.ranges[1])
    return replace(reduced, ranges=np.stack([low, high]))


def _numbered(reduced: Reduced, site: str) -> Reduced:
    """Therapists under numbers of the site, in order of their labels, only those that are left."""
    levels = dict(reduced.levels)
    codes = reduced.codes.copy()
    groups = reduced.groups.copy()
    for name in reduced.recipe.apart:
        if reduced.recipe.schema[name].facet is not Facet.THERAPIST:
            continue
        at = reduced.recipe.apart.index(name)
        used = np.unique(codes[codes[:, at] >= 0, at])
        recode = np.full(len(levels[name]) + 1, -1, np.int32)
        recode[used] = np.arange(len(used), dtype=np.int32)
        codes[:, at] = recode[codes[:, at]]
        if name in reduced.recipe.squares_by:
            place = reduced.recipe.squares_by.index(name)
            groups[:, place] = recode[groups[:, place]]
        digits = len(str(len(used)))
        levels[name] = tuple(f"{site} {i + 1:0{digits}d}" for i in range(len(used)))
    schema = reduced.recipe.schema
    plain = tuple(
        replace(f, levels=(), relabel=(), missing=()) if f.name in reduced.recipe.apart and f.facet is Facet.THERAPIST
        else f
        for f in schema.fields
    )  # fmt: skip
    recipe = replace(reduced.recipe, schema=replace(schema, fields=plain))
    return ordered(replace(reduced, recipe=recipe, levels=levels, codes=codes, groups=groups))


def _label(reduced: Reduced, name: str, code: int) -> str:
    return reduced.levels[name][code] if code >= 0 else "not recorded"
