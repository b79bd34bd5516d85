"""Change and dropping out together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymc as pm

from outcomemodels.plugin import Design, ModelInfo, Needs, Prior, Priors

NAMES = ("typical", "sd_contrast", "sd_bond", "noise", "pull")


@dataclass(frozen=True)
class ChangeAndDropout:
    """A change score and the session after which a client drops out, with one therapist effect behind both.

    outcome_change  ~ Normal(expected_change, noise);  expected_change = contrast[treatment] + line[therapist]
    outcome_dropout ~ Geometric(hazard), censored
    logit hazard     = leaving[treatment] + pull * (line[therapist] - centre)
    expected_dropout = (1 - (1 - hazard)^K) / hazard, the sessions expected up to the longest course, K
    line ~ Normal(typical, sd_bond);  contrast ~ Normal(0, sd_contrast), summing to zero
    level[treatment] = typical + contrast[treatment];  risk[treatment] = leaving[treatment] + pull * (typical - centre)

    The pull is per point of the therapist's effect on change: were it per SD, an effect near zero could change its sign
    together with the pull, and the posterior would have two modes. ``centre`` is a number, the mean change in the data:
    were it ``typical``, that and ``leaving`` could trade a constant.
    Units: level, contrast, line and noise in points; risk and leaving in logits; pull in logits per point;
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
            "typical": Prior.normal(scale.centre, 2.5 * scale.spread),
            "sd_contrast": Prior.half_normal(scale.spread),
            "sd_bond": Prior.half_normal(scale.spread / 2),
            "noise": Prior.half_normal(scale.spread),
            "leaving": Prior.normal(-2.2, 1.0),
            "pull": Prior.normal(0.0, 2.0 / scale.spread),
        }

    def build(self, design: Design, priors: Priors) -> pm.Model:
        """Build the graph; rows without a change score still say when the client left."""
        treatment, therapist = design.factor("treatment"), design.factor("therapist")
        change, sessions = design.targets["change"], design.targets["dropout"]
        centre = change.scale.centre
        longest = int(np.nanmax(design.source.targets["dropout"].response.y))
        with pm.Model(coords=design.coords) as model:
            typical, sd_contrast, sd_bond, noise, pull = (priors[n].create(n) for n in NAMES)
            leaving = priors["leaving"].create("leaving", dims="treatment")
            pm.Deterministic("risk", leaving + pull * (typical - centre), dims="treatment")
            contrast = pm.ZeroSumNormal("contrast", sd_contrast, dims="treatment")
            pm.Deterministic("level", typical + contrast, dims="treatment")
            line = pm.Normal("line", typical, sd_bond, dims="therapist")
            expected = contrast[treatment.codes] + line[therapist.codes]
            hazard = pm.math.invlogit(leaving[treatment.codes] + pull * (line[therapist.codes] - centre))
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
