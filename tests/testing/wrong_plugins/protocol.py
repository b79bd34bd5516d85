"""The protocol and the names in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from outcomemodels.plugin import Design, ModelInfo, Prior, Priors
from testing.wrong_plugins.right import INFO, Right


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
