"""Levels of one batch before and after shrinkage: what a caterpillar plot shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from outcomemodels.design import Batch, Design
from outcomemodels.posterior import effect_name

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LevelEffects:
    """Effects of the levels of one batch, sorted by their posterior mean.

    Parameters
    ----------
    name, units : str
        Units of the outcome; logits for binomial outcomes.
    labels : tuple of str
    mean, low, high : array, dims (level,)
        Posterior of the effect: the shrunken estimate.
    raw : array, dims (level,)
        Mean over the level's courses of what is left of the outcome when columns and batches that do not involve the
        factor, at their posterior mean, are taken off: the estimate without shrinkage.
    count : array, dims (level,)
        Courses.
    interval : float
    """

    name: str
    units: str
    labels: tuple[str, ...]
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    raw: FloatArray
    count: FloatArray
    interval: float

    @property
    def excluding_zero(self) -> int:
        """Levels whose interval excludes zero."""
        return int(((self.low > 0) | (self.high < 0)).sum())

    def thinned(self, most: int) -> LevelEffects:
        """At most ``most`` levels, evenly taken from the order, both ends kept."""
        n = len(self.labels)
        if n <= most:
            return self
        keep = np.unique(np.linspace(0, n - 1, most).round().astype(int))
        arrays = {k: getattr(self, k)[keep] for k in ("mean", "low", "high", "raw", "count")}
        return replace(self, labels=tuple(self.labels[i] for i in keep), **arrays)


def level_effects(batch: Batch, design: Design, posterior: xr.Dataset, *, probability: float = 0.95) -> LevelEffects:
    """Levels of a batch of intercepts, before and after shrinkage.

    Parameters
    ----------
    batch : Batch
        With ``columns == ("1",)``.
    design : Design
        The fitted one.
    posterior : xarray.Dataset, dims (chain, draw, …)
    """
    draws = _flat(posterior[effect_name(batch.id)])
    draws = draws.reshape(len(draws), draws.shape[1], -1)[:, :, 0]
    tail = (1 - probability) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    mean = draws.mean(axis=0)
    crossing = design.crossing(batch.by)
    order = np.argsort(mean, kind="stable")
    raw = _unpooled(batch, design, posterior)
    return LevelEffects(
        name=batch.name,
        units="logits" if design.family == "binomial" else design.units,
        labels=tuple(crossing.labels[i] for i in order),
        mean=mean[order],
        low=low[order],
        high=high[order],
        raw=raw[order],
        count=crossing.count[order],
        interval=probability,
    )


def _unpooled(batch: Batch, design: Design, posterior: xr.Dataset) -> FloatArray:
    response = design.response
    assert response is not None, "a fitted design has a response"
    rest = np.zeros(design.n_obs)
    if design.columns and "beta" in posterior:
        rest += design.matrix() @ _flat(posterior["beta"]).mean(axis=0)
    for other in design.batches:
        if set(batch.by) <= set(other.by):
            continue
        effect = _flat(posterior[effect_name(other.id)]).mean(axis=0)
        effect = effect.reshape(effect.shape[0], -1)
        values = np.stack([design.column_values(c) for c in other.columns], axis=1)
        rest += (effect[design.crossing(other.by).codes] * values).sum(axis=1)
    crossing = design.crossing(batch.by)
    size = len(crossing.levels)

    def total(values: FloatArray) -> FloatArray:
        return np.bincount(crossing.codes, weights=values, minlength=size)

    weight = response.n
    if design.family == "binomial":
        share = (total(response.y) + 0.5) / (total(weight) + 1)
        return np.asarray(np.log(share / (1 - share)) - total(weight * rest) / total(weight))
    return np.asarray(total(weight * (response.y - rest)) / total(weight))


def _flat(variable: xr.DataArray) -> FloatArray:
    values = np.asarray(variable.transpose("chain", "draw", ...).values, dtype=float)
    return values.reshape(-1, *values.shape[2:])
