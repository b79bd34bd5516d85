"""All a model author imports: the protocol, what a model says about itself, and the linear form.

Floor 5. A plugin is a frozen dataclass with ``info``, ``default_priors(design)`` and ``build(design, priors)``;
no base class, no fit, no predict. Two names are reserved in its graph: ``expected`` (response scale, dims ``obs``)
and ``outcome`` (observed). A model of several responses has ``expected_<name>`` (dims ``obs``) and ``outcome_<name>``
(dims ``obs``, or ``obs_<name>`` for the rows in which that response was observed) for each.

The response scale, by kind of outcome: points for continuous ones; a probability for binary ones and for counts of a
total; a rate for other counts; for ordered ones the mean score of the levels (``design.scores``); for times the
expected number of sessions attended, up to the longest course in the data.
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
    OutcomeKind,
    Response,
    Target,
    Unseen,
)
from outcomemodels.design.observe import ordered_outcomes, timed_outcomes
from outcomemodels.design.supply import supply_of
from outcomemodels.errors import NeedsError, SpecError
from outcomemodels.posterior import expected_name, outcome_name
from outcomemodels.priors import Prior, Priors
from outcomemodels.schema import Facet, Schema, Statistic

if TYPE_CHECKING:
    import pymc as pm

    from outcomemodels.data.dataset import PaulDataset

API = 1

Outcome = OutcomeKind
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
    "OutcomeKind",
    "OutcomeModel",
    "Prior",
    "Priors",
    "Response",
    "SpecError",
    "Target",
    "Unseen",
    "expected_name",
    "outcome_name",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the data must offer before the model is built.

    Parameters
    ----------
    outcome : tuple of OutcomeKind, or mapping of response name to OutcomeKind
        The kinds a model of one response takes; for a model of several, the kind of each.
    facets : tuple of str
        Facets of which there must be a field in the data.
    min_occasions : int
        Scores in time that the client in the middle must have; above 1, the outcome is a measure of the assessment
        table.
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


def check_needs(
    model: OutcomeModel, design: Design, data: PaulDataset | None = None, *, schema: Schema | None = None
) -> None:
    """Refuse data that lack what the model needs, before anything is built.

    Parameters
    ----------
    model : OutcomeModel
    design : Design
    data : PaulDataset, optional
        To name the columns that would do.
    schema : Schema, optional
        For the same, where there are no rows any more; that of ``data`` when absent.

    Raises
    ------
    NeedsError
        Naming the facet, and the column of the data that would satisfy it; where there is none, how to declare one.
    """
    _check_outcomes(model, design, data)
    _check_occasions(model, design, data)
    _check_facets(model, design, schema if data is None else data.schema)


def _check_facets(model: OutcomeModel, design: Design, schema: Schema | None) -> None:
    there = {f.facet for f in design.factors.values()} | {v.facet for v in design.numbers.values()}
    for facet in model.info.needs.facets:
        if Facet(facet) in there:
            continue
        accepted = f"at least one field declared with facet = {facet!r}"
        if schema is None:
            raise NeedsError(
                f"model {model.info.name!r} needs a field of facet {facet}, and these data have none",
                facet=facet,
                accepted=accepted,
                mend=f"declare the column that holds the {facet} in the schema, or choose another model",
            )
        supply = supply_of(Facet(facet), schema, repeated=design.unit_of_analysis == "assessment")
        raise NeedsError(
            f"model {model.info.name!r} needs a field of facet {facet}, and "
            + ("none enters here; these columns would do" if supply.found else "these data have none"),
            facet=facet,
            column=supply.column or None,
            table=supply.table or None,
            rows=supply.found,
            accepted=accepted,
            mend=supply.mend,
        )


def _check_outcomes(model: OutcomeModel, design: Design, data: PaulDataset | None) -> None:
    wanted = model.info.needs.outcome
    if isinstance(wanted, Mapping):
        found = {name: target.kind for name, target in design.targets.items()}
        if found == dict(wanted):
            return
        rows = [
            f"{name}: {kind}, "
            + (f"got {found[name]} ({design.targets[name].outcome})" if name in found else "not named")
            for name, kind in wanted.items()
            if found.get(name) != kind
        ]
        choices = {name: _of_kind(data, kind) for name, kind in wanted.items()}
        named = ", ".join(f"{n!r}: {(c or ('…',))[0]!r}" for n, c in choices.items())
        spoken = " ".join(f"--outcome {n}={(c or ('…',))[0]}" for n, c in choices.items())
        raise NeedsError(
            f"model {model.info.name!r} takes {len(wanted)} responses",
            facet="outcome",
            rows=[*rows, *(f"{name}: no such response in the model" for name in found if name not in wanted)],
            accepted="; ".join(
                f"{n} ({k}): {', '.join(choices[n]) or 'none in these data'}" for n, k in wanted.items()
            ),
            mend=f"say which outcome is which: fit(…, outcome={{{named}}}), or {spoken}",
        )
    if design.targets:
        raise NeedsError(
            f"model {model.info.name!r} takes one response, and {len(design.targets)} were named",
            facet="outcome",
            accepted="outcome='…', one name",
        )
    if design.kind in wanted:
        return
    fitting = [name for kind in wanted for name in _of_kind(data, kind) if name != design.outcome]
    raise NeedsError(
        f"model {model.info.name!r} takes outcomes that are {' or '.join(wanted)}, and {design.outcome!r} is "
        f"{design.kind}",
        column=design.outcome,
        facet="outcome",
        accepted=", ".join(dict.fromkeys(fitting)) or f"{_DECLARED[wanted[0]]}; these data have none",
        mend="name another outcome, declare the column so in the schema, or choose a model for this kind of outcome",
    )


_DECLARED: Mapping[OutcomeKind, str] = {
    "continuous": "a numeric field of facet outcome",
    "binary": "a numeric field of facet outcome holding 0 and 1",
    "count": "a field of facet outcome with statistic = 'events', and one with statistic = 'total' of it",
    "ordered": "a field of facet outcome and kind 'ordered', or whole numbers of few different values",
    "sessions": "a number of sessions, and a 0/1 field with statistic = 'events' of it saying who dropped out",
}


def _of_kind(data: PaulDataset | None, kind: OutcomeKind) -> tuple[str, ...]:
    """Outcomes of the data that can be read as a kind, by what the schema says."""
    if data is None:
        return ()
    timed = timed_outcomes(data)
    if kind == "sessions":
        return timed
    if kind == "ordered":
        return ordered_outcomes(data)
    counted = kind in ("count", "binary")
    events = [n for n in data.outcomes if n in data.schema and data.schema[n].statistic is Statistic.EVENTS]
    return tuple(n for n in data.outcomes if (n in events) == counted and n not in timed)


def _check_occasions(model: OutcomeModel, design: Design, data: PaulDataset | None) -> None:
    needed = model.info.needs.min_occasions
    if needed <= 1:
        return
    repeated = design.unit_of_analysis == "assessment"
    median = float(np.median(np.unique(design.row, return_counts=True)[1])) if repeated else 1.0
    if repeated and median >= needed:
        return
    measures = () if data is None else data.measures
    raise NeedsError(
        f"model {model.info.name!r} needs {needed} or more scores in time a client, and {design.outcome!r} has "
        f"{median:g} in the client in the middle",
        column=design.outcome,
        facet="time",
        accepted=f"a measure of the assessment table: {', '.join(measures) or 'these data have none'}",
        mend="declare the scores and their weeks under [assessments.fields], and name the measure as the outcome",
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
