"""How far two labelled columns go together: Cramér's V corrected for bias, with an interval, and who is nested in what.

References
----------
Bergsma (2013), A bias-correction for Cramér's V and Tschuprow's T, doi 10.1016/j.jkss.2012.10.002.
Smithson (2003), Confidence Intervals, chapter 4 (inversion of the non-central chi-square), doi 10.4135/9781412983761.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

LARGE = 1e4
"""Chi-squares above this are inverted by their normal approximation."""


@dataclass(frozen=True, slots=True)
class Association:
    """Bias-corrected Cramér's V of two columns; 0 is no association, 1 is one to one.

    ``low`` and ``high`` are a 95 % interval, ``n`` the courses, ``rows`` and ``columns`` the levels that occur.
    """

    v: float
    low: float
    high: float
    n: float
    rows: int
    columns: int


def crosstab(
    a: NDArray[np.int32],
    b: NDArray[np.int32],
    weight: FloatArray | None = None,
    *,
    shape: tuple[int, int] | None = None,
) -> FloatArray:
    """Count rows by two codes; rows with a negative code are left out. Dims (level of a, level of b)."""
    seen = (a >= 0) & (b >= 0)
    rows, columns = shape or (int(a.max(initial=-1)) + 1, int(b.max(initial=-1)) + 1)
    flat = a[seen].astype(np.int64) * max(columns, 1) + b[seen]
    counts = np.bincount(flat, weights=None if weight is None else weight[seen], minlength=rows * columns)
    return np.asarray(counts, dtype=float).reshape(rows, columns)


def cramers_v(table: FloatArray, *, probability: float = 0.95) -> Association | None:
    """Bias-corrected Cramér's V of a table of counts; None where a side has fewer than two levels.

    Parameters
    ----------
    table : array of float, dims (row, column)
        Counts, not shares.
    probability : float
        Of the interval, which inverts the non-central chi-square.
    """
    kept = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    r, k = kept.shape
    n = float(kept.sum())
    if min(r, k) < 2 or n <= max(r, k):
        return None
    expected = kept.sum(axis=1, keepdims=True) * kept.sum(axis=0, keepdims=True) / n
    chi2 = float(((kept - expected) ** 2 / expected).sum())
    df = (r - 1) * (k - 1)
    rc, kc = r - (r - 1) ** 2 / (n - 1), k - (k - 1) ** 2 / (n - 1)
    scale = min(rc, kc) - 1
    v = _root(chi2 / n - df / (n - 1), scale)
    tail = (1 - probability) / 2
    low, high = (_noncentrality(chi2, df, p) for p in (1 - tail, tail))
    return Association(v, _root(low / n, scale), _root(high / n, scale), n, r, k)


def _root(phi2: float, scale: float) -> float:
    return float(min(np.sqrt(max(phi2, 0.0) / scale), 1.0)) if scale > 0 else 1.0


def _noncentrality(chi2: float, df: int, p: float) -> float:
    """Noncentrality at which a chi-square of ``df`` lies below ``chi2`` with probability ``p``; 0 where none does."""
    from scipy.special import chdtr, chndtrinc, ndtri

    if float(chdtr(df, chi2)) <= p:
        return 0.0
    if chi2 > LARGE:
        middle = chi2 - df
        return float(max(middle - float(ndtri(p)) * np.sqrt(2 * (df + 2 * max(middle, 0.0))), 0.0))
    return float(chndtrinc(chi2, df, p))


@dataclass(frozen=True, slots=True)
class Nesting:
    """Groups (therapists, services) seen with one level of the other column only.

    ``single`` of ``groups`` are; they hold ``courses_single`` of ``courses``.
    """

    single: int
    groups: int
    courses_single: float
    courses: float


def nesting(table: FloatArray) -> Nesting:
    """Nesting of the columns of a table in its rows: dims (level, group)."""
    per_group = table.sum(axis=0)
    levels = (table > 0).sum(axis=0)
    single = levels == 1
    return Nesting(int(single.sum()), int((levels > 0).sum()), float(per_group[single].sum()), float(per_group.sum()))


def kish(weight: FloatArray) -> float:
    """Kish's effective sample size (sum w)² / sum w²; 0 without weights."""
    total = float(np.sum(weight))
    return total**2 / float(np.sum(np.square(weight))) if total > 0 else 0.0


def effective_courses(per_group: FloatArray, icc: float) -> float:
    """Courses worth as many independent ones: n / (1 + (m - 1) ICC), m the size-weighted mean caseload.

    Parameters
    ----------
    per_group : array of float, dims (group,)
        Courses of each therapist or service.
    icc : float
        Share of variance between groups, 0 to 1.
    """
    n = float(per_group.sum())
    if n == 0:
        return 0.0
    size = float(np.square(per_group).sum()) / n
    return n / (1 + max(size - 1, 0.0) * icc)
