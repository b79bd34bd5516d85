"""Models that are wrong on purpose, one mistake each, and the check that must catch it.

``Right`` and ``RightBinary`` are right; every other class changes one thing. A wrong model that passes is a defect of
the checks, not of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from outcomemodels.errors import SpecError
from outcomemodels.models.paul import INFO as PAUL
from outcomemodels.models.paul import Paul
from outcomemodels.plugin import Design, LinearStructure, ModelInfo, Needs, Prior, Priors

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
            "intercept": Prior.normal(scale.centre, 2.5 * scale.spread),
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
        levels = {name: list(f.levels) for name, f in design.factors.items()}
        return {**design.coords, **levels}

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

        with pm.Model(coords={**design.coords, **{n: list(f.levels) for n, f in design.factors.items()}}) as model:
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


# -- indices and labels --------------------------------------------------------------------------------------------


class TransposedIndex(Right):
    """The flat index runs through problems where the array runs through treatments."""

    def level(self, x: Any, design: Design) -> Any:
        treatment, problem = design.factor("treatment"), design.factor("problem")
        return x.flatten()[treatment.codes + len(treatment.levels) * problem.codes]


class SwappedAxes(Right):
    """Axes swapped where the numbers of levels differ: an index out of bounds."""

    def level(self, x: Any, design: Design) -> Any:
        return x[design.factor("problem").codes, design.factor("treatment").codes]


class MislabelledDims(Right):
    """Therapists' skills are indexed by service."""

    info = replace(INFO, needs=replace(INFO.needs, facets=("treatment", "problem", "therapist", "setting")),
                   unseen={**INFO.unseen, "setting": "draw"})  # fmt: skip

    def skill(self, u: Any, design: Design) -> Any:
        return u[design.factor("service").codes] + 1e-9 * u[design.factor("therapist").codes]


class SwappedColumns(Right):
    """The coefficients' order is not that of the columns."""

    def columns(self, design: Design) -> Any:
        return design.matrix()[:, ::-1]


class SortedLabels(Right):
    """Codes from sorted labels, effects in the design's order."""

    def level(self, x: Any, design: Design) -> Any:
        factor = design.factor("treatment")
        rank = np.argsort(np.argsort(factor.levels))
        return x[rank[factor.codes], design.factor("problem").codes]


class CoordsOfItsOwn(Right):
    """Labels in an order of its own."""

    def coords(self, design: Design) -> dict[str, Any]:
        return {**super().coords(design), "treatment": list(design.factor("treatment").levels)[::-1]}


class ReferenceLevel(Right):
    """The first treatment is held at zero, so the prior depends on which is first."""

    def level(self, x: Any, design: Design) -> Any:
        return super().level(x, design) * (design.factor("treatment").codes > 0)


class NoDims(Right):
    """An array without dims."""

    def after(self, model: Any, made: dict[str, Any]) -> None:
        import pymc as pm

        pm.Normal("loose", 0.0, 1.0, shape=3)


class RowNumber(Right):
    """The row's number is taken for time."""

    def more(self, design: Design) -> Any:
        return design.scale.spread * np.arange(design.n_obs) / design.n_obs


# -- what enters -----------------------------------------------------------------------------------------------


class IgnoredTreatment(Right):
    """Treatment is declared, and averaged away."""

    def level(self, x: Any, design: Design) -> Any:
        return x.mean(axis=0)[design.factor("problem").codes]


class OutcomeAsCovariate(Right):
    """The observed outcome is among the predictors."""

    def more(self, design: Design) -> Any:
        y = design.response.y if design.response is not None else np.zeros(design.n_obs)
        return 0.2 * (y - design.scale.centre)


class OutcomeByTherapist(Right):
    """The therapist's mean of the observed outcomes is among the predictors."""

    def more(self, design: Design) -> Any:
        if design.response is None:
            return 0.0
        codes = design.factor("therapist").codes
        count = np.bincount(codes)
        return 0.1 * (np.bincount(codes, weights=design.response.y) / np.maximum(count, 1))[codes]


