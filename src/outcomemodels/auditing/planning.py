"""Courses that are only planned: outcomes are drawn for them, and what a fit would make of each drawing is weighed.

Outcomes there are stay as they are; only those of the added courses are drawn, with components and effects drawn from
what the outcomes there are allow. Were all drawn anew, each fit would weigh the priors a second time.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.cells import Cells, Seen
from outcomemodels.auditing.combinations import combinations
from outcomemodels.auditing.components import Components
from outcomemodels.auditing.weighing import Weighed, can_weigh, weigh

FloatArray = NDArray[np.float64]

DRAWN = 8
"""Times that outcomes are drawn."""

SLOW = 2.0
"""Seconds left above which a line on standard error says so."""


def planned(
    cells: Cells, components: Components, source: Weighed | None, *, drawings: int = DRAWN, seed: int = 1
) -> tuple[Weighed, ...]:
    """Components weighed by the exact engine for drawn outcomes; nothing where there is too much to weigh.

    A drawing that fails a gate of the engine is left out.

    Parameters
    ----------
    cells : Cells
        The planned courses, those there are included.
    components : Components
        Those that outcomes are drawn with where there are none; a batch whose SD is 0 is fitted all the same, since a
        fit does not know.
    source : Weighed, optional
        Weighed from courses there are: their outcomes stay, and the others are drawn with values of it.
    drawings, seed : int
    """
    if not can_weigh(cells):
        return ()
    total = components.noise**2 / max(1 - components.explained, 0.05)
    total += sum(components.sd(cells.role(batch)) ** 2 for batch in cells.batches)
    spread = cells.spread or float(np.sqrt(total))
    out, since = [], perf_counter()
    for i in range(drawings):
        rng = np.random.default_rng([seed, i])
        if source is None:
            seen, known = drawn(cells, components.sds, components.noise, spread, rng), None
        else:
            point = (2 * i + 1) * len(source.points) // (2 * drawings)  # the middles of equal shares, in order
            seen, known = added(cells, source, point, rng), source.known_noise
        out.append(weigh(cells, seen, known, seed=i))
        left = (perf_counter() - since) * (drawings - 1)
        if i == 0 and left > SLOW:
            sys.stderr.write(f"audit: weighing {drawings} drawings of planned outcomes, {left:.0f} s to go\n")
    return tuple(fit for fit in out if fit is not None)


def drawn(cells: Cells, sds: Mapping[str, float], noise: float, spread: float, rng: np.random.Generator) -> Seen:
    """Outcomes drawn for planned courses, by the SD of each role."""
    layout = cells.layout
    effects = np.zeros(layout.size)
    for k, batch in enumerate(layout.batches):
        size = int(layout.starts[k + 1] - layout.starts[k])
        effects[layout.starts[k] : layout.starts[k + 1]] = rng.normal(0, sds.get(cells.role(batch), 0.0), size)
    own = sds.get("cell", 0.0) if cells.full else 0.0
    mean = np.asarray(layout.W @ effects) + rng.normal(0, np.sqrt(noise**2 / cells.n + own**2))
    df = max(float(cells.n.sum()) - len(cells.n), 0.0)
    squares = noise**2 * float(rng.chisquare(df)) if df > 0 else 0.0
    return Seen(mean, squares, df, spread)


def added(cells: Cells, source: Weighed, point: int, rng: np.random.Generator) -> Seen:
    """Outcomes there are together with drawn ones for the courses that are new.

    Parameters
    ----------
    cells : Cells
        All courses; every cell of the source is among them, with as many courses or more.
    source : Weighed
    point : int
        Which value of its components the outcomes are drawn with.
    rng : Generator
    """
    old, seen, at = source.cells, source.seen, source.points[point]
    noise2 = at.noise2
    where = _where(cells, old)
    known, kept = source.effects(at, rng)
    effects = _carried(cells, old, known, where, at.sds, rng)
    own = rng.normal(0, at.own, len(cells.n))
    own[where] = kept

    n_old, mean_old = np.zeros(len(cells.n)), np.zeros(len(cells.n))
    n_old[where], mean_old[where] = old.n, seen.mean
    more = np.maximum(cells.n - n_old, 0.0)
    new = more > 1e-9
    fresh = np.asarray(cells.layout.W @ effects) + own
    fresh[new] += rng.normal(size=int(new.sum())) * np.sqrt(noise2 / more[new])
    mean = np.where(new, (n_old * mean_old + more * fresh) / cells.n, mean_old)

    # a cell with courses already gains a degree of freedom for every course; a share of a course gains that share
    both = new & (n_old > 0)
    apart = (n_old * more / cells.n * (fresh - mean_old) ** 2)[both]
    within = float(np.maximum(more - 1, 0.0).sum())
    squares = float((apart * np.minimum(more[both], 1.0)).sum()) + (noise2 * rng.chisquare(within) if within else 0.0)
    df = float(np.minimum(more[both], 1.0).sum()) + within
    if source.known_noise is not None:
        squares, df = 0.0, 0.0
    return Seen(mean, seen.squares + squares, seen.df + df, seen.spread)


def _where(cells: Cells, old: Cells) -> NDArray[np.int64]:
    """Place of every old cell among the cells."""
    of = combinations([np.concatenate([cells.codes[name], old.codes[name]]) for name in old.codes])[1]
    place = np.empty(int(of.max()) + 1, dtype=np.int64)
    place[of[: len(cells.n)]] = np.arange(len(cells.n))
    return np.asarray(place[of[len(cells.n) :]])


def _carried(
    cells: Cells,
    old: Cells,
    effects: FloatArray,
    where: NDArray[np.int64],
    sds: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Effects there are in their places among all; those of new levels are drawn."""
    scale = np.append(sds, 0.0)[cells.layout.block]
    out: FloatArray = rng.normal(size=cells.layout.size) * scale
    out[cells.layout.each[where].reshape(-1)] = effects[old.layout.each.reshape(-1)]
    return out
