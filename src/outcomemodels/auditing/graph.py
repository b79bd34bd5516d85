"""Connectedness: who bridges the treatments. Contrasts across components rest on assumptions, not on data.

References
----------
Abowd, Creecy & Kramarz (2002), Computing person and firm effects using linked longitudinal data, LEHD TP-2002-06.
Jochmans & Weidner (2019), Fixed-effect regressions on network data, doi 10.3982/ECTA14605.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components as components_of


@dataclass(frozen=True, slots=True)
class Connectedness:
    """The bipartite graph of treatments and a grouping (therapists, services).

    ``component_of_treatment`` dims (treatment,) and ``component_of_group`` dims (group,) hold component numbers,
    -1 for levels that do not occur; ``bridging`` counts groups seen with two or more treatments;
    ``share_in_largest`` is the share of courses in the largest component.
    """

    n_components: int
    component_of_treatment: NDArray[np.int32]
    component_of_group: NDArray[np.int32]
    bridging: int
    groups: int
    share_in_largest: float


def connected_components(
    treatment: NDArray[np.int32], group: NDArray[np.int32], weight: NDArray[np.float64] | None = None
) -> Connectedness:
    """Components of the graph that joins a treatment and a group for every course.

    Parameters
    ----------
    treatment, group : array of int, dims (row,)
        Codes; rows with a negative code are left out.
    weight : array of float, dims (row,), optional
        Courses a row stands for.
    """
    seen = (treatment >= 0) & (group >= 0)
    t, g = treatment[seen].astype(np.int64), group[seen].astype(np.int64)
    w = np.ones(len(t)) if weight is None else np.asarray(weight, dtype=float)[seen]
    n_t = int(treatment.max(initial=-1)) + 1
    n_g = int(group.max(initial=-1)) + 1
    pairs = np.unique(t * max(n_g, 1) + g)
    left, right = pairs // max(n_g, 1), pairs % max(n_g, 1)
    size = n_t + n_g
    if size == 0 or len(pairs) == 0:
        return Connectedness(0, np.full(n_t, -1, np.int32), np.full(n_g, -1, np.int32), 0, 0, float("nan"))
    graph = coo_array((np.ones(len(pairs)), (left, right + n_t)), shape=(size, size))
    _, label = components_of(graph, directed=False)
    present = np.zeros(size, dtype=bool)
    present[left] = True
    present[right + n_t] = True
    kept, renumbered = np.unique(label[present], return_inverse=True)
    component = np.full(size, -1, dtype=np.int32)
    component[present] = renumbered.astype(np.int32)
    by_component = np.bincount(component[t], weights=w, minlength=len(kept))
    degree = np.bincount(right, minlength=n_g)
    return Connectedness(
        n_components=len(kept),
        component_of_treatment=component[:n_t],
        component_of_group=component[n_t:],
        bridging=int((degree >= 2).sum()),
        groups=int((degree >= 1).sum()),
        share_in_largest=float(by_component.max() / by_component.sum()),
    )


def algebraic_connectivity(table: NDArray[np.float64]) -> float:
    """Second smallest eigenvalue of the normalised Laplacian of the bipartite graph with these edge weights.

    0 where the graph falls into pieces; near 0 where a few courses hold it together (Jochmans & Weidner 2019).

    Parameters
    ----------
    table : array of float, dims (treatment, group)
        Courses.
    """
    kept = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    if min(kept.shape) < 1 or sum(kept.shape) < 3:
        return float("nan")
    scaled = kept / np.sqrt(kept.sum(axis=1, keepdims=True)) / np.sqrt(kept.sum(axis=0, keepdims=True))
    small = scaled @ scaled.T if kept.shape[0] <= kept.shape[1] else scaled.T @ scaled
    singular = np.sqrt(np.clip(np.sort(np.linalg.eigvalsh(small))[::-1], 0.0, 1.0))
    second = float(singular[1]) if len(singular) > 1 else 0.0
    return max(0.0, 1.0 - second)


def disjoint_chains(table: NDArray[np.float64], a: int, b: int) -> int:
    """Most chains from treatment ``a`` to ``b`` that share no group: how many groups must go to break the link.

    Parameters
    ----------
    table : array of float, dims (treatment, group)
        Courses; only whether there are any counts.
    a, b : int
        Rows of the table.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_flow

    n_t, n_g = table.shape
    t, g = np.nonzero(table > 0)
    enough = n_g + 1
    # every group is two nodes with one unit of flow between them, so that it serves one chain only
    tails = np.concatenate([t, n_t + n_g + g, n_t + np.arange(n_g)])
    heads = np.concatenate([n_t + g, t, n_t + n_g + np.arange(n_g)])
    capacity = np.concatenate([np.full(2 * len(t), enough), np.ones(n_g)]).astype(np.int32)
    size = n_t + 2 * n_g
    network = csr_array((capacity, (tails.astype(np.int32), heads.astype(np.int32))), shape=(size, size))
    network.indices = network.indices.astype(np.int32)
    network.indptr = network.indptr.astype(np.int32)
    return int(maximum_flow(network, a, b).flow_value)
