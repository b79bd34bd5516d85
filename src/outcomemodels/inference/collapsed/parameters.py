"""The variance parameters theta as a vector on the prior-whitened scale.

Every SD and every partial correlation is ``F^-1(Phi(eta))`` of its own prior F, so that the prior of eta is a
standard normal and a component at the zero boundary looks Gaussian. A block with several columns has covariance
``diag(sd) L L' diag(sd)``, L from LKJ partial correlations (Lewandowski, Kurowicka & Joe 2009,
doi 10.1016/j.jmva.2009.04.008).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from outcomemodels.plugin import LinearStructure
from outcomemodels.priors import Prior

FloatArray = NDArray[np.float64]
LOG_2 = float(np.log(2))
TINY = 1e-12
"""Smallest SD, relative to the first value of the prior: keeps precisions finite at the zero boundary."""


@dataclass(frozen=True, slots=True)
class Theta:
    """Values at one eta: SDs (column,) and correlations (column, column) per block, noise SDs (noise,)."""

    sds: tuple[FloatArray, ...]
    corrs: tuple[FloatArray, ...]
    noise: FloatArray

    def covariance(self, block: int) -> FloatArray:
        """Covariance of the effects of one level of a block, dims (column, column)."""
        sd = self.sds[block]
        return np.asarray(self.corrs[block] * np.outer(sd, sd))


@dataclass(frozen=True, eq=False)
class Parameters:
    """How eta is laid out: SDs of each block, partial correlations of correlated blocks, noise SDs."""

    sds: tuple[tuple[Prior, ...], ...]
    etas: tuple[float | None, ...]
    noise: tuple[Prior, ...]

    @classmethod
    def of(cls, structure: LinearStructure) -> Parameters:
        """Read the layout off a structure."""
        return cls(
            tuple(b.sds for b in structure.blocks),
            tuple(None if b.correlation is None else b.correlation.values[0] for b in structure.blocks),
            structure.noise,
        )

    @property
    def owners(self) -> tuple[int, ...]:
        """For each coordinate of eta, its block, or -1 - level for a noise SD."""
        out: list[int] = []
        for block, (sds, eta) in enumerate(zip(self.sds, self.etas, strict=True)):
            out += [block] * sum(p.name != "constant" for p in sds)
            if eta is not None:
                out += [block] * (len(sds) * (len(sds) - 1) // 2)
        return tuple(out + [-1 - level for level, p in enumerate(self.noise) if p.name != "constant"])

    @property
    def size(self) -> int:
        """Length of eta."""
        return len(self.owners)

    def at(self, eta: FloatArray) -> Theta:
        """SDs, correlations and noise at ``eta``, dims (coordinate,)."""
        tail = iter(np.asarray(eta, dtype=float))
        sds, corrs = [], []
        for priors, shape in zip(self.sds, self.etas, strict=True):
            sds.append(np.array([_unwhiten(p, tail) for p in priors]))
            corrs.append(np.eye(len(priors)) if shape is None else _correlation(len(priors), shape, tail))
        return Theta(tuple(sds), tuple(corrs), np.array([_unwhiten(p, tail) for p in self.noise]))

    def start(self, spread: float) -> FloatArray:
        """A sensible beginning: SDs a third of ``spread``, noise near it, correlations zero."""
        out: list[float] = []
        for priors, shape in zip(self.sds, self.etas, strict=True):
            out += [_whiten(p, min(float(p.ppf(0.5)), spread)) for p in priors if p.name != "constant"]
            if shape is not None:
                out += [0.0] * (len(priors) * (len(priors) - 1) // 2)
        return np.array(out + [_whiten(p, spread) for p in self.noise if p.name != "constant"])


def _unwhiten(prior: Prior, tail: object) -> float:
    if prior.name == "constant":
        return prior.values[0]
    eta = float(next(tail))  # type: ignore[call-overload]
    log_below, log_above = float(special.log_ndtr(eta)), float(special.log_ndtr(-eta))
    return max(_quantile(prior, log_below, log_above), TINY * prior.values[0])


def _quantile(prior: Prior, log_below: float, log_above: float) -> float:
    """Quantile where the log distribution and survival functions are given; exact in both tails."""
    match prior.name:
        case "half_normal":  # twice the upper tail of a normal
            if log_above < log_below:
                return float(-prior.values[0] * special.ndtri_exp(log_above - LOG_2))
            return float(prior.values[0] * special.ndtri(0.5 + 0.5 * np.exp(log_below)))
        case "exponential" | "pc":
            return float(-log_above / prior.rate)
        case "half_student_t":
            df, scale = prior.values
            if log_above < log_below:
                return float(-scale * special.stdtrit(df, 0.5 * np.exp(log_above)))
            return float(scale * special.stdtrit(df, 0.5 + 0.5 * np.exp(log_below)))
        case _:
            return float(prior.ppf(float(np.exp(log_below))))


def _whiten(prior: Prior, value: float) -> float:
    return float(np.clip(special.ndtri(float(prior.cdf(value))), -5, 5))


def _correlation(size: int, shape: float, tail: object) -> FloatArray:
    factor = np.zeros((size, size))
    factor[0, 0] = 1.0
    for i in range(1, size):
        left = 1.0
        for j in range(i):
            b = shape + (size - 2 - j) / 2
            quantile = float(special.ndtr(float(next(tail))))  # type: ignore[call-overload]
            partial = 2 * float(special.betaincinv(b, b, quantile)) - 1
            factor[i, j] = partial * np.sqrt(left)
            left *= 1 - partial**2
        factor[i, i] = np.sqrt(left)
    return factor @ factor.T
