"""Variance components for the expected precision: estimated from the data where there are enough groups, else assumed.

Estimates are those of the one-way analysis of variance on outcomes freed of the start score and of treatment by
problem; they are rough on purpose: the audit comes before the fit, not in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.courses import Courses
from outcomemodels.schema import Grain

FloatArray = NDArray[np.float64]

MIN_GROUPS = 10
"""Fewer groups do not estimate a variance; the assumed one stands."""

ASSUMED: Mapping[str, float] = {
    "treatment": 0.05,
    "problem": 0.05,
    "therapist": 0.06,
    "setting": 0.03,
    "time": 0.01,
    "treatment:problem": 0.01,
    "treatment:therapist": 0.01,
    "treatment:setting": 0.005,
    "treatment:time": 0.005,
    "setting:problem": 0.005,
    "cell": 0.005,
}
"""Variance of a batch over the variance within, by role; 0.06 for therapists after Firth et al. (2015)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Standard deviations in outcome units.

    Parameters
    ----------
    noise : float
        Of one course within all groups, after the start score.
    sds : mapping of role to float
        Roles as in :data:`ASSUMED`.
    estimated : tuple of str
        Roles that were estimated; the others were assumed or given.
    explained : float
        Share of variance that the start score explains, 0 to 1.
    """

    noise: float
    sds: Mapping[str, float]
    estimated: tuple[str, ...] = ()
    explained: float = 0.0

    def with_(self, **sds: float) -> Components:
        """The same with other SDs by role; write crossings with a double underscore: ``treatment__problem``."""
        return replace(self, sds={**self.sds, **{k.replace("__", ":"): v for k, v in sds.items()}})


def components_of(courses: Courses) -> Components:
    """Estimate what can be estimated, assume the rest."""
    rows = courses.usable & np.isfinite(courses.y)
    if not rows.any():
        return Components(noise=1.0, sds={role: float(np.sqrt(v)) for role, v in ASSUMED.items()})
    n, y = courses.n[rows], courses.y[rows]
    base = _cells(courses, rows)
    residual = y - _means(base, y, n)[base]
    explained = 0.0
    if courses.start is not None:
        residual, explained = _without_start(residual, courses.start[rows], base, n)
    groups = {"therapist": courses.therapist, "setting": courses.settings[0] if courses.settings else None}
    codes = {role: courses.codes[f.name][rows] for role, f in groups.items() if f is not None}
    noise2 = _noise(courses, rows, residual, n, codes, used_up=len(np.unique(base)))
    sds = {role: float(np.sqrt(share * noise2)) for role, share in ASSUMED.items()}
    estimated = []
    therapist = codes.get("therapist")
    setting = codes.get("setting")
    if therapist is not None and len(np.unique(therapist[therapist >= 0])) >= MIN_GROUPS:
        inner = residual if setting is None else residual - _means(setting, residual, n)[setting]
        lost = 0 if setting is None else len(np.unique(setting))
        sds["therapist"] = float(np.sqrt(_between(therapist, inner, n, noise2, lost)))
        estimated.append("therapist")
    if setting is not None and len(np.unique(setting[setting >= 0])) >= MIN_GROUPS:
        between = _between(setting, residual, n, noise2, 1)
        if therapist is not None:
            between -= sds["therapist"] ** 2 * _share_of_one(setting, therapist, n)
        sds["setting"] = float(np.sqrt(max(between, 0.0)))
        estimated.append("setting")
    if courses.data.grain is Grain.CELL and setting is not None and courses.treatment is not None:
        treatment = courses.codes[courses.treatment.name][rows]
        found = _of_cells(residual - _means(setting, residual, n)[setting], n, treatment, setting, noise2)
        if found is not None:
            sds["cell"], sds["treatment:setting"] = found
            estimated += ["cell", "treatment:setting"]
    return Components(noise=float(np.sqrt(noise2)), sds=sds, estimated=tuple(estimated), explained=explained)


def _cells(courses: Courses, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Codes of treatment × problem with missing ones as a level of their own."""
    flat = np.zeros(int(rows.sum()), dtype=np.int64)
    for field in (courses.treatment, courses.problem):
        if field is not None:
            codes = courses.codes[field.name][rows].astype(np.int64) + 1
            flat = flat * (int(codes.max(initial=0)) + 1) + codes
    return flat


def _means(codes: NDArray[np.int64] | NDArray[np.int32], y: FloatArray, n: FloatArray) -> FloatArray:
    c = np.where(codes >= 0, codes, codes.max(initial=0) + 1).astype(np.int64)
    weight = np.bincount(c, weights=n)
    out = np.bincount(c, weights=n * y) / np.maximum(weight, 1e-12)
    return np.append(out, 0.0) if len(out) == int(codes.max(initial=0)) + 1 else out


