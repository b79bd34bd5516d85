"""Outcomes freed of what a fit takes as fixed columns: the start score, within treatments, and client numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.counting import is_client_key
from outcomemodels.auditing.courses import Courses, client_numbers
from outcomemodels.schema import Facet, Grain, Kind

FloatArray = NDArray[np.float64]

MOST_LEVELS = 12
"""Labelled client fields with more levels than this are no fixed columns of a fit."""


def freed(courses: Courses, rows: NDArray[np.int64]) -> tuple[FloatArray, int]:
    """Outcome minus its regression on the fixed columns, and how many coefficients that took.

    Slopes are those within treatment by problem, so that nothing of their difference is taken away.

    Parameters
    ----------
    courses : Courses
    rows : array of int, dims (used,)
        Courses to look at.
    """
    y = courses.y[rows]
    X = _columns(courses, rows)
    if courses.data.grain is not Grain.EPISODE or not len(X) or len(rows) < 5 * len(X) + 10:
        return y, 0
    base = np.zeros(len(rows), dtype=np.int64)
    for field in (courses.treatment, courses.problem):
        if field is not None:
            codes = courses.codes[field.name][rows].astype(np.int64) + 1
            base = base * (int(codes.max(initial=0)) + 1) + codes
    size = np.maximum(np.bincount(base), 1)

    def within(x: FloatArray) -> FloatArray:
        return x - (np.bincount(base, weights=x) / size)[base]

    inner = [within(x) for x in X]
    products = np.array([[float(a @ b) for b in inner] for a in inner])
    response = within(y)
    slopes = np.linalg.lstsq(products, np.array([float(a @ response) for a in inner]), rcond=1e-10)[0]
    out = y.copy()
    for slope, x in zip(slopes, X, strict=True):
        out -= slope * (x - x.mean())
    return out, int(np.linalg.matrix_rank(products, hermitian=True))


def _columns(courses: Courses, rows: NDArray[np.int64]) -> list[FloatArray]:
    numbers = {k: v[rows] for k, v in client_numbers(courses.data).items()}
    out: list[FloatArray] = []
    start = None if courses.start is None else _filled(courses.start[rows])
    if start is not None:
        out.append(start)
        treatment = None if courses.treatment is None else courses.codes[courses.treatment.name][rows]
        if treatment is not None:
            count = np.bincount(treatment[treatment >= 0])
            out += [np.where(treatment == t, start, 0.0) for t in np.flatnonzero(count >= 20)[1:]]
    out += [x for x in (_filled(v) for v in numbers.values()) if x is not None]
    for field in courses.data.schema.of_table("main"):
        if field.facet is not Facet.CLIENT or field.kind not in (Kind.CATEGORICAL, Kind.ORDERED) or field.of:
            continue
        if is_client_key(field) or len(courses.data.labels(field.name)) > MOST_LEVELS:
            continue
        codes = courses.data.codes(field.name, "main")[rows]
        out += [(codes == level).astype(float) for level in np.unique(codes)[1:]]
    return out


def _filled(x: FloatArray) -> FloatArray | None:
    """Centred at the mean of those known, missing ones at that mean; None where nothing varies."""
    known = np.isfinite(x)
    if known.sum() < 10 or float(np.std(x[known])) <= 0:
        return None
    return np.where(known, x - float(x[known].mean()), 0.0)
