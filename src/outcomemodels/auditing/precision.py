"""The expected 95 % half-width of a contrast, from the design and variance components, in closed form.

With the components known, the posterior variance of a contrast c of all effects is c' (W'W / noise² + D⁻¹)⁻¹ c
(Henderson's mixed-model equations; Robinson 1991, doi 10.1214/ss/1177011926). Rows are collapsed to cells first, so the
cost does not grow with the number of courses. Effects of somebody or somewhere new add their own variance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csc_array, csr_array, diags_array

from outcomemodels.auditing.cells import Cells
from outcomemodels.auditing.combinations import combinations
from outcomemodels.auditing.components import Components
from outcomemodels.auditing.contrasts import Aim, Contrast, coefficients, contrast_of

FloatArray = NDArray[np.float64]

Z95 = 1.959963984540054
FLAT = 30.0
"""SD of an effect about which nothing is assumed, in SDs of the noise."""

MOST_DENSE = 900


@dataclass(frozen=True, eq=False)
class System:
    """Mixed-model equations with the components as they are given, factorised when they are first solved.

    The full crossing of published cells is not among the effects: it is added to the noise of its cell.
    """

    cells: Cells
    components: Components

    @property
    def size(self) -> int:
        """Effects in all."""
        return self.cells.layout.size

    @cached_property
    def solve(self) -> Callable[[FloatArray], FloatArray]:
        """Solves the equations for one right-hand side, dims (effect,)."""
        cells, components, layout = self.cells, self.components, self.cells.layout
        floor = 1e-6 * components.noise
        sds = [FLAT * components.noise, *(max(components.sd(cells.role(b)), floor) for b in layout.batches)]
        precision = (1 / np.array(sds) ** 2)[layout.block + 1]
        if cells.full:
            weight = 1 / (components.noise**2 / cells.n + components.sd("cell") ** 2)
            products = csr_array(layout.W.T @ csr_array(diags_array(weight) @ layout.W))
        else:
            products = cells.products * (1 / components.noise**2)
        matrix = csc_array(products + diags_array(precision))
        counts = np.diff(layout.starts)
        order = np.concatenate(
            [np.arange(layout.starts[k], layout.starts[k + 1]) for k in np.argsort(-counts, kind="stable")]
            + [np.zeros(1, dtype=np.int64)]
        )
        return _solver(matrix, order)


def system_of(cells: Cells, components: Components) -> System:
    """Set up the equations once; contrasts are then solved one by one."""
    return System(cells, components)


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


def posterior_variance(system: System, contrast: Contrast) -> float:
    """Variance of a contrast of effects given the components, outcome units squared."""
    out = sum(n * system.components.sd(system.cells.role(batch)) ** 2 for batch, n in contrast.absent.items())
    if contrast.held:
        c = coefficients(contrast, system.size)
        out += float(c @ system.solve(c))
    return float(out)


def half_width(system: System, aim: Aim) -> float:
    """Expected half-width of the 95 % interval of a minus b, outcome units; what is not named is averaged over."""
    return Z95 * float(np.sqrt(posterior_variance(system, contrast_of(system.cells, aim))))


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
