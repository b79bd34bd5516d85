"""Variance components for the expected precision: weighed or estimated where there are enough groups, else assumed.

Small data are weighed by the exact engine (:mod:`outcomemodels.auditing.weighing`); large ones are estimated
by moments, published cells by the analysis of variance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.cells import Cells
from outcomemodels.auditing.courses import Courses
from outcomemodels.auditing.moments import moments
from outcomemodels.auditing.weighing import Weighed
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

    def sd(self, role: str) -> float:
        """SD of the batches of a role; 0 where none is known."""
        return self.sds.get(role, 0.0)

    def with_(self, **sds: float) -> Components:
        """The same with other SDs by role; write crossings with a double underscore: ``treatment__problem``."""
        return replace(self, sds={**self.sds, **{k.replace("__", ":"): v for k, v in sds.items()}})


def components_of(courses: Courses, cells: Cells, weighed: Weighed | None = None) -> Components:
    """Estimate what can be estimated, assume the rest.

    Parameters
    ----------
    courses : Courses
    cells : Cells
        The same courses.
    weighed : Weighed, optional
        Components weighed under the priors of a fit; they are taken where they are there.
    """
    rows = courses.usable & np.isfinite(courses.y)
    if not rows.any() or cells.seen is None:
        return Components(noise=1.0, sds={role: float(np.sqrt(v)) for role, v in ASSUMED.items()})
    explained = _explained(courses, rows)
    noise2 = weighed.sd("noise") ** 2 if weighed is not None else _noise(courses, rows, cells)
    sds = {role: float(np.sqrt(share * noise2)) for role, share in ASSUMED.items()}
    enough = {cells.role(b) for b, size in zip(cells.layout.batches, np.diff(cells.layout.starts), strict=True)
              if size >= MIN_GROUPS}  # fmt: skip
    if weighed is not None:
        found = {cells.role(b): weighed.sd(cells.role(b)) for b in cells.batches}
        enough |= {"cell"} & set(found)
        # where levels are few the prior speaks: no less is taken than is assumed without any data
        found = {role: sd if role in enough else max(sd, sds.get(role, 0.0)) for role, sd in found.items()}
    elif courses.data.grain is Grain.EPISODE:
        found = {role: sd for role, sd in moments(cells, noise2).items() if role in enough}
    else:
        found = _published(courses, rows, noise2)
    return Components(
        noise=float(np.sqrt(noise2)),
        sds={**sds, **found},
        estimated=tuple(sorted(set(found) & enough if weighed is not None else found)),
        explained=explained,
    )


def _published(courses: Courses, rows: NDArray[np.bool_], noise2: float) -> dict[str, float]:
    """SDs between settings, between treatments within them and between single cells of published tables."""
    out: dict[str, float] = {}
    if not courses.settings:
        return out
    n, y = courses.n[rows], courses.y[rows]
    base = _cells(courses, rows)
    residual = y - _means(base, y, n)[base]
    setting = courses.codes[courses.settings[0].name][rows]
    if len(np.unique(setting[setting >= 0])) >= MIN_GROUPS:
        out["setting"] = float(np.sqrt(_between(setting, residual, n, noise2, 1)))
    if courses.data.grain is Grain.CELL and courses.treatment is not None:
        treatment = courses.codes[courses.treatment.name][rows]
        found = _of_cells(residual - _means(setting, residual, n)[setting], n, treatment, setting, noise2)
        if found is not None:
            out["cell"], out["treatment:setting"] = found
    return out


def _explained(courses: Courses, rows: NDArray[np.bool_]) -> float:
    """Share of the variance within treatment by problem that the start score explains."""
    if courses.start is None:
        return 0.0
    n, y, base = courses.n[rows], courses.y[rows], _cells(courses, rows)
    return _by_start(y - _means(base, y, n)[base], courses.start[rows], base, n)


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


def _by_start(y: FloatArray, start: FloatArray, base: NDArray[np.int64], n: FloatArray) -> float:
    known = np.isfinite(start)
    if known.sum() < 10:
        return 0.0
    x = np.where(known, start, float(start[known].mean()))
    x = x - _means(base, x, n)[base]
    sxx, sxy, syy = float((n * x * x).sum()), float((n * x * y).sum()), float((n * y * y).sum())
    return sxy**2 / (sxx * syy) if sxx > 0 and syy > 0 else 0.0


def _noise(courses: Courses, rows: NDArray[np.bool_], cells: Cells) -> float:
    """Variance of one course within all groups."""
    assert cells.seen is not None
    if courses.binomial:
        n = courses.n[rows]
        p = float((n * courses.y[rows]).sum() / n.sum())
        return max(p * (1 - p), 1e-4)
    if cells.seen.df >= MIN_GROUPS and cells.seen.squares > 0:
        return cells.seen.squares / cells.seen.df
    base = _cells(courses, rows)
    residual = courses.y[rows] - _means(base, courses.y[rows], courses.n[rows])[base]
    return max(float((courses.n[rows] * residual**2).sum()) / max(len(residual) - len(np.unique(base)), 1), 1e-12)


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