def _without_start(
    y: FloatArray, start: FloatArray, base: NDArray[np.int64], n: FloatArray
) -> tuple[FloatArray, float]:
    known = np.isfinite(start)
    if known.sum() < 10:
        return y, 0.0
    x = np.where(known, start, float(start[known].mean()))
    x = x - _means(base, x, n)[base]
    sxx, sxy, syy = float((n * x * x).sum()), float((n * x * y).sum()), float((n * y * y).sum())
    if sxx <= 0 or syy <= 0:
        return y, 0.0
    return y - sxy / sxx * x, sxy**2 / (sxx * syy)


def _noise(
    courses: Courses,
    rows: NDArray[np.bool_],
    residual: FloatArray,
    n: FloatArray,
    codes: Mapping[str, NDArray[np.int32]],
    *,
    used_up: int,
) -> float:
    """Variance of one course within all groups."""
    if courses.binomial:
        p = float((n * courses.y[rows]).sum() / n.sum())
        return max(p * (1 - p), 1e-4)
    sd = courses.sd[rows]
    within = np.isfinite(sd) & (n > 1)
    if within.any():
        return max(float(((n - 1) * sd**2)[within].sum() / (n - 1)[within].sum()), 1e-12)
    finest = codes.get("therapist", codes.get("setting"))
    free = residual if finest is None else residual - _means(finest, residual, n)[finest]
    groups = 0 if finest is None else len(np.unique(finest)) - 1
    df = max(len(free) - used_up - groups - 1, 1)
    return max(float((free**2).sum()) / df, 1e-12)


def _of_cells(
    y: FloatArray, n: FloatArray, treatment: NDArray[np.int32], setting: NDArray[np.int32], noise2: float
) -> tuple[float, float] | None:
    """SDs between cells of one treatment in one setting, and between treatments within a setting; None if too few."""
    pair = treatment.astype(np.int64) * (int(setting.max(initial=0)) + 1) + setting
    levels, of = np.unique(pair, return_inverse=True)
    settings = len(np.unique(setting))
    within_df, between_df = len(y) - len(levels), len(levels) - settings
    if min(within_df, between_df) < MIN_GROUPS:
        return None
    size, middle = np.bincount(of, weights=n), _means(of, y, n)
    inner = float((n * (y - middle[of]) ** 2).sum())
    spread = float(n.sum() - (np.bincount(of, weights=n**2) / size).sum())
    cell2 = max((inner - noise2 * within_df) / max(spread, 1e-9), 0.0)
    scale = noise2 + cell2 * float((n**2).sum() / n.sum())
    outer = float((size * middle[: len(levels)] ** 2).sum())
    home = levels % (int(setting.max(initial=0)) + 1)
    whole = np.bincount(home, weights=size)
    used = whole > 0
    n0 = (float(size.sum()) - float((np.bincount(home, weights=size**2)[used] / whole[used]).sum())) / between_df
    return float(np.sqrt(cell2)), float(np.sqrt(max((outer / between_df - scale) / max(n0, 1e-9), 0.0)))


def _between(codes: NDArray[np.int32], y: FloatArray, n: FloatArray, noise2: float, lost: int) -> float:
    """Variance between groups by the analysis of variance, ``lost`` degrees of freedom spent before."""
    seen = codes >= 0
    size = np.bincount(codes[seen], weights=n[seen])
    total = np.bincount(codes[seen], weights=(n * y)[seen])
    used = size > 0
    size, mean = size[used], total[used] / size[used]
    whole = float(size.sum())
    if len(size) <= lost + 1:
        return 0.0
    middle = float((size * mean).sum()) / whole
    between = float((size * (mean - middle) ** 2).sum())
    df = len(size) - max(lost, 1)
    n0 = (whole - float((size**2).sum()) / whole * (len(size) - df)) / df
    return max((between / df - noise2) / max(n0, 1e-9), 0.0)


def _share_of_one(setting: NDArray[np.int32], therapist: NDArray[np.int32], n: FloatArray) -> float:
    """Mean over settings of the sum of squared shares of its therapists: one over their effective number."""
    both = (setting >= 0) & (therapist >= 0)
    size = int(therapist.max(initial=0)) + 1
    flat, of = np.unique(setting[both].astype(np.int64) * size + therapist[both], return_inverse=True)
    each = np.bincount(of, weights=n[both])
    home = flat // size
    whole = np.bincount(home, weights=each)
    squares = np.bincount(home, weights=each**2)
    used = whole > 0
    return float((squares[used] / whole[used] ** 2).mean())
