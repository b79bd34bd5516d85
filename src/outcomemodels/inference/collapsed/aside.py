"""Rows with an effect of their own: the effect joins the row's variance, and is drawn last.

Published cells often have one effect a cell (what is left between services, problems and treatments). Such a block has
as many levels as there are rows; integrating it out adds its variance to each row's, and the engine need not hold it:

    y_r = x_r'b + effects + a_r + noise,  a_r ~ Normal(0, tau^2)  =>  Var(y_r | effects) = noise^2 / n_r + tau^2.

Given all else, a_r is normal with the usual shrunken mean.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from outcomemodels.inference.collapsed.layout import FloatArray, Layout
from outcomemodels.inference.collapsed.stats import divisors
from outcomemodels.inference.collapsed.threads import over_range
from outcomemodels.plugin import LinearStructure

WORTH = 50
"""Fewest levels of a block that is set aside."""
TILE = 32


def find_aside(structure: LinearStructure) -> int | None:
    """The block with one level a row and nothing but ones, if there is one."""
    if structure.response is None:
        return None
    for k, block in enumerate(structure.blocks):
        if len(block.columns) != 1 or len(block.levels) < WORTH or not (block.values == 1).all():
            continue
        if np.bincount(block.codes, minlength=len(block.levels)).max() <= 1:
            return k
    return None


def without(structure: LinearStructure, aside: int) -> LinearStructure:
    """The structure less a block, its rows told apart by how their variance depends on the noise."""
    blocks = tuple(b for k, b in enumerate(structure.blocks) if k != aside)
    known = np.zeros(len(structure.X)) if structure.known_variance is None else structure.known_variance
    return replace(structure, blocks=blocks, known_variance=known)


def with_own_effects(
    structure: LinearStructure,
    aside: int,
    held: FloatArray,
    sd: FloatArray,
    noise: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    """Exact draws of effects then coefficients of the whole structure.

    Parameters
    ----------
    structure : LinearStructure
    aside : int
    held : array, dims (draw, variable)
        Draws of the structure without the block, prior means of coefficients included.
    sd : array, dims (draw,)
        SD of the block.
    noise : array, dims (draw, noise level)
    rng : numpy.random.Generator

    Returns
    -------
    array, dims (draw, variable)
    """
    from outcomemodels.inference.collapsed.row_kernels import own_effects, take_off

    response = structure.response
    assert response is not None
    inner, layout = Layout.of(without(structure, aside)), Layout.of(structure)
    kept_blocks = [k for k in range(len(structure.blocks)) if k != aside]
    level = structure.blocks[aside].codes
    divisor, codes = divisors(structure, slice(None))
    known = np.zeros(len(level)) if structure.known_variance is None else structure.known_variance
    out = np.empty((len(held), layout.size))
    for j, k in enumerate(kept_blocks):
        out[:, layout.block(k)] = held[:, inner.block(j)]
    out[:, layout.fixed] = held[:, inner.fixed]
    own = layout.block(aside)
    streams = rng.spawn(-(-len(held) // TILE))

    def some(first: int, last: int) -> None:
        for tile in range(first, last):
            here = slice(tile * TILE, min((tile + 1) * TILE, len(held)))
            rest = response.y - held[here, inner.fixed] @ structure.X.T
            for j, k in enumerate(kept_blocks):
                block = structure.blocks[k]
                effects = np.ascontiguousarray(held[here, inner.block(j)])
                take_off(block.codes, np.ascontiguousarray(block.values), effects, rest)
            mine = streams[tile].standard_normal((len(rest), own.stop - own.start)) * sd[here, None]
            own_effects(rest, level, divisor, known, codes, sd[here], noise[here], mine)
            out[here, own] = mine

    over_range(some, len(streams))
    return out
