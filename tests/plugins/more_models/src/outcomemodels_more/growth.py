"""Scores in time within clients within therapists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymc as pm

from outcomemodels.plugin import Design, ModelInfo, Needs, Prior, Priors

NAMES = ("intake", "trend", "sd_contrast", "sd_start", "sd_skill", "sd_pace", "noise")


@dataclass(frozen=True)
class ThreeLevelGrowth:
    """Straight lines in time whose slope differs by treatment, therapist and client.

    outcome[obs] ~ Normal(expected[obs], noise)
    expected     = start[client] + (contrast[treatment] + line[therapist] + pace[client]) * weeks
    start ~ Normal(intake, sd_start), line ~ Normal(trend, sd_skill), pace ~ Normal(0, sd_pace)
    contrast ~ Normal(0, sd_contrast), summing to zero;  rate[treatment] = trend + contrast[treatment]

    The treatments sum to zero and the therapists lie around the mean rate, so that no two sets of effects can trade a
    constant; that is what lets the sampler move freely (Gelfand, Sahu & Carlin 1995, doi 10.1093/biomet/82.3.479).
    Units: outcome, start and noise in points; weeks since intake; trend, rate, contrast, line and pace in points per
    week.

    References
    ----------
    Baldwin, Imel, Braithwaite & Atkins (2014), doi 10.1037/a0037506 (repeated scores within therapists).
    """

    info = ModelInfo(
        name="three-level-growth",
        summary="straight lines in time by treatment, therapist and client",
        needs=Needs(outcome=("continuous",), facets=("client", "treatment", "therapist", "time"), min_occasions=3),
        unseen={"client": "draw", "therapist": "draw", "treatment": "refuse"},
    )

    def default_priors(self, design: Design) -> Priors:
        """Scaled to the spread of the scores, and for slopes to the weeks they span."""
        spread = design.scale.spread
        slope = spread / (float(np.ptp(design.source.numbers["weeks"].values)) or 1.0)
        return {
            "intake": Prior.normal(design.scale.centre, 2.5 * spread),
            "trend": Prior.normal(0.0, 2.5 * slope),
            "sd_contrast": Prior.half_normal(slope),
            "sd_start": Prior.half_normal(spread),
            "sd_skill": Prior.half_normal(slope),
            "sd_pace": Prior.half_normal(slope),
            "noise": Prior.half_normal(spread),
        }

    def build(self, design: Design, priors: Priors) -> pm.Model:
        """Build the graph: levels from the design, one row a score."""
        treatment, therapist, client = (design.factor(n) for n in ("treatment", "therapist", "client"))
        weeks = design.numbers["weeks"].values
        with pm.Model(coords=design.coords) as model:
            intake, trend, sd_contrast, sd_start, sd_skill, sd_pace, noise = (priors[n].create(n) for n in NAMES)
            contrast = pm.ZeroSumNormal("contrast", sd_contrast, dims="treatment")
            pm.Deterministic("rate", trend + contrast, dims="treatment")
            start = pm.Normal("start", intake, sd_start, dims="client")
            line = pm.Normal("line", trend, sd_skill, dims="therapist")
            pace = pm.Normal("pace", 0, sd_pace, dims="client")
            slope = contrast[treatment.codes] + line[therapist.codes] + pace[client.codes]
            expected = pm.Deterministic("expected", start[client.codes] + slope * weeks, dims="obs")
            pm.Normal("outcome", expected, noise, observed=design.observed.y, dims="obs")
        return model
