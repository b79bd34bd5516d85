"""Priors and scales."""

from __future__ import annotations

from typing import Any

import numpy as np

from outcomemodels.plugin import Design, Prior, Priors
from testing.wrong_plugins.right import Right


class PriorScaledByN(Right):
    """Tighter priors with more rows."""

    def slope(self, design: Design, spread: float) -> Prior:
        return super().slope(design, spread)

    def default_priors(self, design: Design) -> Priors:
        priors = dict(super().default_priors(design))
        return {**priors, "sd_skill": Prior.half_normal(priors["sd_skill"].values[0] * 10 / np.sqrt(design.n_obs))}


class GraphScaledByN(Right):
    """The same, hidden in the graph."""

    def build(self, design: Design, priors: Priors) -> Any:
        wide = Prior.half_normal(priors["sd_level"].values[0] * 10 / np.sqrt(design.n_obs))
        return super().build(design, {**priors, "sd_level": wide})


class UnitDependentPrior(Right):
    """A fixed prior for an SD in points of who knows what."""

    def default_priors(self, design: Design) -> Priors:
        return {**super().default_priors(design), "noise": Prior.half_normal(5.0)}


class SdForVariance(Right):
    """The variance stands where PyMC takes an SD."""

    def sigma(self, noise: Any, design: Design) -> Any:
        return noise**2


class SlopePerUnit(Right):
    """The same prior for a slope per year and per month."""

    def slope(self, design: Design, spread: float) -> Prior:
        return Prior.normal(0.0, design.scale.spread)


class ImproperPrior(Right):
    """A potential takes the prior of the noise away again."""

    def after(self, model: Any, made: dict[str, Any]) -> None:
        import pymc as pm

        pm.Potential("flat", -pm.logp(made["u"], made["u"]).sum())


class FlatPrior(Right):
    """A prior that cannot be drawn from."""

    def after(self, model: Any, made: dict[str, Any]) -> None:
        import pymc as pm

        pm.Flat("anything")


class WildPrior(Right):
    """Priors a thousand times as wide as the outcome."""

    def default_priors(self, design: Design) -> Priors:
        spread = design.scale.spread
        return {**super().default_priors(design), "sd_skill": Prior.half_normal(1000 * spread)}


class NegativeSd(Right):
    """The SD may be negative."""

    def default_priors(self, design: Design) -> Priors:
        return {**super().default_priors(design), "noise": Prior.normal(0.0, design.scale.spread)}


class OutsideSupport(Right):
    """Some outcomes cannot occur under the model."""

    def after(self, model: Any, made: dict[str, Any]) -> None:
        import pymc as pm

        if made["y"] is not None:
            half = pm.HalfNormal.dist(made["noise"])
            pm.Potential("half", pm.logp(half, made["y"] - made["expected"]).sum())


class GreedyPriors(Right):
    """Default priors look at a field that is not declared."""

    def default_priors(self, design: Design) -> Priors:
        services = len(design.factor("service").levels)
        return {**super().default_priors(design), "sd_skill": Prior.half_normal(design.scale.spread / services)}
