"""Change and dropping out together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymc as pm

from outcomemodels.plugin import Design, ModelInfo, Needs, Prior, Priors


@dataclass(frozen=True)
class ChangeAndDropout:
    """A change score and the session after which a client drops out, with one therapist effect behind both.

    outcome_change  ~ Normal(expected_change, noise);           expected_change = level[treatment] + bond[therapist]
    outcome_dropout ~ Geometric(hazard), censored;  logit hazard = risk[treatment] + pull * alliance[therapist]
    expected_dropout = (1 - (1 - hazard)^K) / hazard, the sessions expected up to the longest course, K
    bond = sd_bond * alliance;  alliance ~ Normal(0, 1)

    Units: level, bond and noise in points; risk in logits; pull in logits per SD of alliance; expected_dropout in
    sessions. A change score that is missing is missing at random given treatment, therapist and dropping out.

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
            "level": Prior.normal(scale.centre, 2.5 * scale.spread),
            "sd_bond": Prior.half_normal(scale.spread / 2),
            "noise": Prior.half_normal(scale.spread),
            "risk": Prior.normal(-2.2, 1.0),
            "pull": Prior.normal(0.0, 1.0),
        }

    def build(self, design: Design, priors: Priors) -> pm.Model:
        """Build the graph; rows without a change score still say when the client left."""
        treatment, therapist = design.factor("treatment"), design.factor("therapist")
        change, sessions = design.targets["change"], design.targets["dropout"]
        longest = int(np.nanmax(design.source.targets["dropout"].response.y))
        with pm.Model(coords=design.coords) as model:
            level, risk = (priors[n].create(n, dims="treatment") for n in ("level", "risk"))
            sd_bond, noise, pull = (priors[n].create(n) for n in ("sd_bond", "noise", "pull"))
            alliance = pm.Normal("alliance", dims="therapist")
            bond = pm.Deterministic("bond", sd_bond * alliance, dims="therapist")
            expected = level[treatment.codes] + bond[therapist.codes]
            hazard = pm.math.invlogit(risk[treatment.codes] + pull * alliance[therapist.codes])
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
