"""Treatments and therapists, with outcomes that may lie far out."""

from __future__ import annotations

from dataclasses import dataclass

import pymc as pm

from outcomemodels.plugin import Design, Facet, ModelInfo, Needs, Prior, Priors, SpecError


@dataclass(frozen=True)
class RobustTherapists:
    """Each treatment has its level, each therapist a skill; a few outcomes may lie far out.

    outcome[obs] ~ StudentT(df, expected[obs], noise)
    expected     = level[treatment] + skill[therapist]
    skill        ~ Normal(0, sd_skill)

    Units: level, skill, sd_skill and noise in points of the outcome.
    References: Lange, Little & Taylor (1989), doi 10.1080/01621459.1989.10478852.
    """

    df: float = 4.0

    info = ModelInfo(
        name="robust-therapists",
        summary="treatments and therapists, with outcomes that may lie far out",
        needs=Needs(outcome=("continuous",), facets=("treatment", "therapist")),
        unseen={"treatment": "refuse", "therapist": "draw"},
    )

    def default_priors(self, design: Design) -> Priors:
        """Priors in units of the outcome's own centre and spread."""
        centre, spread = design.scale.centre, design.scale.spread
        return {
            "level": Prior.normal(centre, 2 * spread),
            "sd_skill": Prior.half_normal(spread / 2),
            "noise": Prior.half_normal(spread),
        }

    def build(self, design: Design, priors: Priors) -> pm.Model:
        """Build the graph; ``expected`` and ``outcome`` are the names the library looks for."""
        if design.observed.kind != "rows":
            raise SpecError("this model takes single outcomes", accepted="rows, not cells or counts")
        treatment, therapist = design.of_facet(Facet.TREATMENT)[0], design.of_facet(Facet.THERAPIST)[0]
        with pm.Model(coords=design.coords) as model:
            level = priors["level"].create("level", dims=treatment.name)
            skill = priors["sd_skill"].create("sd_skill") * pm.Normal("z_skill", dims=therapist.name)
            pm.Deterministic("skill", skill, dims=therapist.name)
            expected = pm.Deterministic("expected", level[treatment.codes] + skill[therapist.codes], dims="obs")
            noise = priors["noise"].create("noise")
            pm.StudentT("outcome", nu=self.df, mu=expected, sigma=noise, observed=design.observed.y, dims="obs")
        return model
