"""Log density of theta with all columns and effects integrated out, its gradient, and exact conditional draws.

    log p(y | theta) = -1/2 { sum_g N_g log 2 pi s_g^2 + log|M| - log|P| + y'y - t' M^-1 t },   M = P + Z'Z

with products weighted by 1 / s_g^2, P the prior precision of columns and effects, t = Z'y. One block is eliminated
level by level; the Schur complement of the rest is factorised densely. Rows enter only through the statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from outcomemodels.inference.collapsed.parameters import Parameters, Theta
from outcomemodels.inference.collapsed.stats import Statistics
from outcomemodels.plugin import LinearStructure

FloatArray = NDArray[np.float64]
LOG_2PI = float(np.log(2 * np.pi))
STEP = 1e-5


@dataclass(frozen=True, eq=False)
class Conditional:
    """Everything at one theta: factor of the Schur complement, posterior mean of the rest, pieces to draw from."""

    theta: Theta
    precisions: tuple[FloatArray, ...]
    factor: FloatArray
    mean: FloatArray
    B: sparse.csr_array
    blocks: FloatArray
    quadratic: float
    log_determinants: float


@dataclass(frozen=True, eq=False)
class Collapsed:
    """The collapsed posterior of one structure."""

    structure: LinearStructure
    statistics: Statistics
    parameters: Parameters

    @property
    def size(self) -> int:
        """Number of variance parameters."""
        return self.parameters.size

    # -- at one theta ----------------------------------------------------------------------------------------

    def conditional(self, eta: FloatArray) -> Conditional:
        """Distribution of columns and effects given theta.

        Raises
        ------
        numpy.linalg.LinAlgError
            If the Schur complement is not positive definite to working precision.
        """
        theta = self.parameters.at(eta)
        layout, stats = self.statistics.layout, self.statistics
        tau = theta.noise**-2
        precisions = tuple(_inverse(theta.covariance(b)) for b in range(len(layout.sizes)))
        total = sum(t * a for t, a in zip(tau, stats.A, strict=True))
        A = np.array(total)
        B = sum((t * b for t, b in zip(tau, stats.B, strict=True)), start=sparse.csr_array(stats.B[0].shape)).tocsr()
        D = np.array(sum(t * d for t, d in zip(tau, stats.D, strict=True)))
        logs = -float((stats.count * np.log(tau)).sum()) + float(stats.count.sum()) * LOG_2PI
        for b, (size, precision) in enumerate(zip(layout.sizes, precisions, strict=True)):
            logs -= size * np.linalg.slogdet(precision)[1]
            if b == layout.eliminated:
                D = D + precision
            else:
                _add_block(A, layout.starts[b], size, precision)
        column = self._column_precision()
        A[np.arange(layout.n_columns), np.arange(layout.n_columns)] += column
        logs -= float(np.log(column).sum())
        blocks = np.linalg.inv(D) if len(D) else D
        if len(D):
            logs += float(np.linalg.slogdet(D)[1].sum())
            A -= (B.T @ _apply(blocks, B)).toarray()
        rest = A[:-1, :-1]
        factor = linalg.cholesky(rest, lower=True, check_finite=False)
        logs += 2 * float(np.log(np.diag(factor)).sum())
        mean = linalg.cho_solve((factor, True), A[:-1, -1], check_finite=False)
        quadratic = float(A[-1, -1] - A[:-1, -1] @ mean)
        return Conditional(theta, precisions, factor, mean, B, blocks, quadratic, logs)

    def _column_precision(self) -> FloatArray:
        return np.array([p.values[1] for p in self.structure.column_priors]) ** -2.0

    def log_density(self, eta: FloatArray) -> float:
        """Log density of eta given the data, up to a constant: likelihood and standard normal prior."""
        try:
            at = self.conditional(eta)
        except np.linalg.LinAlgError:
            return -np.inf
        value = -0.5 * (at.log_determinants + at.quadratic) - 0.5 * float(eta @ eta)
        return value if np.isfinite(value) else -np.inf

    def log_density_and_gradient(self, eta: FloatArray) -> tuple[float, FloatArray]:
        """Log density and its gradient, dims (coordinate,)."""
        eta = np.asarray(eta, dtype=float)
        try:
            at = self.conditional(eta)
        except np.linalg.LinAlgError:
            return -np.inf, np.zeros(self.size)
        value = -0.5 * (at.log_determinants + at.quadratic) - 0.5 * float(eta @ eta)
        on_precision, on_tau = self._natural_gradient(at)
        gradient = -eta.copy()
        for i, owner in enumerate(self.parameters.owners):
            step = np.zeros(self.size)
            step[i] = STEP
            up, down = self.parameters.at(eta + step), self.parameters.at(eta - step)
            if owner < 0:
                level = -1 - owner
                slope = (up.noise[level] ** -2 - down.noise[level] ** -2) / (2 * STEP)
                gradient[i] += on_tau[level] * slope
            else:
                slopes = (_inverse(up.covariance(owner)) - _inverse(down.covariance(owner))) / (2 * STEP)
                gradient[i] += float((on_precision[owner] * slopes).sum())
        return value, gradient

    def _natural_gradient(self, at: Conditional) -> tuple[list[FloatArray], FloatArray]:
        """Derivatives of the log likelihood by each block's precision matrix and by each noise precision."""
        layout, stats = self.statistics.layout, self.statistics
        C = linalg.cho_solve((at.factor, True), np.eye(len(at.mean)), check_finite=False)
        effects = self._eliminated_mean(at, at.mean[None, :])[0]
        V = _apply(at.blocks, at.B[:, :-1]) if layout.eliminated >= 0 else at.B[:, :-1]
        VC = V @ C
        on_precision: list[FloatArray] = []
        marginal = at.blocks.copy()
        for b, (size, width) in enumerate(zip(layout.sizes, layout.widths, strict=True)):
            if b == layout.eliminated:
                dense = VC.reshape(size, width, -1)
                other = np.asarray(V.toarray()).reshape(size, width, -1)
                marginal = at.blocks + np.einsum("lim,ljm->lij", dense, other)
                u, cov = effects, marginal.sum(axis=0)
            else:
                where = layout.starts[b] + np.arange(size * width).reshape(size, width)
                u = at.mean[where]
                cov = C[where[:, :, None], where[:, None, :]].sum(axis=0)
            on_precision.append(0.5 * (size * _inverse(at.precisions[b]) - cov - u.T @ u))
        flat = effects.ravel()
        on_tau = np.empty(len(stats.count))
        extended = np.append(-at.mean, 1.0)
        for g, (count, A, B, D) in enumerate(zip(stats.count, stats.A, stats.B, stats.D, strict=True)):
            trace = float((C * A[:-1, :-1]).sum())
            squares = float(extended @ A @ extended)
            if layout.eliminated >= 0:
                trace -= 2 * float(B[:, :-1].multiply(VC).sum())
                trace += float((marginal * D).sum())
                squares -= 2 * float(flat @ (B @ extended))
                squares += float(np.einsum("li,lij,lj->", effects, D, effects))
            on_tau[g] = 0.5 * (count * at.theta.noise[g] ** 2 - trace - squares)
        return on_precision, on_tau

    # -- draws -----------------------------------------------------------------------------------------------

    def draw(self, eta: FloatArray, count: int, rng: np.random.Generator) -> tuple[FloatArray, list[FloatArray]]:
        """Exact joint draws given theta: columns, dims (draw, column), and effects (draw, level, column) per block."""
        at = self.conditional(eta)
        layout = self.statistics.layout
        z = rng.standard_normal((len(at.mean), count))
        rest = (at.mean[:, None] + linalg.solve_triangular(at.factor, z, lower=True, trans="T")).T
        offset = np.array([p.values[0] for p in self.structure.column_priors])
        effects: list[FloatArray] = []
        for b, (size, width) in enumerate(zip(layout.sizes, layout.widths, strict=True)):
            if b == layout.eliminated:
                centre = self._eliminated_mean(at, rest)
                spread = np.linalg.cholesky(at.blocks)
                noise = rng.standard_normal((count, size, width))
                effects.append(centre + np.einsum("lij,slj->sli", spread, noise))
            else:
                start = layout.starts[b]
                effects.append(rest[:, start : start + size * width].reshape(count, size, width))
        return rest[:, : layout.n_columns] + offset, effects

    def _eliminated_mean(self, at: Conditional, rest: FloatArray) -> FloatArray:
        """Mean of the eliminated effects given the rest, dims (draw, level, column)."""
        layout = self.statistics.layout
        if layout.eliminated < 0:
            return np.zeros((len(rest), 0, 1))
        size, width = layout.sizes[layout.eliminated], layout.widths[layout.eliminated]
        residual = (at.B @ np.vstack([-rest.T, np.ones(len(rest))])).T.reshape(len(rest), size, width)
        return np.asarray(np.einsum("lij,slj->sli", at.blocks, residual))


def _inverse(matrix: FloatArray) -> FloatArray:
    return np.linalg.inv(matrix) if len(matrix) > 1 else 1 / matrix


def _add_block(A: FloatArray, start: int, size: int, precision: FloatArray) -> None:
    """Add a block's precision along the diagonal of A, in place."""
    width = len(precision)
    where = start + np.arange(size * width).reshape(size, width)
    A[where[:, :, None], where[:, None, :]] += precision


def _apply(blocks: FloatArray, B: sparse.csr_array) -> sparse.csr_array:
    """Block-diagonal matrix times sparse B."""
    size, k, _ = blocks.shape
    if k == 1:
        scaled = B.copy()
        scaled.data = scaled.data * np.repeat(blocks.ravel(), np.diff(B.indptr))
        return scaled
    pointers = np.arange(size + 1)
    return sparse.csr_array(sparse.bsr_array((blocks, np.arange(size), pointers)) @ B)
