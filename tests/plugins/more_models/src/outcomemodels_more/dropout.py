"""Change and dropping out together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pymc as pm
from pytensor.tensor.variable import TensorVariable

from outcomemodels.plugin import Design, ModelInfo, Needs, Prior, Priors

NAMES = ("leaving", "sd_lean", "sd_tilt", "bond", "noise")
USUAL = -2.2
"""Logit of one in ten, the chance of leaving after a session that is taken for usual."""


@dataclass(frozen=True)
class ChangeAndDropout:
    """A change score and the session after which a client drops out, with one therapist effect behind both.

    outcome_change  ~ Normal(expected_change, noise)
    outcome_dropout ~ Geometric(hazard), censored
    logit hazard     = tilt[treatment] + lean[therapist]
    expected_change  = base[treatment] + bond * (lean[therapist] + 2.2)
    expected_dropout = (1 - (1 - hazard)^K) / hazard, the sessions expected up to the longest course, K
    lean ~ Normal(leaving, sd_lean);  tilt ~ Normal(0, sd_tilt), summing to zero
    risk[treatment] = leaving + tilt[treatment];  level[treatment] = base[treatment] + bond * (leaving + 2.2)

    The therapist effect is that on dropping out, of which a course tells more than of change, and the bond carries it
    over to change; the other way round an effect on change near zero could change its sign together with the bond, and
    the posterior would have two modes. Treatments sum to zero and therapists lie around the mean, so that no two can
    trade a constant.
    Units: base, level and noise in points; lean, leaving, tilt and risk in logits; bond in points per logit;
    expected_dropout in sessions. A change score that is missing is missing at random given treatment, therapist and
    dropping out.

    References
    ----------
    Singer & Willett (1993), doi 10.3102/10769986018002155 (discrete time).
    """

    info = ModelInfo(
        name="change-and-dropout",
        summary="a change score and the session of dropping out, sharing a therapist effect",
        needs=Needs(outcome={"change": "continuous", "dropout": "sessions"}, facets=("treatment", "therapist")),
        unseen={"therapist": "draw", "treatment": "refuse"},
    )

    def default_priors(self, design: Design) -> Priors:
        """Scaled to the change score; hazards around one in ten a session."""
        scale = design.targets["change"].scale
        return {
            "leaving": Prior.normal(USUAL, 1.0),
            "sd_lean": Prior.half_normal(1.0),
            "sd_tilt": Prior.half_normal(1.0),
            "bond": Prior.normal(0.0, 2.0 * scale.spread),
            "noise": Prior.half_normal(scale.spread),
            "base": Prior.normal(scale.centre, 2.5 * scale.spread),
        }

    def build(self, design: Design, priors: Priors) -> pm.Model:
        """Build the graph; rows without a change score still say when the client left."""
        treatment, therapist = design.factor("treatment"), design.factor("therapist")
        change, sessions = design.targets["change"], design.targets["dropout"]
        longest = int(np.nanmax(design.source.targets["dropout"].response.y))
        with pm.Model(coords=design.coords) as model:
            leaving, sd_lean, sd_tilt, bond, noise = (priors[n].create(n) for n in NAMES)
            base = priors["base"].create("base", dims="treatment")
            tilt = pm.ZeroSumNormal("tilt", sd_tilt, dims="treatment")
            lean = pm.Normal("lean", leaving, sd_lean, dims="therapist")
            pm.Deterministic("risk", leaving + tilt, dims="treatment")
            pm.Deterministic("level", base + bond * (leaving - USUAL), dims="treatment")
            expected = base[treatment.codes] + bond * (lean[therapist.codes] - USUAL)
            hazard = cast(TensorVariable, pm.math.invlogit(tilt[treatment.codes] + lean[therapist.codes]))
            pm.Deterministic("expected_change", expected, dims="obs")
            pm.Deterministic("expected_dropout", (1 - (1 - hazard) ** longest) / hazard, dims="obs")
            rows = change.rows
            pm.Normal("outcome_change", expected[rows], noise, observed=change.response.y[rows], dims="obs_change")
            until = np.where(sessions.response.event == 0, sessions.response.y, longest + 1.0)
            if design.is_counterfactual:  # outcomes of new courses end with the longest course
                until = np.full(design.n_obs, float(longest))
            pm.Censored(
                "outcome_dropout",
                pm.Geometric.dist(hazard[sessions.rows]),
                lower=None,
                upper=until[sessions.rows],
                observed=sessions.response.y[sessions.rows],
                dims="obs_dropout",
            )
        return model
