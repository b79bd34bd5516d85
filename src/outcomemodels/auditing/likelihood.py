"""The marginal density of variance components given cells, with every effect integrated out, and its gradient.

Means of cells are Normal(W u, noise²/n), sums of squares within are noise² chi-squared, effects u are Normal(0, sd of
their batch). The batch with most levels is eliminated first: none of its levels meet, so its part is diagonal
(Henderson's equations; Bates, Mächler, Bolker & Walker 2015, doi 10.18637/jss.v067.i01).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.sparse import csr_array, diags_array

from outcomemodels.auditing.cells import Cells, Layout, Seen

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FLAT_INTERCEPT = 2.5
"""Prior SD of the intercept in SDs of the outcome, as the model ``paul`` has it."""


@dataclass(frozen=True, eq=False)
class Solved:
    """The equations at one value of the components: the eliminated diagonal, the factor of the rest, and the effects.

    ``effects`` dims (effect,) are posterior means given the components.
    """

    sds: FloatArray
    noise2: float
    diagonal: FloatArray
    factor: FloatArray
    effects: FloatArray
    cross: csr_array

    def moments(self, kept: FloatArray, gone: FloatArray) -> tuple[float, float]:
        """Mean and variance of a contrast; its coefficients split into those kept and those eliminated."""
        scaled = gone / self.diagonal
        inner = kept - np.asarray(self.cross.T @ scaled)
        variance = float(gone @ scaled) + float(inner @ cho_solve((self.factor, True), inner))
        return float(np.concatenate([kept, gone]) @ self.effects), variance


@dataclass(frozen=True, eq=False)
class Marginal:
    """Sums over cells that every density needs.

    Parameters
    ----------
    cells : Cells
    seen : Seen
        Outcomes, real or drawn.
    known_noise : float or None
        The SD of one course where it is not to be found out (counts).
    """

    cells: Cells
    seen: Seen
    known_noise: float | None = None

    @property
    def layout(self) -> Layout:
        """Where every effect stands."""
        return self.cells.layout

    @cached_property
    def largest(self) -> int:
        """Number of the batch that is eliminated; -1 where there is none."""
        counts = np.diff(self.layout.starts)
        return int(counts.argmax()) if len(counts) else -1

    @cached_property
    def order(self) -> tuple[IntArray, IntArray]:
        """Effects that are kept, and those that are eliminated."""
        block = self.layout.block
        gone = block == self.largest if self.largest >= 0 else np.zeros(len(block), dtype=bool)
        return np.flatnonzero(~gone), np.flatnonzero(gone)

    @cached_property
    def _of(self) -> tuple[FloatArray, csr_array, FloatArray, FloatArray, float]:
        """With weights n: kept by kept, eliminated by kept, the eliminated diagonal, W'y and y'y."""
        return self._sums(self.cells.n)

    def _sums(self, weight: FloatArray) -> tuple[FloatArray, csr_array, FloatArray, FloatArray, float]:
        kept, gone = self.order
        y = self.seen.mean
        weighted = csr_array(diags_array(weight) @ self.layout.W)
        left, right = csr_array(self.layout.W[:, kept]), csr_array(self.layout.W[:, gone])
        inner = np.asarray((left.T @ weighted[:, kept]).toarray())
        cross = csr_array(right.T @ weighted[:, kept])
        diagonal = np.asarray(right.T @ weight)
        response = np.asarray(weighted.T @ y)[np.concatenate([kept, gone])]
        return inner, cross, diagonal, response, float((weight * y * y).sum())

    def solve(self, sds: FloatArray, noise: float, cell: float = 0.0) -> tuple[float, Solved]:
        """Log density of the outcomes, up to a constant, and the equations behind it.

        Parameters
        ----------
        sds : array, dims (batch,)
            Of the batches of the layout, above zero.
        noise, cell : float
            SD of one course, and of the effects that single cells have of their own.
        """
        kept, gone = self.order
        n, noise2 = self.cells.n, noise**2
        if cell > 0:
            weight = 1 / (noise2 / n + cell**2)
            inner, cross, diagonal, response, yy = self._sums(weight)
            log_weight = float(np.log(weight).sum())
        else:
            inner, cross, diagonal, response, yy = self._of
            inner, cross, diagonal, response, yy = (
                inner / noise2, cross * (1 / noise2), diagonal / noise2, response / noise2, yy / noise2
            )  # fmt: skip
            log_weight = float(np.log(n).sum()) - len(n) * np.log(noise2)
        every = np.concatenate([sds, [FLAT_INTERCEPT * self.seen.spread]])[self.layout.block]
        d = diagonal + 1 / every[gone] ** 2
        S = inner - (cross.T @ (diags_array(1 / d) @ cross)).toarray() if len(gone) else inner.copy()
        S[np.diag_indices_from(S)] += 1 / every[kept] ** 2
        factor = cho_factor(S, lower=True, check_finite=False)[0]
        first, second = response[: len(kept)], response[len(kept) :]
        u_kept = cho_solve((factor, True), first - np.asarray(cross.T @ (second / d)), check_finite=False)
        u_gone = (second - np.asarray(cross @ u_kept)) / d
        effects = np.concatenate([u_kept, u_gone])
        log_det = 2 * float(np.log(np.diag(factor)).sum()) + float(np.log(d).sum()) + 2 * float(np.log(every).sum())
        value = 0.5 * (log_weight - log_det - yy + float(effects @ response))
        value -= 0.5 * (self.seen.squares / noise2 + self.seen.df * np.log(noise2))
        return value, Solved(sds, noise2, d, factor, effects, cross)

    def effects(self, at: Solved, rng: np.random.Generator) -> FloatArray:
        """Effects drawn from their posterior given the components, in the order of the layout, dims (effect,)."""
        kept, gone = self.order
        off = solve_triangular(at.factor, rng.normal(size=len(kept)), trans="T", lower=True, check_finite=False)
        beside = rng.normal(size=len(gone)) / np.sqrt(at.diagonal) - np.asarray(at.cross @ off) / at.diagonal
        out = np.empty(self.layout.size)
        out[kept], out[gone] = at.effects[: len(kept)] + off, at.effects[len(kept) :] + beside
        return out

    def gradient(self, at: Solved) -> tuple[FloatArray, float]:
        """Derivatives of the log density by each SD and by the noise SD, where cells have no effects of their own."""
        kept, gone = self.order
        block = self.layout.block
        inverse = cho_solve((at.factor, True), np.eye(len(at.factor)), check_finite=False)
        scaled = csr_array(diags_array(1 / at.diagonal) @ at.cross)
        beside = np.asarray(scaled @ inverse)
        gone_diagonal = 1 / at.diagonal + np.asarray(scaled.multiply(beside).sum(axis=1)).reshape(-1)
        variances = np.concatenate([np.diag(inverse), gone_diagonal])
        b = np.concatenate([block[kept], block[gone]])
        size = len(at.sds)
        total = np.bincount(b + 1, weights=variances + at.effects**2, minlength=size + 1)[1:]
        shrunk = np.bincount(b + 1, weights=variances, minlength=size + 1)
        levels = np.bincount(b + 1, minlength=size + 1)
        by_sd = -levels[1:] / at.sds + total / at.sds**3
        wide = FLAT_INTERCEPT * self.seen.spread
        fitted = float(levels.sum()) - shrunk[0] / wide**2 - float((shrunk[1:] / at.sds**2).sum())
        inner, cross, diagonal, response, yy = self._of
        u, v = at.effects[: len(kept)], at.effects[len(kept) :]
        rss = yy - 2 * float(at.effects @ response) + float(u @ (inner @ u)) + float(v @ (diagonal * v))
        rss += 2 * float(v @ np.asarray(cross @ u))
        noise = float(np.sqrt(at.noise2))
        count = len(self.cells.n) + self.seen.df
        by_noise = (-count + fitted + (self.seen.squares + rss) / at.noise2) / noise
        return by_sd, by_noise


def drawn(cells: Cells, sds: Mapping[str, float], noise: float, spread: float, rng: np.random.Generator) -> Seen:
    """Outcomes drawn for planned courses, by the SD of each role."""
    layout = cells.layout
    effects = np.zeros(layout.size)
    for k, batch in enumerate(layout.batches):
        size = int(layout.starts[k + 1] - layout.starts[k])
        effects[layout.starts[k] : layout.starts[k + 1]] = rng.normal(0, sds.get(cells.role(batch), 0.0), size)
    own = sds.get("cell", 0.0) if cells.full else 0.0
    mean = np.asarray(layout.W @ effects) + rng.normal(0, np.sqrt(noise**2 / cells.n + own**2))
    df = max(float(cells.n.sum()) - len(cells.n), 0.0)
    squares = noise**2 * float(rng.chisquare(df)) if df > 0 else 0.0
    return Seen(mean, squares, df, spread)
