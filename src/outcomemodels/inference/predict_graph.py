"""Prediction of any model through its own graph; one posterior draw gives one prediction.

The graph is built anew on the design that is asked about, in which somebody NEW is one more level after the fitted ones
(:func:`outcomemodels.design.present`). Then, for each posterior draw:

* what was fitted is held at its draw: every variable of the tree, along each dim up to the fitted levels;
* entries of free variables beyond the fitted levels are drawn from the graph's own prior, given the hyperparameters
  of the same draw; so NEW comes from the fitted population, in centred and non-centred models alike;
* UNKNOWN is one fitted level per draw, chosen by caseload, with the row written out for each level chosen;
* ``expected`` follows, computed by the author's graph.

Refused: levels a model says it refuses (``info.unseen``), and priors that tie levels to each other (sums to zero,
random walks), whose new entries do not follow from the fitted ones by independent draws.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from outcomemodels.design import NEW, UNKNOWN, Design, Watched, present
from outcomemodels.errors import PluginError, QuestionError
from outcomemodels.inference.evaluate import evaluate
from outcomemodels.inference.unknown import choose_unknown, resolve_unknown
from outcomemodels.plugin import OutcomeModel, Priors
from outcomemodels.posterior import EXPECTED, is_row_dim

if TYPE_CHECKING:
    import pymc as pm

FloatArray = NDArray[np.float64]
Array = NDArray[Any]


def predict_graph(
    model: OutcomeModel,
    design: Design,
    priors: Priors,
    posterior: xr.Dataset,
    *,
    seed: int,
    variable: str = EXPECTED,
) -> FloatArray:
    """Expected outcome (or another variable with one value a row) for every row of a design.

    Parameters
    ----------
    model : OutcomeModel
    design : Design
        Counterfactual or fitted.
    priors : mapping of parameter name to Prior
        Of the fit.
    posterior : xarray.Dataset, dims (chain, draw, …)
    seed : int
        For levels outside the fit, and for random variables asked for.
    variable : str
        ``expected``, ``expected_<name>``, or ``outcome`` for outcomes drawn for new courses.

    Returns
    -------
    array, dims (sample, obs)
        ``sample`` stacks chain and draw, chain slowest; units of the outcome.

    Raises
    ------
    QuestionError
        For a level the model refuses, or one whose prior does not stand alone.
    PluginError
        If the graph built for the question does not continue the fitted one.
    """
    samples = posterior.sizes["chain"] * posterior.sizes["draw"]
    rng = np.random.default_rng(seed)
    asked, pick = design, None
    if design.fitted is not None and not design.extended:
        chosen = choose_unknown(design, samples, rng)
        used = fields_used(model, design, priors)
        refuse_unseen(model, design, used)
        resolved = resolve_unknown(design, chosen, used, samples)
        asked, pick = present(resolved.design), resolved.pick
    graph = model.build(asked, priors)
    target = named(graph, variable, model)
    given = hold(
        graph,
        posterior,
        target,
        same_rows=design.fitted is None,
        samples=samples,
        seed=int(rng.integers(2**31)),
    )
    (values,) = evaluate([target], given, samples=samples, seed=int(rng.integers(2**31)), width=asked.n_obs)
    observed = asked.targets.get(variable.removeprefix("outcome_"))
    if observed is not None and variable.startswith("outcome_") and values.shape[1:] == observed.rows.shape:
        some, values = values, np.full((samples, asked.n_obs), np.nan)
        values[:, observed.rows] = some
    if values.ndim != 2 or values.shape[1] != asked.n_obs:
        raise PluginError(
            f"{variable!r} of model {model.info.name!r} has shape {values.shape[1:]} for {asked.n_obs} rows",
            accepted="one value a row, dims (obs,)",
        )
    values = values.astype(float)
    return values if pick is None else np.take_along_axis(values, pick, axis=1)


def prior_graph(
    model: OutcomeModel, design: Design, priors: Priors, *, samples: int, seed: int, variable: str = EXPECTED
) -> FloatArray:
    """The same from the prior: every free variable drawn, dims (sample, obs)."""
    rng = np.random.default_rng(seed)
    asked, pick = design, None
    if design.fitted is not None and not design.extended:
        chosen = choose_unknown(design, samples, rng)
        resolved = resolve_unknown(design, chosen, fields_used(model, design, priors), samples)
        asked, pick = present(resolved.design), resolved.pick
    graph = model.build(asked, priors)
    target = named(graph, variable, model)
    (values,) = evaluate([target], {}, samples=samples, seed=int(rng.integers(2**31)), width=asked.n_obs)
    values = values.astype(float)
    return values if pick is None else np.take_along_axis(values, pick, axis=1)


def named(graph: pm.Model, variable: str, model: OutcomeModel) -> Any:
    """A variable of the graph by name.

    Raises
    ------
    PluginError
        If the graph has none of that name.
    """
    if variable not in graph.named_vars:
        raise PluginError(
            f"the graph of model {model.info.name!r} has no variable {variable!r}",
            accepted="expected and outcome, or expected_<name> and outcome_<name> for several responses",
            mend=f"register it: pm.Deterministic({variable!r}, …, dims='obs')",
        )
    return graph.named_vars[variable]


# -- what the model looks at -----------------------------------------------------------------------------------


def fields_used(model: OutcomeModel, design: Design, priors: Priors) -> frozenset[str]:
    """Fields of the design the model takes while it builds, and factors that name a dim of its variables."""
    fitted = design if design.fitted is None else design.fitted
    factors, numbers = Watched(fitted.factors), Watched(fitted.numbers)
    graph = model.build(replace(fitted, factors=factors, numbers=numbers), priors)
    dims = {d for dims in graph.named_vars_to_dims.values() for d in dims if d is not None}
    return frozenset(factors.taken | numbers.taken | (dims & set(fitted.factors)))


def refuse_unseen(model: OutcomeModel, design: Design, used: frozenset[str]) -> None:
    """Refuse NEW levels of fields the model uses and does not draw.

    Raises
    ------
    QuestionError
        Naming the field and what the model accepts.
    """
    policies = model.info.unseen
    for name, factor in design.factors.items():
        if name not in used or not (factor.codes == NEW).any():
            continue
        if policies.get(name, policies.get(factor.facet.value, "refuse")) != "draw":
            raise QuestionError(
                f"model {model.info.name!r} has no population of {factor.facet.value}s to draw a new {name} from",
                column=name,
                facet=factor.facet.value,
                accepted=f"a fitted level ({', '.join(factor.levels[:5])}{' …' if len(factor.levels) > 5 else ''}) "
                f"or {UNKNOWN!r}",
                mend=f"ask with a fitted {name}, or with outcomemodels.UNKNOWN for any of those in the data",
            )


# -- holding what was fitted -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Fit:
    """How a variable of the graph lies against its posterior: ``fitted`` entries along each axis, -1 for rows."""

    fitted: tuple[int, ...]
    length: tuple[int, ...]

    @property
    def is_same(self) -> bool:
        return self.fitted == self.length


def hold(
    graph: pm.Model, posterior: xr.Dataset, target: Any, *, same_rows: bool, samples: int, seed: int
) -> dict[Any, Array]:
    """Values of the variables above ``target``: from the posterior where fitted, else drawn given those.

    ``same_rows`` says that the rows of the graph are those of the fit, so that effects of single rows are held too.

    Returns
    -------
    mapping of variable to array, dims (sample, …)
    """
    from pytensor.graph.traversal import ancestors

    above = set(ancestors([target]))
    free = {v.name for v in graph.free_RVs}
    derived = {v.name for v in graph.deterministics if v.type.ndim == 0 or graph.named_vars_to_dims.get(v.name)}
    order = [v for v in graph.named_vars.values() if v in above and v is not target]  # as created: parents first
    longer = {
        d for d in posterior.dims if graph.coords.get(d) is not None and len(graph.coords[d]) > posterior.sizes[d]
    }
    given: dict[Any, Array] = {}
    absent: list[Any] = []
    made: list[Any] = []  # drawn whole: only their entries outside the fit may count
    for i, variable in enumerate(order):
        known = variable.name in posterior and not str(variable.name).startswith(EXPECTED)
        if variable.name not in free and not (known and variable.name in derived):
            continue
        if not known and not longer & set(graph.named_vars_to_dims.get(variable.name) or ()):
            absent.append(variable)
            continue
        if not known:
            made.append(variable)
            (given[variable],) = evaluate([variable], given, samples=samples, seed=seed + i)
            continue
        lies = _compare(graph, variable, posterior[variable.name], same_rows=same_rows)
        held = _flat(posterior[variable.name])
        if lies.is_same:
            given[variable] = held
            continue
        if variable.name in free:
            _refuse_tied(variable, lies)
        _refuse_absent(variable, absent, given)
        (drawn,) = evaluate([variable], given, samples=samples, seed=seed + i, width=int(np.prod(lies.length)))
        values = np.array(drawn)
        if all(n >= 0 for n in lies.fitted):
            values[(slice(None), *(slice(n) for n in lies.fitted))] = held
        given[variable] = values
    _refuse_absent(target, [*absent, *made], {v: x for v, x in given.items() if v not in made})
    return given


def _refuse_absent(variable: Any, absent: list[Any], given: dict[Any, Array]) -> None:
    """Refuse to go on where a variable rests on one that the fitted tree lacks."""
    from pytensor.graph.traversal import ancestors

    reached = set(ancestors([variable], blockers=list(given)))
    unheld = [v.name for v in absent if v in reached]
    if unheld:
        raise PluginError(
            f"the fitted tree lacks {', '.join(map(repr, unheld))}, on which {variable.name!r} depends",
            accepted="every free variable of the graph in the posterior, or a named variable that stands for it",
            mend="fit again with this version of the model; same design and priors must give the same variables",
        )


def _compare(graph: pm.Model, variable: Any, posterior: xr.DataArray, *, same_rows: bool) -> _Fit:
    fitted = tuple(posterior.sizes[d] for d in posterior.dims if d not in ("chain", "draw"))
    dims = graph.named_vars_to_dims.get(variable.name) or (None,) * variable.type.ndim
    if len(fitted) != len(dims):
        raise _discontinued(variable, f"has {len(dims)} dims, and had {len(fitted)} at the fit")
    length, known = [], []
    for axis, dim in enumerate(dims):
        n = _length(graph, variable, axis, dim, fitted[axis])
        if is_row_dim(dim):
            length.append(n)
            known.append(n if same_rows else -1)
            continue
        if n < fitted[axis]:
            raise _discontinued(variable, f"has {n} entries along {dim or axis}, and had {fitted[axis]} at the fit")
        labels = None if dim is None else graph.coords.get(dim)
        if labels is not None and dim in posterior.coords:
            before = [str(v) for v in posterior.coords[dim].values]
            if [str(v) for v in labels[: len(before)]] != before:
                raise _discontinued(variable, f"has other levels along {dim} than at the fit, or in another order")
        length.append(n)
        known.append(fitted[axis])
    return _Fit(tuple(known), tuple(length))


def _length(graph: pm.Model, variable: Any, axis: int, dim: str | None, default: int) -> int:
    if dim is not None and graph.coords.get(dim) is not None:
        return len(graph.coords[dim])
    static = variable.type.shape[axis]
    return default if static is None else int(static)


def _discontinued(variable: Any, what: str) -> PluginError:
    return PluginError(
        f"variable {variable.name!r} of the graph built for the question {what}",
        accepted="the fitted levels first, in their order, then those outside the fit",
        mend="take levels from design.coords, design.factor(…).levels or design.crossing(…), not from the rows",
    )


def _refuse_tied(variable: Any, lies: _Fit) -> None:
    """Refuse new entries along an axis over which the variable has one joint prior."""
    support = int(getattr(variable.owner.op, "ndim_supp", 0))
    axes = range(len(lies.length))
    tied = [a for a in axes if a >= len(lies.length) - support and lies.fitted[a] != lies.length[a]]
    if tied:
        raise QuestionError(
            f"the prior of {variable.name!r} ties its levels to each other, so a level outside the fit does not follow",
            accepted="levels of the fit, or UNKNOWN",
            mend="ask with fitted levels, or give the levels independent priors given their hyperparameters",
        )


def _flat(variable: xr.DataArray) -> Array:
    values = np.asarray(variable.transpose("chain", "draw", ...).values)
    return values.reshape(-1, *values.shape[2:])
