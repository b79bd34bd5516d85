"""Courses that are only planned: outcomes are drawn for them, and what a fit would make of each drawing is weighed."""

from __future__ import annotations

import numpy as np

from outcomemodels.auditing.cells import Cells
from outcomemodels.auditing.components import Components
from outcomemodels.auditing.integrating import Weighed, can_weigh, weigh
from outcomemodels.auditing.likelihood import Marginal, drawn

DRAWN = 8
"""Times that outcomes are drawn."""


def planned(cells: Cells, components: Components, source: Weighed | None, *, seed: int = 1) -> tuple[Weighed, ...]:
    """Components weighed for drawn outcomes; nothing where there is too much to weigh.

    Parameters
    ----------
    cells : Cells
        The planned courses.
    components : Components
        Those that outcomes are drawn with; a batch whose SD is 0 is fitted all the same, since a fit does not know.
    source : Weighed, optional
        Weighed from courses there are: outcomes are then drawn with values of it, one after another.
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
        sds, noise, known = dict(components.sds), components.noise, None
        if source is not None:
            at = source.points[(7 * i) % len(source.points)]
            sds = {source.marginal.cells.role(b): float(sd) for b, sd in zip(source.marginal.layout.batches, at.sds,
                                                                             strict=True)}  # fmt: skip
            sds["cell"] = float(source.cell[(7 * i) % len(source.points)])
            noise, known = float(np.sqrt(at.noise2)), source.marginal.known_noise
        out.append(weigh(Marginal(cells, drawn(cells, sds, noise, spread, rng), known), seed=i))
    return tuple(out)