class UndeclaredNeed(Right):
    """Needs a service and does not say so."""

    def more(self, design: Design) -> Any:
        return 0.0 * design.factor("service").codes


class OverdeclaredNeed(Right):
    """Says it needs a setting and makes nothing of it."""

    info = replace(INFO, needs=replace(INFO.needs, facets=(*INFO.needs.facets, "setting")),
                   unseen={**INFO.unseen, "setting": "draw"})  # fmt: skip


class MutatedDesign(Right):
    """Centres the outcome in place."""

    def more(self, design: Design) -> Any:
        if design.response is not None:
            design.response.y[:] = design.response.y + 1e-6
        return 0.0


class RandomBuild(Right):
    """A constant that is drawn anew in every build."""

    def more(self, design: Design) -> Any:
        return float(np.random.default_rng().normal())


class DenseRows(Right):
    """A matrix of rows by rows."""

    def more(self, design: Design) -> Any:
        return (np.eye(design.n_obs) * 1e-12).sum(axis=1)


# -- priors and scales -----------------------------------------------------------------------------------------


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


class IronPrior(Right):
    """Priors so narrow that no data get through."""

    def default_priors(self, design: Design) -> Priors:
        spread = design.scale.spread
        return {**super().default_priors(design), "sd_level": Prior.half_normal(spread / 1000)}


class CountsTwice(Right):
    """Every outcome enters the density twice: priors, names and predictions are right, intervals are not."""

    def after(self, model: Any, made: dict[str, Any]) -> None:
        import pymc as pm

        if made["y"] is not None:
            pm.Potential("again", pm.logp(model["outcome"], made["y"]).sum())


class WrongLink(RightBinary):
    """``expected`` is the logit, not the probability."""

    def mean(self, logit: Any) -> Any:
        return logit


class ProbitMean(RightBinary):
    """``expected`` is the mean of another link."""

    def mean(self, logit: Any) -> Any:
        import pymc as pm

        return pm.math.invprobit(logit)


# -- cells -----------------------------------------------------------------------------------------------------


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


class CellsWithoutWeights(RightCells):
    """A cell of two hundred counts as one row."""

    def sigma(self, noise: Any, design: Design) -> Any:
        return noise


class CellsWithoutSpread(RightCells):
    """What the SDs of cells say is left out."""

    spread_too = False


# -- somebody new ------------------------------------------------------------------------------------------------


class LastForNew(Right):
    """A therapist not in the data is given the last one's effect."""

    def skill(self, u: Any, design: Design) -> Any:
        known = design if design.fitted is None else design.fitted
        last = len(known.factor("therapist").levels) - 1
        return u[np.minimum(design.factor("therapist").codes, last)]


class ZeroForNew(Right):
    """A therapist not in the data is the average one, as if that were known."""

    def skill(self, u: Any, design: Design) -> Any:
        known = design if design.fitted is None else design.fitted
        codes = design.factor("therapist").codes
        return u[codes] * (codes < len(known.factor("therapist").levels))


# -- the linear form -------------------------------------------------------------------------------------------


class LinearWithoutATerm(Paul):
    """The linear form lacks the last batch."""

    info = replace(PAUL, name="linear-without-a-term")

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        whole = super().linear(design, priors)
        return replace(whole, blocks=whole.blocks[:-1])

    def build(self, design: Design, priors: Priors) -> Any:
        return Paul().build(design, priors)


class LinearWithAnotherPrior(LinearWithoutATerm):
    """The linear form takes another prior for an SD."""

    info = replace(PAUL, name="linear-with-another-prior")

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        whole = Paul().linear(design, priors)
        first = whole.blocks[0]
        return replace(whole, blocks=(replace(first, sds=(Prior.half_normal(1.0),)), *whole.blocks[1:]))


