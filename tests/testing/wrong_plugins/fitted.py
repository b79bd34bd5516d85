"""Mistakes that only a fit shows."""

from __future__ import annotations

import time
from typing import Any

from outcomemodels.plugin import Design, Prior, Priors
from testing.wrong_plugins.right import Right


class IronPrior(Right):
    """Priors so narrow that no data get through."""

    def default_priors(self, design: Design) -> Priors:
        spread = design.scale.spread
        return {**super().default_priors(design), "sd_level": Prior.constant(spread / 1000)}


class CountsTwice(Right):
    """Every outcome enters the density twice: priors, names and predictions are right, intervals are not."""

    def after(self, model: Any, made: dict[str, Any]) -> None:
        import pymc as pm

        if made["y"] is not None:
            pm.Potential("again", pm.logp(model["outcome"], made["y"]).sum())


class ManyModes(Right):
    """The noise is a product of numbers that may each be negative: eight modes with nothing between them."""

    def coords(self, design: Design) -> dict[str, Any]:
        return {**super().coords(design), "side": ["a", "b", "c"]}

    def sigma(self, noise: Any, design: Design) -> Any:
        import pymc as pm

        return noise * abs(pm.Normal("turn", 0.0, 1.0, dims="side").prod()) ** (2 / 3)


class SlowToBuild(Right):
    """Waits for something at every build of a design of more than four hundred rows."""

    seconds = 9.0

    def build(self, design: Design, priors: Priors) -> Any:
        if 400 < design.n_obs < 1000:
            time.sleep(self.seconds)
        return super().build(design, priors)
