"""Models that are right, made so that each mistake is one method away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from outcomemodels.errors import SpecError
from outcomemodels.plugin import Design, ModelInfo, Needs, Prior, Priors

INFO = ModelInfo(
    name="right",
    summary="treatments by problems, therapists, covariates",
    needs=Needs(outcome=("continuous",), facets=("treatment", "problem", "therapist")),
    unseen={"treatment": "refuse", "therapist": "draw"},
)


@dataclass(frozen=True)
class Right:
    """Treatments for problems, and therapists.

    outcome[obs] ~ Normal(expected[obs], noise)
    expected     = X beta + level[treatment, problem] + skill[therapist]

    Units: points of the outcome; coefficients in points per unit of their column.
    """

    info: ClassVar[ModelInfo] = INFO

    def default_priors(self, design: Design) -> Priors:
        scale = design.scale
        if design.response is not None and design.response.kind != "rows":
            raise SpecError("cells are not for this model", accepted="rows of single outcomes")
        return {
            "intercept": Prior.normal(scale.centre, 0.1 * scale.spread),  # the levels carry the rest: no ridge
            **{c.name: self.slope(design, c.spread) for c in design.columns if c.parts},
            "sd_level": Prior.half_normal(scale.spread / 2),
            "sd_skill": Prior.half_normal(scale.spread / 2),
            "noise": Prior.half_normal(scale.spread),
        }

    def slope(self, design: Design, spread: float) -> Prior:
        return Prior.normal(0.0, 2.5 * design.scale.spread / spread)

    def build(self, design: Design, priors: Priors) -> Any:
        import pymc as pm

        with pm.Model(coords=self.coords(design)) as model:
            beta = [priors[c.name].values for c in design.columns]
            b = pm.Normal("beta", [v[0] for v in beta], [v[1] for v in beta], dims="coefficient")
            x = pm.Normal("level", 0.0, priors["sd_level"].create("sd_level"), dims=self.level_dims())
            u = pm.Normal("skill", 0.0, priors["sd_skill"].create("sd_skill"), dims="therapist")
            terms = self.columns(design) @ b + self.level(x, design) + self.skill(u, design) + self.more(design)
            expected = pm.Deterministic("expected", terms, dims="obs")
            noise = priors["noise"].create("noise")
            y = None if design.response is None else design.response.y
            pm.Normal("outcome", expected, self.sigma(noise, design), observed=y, dims="obs")
            self.after(model, locals())
        return model

    # -- what the wrong ones change ----------------------------------------------------------------------------

    def coords(self, design: Design) -> dict[str, Any]:
        return dict(design.coords)

    def level_dims(self) -> tuple[str, ...]:
        return ("treatment", "problem")

    def columns(self, design: Design) -> Any:
        return design.matrix()

    def level(self, x: Any, design: Design) -> Any:
        return x[design.factor("treatment").codes, design.factor("problem").codes]

    def skill(self, u: Any, design: Design) -> Any:
        return u[design.factor("therapist").codes]

    def more(self, design: Design) -> Any:
        return 0.0

    def sigma(self, noise: Any, design: Design) -> Any:
        return noise

    def after(self, model: Any, made: dict[str, Any]) -> None:
        """Something more in the graph."""


@dataclass(frozen=True)
class RightBinary:
    """Recovered or not, by treatment and therapist.

    outcome[obs] ~ Bernoulli(expected[obs]);  logit(expected) = level[treatment] + skill[therapist]

    Units: logits.
    """

    info: ClassVar[ModelInfo] = ModelInfo(
        name="right-binary",
        summary="recovered or not, by treatment and therapist",
        needs=Needs(outcome=("binary",), facets=("treatment", "therapist")),
        unseen={"treatment": "refuse", "therapist": "draw"},
    )

    def default_priors(self, design: Design) -> Priors:
        return {"mean": Prior.normal(design.scale.centre, 1.0), "sd_skill": Prior.half_normal(0.5)}

    def build(self, design: Design, priors: Priors) -> Any:
        import pymc as pm

        with pm.Model(coords=design.coords) as model:
            level = pm.Normal("level", *priors["mean"].values, dims="treatment")
            skill = pm.Normal("skill", 0.0, priors["sd_skill"].create("sd_skill"), dims="therapist")
            logit = level[design.factor("treatment").codes] + skill[design.factor("therapist").codes]
            pm.Deterministic("expected", self.mean(logit), dims="obs")
            y = None if design.response is None else design.response.y.astype(int)
            pm.Bernoulli("outcome", logit_p=logit, observed=y, dims="obs")
        return model

    def mean(self, logit: Any) -> Any:
        import pymc as pm

        return pm.math.invlogit(logit)


class RightCells(Right):
    """Cells count as their rows: right."""

    spread_too: ClassVar[bool] = True

    def default_priors(self, design: Design) -> Priors:
        rows = design.response
        single = replace(design, response=None if rows is None else replace(rows, kind="rows"))
        return super().default_priors(single)

    def sigma(self, noise: Any, design: Design) -> Any:
        rows = design.response
        return noise if rows is None or rows.kind == "rows" else noise / np.sqrt(rows.n)

    def after(self, model: Any, made: dict[str, Any]) -> None:
        import pymc as pm
        import pytensor.tensor as pt

        rows = made["design"].response
        if rows is None or rows.kind == "rows" or not self.spread_too:
            return
        df = rows.n - 1
        squares = np.nan_to_num(df * rows.sd**2)
        pm.Potential("within", (-df * pt.log(made["noise"]) - squares / (2 * made["noise"] ** 2)).sum())