class LinearWithOtherNoise(LinearWithoutATerm):
    """The linear form takes the outcomes to be known half as well."""

    info = replace(PAUL, name="linear-with-other-noise")

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        whole = Paul().linear(design, priors)
        return replace(whole, weight=np.full(design.n_obs, 0.5) if whole.family == "gaussian" else None)


class LinearPredictsOtherwise(LinearWithoutATerm):
    """Asked about rows, the linear form centres them by themselves."""

    info = replace(PAUL, name="linear-predicts-otherwise")

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        whole = Paul().linear(design, priors)
        if not design.is_counterfactual:
            return whole
        return replace(whole, X=whole.X - whole.X[:, :].mean(axis=0) * (np.array(whole.columns) != "intercept") + 1e-3)


class LinearForgetsTreatment(LinearWithoutATerm):
    """Asked about other treatments, the linear form forgets their effects on slopes."""

    info = replace(PAUL, name="linear-forgets-treatment")

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        whole = Paul().linear(design, priors)
        if not design.is_counterfactual:
            return whole
        return replace(
            whole, blocks=tuple(replace(b, values=b.values * (b.by != ("treatment",))) for b in whole.blocks)
        )


# -- the protocol ------------------------------------------------------------------------------------------------


class WrongApi(Right):
    """Written for another version of the protocol."""

    info = replace(INFO, api=99)


class NoBuild:
    """Not a model at all."""

    info = INFO

    def default_priors(self, design: Design) -> Priors:
        return {}


class BadName(Right):
    """A name that is none."""

    info = replace(INFO, name="Right Model!")


class SilentOnNew(Right):
    """Does not say whether somebody new can be asked about."""

    info = replace(INFO, unseen={})


class SaysLinear(Right):
    """Says it is linear and has no linear form."""

    info = replace(INFO, linear=True)


class UnknownFacet(Right):
    """Needs a facet that does not exist."""

    info = replace(INFO, needs=replace(INFO.needs, facets=(*INFO.needs.facets, "clinic")), unseen=INFO.unseen)


@dataclass(frozen=True)
class NoUnits:
    """A model of treatments and therapists."""

    info: ClassVar[ModelInfo] = INFO

    def default_priors(self, design: Design) -> Priors:
        return Right().default_priors(design)

    def build(self, design: Design, priors: Priors) -> Any:
        return Right().build(design, priors)


@dataclass(eq=True, unsafe_hash=True)
class NotFrozen:
    """Right, but it can be changed under one's hands.

    outcome[obs] ~ Normal(expected[obs], noise). Units: points.
    """

    strength: float = 1.0
    info: ClassVar[ModelInfo] = INFO

    def default_priors(self, design: Design) -> Priors:
        return Right().default_priors(design)

    def build(self, design: Design, priors: Priors) -> Any:
        return Right().build(design, priors)


@dataclass(frozen=True)
class Unsendable(Right):
    """Holds a function that cannot travel to another process.

    outcome[obs] ~ Normal(expected[obs], noise). Units: points.
    """

    twist: Callable[[float], float] = field(default=lambda v: v)


class RestlessPriors(Right):
    """Other priors each time they are asked for."""

    def slope(self, design: Design, spread: float) -> Prior:
        return super().slope(design, spread)

    def default_priors(self, design: Design) -> Priors:
        wide = 1 + float(np.random.default_rng().uniform())
        return {**super().default_priors(design), "noise": Prior.half_normal(wide * design.scale.spread)}


class NumbersForPriors(Right):
    """A number where a prior is wanted."""

    def default_priors(self, design: Design) -> Priors:
        return {**super().default_priors(design), "df": 4.0}  # type: ignore[dict-item]


class NoExpected(Right):
    """The expected outcome has another name."""

    def build(self, design: Design, priors: Priors) -> Any:
        import pymc as pm

        with pm.Model(coords=design.coords) as model:
            mu = pm.Normal("mu", design.scale.centre, design.scale.spread)
            y = None if design.response is None else design.response.y
            pm.Normal("outcome", mu, design.scale.spread, observed=y, dims="obs", shape=design.n_obs)
        return model


