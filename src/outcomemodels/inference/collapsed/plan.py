"""Which effects to eliminate first, and where each statistic goes.

Effects of the chosen blocks fall into clusters (connected components of the graph "share a row"); clusters are
eliminated one by one and cheaply, and a dense Cholesky factor is left for all other variables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from outcomemodels.errors import SpecError
from outcomemodels.inference.collapsed.layout import IntArray
from outcomemodels.inference.collapsed.stats import Statistics

Places = NDArray[np.integer[Any]]

MAX_KEPT = 8000
"""Most variables in the dense factor: 8,000 need 0.5 GB and seconds a factorisation."""


SEPARATED = 40.0
"""Operations for each entry of the dense factor when scalar clusters are summed in advance (``separable``)."""
LOOPS = 8.0
"""Loops over clusters run at about an eighth of the speed of the dense factor."""
WORTH = 0.05
"""Least share of the cost that eliminating a further block must be able to save before it is tried."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Elimination order and places.

    Parameters
    ----------
    eliminated : tuple of int
        Blocks that are eliminated first.
    effects : array of int, dims (eliminated variable,)
        Their variables, cluster by cluster.
    kept : array of int, dims (kept variable,)
    size, d_at, b_at, met_at, met : arrays of int
        Clusters: effects, places in D and B, kept variables met.
    group, width, block : arrays of int, dims (eliminated variable,)
        Column within the level, columns of the block, block.
    to_d, to_d_mirror, to_b, to_a : pairs of arrays
        Entry of the Gram matrix, and its place.
    cost : float
        Floating point operations of one density, roughly.
    """

    eliminated: tuple[int, ...]
    effects: IntArray
    kept: IntArray
    size: IntArray
    d_at: IntArray
    b_at: IntArray
    met: NDArray[np.int32]
    met_at: IntArray
    group: IntArray
    width: IntArray
    block: IntArray
    to_d: tuple[IntArray, IntArray]
    to_d_mirror: tuple[IntArray, IntArray]
    to_b: tuple[Places, Places]
    to_a: tuple[IntArray, IntArray]
    cost: float

    @property
    def is_scalar(self) -> bool:
        """Whether every cluster is one effect of one block."""
        return len(self.eliminated) == 1 and bool((self.size == 1).all())


def make_plan(stats: Statistics, eliminate: tuple[int, ...] | None = None) -> Plan:
    """Choose the blocks to eliminate (the cheapest found) unless they are given.

    Raises
    ------
    SpecError
        If too many variables would remain.
    """
    eliminate, found = _choose(stats) if eliminate is None else (eliminate, _clusters(stats, eliminate))
    effects, cluster, pairs, cost = found
    layout = stats.layout
    is_effect = np.zeros(layout.size, bool)
    is_effect[effects] = True
    kept = np.flatnonzero(~is_effect)
    if len(kept) > MAX_KEPT:
        raise SpecError(
            f"{len(kept):,} effects would remain in one dense factor",
            accepted=f"at most {MAX_KEPT:,}",
            mend="drop a crossing with very many levels, or use engine='nuts'",
        )
    m = len(kept)
    count = int(cluster.max()) + 1 if len(cluster) else 0
    order = np.lexsort((effects, cluster))
    effects, cluster = effects[order], cluster[order]
    size = np.bincount(cluster, minlength=count)
    first = np.concatenate([[0], np.cumsum(size)])
    d_at = np.concatenate([[0], np.cumsum(size**2)])
    place = np.full(layout.size, -1)
    place[kept] = np.arange(m)
    p = max(layout.size, 1)
    met = place[pairs % p].astype(np.int32)
    met_at = np.concatenate([[0], np.cumsum(np.bincount(pairs // p, minlength=count))])
    b_at = np.concatenate([[0], np.cumsum(size * (np.diff(met_at) + 1))])
    local = np.full(layout.size, -1)
    local[effects] = np.arange(len(effects)) - first[cluster]
    cluster_of = np.full(layout.size, -1)
    cluster_of[effects] = cluster
    i, j = stats.rows, stats.columns
    both, none = is_effect[i] & is_effect[j], ~is_effect[i] & ~is_effect[j]
    e = np.flatnonzero(both)
    c = cluster_of[i[e]]
    lower = d_at[c] + local[i[e]] * size[c] + local[j[e]]
    mirror = d_at[c] + local[j[e]] * size[c] + local[i[e]]
    mixed = _narrow(np.flatnonzero(~both & ~none))
    inner, key = _met(i[mixed], j[mixed], is_effect, cluster_of)
    b_place = np.searchsorted(pairs, key)
    del key  # there may be as many of these as rows, so each goes when it has served
    c2 = cluster_of[inner]
    b_place += (b_at[:-1] - met_at[:-1])[c2]
    b_place += local[inner] * (np.diff(met_at)[c2] + 1)
    del inner, c2
    rest = np.flatnonzero(none)
    a_place = np.maximum(place[i[rest]], place[j[rest]]) * (m + 1) + np.minimum(place[i[rest]], place[j[rest]])
    block = np.searchsorted(np.array(layout.starts[1:]), effects, side="right")
    width = np.array([*layout.widths, 1])[block]
    group = (effects - np.array(layout.starts)[block]) % width
    return Plan(
        eliminated=eliminate,
        effects=effects,
        kept=kept,
        size=size,
        d_at=d_at,
        b_at=b_at,
        met=met,
        met_at=met_at,
        group=group,
        width=width,
        block=block,
        to_d=(e, lower),
        to_d_mirror=(e, mirror),
        to_b=(mixed, _narrow(b_place)),
        to_a=(rest, a_place),
        cost=cost,
    )


def _narrow(places: IntArray) -> Places:
    """The same in half the memory where they fit."""
    return places.astype(np.int32) if int(places.max(initial=0)) < 2**31 else places


def response_places(plan: Plan) -> IntArray:
    """Places in B of the response, dims (eliminated variable,)."""
    if not len(plan.effects):
        return np.zeros(0, np.int64)
    cluster = np.repeat(np.arange(len(plan.size)), plan.size)
    first = np.concatenate([[0], np.cumsum(plan.size)])[:-1]
    local = np.arange(len(plan.effects)) - first[cluster]
    stride = np.diff(plan.met_at)[cluster] + 1
    return np.asarray(plan.b_at[cluster] + local * stride + stride - 1)


Clusters = tuple[IntArray, IntArray, IntArray, float]
"""Effects, their clusters, pairs of cluster and kept variable met (as one number) in order, and a density's cost."""


