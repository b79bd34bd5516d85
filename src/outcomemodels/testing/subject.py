"""A model under test with its worlds: designs, graphs and fits, each made once and shared by the checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.design import Design, build_design
from outcomemodels.plugin import LinearModel, LinearStructure, OutcomeModel, Priors
from outcomemodels.testing.probe import Probe, carried
from outcomemodels.testing.results import CheckFailedError, NotApplicableError
from outcomemodels.testing.worlds import LARGE, NoWorldError, World, worlds_for

FloatArray = NDArray[np.float64]
POINTS = 4
"""Points of the prior at which densities are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a model may cost.

    Parameters
    ----------
    seconds : float
        Of one fit of a small world, compilation included.
    megabytes : float
        Peak memory allocated while a graph of 2,000 rows is built.
    growth : float
        How many times more memory four times the rows may take; 4 is linear.
    """

    seconds: float = 300.0
    megabytes: float = 200.0
    growth: float = 8.0


@dataclass(frozen=True, eq=False)
class Case:
    """A model in one world.

    Parameters
    ----------
    model : OutcomeModel
    world : World
    """

    model: OutcomeModel
    world: World

    @cached_property
    def design(self) -> Design:
        """The world as the model sees it."""
        return build_design(self.world.data, self.world.spec.with_(model=self.model.info.name))

    @cached_property
    def priors(self) -> Priors:
        """Default priors on :attr:`design`, overridden as the world's spec says."""
        return {**self.model.default_priors(self.design), **dict(self.world.spec.priors)}

    @cached_property
    def probe(self) -> Probe:
        """The graph of :attr:`design`."""
        return self.built(self.design)

    def built(self, design: Design, priors: Priors | None = None) -> Probe:
        """The graph of another design, with the same priors unless told otherwise."""
        return Probe(self.model.build(design, self.priors if priors is None else priors))

    @cached_property
    def points(self) -> list[dict[str, NDArray[Any]]]:
        """A few draws from the prior."""
        return self.probe.points(POINTS, seed=11)

    @cached_property
    def structure(self) -> LinearStructure:
        """The linear form, for models that say they are linear."""
        if not (self.model.info.linear and isinstance(self.model, LinearModel)):
            raise NotApplicableError("the model does not say it is linear")
        return self.model.linear(self.design, self.priors)

    def carried(self, other: Probe) -> list[dict[str, NDArray[Any]]]:
        """The points for another graph of the same model.

        Raises
        ------
        CheckFailedError
            If the other graph has other variables.
        """
        missing = [n for n in other.free if n not in self.probe.free]
        if missing or len(other.free) != len(self.probe.free):
            raise CheckFailedError(
                f"the variables change: {', '.join(self.probe.free)} become {', '.join(other.free)}; "
                "what a graph holds may not depend on this"
            )
        return [carried(p, self.probe, other) for p in self.points]


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """A model with the worlds it is looked at in.

    Parameters
    ----------
    model : OutcomeModel
    worlds : sequence of World or None
        None takes those that fit what the model says it needs.
    budget : Budget
    seed : int
    """

    model: OutcomeModel
    worlds: tuple[World, ...] | None = None
    budget: Budget = field(default_factory=Budget)
    seed: int = 1

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The model in each world, the least first."""
        return tuple(Case(self.model, w) for w in self._worlds())

    def _worlds(self) -> tuple[World, ...]:
        if self.worlds is not None:
            return self.worlds
        try:
            return worlds_for(self.model.info, seed=self.seed)
        except NoWorldError as none:
            raise CheckFailedError(str(none)) from none

    @cached_property
    def larger(self) -> Case:
        """The main case in more rows, for fitting; the caller's own world where worlds were handed over."""
        if self.worlds is not None:
            return self.main
        return Case(self.model, worlds_for(self.model.info, sizes=LARGE, seed=self.seed)[0])

    @property
    def main(self) -> Case:
        """The case most checks look at."""
        return self.cases[0]

    @property
    def of_rows(self) -> tuple[Case, ...]:
        """Cases whose rows are single outcomes."""
        return tuple(c for c in self.cases if c.world.role != "aggregated")

    @cached_property
    def store(self) -> dict[str, Any]:
        """Fits kept between checks."""
        return {}

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Something dear, made once."""
        if name not in self.store:
            self.store[name] = make()
        return self.store[name]


def fail_unless(condition: bool, message: str) -> None:
    """Raise :class:`CheckFailedError` with the message unless the condition holds."""
    if not condition:
        raise CheckFailedError(message)


def constant(differences: Iterable[float], *, scale: float = 1.0) -> float:
    """By how much differences that should be one number differ, relative to the size of the log densities."""
    values = np.asarray(list(differences), dtype=float)
    if not np.isfinite(values).all():
        return float("inf")
    return float(np.ptp(values) / max(scale, 1.0))


def relative(found: FloatArray, wanted: FloatArray) -> float:
    """Largest difference relative to the spread of what is wanted."""
    if found.shape != wanted.shape:
        return float("inf")
    size = max(float(np.max(np.abs(wanted), initial=0.0)), 1e-12)
    return float(np.max(np.abs(found - wanted), initial=0.0)) / size


def batches_of(design: Design) -> Mapping[str, tuple[str, ...]]:
    """Dims that name levels, and the factors they cross: single factors and crossings of them."""
    out: dict[str, tuple[str, ...]] = {name: (name,) for name in design.factors}
    out |= {"_x_".join(b.by): b.by for b in design.batches}
    return out