class OtherOutcome(Right):
    """Another outcome than the design's is observed."""

    def build(self, design: Design, priors: Priors) -> Any:
        response = design.response
        other = None if response is None else replace(response, y=np.log1p(np.abs(response.y)))
        return super().build(replace(design, response=other), priors)


CATCHES: tuple[tuple[type, str], ...] = (
    (TransposedIndex, "effects_reach_their_own_rows"),
    (SwappedAxes, "prior_can_be_drawn"),
    (MislabelledDims, "effects_reach_their_own_rows"),
    (SwappedColumns, "effects_reach_their_own_rows"),
    (SortedLabels, "label_names_do_not_matter"),
    (CoordsOfItsOwn, "dims_are_the_designs"),
    (ReferenceLevel, "level_order_does_not_matter"),
    (NoDims, "dims_are_the_designs"),
    (RowNumber, "row_order_does_not_matter"),
    (IgnoredTreatment, "declared_facets_matter"),
    (OutcomeAsCovariate, "outcome_is_no_covariate"),
    (OutcomeByTherapist, "outcome_is_no_covariate"),
    (UndeclaredNeed, "builds"),
    (GreedyPriors, "asks_for_no_more_than_it_says"),
    (OverdeclaredNeed, "declared_facets_matter"),
    (MutatedDesign, "leaves_the_design_alone"),
    (RandomBuild, "builds_the_same_twice"),
    (DenseRows, "memory_grows_with_rows"),
    (PriorScaledByN, "default_priors_ignore_n"),
    (GraphScaledByN, "prior_ignores_n"),
    (UnitDependentPrior, "outcome_units_do_not_matter"),
    (SdForVariance, "outcome_units_do_not_matter"),
    (SlopePerUnit, "number_units_do_not_matter"),
    (ImproperPrior, "prior_is_proper"),
    (FlatPrior, "prior_can_be_drawn"),
    (WildPrior, "prior_predictive_is_plausible"),
    (NegativeSd, "prior_can_be_drawn"),
    (OutsideSupport, "is_finite_at_prior_draws"),
    (WrongLink, "expected_is_the_mean_of_the_outcome"),
    (ProbitMean, "expected_is_the_mean_of_the_outcome"),
    (CellsWithoutWeights, "aggregates_count_their_rows"),
    (CellsWithoutSpread, "aggregates_count_their_rows"),
    (LastForNew, "new_levels_come_from_the_population"),
    (ZeroForNew, "new_levels_come_from_the_population"),
    (LinearWithoutATerm, "linear_form_is_the_graph"),
    (LinearWithAnotherPrior, "linear_form_is_the_graph"),
    (LinearWithOtherNoise, "collapsed_and_conditional_are_the_graph"),
    (LinearPredictsOtherwise, "fitted_rows_reproduce_expected"),
    (LinearForgetsTreatment, "contrasts_are_the_graphs"),
    (WrongApi, "keeps_the_protocol"),
    (NoBuild, "keeps_the_protocol"),
    (BadName, "info_is_honest"),
    (SilentOnNew, "info_is_honest"),
    (SaysLinear, "info_is_honest"),
    (UnknownFacet, "info_is_honest"),
    (NoUnits, "says_its_story_with_units"),
    (NotFrozen, "is_a_frozen_value"),
    (Unsendable, "is_a_frozen_value"),
    (RestlessPriors, "priors_are_pure"),
    (NumbersForPriors, "survives_json"),
    (NoExpected, "names_what_is_reserved"),
    (OtherOutcome, "names_what_is_reserved"),
)
"""Wrong models and the check that catches each at the graph tier or before."""

BY_SAMPLING: tuple[tuple[type, str], ...] = ((IronPrior, "recovers_the_truth"), (CountsTwice, "ranks_are_uniform"))
"""Mistakes no look at the graph can show: a coherent density, and another one than the data have."""
