"""Variance parameters on the prior-whitened scale: each coordinate is standard normal a priori.

An SD is F^-1(Phi(eta)) with F its prior's distribution function, so a posterior that touches zero looks like the lower
half of a normal and not like an exponential tail; a partial correlation is the same with its beta prior.

References
----------
Lewandowski, Kurowicka & Joe (2009), doi 10.1016/j.jmva.2009.04.008.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import special

from outcomemodels.inference.collapsed.batch import Batch, Points
from outcomemodels.inference.collapsed.collapse import Collapsed, Variances
from outcomemodels.inference.collapsed.layout import FloatArray, IntArray, Layout
from outcomemodels.plugin import LinearStructure
from outcomemodels.priors import Prior

LIMIT = 35.0
"""Coordinates beyond are as impossible as a 35-sigma event and are clipped."""


def sd_from_normal(prior: Prior, eta: FloatArray | float) -> FloatArray:
    """Prior quantile at Phi(eta), accurate in both tails."""
    x = np.clip(np.asarray(eta, dtype=float), -LIMIT, LIMIT)
    below, above = special.ndtr(x), special.ndtr(-x)
    match prior.name:
        case "half_normal":
            low = np.sqrt(2) * special.erfinv(below)
            return np.asarray(prior.values[0] * np.where(x < 0, low, -special.ndtri(above / 2)))
        case "half_student_t":
            df, scale = prior.values
            top = np.exp(special.gammaln((df + 1) / 2) - special.gammaln(df / 2)) / np.sqrt(df * np.pi)
            low = np.where(below < 1e-8, below / (2 * top), special.stdtrit(df, 0.5 + np.maximum(below, 1e-8) / 2))
            return np.asarray(scale * np.where(x < 0, low, -special.stdtrit(df, above / 2)))
        case "exponential" | "pc":
            return np.asarray(np.where(x < 0, -np.log1p(-below * (x < 0)), -special.log_ndtr(-x)) / prior.rate)
        case _:
            return np.full(x.shape, prior.values[0])


def normal_from_sd(prior: Prior, sd: float) -> float:
    """Inverse of :func:`sd_from_normal`, for starting values; kept within +-6."""
    q = float(prior.cdf(sd))
    return float(np.clip(special.ndtri(min(max(q, 1e-9), 1 - 1e-9)), -6, 6))


def log_sd_slope(prior: Prior, eta: float, sd: float) -> float:
    """Derivative of log sd with respect to eta."""
    if abs(eta) > LIMIT or sd <= 0:
        return 0.0
    return float(np.exp(-0.5 * eta**2 - 0.5 * np.log(2 * np.pi) - prior.logpdf(sd) - np.log(sd)))


def correlation_factor(partial: FloatArray, size: int) -> FloatArray:
    """Lower Cholesky factors of correlation matrices from canonical partial correlations, row by row.

    Dims (…, pair) to (…, column, column).
    """
    L = np.zeros((*partial.shape[:-1], size, size), dtype=partial.dtype)
    L[..., 0, 0] = 1.0
    at = 0
    for i in range(1, size):
        left = np.ones_like(L[..., 0, 0])
        for j in range(i):
            L[..., i, j] = partial[..., at] * np.sqrt(left)
            left = left * (1 - partial[..., at] ** 2)
            at += 1
        L[..., i, i] = np.sqrt(left)
    return L


@dataclass(frozen=True)
class Coordinate:
    """One free parameter: an SD of a block, a partial correlation of a block, or a noise SD."""

    kind: str
    name: str
    index: int
    position: int
    prior: Prior
    shape: float = 0.0


@dataclass(frozen=True, eq=False)
class Parameters:
    """The free parameters of a structure.

    Parameters
    ----------
    structure : LinearStructure
    aside : int, optional
        Block whose effects are part of the rows' variance (``aside``); the engine then does not hold it.
    """

    structure: LinearStructure
    aside: int | None = None

    @cached_property
    def held(self) -> tuple[int, ...]:
        """Blocks that the engine holds, in its order."""
        return tuple(k for k in range(len(self.structure.blocks)) if k != self.aside)

    @cached_property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """Free parameters in order: SDs and partial correlations block by block, then noise."""
        out: list[Coordinate] = []
        for k, block in enumerate(self.structure.blocks):
            q = len(block.columns)
            for a, prior in enumerate(block.sds):
                if prior.name != "constant":
                    out.append(
                        Coordinate("sd", f"sd_{block.id}" + (f"[{block.columns[a]}]" if q > 1 else ""), k, a, prior)
                    )
            if block.correlation is not None and q > 1:
                at = 0
                for i in range(1, q):
                    for j in range(i):
                        shape = block.correlation.values[0] + (q - 2 - j) / 2
                        name = f"corr_{block.id}[{block.columns[i]}, {block.columns[j]}]"
                        out.append(Coordinate("corr", name, k, at, block.correlation, shape))
                        at += 1
        for g, prior in enumerate(self.structure.noise):
            if prior.name != "constant":
                name = "noise" if len(self.structure.noise) == 1 else f"noise[{self.structure.noise_levels[g]}]"
                out.append(Coordinate("noise", name, g, 0, prior))
        return tuple(out)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coordinates."""
        return tuple(c.name for c in self.coordinates)

    def naturals(self, etas: FloatArray) -> tuple[list[FloatArray], list[FloatArray], FloatArray]:
        """SDs and partial correlations of each block, and noise SDs, at points dims (point, coordinate).

        Dims (point, column), (point, pair) and (point, noise level).
        """
        n = len(etas)

        def known(priors: tuple[Prior, ...]) -> FloatArray:
            return np.tile([p.values[0] if p.name == "constant" else np.nan for p in priors], (n, 1))

        sds = [known(b.sds) for b in self.structure.blocks]
        partial = [np.zeros((n, len(b.columns) * (len(b.columns) - 1) // 2)) for b in self.structure.blocks]
        noise = known(self.structure.noise)
        for values, c in zip(np.asarray(etas).T, self.coordinates, strict=True):
            if c.kind == "sd":
                sds[c.index][:, c.position] = sd_from_normal(c.prior, values)
            elif c.kind == "noise":
                noise[:, c.index] = sd_from_normal(c.prior, values)
            else:
                below = special.ndtr(-np.abs(np.clip(values, -LIMIT, LIMIT)))
                tail = special.betaincinv(c.shape, c.shape, below)
                partial[c.index][:, c.position] = np.sign(values) * (1 - 2 * np.maximum(tail, 1e-13))
        return sds, partial, noise

    def natural(self, eta: FloatArray) -> tuple[list[FloatArray], list[FloatArray], FloatArray]:
        """As :meth:`naturals` at one point dims (coordinate,)."""
        sds, partial, noise = self.naturals(np.asarray(eta)[None, :])
        return [s[0] for s in sds], [p[0] for p in partial], noise[0]

    def points(self, etas: FloatArray) -> Points:
        """Points of the variance parameters, dims (point, coordinate)."""
        sds, partial, noise = self.naturals(etas)
        n = len(noise)
        factors = [
            (sds[k][:, :, None] * correlation_factor(partial[k], sds[k].shape[1])).reshape(n, -1) for k in self.held
        ]
        rows = None if self.aside is None else sds[self.aside][:, 0]
        return Points(np.concatenate([np.zeros((n, 0)), *factors], axis=1), noise, rows)

    def variances(self, eta: FloatArray) -> Variances:
        """One point of the variance parameters."""
        return self.points(np.asarray(eta)[None, :]).one(
            0, tuple(len(self.structure.blocks[k].columns) for k in self.held)
        )

    def log_posteriors(self, batch: Batch, etas: FloatArray, draws: FloatArray | None = None) -> FloatArray:
        """Log posterior densities on the whitened scale, up to a constant; dims (point, coordinate) to (point,).

        ``draws``, standard normals, dims (point, copy, held), become draws of the variables held; see
        :meth:`Batch.evaluate`.
        """
        points = self.points(etas)
        value = batch.log_densities(points) if draws is None else batch.evaluate(points, draws)
        value = value - 0.5 * (etas**2).sum(axis=1)
        return np.asarray(np.where(np.isfinite(value), value, -np.inf))

    def log_posterior(self, engine: Collapsed, eta: FloatArray) -> float:
        """Log posterior density on the whitened scale, up to a constant."""
        value = engine.log_density(self.variances(eta)) - 0.5 * float(eta @ eta)
        return value if np.isfinite(value) else -np.inf

    def gradient(self, engine: Collapsed | Batch, eta: FloatArray) -> tuple[float, FloatArray]:
        """Log posterior and its gradient on the whitened scale."""
        sds, partial, noise = self.natural(eta)
        at = self.variances(eta)
        value, shares, by_noise = engine.gradient(at)
        out = -np.array(eta, dtype=float)
        if not np.isfinite(value):
            return -np.inf, np.zeros(len(eta))
        if self.aside is not None:
            shares.insert(self.aside, shares.pop())
        corr = [correlation_factor(p, len(s)) for s, p in zip(sds, partial, strict=True)]
        for i, c in enumerate(self.coordinates):
            if c.kind == "noise":
                out[i] += by_noise[c.index] * log_sd_slope(c.prior, eta[i], noise[c.index])
            elif c.kind == "sd":
                K = corr[c.index]
                row = np.zeros((len(K), len(K)))
                row[c.position] = K[c.position]
                slope = log_sd_slope(c.prior, eta[i], sds[c.index][c.position])
                out[i] += float(np.trace(np.linalg.solve(K, row) @ shares[c.index])) * slope
            else:
                K, p = corr[c.index], partial[c.index]
                moved = p.astype(complex)
                moved[c.position] += 1e-30j
                dK = correlation_factor(moved, len(K)).imag / 1e-30
                b = (1 - abs(p[c.position])) / 2
                log_beta = (c.shape - 1) * (np.log(b) + np.log1p(-b)) - special.betaln(c.shape, c.shape)
                slope = 2 * float(np.exp(-0.5 * eta[i] ** 2 - 0.5 * np.log(2 * np.pi) - log_beta))
                out[i] += float(np.trace(np.linalg.solve(K, dK) @ shares[c.index])) * slope
        return value - 0.5 * float(eta @ eta), out

    def start(self, engine: Collapsed) -> FloatArray:
        """A starting point by moments: the spread of each block's raw level means, less what noise alone would give."""
        stats, layout = engine.stats, engine.stats.layout
        on_diagonal = stats.rows == stats.columns
        weight, cross = np.zeros(layout.size), np.asarray(stats.cross.sum(axis=1)).reshape(-1)
        weight[stats.rows[on_diagonal]] = np.asarray(stats.gram.sum(axis=1)).reshape(-1)[on_diagonal]
        intercepts = [j for j, k in enumerate(self.held) if self.structure.blocks[k].columns[0] == "1"]
        count, shift = max(float(stats.n.sum() + stats.degrees.sum()), 1.0), 0.0
        if intercepts:
            first = self._places(layout, intercepts[0], 0)
            count = float(weight[first].sum())
            shift = float(cross[first].sum()) / count
        within = 0.0 if self.aside is not None else float(stats.within.sum())
        total = max(float(stats.square.sum() + within) / count - shift**2, 1e-12)
        left = total
        variance = [np.full(q, 0.01 * total) for q in layout.widths]
        for k, q in enumerate(layout.widths):
            for a in range(q):
                where = self._places(layout, k, a)
                where = where[weight[where] > 0]
                if a == 0 and k in intercepts:
                    between = float((cross[where] ** 2 / weight[where]).sum()) / count - shift**2
                    variance[k][a] = np.clip(between - total * len(where) / count, 0.01 * total, 0.5 * total)
                    left -= float(variance[k][a])
                else:
                    variance[k][a] = 0.05 * total / max(float(weight[where].sum()) / count, 1e-12)
        noise = max(left, 0.3 * total)
        if self.aside is not None:
            inside = float(stats.degrees.sum())
            noise = float(stats.within.sum()) / inside if inside else 0.5 * noise
        out = np.zeros(len(self.coordinates))
        for i, c in enumerate(self.coordinates):
            if c.kind == "noise":
                out[i] = normal_from_sd(c.prior, float(np.sqrt(noise)))
            elif c.kind == "sd" and c.index == self.aside:
                out[i] = normal_from_sd(c.prior, float(np.sqrt(0.1 * total)))
            elif c.kind == "sd":
                own = variance[self.held.index(c.index)][c.position]
                out[i] = normal_from_sd(c.prior, float(np.sqrt(own)))
        return out

    def rough_curvature(self, engine: Collapsed, eta: FloatArray) -> FloatArray:
        """Negative second derivative expected along each coordinate, to scale a search; dims (coordinate,).

        A log SD seen through K levels has curvature of about 2 K, a log residual SD 2 n; the prior adds 1.
        """
        stats = engine.stats
        sds, _, noise = self.natural(eta)
        rows = np.bincount(stats.noise, weights=stats.n, minlength=len(noise)) + stats.degrees
        out = np.ones(len(self.coordinates))
        for i, c in enumerate(self.coordinates):
            if c.kind == "noise":
                out[i] += 2 * rows[c.index] * log_sd_slope(c.prior, float(eta[i]), float(noise[c.index])) ** 2
            elif c.kind == "sd":
                sd = float(sds[c.index][c.position])
                out[i] += 2 * len(self.structure.blocks[c.index].levels) * log_sd_slope(c.prior, float(eta[i]), sd) ** 2
        return out

    @staticmethod
    def _places(layout: Layout, block: int, column: int) -> IntArray:
        """Variables of one column of a block."""
        return np.arange(layout.starts[block] + column, layout.block(block).stop, layout.widths[block])