def _choose(stats: Statistics) -> tuple[tuple[int, ...], Clusters]:
    """Greedy: the block with most effects, then each further block that makes a density cheaper."""
    layout = stats.layout
    sizes = np.array([j * q for j, q in zip(layout.levels, layout.widths, strict=True)])
    if not len(sizes):
        return (), _clusters(stats, ())
    order = [int(k) for k in np.argsort(-sizes, kind="stable")]
    best: tuple[int, ...] = (order[0],)
    found = _clusters(stats, best)
    for k in order[1:]:
        if sizes[k] < 8:
            break
        kept = float(layout.size - sizes[list(best)].sum())
        if kept**3 / 3 - (kept - sizes[k]) ** 3 / 3 < WORTH * found[-1]:
            continue
        trial = (*best, k)
        if LOOPS * float((_sizes(stats, trial).astype(float) ** 3 / 3).sum()) >= found[-1]:
            continue
        other = _clusters(stats, trial)
        if other[-1] < found[-1]:
            best, found = trial, other
    chosen = tuple(sorted(best))
    return chosen, found if chosen == best else _clusters(stats, chosen)


def _sizes(stats: Statistics, blocks: tuple[int, ...]) -> IntArray:
    """Effects in each cluster."""
    return np.asarray(np.bincount(_components(stats, blocks)[1]), dtype=np.int64)


def _components(stats: Statistics, blocks: tuple[int, ...]) -> tuple[IntArray, IntArray]:
    """Effects of the blocks, and the cluster each belongs to."""
    layout = stats.layout
    inside = np.zeros(layout.size, bool)
    for k in blocks:
        inside[layout.block(k)] = True
    effects: IntArray = np.flatnonzero(inside).astype(np.int64)
    number = np.cumsum(inside) - 1
    i, j = stats.rows, stats.columns
    both = inside[i] & inside[j] & (i != j)
    left, right = [number[i[both]]], [number[j[both]]]
    for k in blocks:  # columns of one level stay together
        if layout.widths[k] > 1:
            each = np.arange(layout.block(k).start, layout.block(k).stop)
            each = each[(each - layout.starts[k]) % layout.widths[k] > 0]
            left.append(number[each - 1])
            right.append(number[each])
    a, b = np.concatenate(left), np.concatenate(right)
    if not len(a):
        return effects, np.arange(len(effects), dtype=np.int64)
    graph = sparse.csr_array((np.ones(len(a)), (a, b)), shape=(len(effects), len(effects)))
    _, found = csgraph.connected_components(graph, directed=False)
    return effects, found.astype(np.int64)


def _clusters(stats: Statistics, blocks: tuple[int, ...]) -> Clusters:
    """Clusters of the effects of some blocks, and what they meet."""
    layout = stats.layout
    p = layout.size
    effects, cluster = _components(stats, blocks)
    count = int(cluster.max()) + 1 if len(cluster) else 0
    inside = np.zeros(p, bool)
    inside[effects] = True
    number = np.cumsum(inside) - 1
    i, j = stats.rows, stats.columns
    mixed = inside[i] != inside[j]
    keys = _met(i[mixed], j[mixed], inside, np.append(cluster, 0)[number])[1]
    keys.sort(kind="stable")
    keys = keys[np.diff(keys, prepend=-1) > 0]
    size = np.bincount(cluster, minlength=count).astype(float)
    met = np.bincount(keys // max(p, 1), minlength=count).astype(float)
    kept = float(p - len(effects))
    loops = LOOPS * float((size**3 / 3 + size**2 * met + size * (met + 1) ** 2 / 2).sum())
    if len(blocks) == 1 and (size == 1).all():
        loops = min(loops, SEPARATED * (kept + 1) ** 2)
    return effects, cluster, keys, loops + kept**3 / 3


def _met(i: IntArray, j: IntArray, inside: NDArray[np.bool_], cluster_of: IntArray) -> tuple[IntArray, IntArray]:
    """Of entries with one end inside: that end, and its cluster with the other end as one number."""
    first = inside[i]
    inner = np.where(first, i, j)
    key = cluster_of[inner] * max(len(inside), 1)
    key += np.where(first, j, i)
    return inner, key
