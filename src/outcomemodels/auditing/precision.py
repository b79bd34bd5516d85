"""The expected 95 % half-width of a contrast, from the design and variance components, in closed form.

With the components known, the posterior variance of a contrast c of all effects is c' (W'W / noise² + D⁻¹)⁻¹ c
(Henderson's mixed-model equations; Robinson 1991, doi 10.1214/ss/1177011926). Rows are collapsed to cells first, so the
cost does not grow with the number of courses. Effects of somebody or somewhere new add their own variance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csc_array, csr_array, diags_array

from outcomemodels.auditing.combinations import combinations
from outcomemodels.auditing.components import Components
from outcomemodels.auditing.courses import Codes, Courses, pairs_of, used
from outcomemodels.schema import Grain

FloatArray = NDArray[np.float64]

Z95 = 1.959963984540054
FLAT = 30.0
"""SD of an effect about which nothing is assumed, in SDs of the noise."""

MOST_DENSE = 900


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Courses with the outcome, counted by every combination of the factors that enter.

    ``codes`` by factor, dims (cell,); ``n`` courses, dims (cell,); ``roles`` by factor; ``batches`` the crossings.
    """

    codes: Mapping[str, Codes]
    n: FloatArray
    roles: Mapping[str, str]
    batches: tuple[tuple[str, ...], ...]

    def role(self, batch: tuple[str, ...]) -> str:
        """Role of a batch, as variance components are named."""
        return "cell" if len(batch) > 2 else ":".join(self.roles[name] for name in batch)


@dataclass(frozen=True, slots=True, eq=False)
class System:
    """Mixed-model equations, factorised, and where each level of a batch stands among ``size`` effects.

    The full crossing of published cells is not among them: it is added to the noise of its cell.
    """

    cells: Cells
    components: Components
    size: int
    solve: Callable[[FloatArray], FloatArray]
    index: Mapping[tuple[str, ...], Mapping[tuple[int, ...], int]]


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
    return Cells(codes32, n, roles, _batches(codes32, roles, courses.data.grain))


def _batches(codes: Mapping[str, Codes], roles: Mapping[str, str], grain: Grain) -> tuple[tuple[str, ...], ...]:
    many = [name for name in codes if used(codes[name]) >= 2]
    out: list[tuple[str, ...]] = [(name,) for name in many]
    treatment = next((name for name in many if roles[name] == "treatment"), None)
    if treatment is not None:
        out += [(treatment, name) for name in many if name != treatment and _crossed(codes[treatment], codes[name])]
    if grain is Grain.CELL:
        every = tuple(name for name in many if roles[name] != "therapist")
        if len(every) > 2:
            out.append(every)
    return tuple(out)


def _crossed(a: Codes, b: Codes) -> bool:
    return pairs_of(a, b) > max(used(a), used(b))


def system_of(cells: Cells, components: Components) -> System:
    """Set up the equations once; contrasts are then solved one by one."""
    rows, columns, values = [np.arange(len(cells.n))], [np.zeros(len(cells.n), dtype=np.int64)], [np.ones(len(cells.n))]
    precision = [1 / (FLAT * components.noise) ** 2]
    index: dict[tuple[str, ...], dict[tuple[int, ...], int]] = {}
    offset = 1
    for batch in cells.batches:
        if len(batch) > 2:
            continue
        levels, of = combinations([cells.codes[name] for name in batch])
        index[batch] = {tuple(int(v) for v in level): offset + i for i, level in enumerate(levels)}
        rows.append(np.arange(len(cells.n)))
        columns.append(offset + of)
        values.append(np.ones(len(cells.n)))
        sd = max(components.sds.get(cells.role(batch), 0.0), 1e-6 * components.noise)
        precision += [1 / sd**2] * len(levels)
        offset += len(levels)
    W = csr_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(len(cells.n), offset)
    )
    cell = components.sds.get("cell", 0.0) if any(len(b) > 2 for b in cells.batches) else 0.0
    weighted = diags_array(1 / (components.noise**2 / cells.n + cell**2)) @ W
    matrix = csc_array(W.T @ weighted + diags_array(np.array(precision)))
    many = sorted(index.values(), key=len, reverse=True)
    order = np.array([at for levels in many for at in levels.values()] + [0], dtype=np.int64)
    return System(cells, components, offset, _solver(matrix, order), index)


def _solver(matrix: csc_array, order: NDArray[np.int64]) -> Callable[[FloatArray], FloatArray]:
    """Factorise once: dense where small, sparse otherwise."""
    if matrix.shape[0] <= MOST_DENSE:
        factor = cho_factor(matrix.toarray())
        return lambda c: np.asarray(cho_solve(factor, c))
    from scipy.sparse.linalg import splu

    # batches with most levels go first: each of their levels meets few others, so that little fills in
    ordered = csc_array(matrix[order][:, order])
    found = splu(ordered, permc_spec="NATURAL", diag_pivot_thresh=0.0, options={"SymmetricMode": True})

    def solve(c: FloatArray) -> FloatArray:
        out = np.empty_like(c)
        out[order] = found.solve(c[order])
        return out

    return solve


