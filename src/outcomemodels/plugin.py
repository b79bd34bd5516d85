"""All a model author imports: the protocol, what a model says about itself, and the linear form.

Floor 5. A plugin is a frozen dataclass with ``info``, ``default_priors(design)`` and ``build(design, priors)``;
no base class, no fit, no predict. Two names are reserved in its graph: ``expected`` (response scale, dims ``obs``)
and ``outcome`` (observed).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from outcomemodels.design import (
    NEW,
    UNKNOWN,
    Batch,
    Column,
    Crossing,
    Design,
    Factor,
    Number,
    Response,
    Unseen,
)
from outcomemodels.errors import NeedsError, SpecError
from outcomemodels.priors import Prior, Priors
from outcomemodels.schema import Facet

if TYPE_CHECKING:
    import pymc as pm

API = 1

Outcome = Literal["continuous", "binary", "count", "ordered", "sessions"]
UnseenPolicy = Literal["draw", "refuse"]

__all__ = [
    "API",
    "NEW",
    "UNKNOWN",
    "Batch",
    "Block",
    "Column",
    "Crossing",
    "Design",
    "Facet",
    "Factor",
    "LinearStructure",
    "ModelInfo",
    "Needs",
    "NeedsError",
    "Number",
    "OutcomeModel",
    "Prior",
    "Priors",
    "Response",
    "SpecError",
    "Unseen",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the data must offer before the model is built.

    ``outcome`` is one kind of outcome, several accepted kinds, or (reserved for several responses) a mapping of
    response name to kind.
    """

    outcome: tuple[Outcome, ...] | Mapping[str, Outcome] = ("continuous",)
    facets: tuple[str, ...] = ()
    min_occasions: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What a model says about itself; checks and engines are chosen from this, never from the name."""

    name: str
    summary: str
    api: int = API
    needs: Needs = field(default_factory=Needs)
    unseen: Mapping[str, UnseenPolicy] = field(default_factory=dict)
    linear: bool = False


@dataclass(frozen=True, eq=False)
class Block:
    """A batch of effects as arrays.

    Parameters
    ----------
    id : str
        Graph name; effects are ``effect_<id>``, standard deviations ``sd_<id>``, correlations ``corr_<id>``.
    by : tuple of str
        Factors whose crossing gives the levels.
    levels : tuple of str
    codes : array of int, dims (obs,)
        -1 where a counterfactual row has a combination that was not fitted.
    columns : tuple of str
    values : array of float, dims (obs, column)
    sds : tuple of Prior
        One per column.
    correlation : Prior or None
        An ``lkj`` prior when the columns share a covariance; None for independent columns.
    """

    id: str
    by: tuple[str, ...]
    levels: tuple[str, ...]
    codes: NDArray[np.int32]
    columns: tuple[str, ...]
    values: NDArray[np.float64]
    sds: tuple[Prior, ...]
    correlation: Prior | None = None

    @property
    def dim(self) -> str:
        """Dim of the levels."""
        return "_x_".join(self.by)


@dataclass(frozen=True, eq=False)
class LinearStructure:
    """A linear mixed model in full: the same density as the plugin's graph.

    ``link(expected) = X b + sum over blocks of rowsum(values * effects[codes])`` with b ~ ``column_priors``,
    effects ~ Normal(0, covariance of the block). Gaussian rows have variance
    ``noise[noise_codes]**2 / weight + known_variance``; a cell stands for ``n`` rows with mean y and SD sd.

    Parameters
    ----------
    family : {"gaussian", "binomial"}
    columns : tuple of str
    X : array, dims (obs, column)
    column_priors : tuple of Prior
        Normal or constant priors.
    blocks : tuple of Block
    response : Response or None
        None for counterfactual designs.
    noise : tuple of Prior
        One per noise level; empty for the binomial family.
    noise_levels : tuple of str
        ``("all",)`` for one residual SD.
    noise_codes : array of int, dims (obs,)
    weight, known_variance : array or None, dims (obs,)
    """

    family: Literal["gaussian", "binomial"]
    columns: tuple[str, ...]
    X: NDArray[np.float64]
    column_priors: tuple[Prior, ...]
    blocks: tuple[Block, ...]
    response: Response | None
    noise: tuple[Prior, ...] = ()
    noise_by: str = ""
    noise_levels: tuple[str, ...] = ("all",)
    noise_codes: NDArray[np.int32] | None = None
    weight: NDArray[np.float64] | None = None
    known_variance: NDArray[np.float64] | None = None


@runtime_checkable
class OutcomeModel(Protocol):
    """The door: what every model offers."""

    @property
    def info(self) -> ModelInfo:
        """What the model says about itself."""
        ...

    def default_priors(self, design: Design) -> Priors:
        """Priors by parameter name, scaled to the design."""
        ...

    def build(self, design: Design, priors: Priors) -> pm.Model:
        """Build the graph; pure, and the only place a model touches PyMC."""
        ...


@runtime_checkable
class LinearModel(OutcomeModel, Protocol):
    """A model that also offers its linear form."""

    def linear(self, design: Design, priors: Priors) -> LinearStructure:
        """Return the same density as ``build``, as arrays."""
        ...


def check_needs(model: OutcomeModel, design: Design) -> None:
    """Refuse data that lack a facet the model needs, before anything is built.

    Raises
    ------
    NeedsError
        Naming the facet, and what would satisfy it.
    """
    there = {f.facet for f in design.factors.values()} | {v.facet for v in design.numbers.values()}
    for facet in model.info.needs.facets:
        if Facet(facet) not in there:
            raise NeedsError(
                f"model {model.info.name!r} needs a field of facet {facet}, and these data have none",
                facet=facet,
                accepted=f"at least one field declared with facet = {facet!r}",
                mend=f"declare the column that holds the {facet} in the schema, or choose another model",
            )


def resolve_priors(model: OutcomeModel, design: Design, overrides: Mapping[str, Prior]) -> dict[str, Prior]:
    """Default priors with overrides put in.

    Raises
    ------
    SpecError
        For an override of a parameter the model does not have.
    """
    priors: dict[str, Any] = dict(model.default_priors(design))
    for name, prior in overrides.items():
        if name not in priors:
            raise SpecError(f"model {model.info.name!r} has no prior called {name!r}", accepted=", ".join(priors))
        priors[name] = prior
    return priors
