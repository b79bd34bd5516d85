"""Models without a linear form, for tests of prediction through the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pymc as pm

from outcomemodels.plugin import Design, ModelInfo, Needs, Prior, Priors

INFO = ModelInfo(
    name="by-therapist",
    summary="treatments and therapists with their crossing",
    needs=Needs(outcome=("continuous",), facets=("treatment", "therapist")),
    unseen={"treatment": "refuse", "therapist": "draw"},
)


@dataclass(frozen=True)
class ByTherapist:
    """Treatments, therapists and their crossing; change in points.

    outcome ~ Normal(expected, noise)
    expected = level[treatment] + skill[therapist] + fit[therapist x treatment] + slope (age - mean age)
    """

    centred: bool = True
    info: ModelInfo = field(default=INFO, repr=False)

    def default_priors(self, design: Design) -> Priors:
        spread = design.scale.spread
        return {
            "level": Prior.normal(design.scale.centre, 2.5 * spread),
            "sd_skill": Prior.half_normal(spread / 2),
            "sd_fit": Prior.half_normal(spread / 4),
            "noise": Prior.half_normal(spread),
        }

    def build(self, design: Design, priors: Priors) -> pm.Model:
        crossing = design.crossing(("therapist", "treatment"))
        coords: Mapping[str, object] = {**design.coords, crossing.dim: list(crossing.labels)}
        with pm.Model(coords=coords) as model:
            level = priors["level"].create("level", dims="treatment")
            skill = self._effects("skill", priors["sd_skill"], "therapist")
            both = self._effects("fit", priors["sd_fit"], crossing.dim)
            noise = priors["noise"].create("noise")
            age = design.numbers["age"]
            slope = pm.Normal("slope", 0, 0.1)
            expected = pm.Deterministic(
                "expected",
                level[design.factor("treatment").codes]
                + skill[design.factor("therapist").codes]
                + both[crossing.codes]
                + slope * (age.values - age.centre),
                dims="obs",
            )
            assert design.response is not None
            pm.Normal("outcome", expected, noise, observed=design.response.y, dims="obs")
        return model

    def _effects(self, name: str, prior: Prior, dim: str) -> pm.Distribution:
        sd = prior.create(f"sd_{name}")
        if self.centred:
            return pm.Normal(name, 0, sd, dims=dim)
        return pm.Deterministic(name, sd * pm.Normal(f"z_{name}", dims=dim), dims=dim)


def made_posterior(model: pm.Model, *, samples: tuple[int, int] = (4, 1000), seed: int = 1, keep: bool = True):  # type: ignore[no-untyped-def]
    """Prior draws standing in for a posterior: every free and derived variable, rows left out."""
    import xarray as xr

    names = [v.name for v in model.free_RVs]
    names += [v.name for v in model.deterministics if v.name != "expected"]
    drawn = pm.draw([model[n] for n in names], draws=samples[0] * samples[1], random_seed=seed)
    out = {}
    for name, values in zip(names, drawn, strict=True):
        dims = model.named_vars_to_dims.get(name, ())
        out[name] = (("chain", "draw", *dims), np.reshape(values, (*samples, *values.shape[1:])))
    used = {d for dims, _ in out.values() for d in dims} - {"chain", "draw"}
    coords = {d: list(model.coords[d]) for d in used if model.coords.get(d) is not None}
    return xr.Dataset(out, coords=coords)
