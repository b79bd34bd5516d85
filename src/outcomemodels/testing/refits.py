"""One compiled graph for many sets of outcomes: simulation-based calibration would else spend its time compiling.

Graphs built on one design with other outcomes differ in constants only. Those that differ are found by walking all
graphs in step, become data of the first, and are exchanged before each fit, wherever the author put them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from outcomemodels.design import Design
from outcomemodels.inference.fit import sample
from outcomemodels.inference.nuts import compile_nutpie, draw_nutpie, kept_names
from outcomemodels.inference.settings import Settings
from outcomemodels.plugin import OutcomeModel, Priors

if TYPE_CHECKING:
    import pymc as pm

Refit = Callable[[int, Settings], xr.Dataset]
"""The posterior of one of the designs, dims (chain, draw, …)."""


def refits(model: OutcomeModel, designs: Sequence[Design], priors: Priors) -> Refit:
    """Ready a model for fits to designs that differ in their outcomes.

    Parameters
    ----------
    model : OutcomeModel
    designs : sequence of Design
    priors : mapping of parameter name to Prior
        The same for all.

    Returns
    -------
    callable
        ``refit(i, settings)`` gives the posterior of ``designs[i]``. Models with a linear form, and those whose graph
        differs by more than constants from one set of outcomes to the next, are fitted one by one.
    """
    shared = None if model.info.linear else share([model.build(d, priors) for d in designs])

    def alone(i: int, settings: Settings) -> xr.Dataset:
        return sample(model, designs[i], priors, settings)["posterior"].to_dataset()

    if shared is None:
        return alone
    graph, values = shared
    keep = kept_names(graph, keep_all=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = compile_nutpie(graph, keep)

    def refit(i: int, settings: Settings) -> xr.Dataset:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = draw_nutpie(compiled.with_data(**values[i]), settings)
        posterior: xr.Dataset = tree["posterior"].to_dataset()
        return posterior[[name for name in keep if name in posterior]]

    return refit


def share(graphs: Sequence[pm.Model]) -> tuple[pm.Model, list[dict[str, NDArray[Any]]]] | None:
    """The first graph with constants that differ as shared variables, and their values in each graph.

    The first graph is changed in place.

    Returns
    -------
    (pymc.Model, list of mapping of variable to array) or None
        None where nothing differs, or more than the values of constants.
    """
    import pytensor

    walks = [_walk(graph) for graph in graphs]
    first = walks[0]
    if any(g.coords != graphs[0].coords for g in graphs) or not all(_is_alike(first, other) for other in walks[1:]):
        return None
    values: list[dict[str, NDArray[Any]]] = [{} for _ in graphs]
    for k, place in enumerate(first.places):
        data = [np.asarray(w.constants[k].data) for w in walks]
        if all(np.array_equal(data[0], d) for d in data[1:]):
            continue
        name = f"data_{k}"
        _put(graphs[0], place, pytensor.shared(np.array(data[0]), name=name, shape=data[0].shape))
        for each, value in zip(values, data, strict=True):
            each[name] = value
    return (graphs[0], values) if values[0] else None


# -- parts -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Walk:
    """Nodes of a graph in order, and its constants, each with where it stands: an input of a node, or observed."""

    nodes: list[Any]
    constants: list[Any]
    places: list[tuple[Any, int]]


def _walk(graph: pm.Model) -> _Walk:
    from pytensor.graph.basic import Constant
    from pytensor.graph.traversal import io_toposort

    observed = [(rv, graph.rvs_to_values[rv]) for rv in graph.observed_RVs]
    roots = [*graph.basic_RVs, *graph.deterministics, *graph.potentials, *(value for _, value in observed)]
    nodes = list(io_toposort([], roots))
    inputs = [(node, i, variable) for node in nodes for i, variable in enumerate(node.inputs)]
    seen = [*inputs, *((rv, -1, value) for rv, value in observed)]
    found = [(at, i, v) for at, i, v in seen if isinstance(v, Constant) and hasattr(v.type, "shape")]
    return _Walk(nodes, [v for _, _, v in found], [(at, i) for at, i, _ in found])


def _put(graph: pm.Model, place: tuple[Any, int], new: Any) -> None:
    at, i = place
    if i >= 0:
        at.inputs[i] = new
        return
    del graph.values_to_rvs[graph.rvs_to_values[at]]
    graph.rvs_to_values[at] = new
    graph.values_to_rvs[new] = at


def _is_alike(one: _Walk, other: _Walk) -> bool:
    if len(one.nodes) != len(other.nodes) or len(one.constants) != len(other.constants):
        return False
    same_nodes = all(
        _is_same_op(a.op, b.op) and [v.type for v in a.outputs] == [v.type for v in b.outputs]
        for a, b in zip(one.nodes, other.nodes, strict=True)
    )
    return same_nodes and all(a.type == b.type for a, b in zip(one.constants, other.constants, strict=True))


def _is_same_op(one: Any, other: Any) -> bool:
    from pytensor.graph.basic import equal_computations
    from pytensor.graph.op import HasInnerGraph

    if one == other:
        return True
    if type(one) is not type(other) or not isinstance(one, HasInnerGraph):
        return False
    return bool(equal_computations(one.inner_outputs, other.inner_outputs, one.inner_inputs, other.inner_inputs))
