"""Values of variables of a graph, given draws of others: all draws at once, in NumPy, with nothing compiled.

Compiling the graph of one question takes seconds; evaluating it vectorised over draws takes milliseconds. Where a
graph cannot be vectorised (a loop, an operation without batch rules) it is compiled and called draw by draw.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

CHUNK = 4_000_000
"""Values of one variable held at a time."""


def evaluate(
    outputs: Sequence[Any], given: Mapping[Any, Array], *, samples: int, seed: int, width: int = 1
) -> list[Array]:
    """Evaluate variables of a graph for each draw of those given.

    Parameters
    ----------
    outputs : sequence of TensorVariable
        Random ones that are not given are drawn, given their parents.
    given : mapping of TensorVariable to array, dims (sample, …)
    samples : int
    seed : int
        For what is drawn.
    width : int
        Size of the largest output of one draw; decides how many draws are taken at a time.

    Returns
    -------
    list of array, dims (sample, …)
    """
    from pytensor.graph.traversal import ancestors

    blocked = set(ancestors(list(outputs), blockers=list(given)))
    needed = {v: x for v, x in given.items() if v in blocked}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _vectorised(outputs, needed, samples, seed, max(1, CHUNK // max(width, 1)))
        except (NotImplementedError, TypeError, ValueError, IndexError, AttributeError):
            return _one_by_one(outputs, needed, samples, seed)


def _vectorised(outputs: Sequence[Any], given: Mapping[Any, Array], samples: int, seed: int, chunk: int) -> list[Array]:
    import pytensor.tensor as pt
    from pymc.pytensorf import compile as compile_graph
    from pytensor.compile.mode import Mode
    from pytensor.graph.replace import vectorize_graph

    chunk = min(chunk, samples)
    batched = {v: pt.tensor(dtype=v.type.dtype, shape=(None, *v.type.shape)) for v in given}
    size = pt.scalar("size", dtype="int64")
    independent = _independent(outputs, list(given), size)
    vectorised = vectorize_graph(list(outputs), replace={**batched, **independent})
    function: Any = compile_graph(
        [size, *batched.values()],
        vectorised,
        random_seed=seed,
        mode=Mode(linker="py", optimizer=None),
        on_unused_input="ignore",
    )
    parts: list[list[Array]] = [[] for _ in outputs]
    for start in range(0, samples, chunk):
        stop = min(start + chunk, samples)
        inputs = [np.asarray(x[start:stop], dtype=v.type.dtype) for v, x in given.items()]
        for part, output, value in zip(parts, outputs, function(stop - start, *inputs), strict=True):
            value = np.asarray(value)
            if value.ndim == output.type.ndim:  # the same in every draw
                value = np.broadcast_to(value, (stop - start, *value.shape))
            part.append(value)
    return [np.concatenate(part) for part in parts]


def _independent(outputs: Sequence[Any], given: list[Any], size: Any) -> dict[Any, Any]:
    """Random variables that depend on nothing given, resized so that each draw has its own."""
    from pymc.distributions.shape_utils import change_dist_size
    from pymc.pytensorf import rvs_in_graph
    from pytensor.graph.traversal import ancestors

    found = set(ancestors(list(outputs), blockers=given))
    loose = [v for v in rvs_in_graph(list(outputs)) if v in found and v not in given]
    out: dict[Any, Any] = {}
    for variable in loose:
        above = set(ancestors(variable.owner.inputs, blockers=given))
        if not above & (set(given) | (set(loose) - {variable})):
            out[variable] = change_dist_size(variable, new_size=(size,), expand=True)
    return out


def _one_by_one(outputs: Sequence[Any], given: Mapping[Any, Array], samples: int, seed: int) -> list[Array]:
    from pymc.pytensorf import compile as compile_graph
    from pytensor.graph.replace import graph_replace

    stand_ins = {v: v.type() for v in given}
    replaced = graph_replace(list(outputs), stand_ins, strict=False) if stand_ins else list(outputs)
    function: Any = compile_graph(list(stand_ins.values()), replaced, random_seed=seed, on_unused_input="ignore")
    parts: list[list[Array]] = [[] for _ in outputs]
    for s in range(samples):
        values = function(*[np.asarray(x[s], dtype=v.type.dtype) for v, x in given.items()])
        for part, value in zip(parts, values, strict=True):
            part.append(np.array(value))
    return [np.stack(part) for part in parts]