def posterior_variance(system: System, contrast: Mapping[int, float]) -> float:
    """Variance of a contrast of effects given the components, outcome units squared."""
    c = np.zeros(system.size)
    for at, value in contrast.items():
        c[at] += value
    return float(c @ system.solve(c)) if c.any() else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Whose contrast is meant: codes of the factors that are named, and roles of those that are new.

    ``named`` fixes factors at a level; ``new`` lists roles (therapist, setting, problem) of which one member is drawn,
    so that how much the difference itself varies between members counts; all others are averaged over.
    """

    treatment: str
    a: int
    b: int
    named: Mapping[str, int]
    new: tuple[str, ...] = ()


def half_width(system: System, aim: Aim) -> float:
    """Expected half-width of the 95 % interval of a minus b, outcome units."""
    contrast, _ = _contrast(system, aim)
    return Z95 * float(np.sqrt(posterior_variance(system, contrast) + spread_between(system, aim)))


def spread_between(system: System, aim: Aim) -> float:
    """Variance of the difference itself between the members that the aim draws anew; no courses remove it."""
    cells, out = system.cells, _contrast(system, aim)[1]
    for batch in cells.batches:
        partners = [name for name in batch if name != aim.treatment and name not in aim.named]
        if len(partners) < len(batch) and any(cells.roles[name] in aim.new for name in partners):
            out += 2 * system.components.sds.get(cells.role(batch), 0.0) ** 2
    return out


def _contrast(system: System, aim: Aim) -> tuple[dict[int, float], float]:
    """Coefficients of the effects in a minus b, and the prior variance of those the data do not hold."""
    contrast: dict[int, float] = {}
    absent = 0.0
    for batch, index in system.index.items():
        if aim.treatment not in batch:
            continue
        partners = [name for name in batch if name != aim.treatment]
        role = system.cells.role(batch)
        if all(name in aim.named for name in partners):
            weights = {tuple(aim.named[name] for name in partners): 1.0}
        elif role == "treatment:problem":
            weights = _caseload(system.cells, partners[0])
        else:
            continue
        for level, sign in ((aim.a, 1.0), (aim.b, -1.0)):
            for others, weight in weights.items():
                key = dict(zip(partners, others, strict=True)) | {aim.treatment: level}
                at = index.get(tuple(key[name] for name in batch))
                if at is None:
                    absent += (weight * system.components.sds.get(role, 0.0)) ** 2
                else:
                    contrast[at] = contrast.get(at, 0.0) + sign * weight
    return contrast, absent


def _caseload(cells: Cells, name: str) -> dict[tuple[int, ...], float]:
    """Share of courses of each level of a factor."""
    codes = cells.codes[name]
    seen = codes >= 0
    count = np.bincount(codes[seen], weights=cells.n[seen])
    return {(int(i),): float(count[i] / count.sum()) for i in np.flatnonzero(count)}


def estimable(cells: Cells, factors: tuple[str, ...], treatment: str, a: int, b: int) -> bool:
    """Whether a minus b is determined when the factors enter as indicators with nothing assumed of their effects."""
    names = (treatment, *factors)
    kept = np.all([cells.codes[name] >= 0 for name in names], axis=0)
    blocks, offset, starts = [], 0, {}
    for name in names:
        size = int(cells.codes[name].max(initial=-1)) + 1
        starts[name] = offset
        blocks.append(cells.codes[name][kept])
        offset += size
    flat = combinations(blocks)[0] + np.array([starts[name] for name in names])
    m = len(flat)
    W = csr_array((np.ones(flat.size), (np.repeat(np.arange(m), len(names)), flat.reshape(-1))), shape=(m, offset))
    c = np.zeros(offset)
    c[starts[treatment] + a], c[starts[treatment] + b] = 1.0, -1.0
    if not m:
        return False
    if offset <= 1500:
        products = (W.T @ W).toarray()
        scale = 1 / np.sqrt(np.maximum(np.diag(products), 1.0))
        scaled = scale[:, None] * products * scale
        target = scale * c
        missed = np.abs(scaled @ np.linalg.lstsq(scaled, target, rcond=1e-10)[0] - target).max()
        return bool(missed <= 1e-6 * np.abs(target).max())
    from scipy.sparse.linalg import lsqr

    found = lsqr(csr_array(W.T), c, atol=1e-8, btol=1e-8, iter_lim=3000)
    return bool(found[3] <= 1e-4 * np.sqrt(2))
