"""The Paul decomposition: how much of the outcome each of Paul's columns accounts for.

For each batch of effects the SD of the population its levels come from (superpopulation) and of the levels in the data
(finite population; Gelman 2005, doi 10.1214/009053604000001048), and its share of the variance (VPC; Goldstein,
Browne & Rasbash 2002, doi 10.1207/S15328031US0104_02). Slopes count at the spread of the design: the
effect of a level on a row is slope times column, so its SD is taken over the courses of the data.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from outcomemodels.design import Batch, Design
from outcomemodels.errors import FitError
from outcomemodels.posterior import corr_name, effect_name, sd_name

if TYPE_CHECKING:
    import pandas as pd

FloatArray = NDArray[np.float64]

LOGIT_VARIANCE = float(np.pi**2 / 3)
"""Variance of the standard logistic: level 1 of a binomial outcome on the latent scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A posterior as mean and central interval."""

    mean: float
    low: float
    high: float


def _short(spread: Spread | None) -> str:
    return "–" if spread is None else f"{spread.mean:.2g} ({spread.low:.2g} to {spread.high:.2g})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One batch of effects, or the residual.

    Parameters
    ----------
    id, name : str
        Graph name, and name for people (``treatment:problem``, ``age|treatment``, ``residual``).
    levels : int
        Number of fitted levels (rows for the residual).
    superpopulation : Spread
        SD of the population the levels were drawn from, in outcome units (logits for binomial); a batch with
        slopes is given by the SD of its contribution over the courses of the data.
    finite : Spread or None
        SD of the effects of the levels in the data, divisor levels - 1, slopes multiplied as above; None for the
        residual and for batches of one level.
    vpc : Spread
        Share of the summed superpopulation variance, residual included.
    """

    id: str
    name: str
    levels: int
    superpopulation: Spread
    finite: Spread | None
    vpc: Spread


@dataclass(frozen=True, kw_only=True, repr=False)
class Decomposition:
    """Components in the order of the design, the residual last.

    Parameters
    ----------
    components : tuple of Component
    units : str
        Of the SDs.
    interval : float
        Probability of the intervals.
    """

    components: tuple[Component, ...]
    units: str
    interval: float = 0.95

    def __getitem__(self, name: str) -> Component:
        for component in self.components:
            if name in (component.name, component.id):
                return component
        raise KeyError(f"{name!r} is not among {', '.join(c.name for c in self.components)}")

    def __repr__(self) -> str:
        width = max(len(c.name) for c in self.components)
        lines = [f"Paul decomposition ({self.units}, {self.interval:.0%} intervals)"]
        lines.append(f"{'':{width}}  levels  SD in the population   SD among these levels  share of variance")
        for c in self.components:
            finite = "–" if c.finite is None else _short(c.finite)
            share = "–" if c.vpc is None else f"{c.vpc.mean:.1%} ({c.vpc.low:.1%} to {c.vpc.high:.1%})"
            lines.append(f"{c.name:{width}}  {c.levels:>6}  {_short(c.superpopulation):<21}  {finite:<21}  {share}")
        return "\n".join(lines)

    def table(self) -> pd.DataFrame:
        """One row per component, indexed by name; columns ``levels``, then mean, low and high of each quantity."""
        import pandas as pd

        rows = []
        for c in self.components:
            row: dict[str, Any] = {"component": c.name, "levels": c.levels}
            for what, spread in (("super", c.superpopulation), ("finite", c.finite), ("vpc", c.vpc)):
                for part in ("mean", "low", "high"):
                    row[f"{what}_{part}"] = np.nan if spread is None else getattr(spread, part)
            rows.append(row)
        return pd.DataFrame(rows).set_index("component")

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return asdict(self)


