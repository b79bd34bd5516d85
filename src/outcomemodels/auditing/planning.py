"""Courses that are only planned: outcomes are drawn for them, and what a fit would make of each drawing is weighed.

Outcomes there are stay as they are; only those of the added courses are drawn, with components and effects drawn from
what the outcomes there are allow. Were all drawn anew, each fit would weigh the priors a second time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.cells import Cells, Seen
from outcomemodels.auditing.combinations import combinations
from outcomemodels.auditing.components import Components
from outcomemodels.auditing.integrating import Weighed, can_weigh, weigh
from outcomemodels.auditing.likelihood import Marginal, drawn

FloatArray = NDArray[np.float64]

DRAWN = 8
"""Times that outcomes are drawn."""


def planned(cells: Cells, components: Components, source: Weighed | None, *, seed: int = 1) -> tuple[Weighed, ...]:
    """Components weighed for drawn outcomes; nothing where there is too much to weigh.

    Parameters
    ----------
    cells : Cells
        The planned courses, those there are included.
    components : Components
        Those that outcomes are drawn with where there are none; a batch whose SD is 0 is fitted all the same, since a
        fit does not know.
    source : Weighed, optional
        Weighed from courses there are: their outcomes stay, and the others are drawn with values of it.
    seed : int
    """
    if not can_weigh(cells):
        return ()
    total = components.noise**2 / max(1 - components.explained, 0.05)
    total += sum(components.sd(cells.role(batch)) ** 2 for batch in cells.batches)
    spread = cells.spread or float(np.sqrt(total))
    out = []
    for i in range(DRAWN):
        rng = np.random.default_rng([seed, i])
        if source is None:
            seen, known = drawn(cells, components.sds, components.noise, spread, rng), None
        else:
            point = (2 * i + 1) * len(source.points) // (2 * DRAWN)
            seen, known = added(cells, source, point, rng), source.marginal.known_noise
        out.append(weigh(Marginal(cells, seen, known), seed=i))
    return tuple(out)


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
    old, seen, at = source.marginal.cells, source.marginal.seen, source.points[point]
    noise2, own2 = at.noise2, float(source.cell[point]) ** 2
    where = _where(cells, old)
    known = source.marginal.effects(at, rng)
    effects = _carried(cells, old, known, where, at.sds, rng)

    # what single cells have of their own: from what is left of their means, or new
    own = rng.normal(0, np.sqrt(own2), len(cells.n))
    kept = own2 / (own2 + noise2 / old.n)
    left = kept * (seen.mean - np.asarray(old.layout.W @ known))
    own[where] = left + rng.normal(size=len(old.n)) * np.sqrt(own2 * (1 - kept))

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
    if source.marginal.known_noise is not None:
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
    layout = cells.layout
    scale = np.append(sds, 0.0)[layout.block]
    out: FloatArray = rng.normal(size=layout.size) * scale
    width = len(layout.batches) + 1  # one effect of each batch, after the intercept
    into = layout.W.indices.reshape(-1, width)[where]
    out[into.reshape(-1)] = effects[old.layout.W.indices.reshape(-1, width).reshape(-1)]
    return out
