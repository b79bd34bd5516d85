"""Ratings on a few ordered levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.tensor.variable import TensorVariable

from outcomemodels.plugin import Design, ModelInfo, Needs, Prior, Priors


@dataclass(frozen=True)
class OrdinalRating:
    """A cumulative logit of treatment and therapist.

    outcome[obs] ~ OrderedLogistic(contrast[treatment] + line[therapist], cutpoints)
    expected     = sum over levels of score * P(level)
    line ~ Normal(typical, sd_lean);  contrast ~ Normal(0, sd_contrast), summing to zero
    effect[treatment] = typical + contrast[treatment];  the cutpoints are 0 and the sums of positive gaps

    The treatments sum to zero and the therapists lie around the typical one, so that no two sets of effects can trade a
    constant. Units: effect (of being above the lowest level), contrast, line and cutpoints in logits; expected in the
    scores of the levels (their numbers, or 0, 1, 2 …).

    References
    ----------
    Bürkner & Vuorre (2019), doi 10.1177/2515245918823199.
    """

    info = ModelInfo(
        name="ordinal-rating",
        summary="ordered ratings by treatment and therapist, cumulative logit",
        needs=Needs(outcome=("ordered",), facets=("treatment", "therapist")),
        unseen={"therapist": "draw", "treatment": "refuse"},
    )

    def default_priors(self, design: Design) -> Priors:
        """On the logit scale, which needs no other scaling."""
        return {
            "typical": Prior.normal(0.0, 2.5),
            "sd_contrast": Prior.half_normal(1.0),
            "sd_lean": Prior.half_normal(1.0),
            "gap": Prior.half_normal(2.0),
        }

    def build(self, design: Design, priors: Priors) -> pm.Model:
        """Build the graph: one cutpoint below each level but the lowest."""
        treatment, therapist = design.factor("treatment"), design.factor("therapist")
        coords = {**design.coords, "step": list(design.levels[2:]), "cut": list(design.levels[1:])}
        with pm.Model(coords=coords) as model:
            typical, sd_contrast, sd_lean = (priors[n].create(n) for n in ("typical", "sd_contrast", "sd_lean"))
            contrast = pm.ZeroSumNormal("contrast", sd_contrast, dims="treatment")
            pm.Deterministic("effect", typical + contrast, dims="treatment")
            line = pm.Normal("line", typical, sd_lean, dims="therapist")
            gaps = priors["gap"].create("gap", dims="step")
            cutpoints = pm.Deterministic("cutpoints", pt.concatenate([pt.zeros(1), pt.cumsum(gaps)]), dims="cut")
            eta = contrast[treatment.codes] + line[therapist.codes]
            higher = cast(TensorVariable, pm.math.invlogit(eta[:, None] - cutpoints))  # P(above each cutpoint)
            expected = design.scores[0] + (higher * np.diff(design.scores)).sum(axis=-1)
            pm.Deterministic("expected", expected, dims="obs")
            observed = design.observed.y.astype(int)
            pm.OrderedLogistic("outcome", eta, cutpoints, compute_p=False, observed=observed, dims="obs")
        return model