def decompose(design: Design, posterior: xr.Dataset, *, probability: float = 0.95) -> Decomposition:
    """Paul decomposition of a linear model's posterior.

    Parameters
    ----------
    design : Design
        The fitted one.
    posterior : xarray.Dataset, dims (chain, draw, …)
        With ``sd_<id>`` and ``effect_<id>`` for each batch, ``corr_<id>`` where correlated, and ``noise`` for
        Gaussian outcomes.
    probability : float
        Of the intervals.

    Raises
    ------
    FitError
        If the posterior lacks a variable of a batch.
    """
    missing = [n for b in design.batches for n in (sd_name(b.id), effect_name(b.id)) if n not in posterior]
    if design.family == "gaussian" and "noise" not in posterior:
        missing.append("noise")
    if missing:
        raise FitError("the posterior lacks what a decomposition needs", rows=missing)
    weight = _weight(design)
    variances = [_superpopulation(b, design, posterior, weight) for b in design.batches]
    residual = _residual(design, posterior, weight)
    total = np.sum(variances, axis=0) + residual if variances else residual
    components = []
    for batch, variance in zip(design.batches, variances, strict=True):
        finite = _finite(batch, design, posterior, weight)
        components.append(
            Component(
                id=batch.id,
                name=batch.name,
                levels=len(design.crossing(batch.by).levels),
                superpopulation=_spread(np.sqrt(variance), probability),
                finite=None if finite is None else _spread(finite, probability),
                vpc=_spread(variance / total, probability),
            )
        )
    components.append(
        Component(
            id="residual",
            name="residual",
            levels=design.n_rows,
            superpopulation=_spread(np.sqrt(residual), probability),
            finite=None,
            vpc=_spread(residual / total, probability),
        )
    )
    units = "logits" if design.family == "binomial" else design.units
    return Decomposition(components=tuple(components), units=units, interval=probability)


def _superpopulation(batch: Batch, design: Design, posterior: xr.Dataset, weight: FloatArray) -> FloatArray:
    """Variance of a batch's contribution for levels drawn from the population, dims (sample,)."""
    sds = _flat(posterior[sd_name(batch.id)])
    sds = sds.reshape(len(sds), -1)
    moments = _moments(batch, design, weight)
    if batch.correlated and corr_name(batch.id) in posterior:
        corr = _flat(posterior[corr_name(batch.id)])
        return np.asarray(np.einsum("si,sij,sj,ij->s", sds, corr, sds, moments))
    return np.asarray(sds**2 @ np.diag(moments))


def _finite(batch: Batch, design: Design, posterior: xr.Dataset, weight: FloatArray) -> FloatArray | None:
    """SD of the contribution of the levels in the data, dims (sample,)."""
    effects = _flat(posterior[effect_name(batch.id)])
    effects = effects.reshape(len(effects), effects.shape[1], -1)
    levels = effects.shape[1]
    if levels < 2:
        return None
    deviations = effects - effects.mean(axis=1, keepdims=True)
    covariance = np.einsum("slc,sld->scd", deviations, deviations) / (levels - 1)
    return np.asarray(np.sqrt(np.einsum("scd,cd->s", covariance, _moments(batch, design, weight))))


def _moments(batch: Batch, design: Design, weight: FloatArray) -> FloatArray:
    """Mean products of the columns over the courses of the data, dims (column, column); 1 for an intercept."""
    values = np.stack([design.column_values(c) for c in batch.columns], axis=1)
    within = np.diag([design.numbers[c].within if c in design.numbers else 0.0 for c in batch.columns])
    return np.asarray((values * weight[:, None]).T @ values / weight.sum() + within)


def _residual(design: Design, posterior: xr.Dataset, weight: FloatArray) -> FloatArray:
    """Level-1 variance, dims (sample,): averaged over courses where it differs by a factor."""
    if design.family == "binomial":
        return np.full(posterior.sizes["chain"] * posterior.sizes["draw"], LOGIT_VARIANCE)
    noise = _flat(posterior["noise"])
    if noise.ndim == 1 or not design.noise_by:
        return np.asarray(noise.reshape(len(noise), -1)[:, 0] ** 2)
    share = np.bincount(design.factor(design.noise_by).codes, weights=weight, minlength=noise.shape[1])
    return np.asarray(noise**2 @ (share / share.sum()))


def _weight(design: Design) -> FloatArray:
    """Courses behind each row, dims (obs,)."""
    return np.ones(design.n_obs) if design.response is None else design.response.n


def _flat(variable: xr.DataArray) -> FloatArray:
    values = np.asarray(variable.transpose("chain", "draw", ...).values, dtype=float)
    return values.reshape(-1, *values.shape[2:])


def _spread(draws: FloatArray, probability: float) -> Spread:
    tail = (1 - probability) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Spread(mean=float(draws.mean()), low=float(low), high=float(high))
