"""Outcomes of cells put to the exact engine: variance components weighed, contrasts and effects given each of them.

Cells are the rows of a linear structure with the priors of a fit; what lies within them enters as a sum of squares.
The engine is imported inside: an audit that weighs nothing does not pay for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from outcomemodels.auditing.cells import Cells, Seen

if TYPE_CHECKING:
    from outcomemodels.inference.collapsed.collapse import Collapsed, Factored, Moments, Variances
    from outcomemodels.inference.collapsed.diagnose import Gates
    from outcomemodels.inference.collapsed.stats import Statistics
    from outcomemodels.plugin import LinearStructure

FloatArray = NDArray[np.float64]

FLAT_INTERCEPT = 2.5
"""Prior SD of the intercept in SDs of the outcome, as the model ``paul`` has it."""

MOST_KEPT = 360
"""Effects left when the largest batch is eliminated; with more, components are estimated by moments and held there."""

MOST_WORK = 5_000_000
"""Effects left squared times those eliminated over a thousand, and cells by batches squared; beyond it the same."""

POINTS = (640, 2560)
"""Points of the components weighed in a round, and in a second try where a gate of the engine fails."""

KEPT = (48, 160)
"""Fewest and most points that contrasts are looked at, as memory allows."""


@dataclass(frozen=True, eq=False)
class Point:
    """One value of the variance components, with the equations there factored."""

    at: Variances
    factored: Factored

    @property
    def sds(self) -> FloatArray:
        """Of the batches of the layout, dims (batch,)."""
        return np.array([L[0, 0] for L in self.at.factors])

    @property
    def noise2(self) -> float:
        """Variance of one course."""
        return float(self.at.noise[0]) ** 2

    @property
    def own(self) -> float:
        """SD of the effects that single cells have of their own."""
        return self.at.rows or 0.0


@dataclass(frozen=True, eq=False)
class Weighed:
    """What outcomes say of the components, under the priors of a fit, by the exact engine.

    Parameters
    ----------
    cells : Cells
    seen : Seen
        Outcomes, real or drawn.
    known_noise : float or None
        The SD of one course where it is not to be found out (counts).
    structure : LinearStructure
        The same as rows of a linear model; the last block is that of single cells, where they have effects.
    engine : Collapsed
    points : tuple of Point
        Equally weighted, taken from those weighed; in the order of how much the difference of treatments varies.
    every, weights : arrays, dims (point, component) and (point,)
        All points weighed: SDs of the batches, of the noise, and of single cells where they have effects.
    gates : Gates
        The engine's: k-hat, Kish's effective size and the error over replicates.
    """

    cells: Cells
    seen: Seen
    known_noise: float | None
    structure: LinearStructure
    engine: Collapsed
    points: tuple[Point, ...]
    every: FloatArray
    weights: FloatArray
    gates: Gates

    def sd(self, role: str) -> float:
        """Mean SD of the batches of a role; NaN where there is none."""
        batches = self.cells.layout.batches
        if role == "noise":
            return float(np.sqrt(self.weights @ self.every[:, len(batches)] ** 2))
        if role == "cell":
            return float(self.weights @ self.every[:, -1]) if self.cells.full else 0.0
        mine = [k for k, batch in enumerate(batches) if self.cells.role(batch) == role]
        return float(self.weights @ np.sqrt((self.every[:, mine] ** 2).mean(axis=1))) if mine else float("nan")

    @property
    def varies(self) -> float:
        """Mean SD of the difference of treatments between therapists, settings and the like, as far as it is known."""
        return float(self.weights @ np.sqrt(_how_varied(self.cells, self.every)))

    def moments(self, point: Point, contrasts: FloatArray) -> Moments:
        """Mean and variance of contrasts of effects given the components, dims (contrast, effect) to (contrast,)."""
        turned = np.concatenate([contrasts[:, 1:], contrasts[:, :1]], axis=1)  # the engine has the intercept last
        return self.engine.combined(point.at, turned, point.factored)

    def effects(self, point: Point, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Effects drawn given the components: those of the layout, dims (effect,), and those of the cells' own."""
        held = self.engine.draw(point.at, rng, 1, point.factored)
        own = np.zeros(len(self.cells.n))
        if point.at.rows is not None:
            from outcomemodels.inference.collapsed.aside import with_own_effects

            size = held.shape[1] - 1
            noise, rows = point.at.noise[None, :], np.array([point.at.rows])
            drawn = with_own_effects(self.structure, len(self.structure.blocks) - 1, held, rows, noise, rng)
            own = drawn[0, size : size + len(own)]
        return np.concatenate([held[0, -1:], held[0, :-1]]), own


def can_weigh(cells: Cells) -> bool:
    """Whether the equations are small enough to be solved some thousand times."""
    layout = cells.layout
    counts = np.diff(layout.starts)
    if not len(counts) or not len(cells.n):
        return False
    kept = layout.size - int(counts.max())
    own = len(cells.n) * (len(counts) + 1) ** 2 if cells.full else 0
    return kept <= MOST_KEPT and max(kept**2 * int(counts.max()) / 1000, 10 * own, 10 * len(cells.n)) <= MOST_WORK


def weigh(cells: Cells, seen: Seen, known_noise: float | None = None, *, seed: int) -> Weighed | None:
    """Weigh the components by the exact engine and keep some of them; None where a gate of the engine fails.

    Parameters
    ----------
    cells : Cells
    seen : Seen
    known_noise : float, optional
    seed : int
    """
    from threadpoolctl import threadpool_limits

    from outcomemodels.errors import FitError
    from outcomemodels.inference.collapsed.aside import without
    from outcomemodels.inference.collapsed.batch import Batch
    from outcomemodels.inference.collapsed.collapse import Collapsed
    from outcomemodels.inference.collapsed.diagnose import judge
    from outcomemodels.inference.collapsed.parameters import Parameters
    from outcomemodels.inference.collapsed.sample import fixed_sds
    from outcomemodels.inference.collapsed.stats import statistics
    from outcomemodels.inference.collapsed.theta import sample_theta

    structure = structure_of(cells, seen, known_noise)
    aside = len(structure.blocks) - 1 if cells.full else None
    stats = with_spread(statistics(structure if aside is None else without(structure, aside)), seen)
    engine, parameters = Collapsed.of(stats, fixed_sds(structure)), Parameters(structure, aside)
    with threadpool_limits(1, user_api="blas"):
        for points in POINTS:
            try:
                found = sample_theta(parameters, Batch(engine), seed=seed, points=points)
            except (FitError, np.linalg.LinAlgError):
                return None
            gates = judge(found)
            if gates.passed:
                break
        else:
            return None
        sds, _, noise = parameters.naturals(found.points)
        batches = len(cells.layout.batches)
        every = np.column_stack([*sds[:batches], noise, *sds[batches:]])
        count = int(np.clip(2_000_000 / max(len(engine.plan.kept), 1) ** 2, *KEPT))
        chosen = _evenly(_how_varied(cells, every), found.weights, count)
        kept = tuple(_point(engine, parameters.variances(found.points[i])) for i in chosen)
    return Weighed(cells, seen, known_noise, structure, engine, kept, every, found.weights, gates)


def structure_of(cells: Cells, seen: Seen, known_noise: float | None = None) -> LinearStructure:
    """The linear structure of cells: an intercept, a block for each batch, and one for single cells where needed.

    A row is a cell and weighs as much as it has courses; what lies within cells is put in by :func:`with_spread`.
    """
    from outcomemodels.design import Response
    from outcomemodels.plugin import Block, LinearStructure
    from outcomemodels.priors import Prior

    layout, n = cells.layout, cells.n
    m, prior, ones = len(n), Prior.half_normal(seen.spread / 2), np.ones((len(n), 1))
    codes = layout.each[:, 1:] - layout.starts[:-1]
    sizes = np.diff(layout.starts)

    def block(name: str, by: tuple[str, ...], size: int, of: NDArray[np.int32]) -> Block:
        return Block(name, by, tuple(map(str, range(size))), of, ("1",), ones, (prior,))

    blocks = [
        block("_x_".join(b), b, int(sizes[k]), codes[:, k].astype(np.int32)) for k, b in enumerate(layout.batches)
    ]
    if cells.full:
        blocks.append(block("cell", ("cell",), m, np.arange(m, dtype=np.int32)))
    middle = float((n * seen.mean).sum() / n.sum())
    return LinearStructure(
        family="gaussian",
        columns=("Intercept",),
        X=ones,
        column_priors=(Prior.normal(middle, FLAT_INTERCEPT * seen.spread),),
        blocks=tuple(blocks),
        response=Response("rows", np.asarray(seen.mean, dtype=float), np.ones(m), np.full(m, np.nan)),
        noise=(Prior.half_normal(seen.spread) if known_noise is None else Prior.constant(known_noise),),
        noise_codes=np.zeros(m, dtype=np.int32),
        weight=n,
    )


def with_spread(stats: Statistics, seen: Seen) -> Statistics:
    """Statistics of cells with what lies within them."""
    return replace(stats, degrees=np.array([seen.df]), within=np.array([seen.squares]))


def _how_varied(cells: Cells, every: FloatArray) -> FloatArray:
    """How much the difference of treatments varies between therapists, settings and the like, dims (point,)."""
    batches = cells.layout.batches
    of = [k for k, b in enumerate(batches) if any(cells.roles[name] == "treatment" for name in b)]
    crossed = [k for k in of if len(batches[k]) > 1] or of
    own = every[:, -1] ** 2 if cells.full else 0.0
    return np.asarray((every[:, crossed] ** 2).sum(axis=1) + own)


def _evenly(by: FloatArray, weights: FloatArray, count: int) -> NDArray[np.int64]:
    """Points of equal weight in the order of a number: the middles of equal shares, so that few stand for all."""
    order = np.argsort(by, kind="stable")
    edges = np.cumsum(weights[order])
    at = np.searchsorted(edges, (np.arange(count) + 0.5) / count * edges[-1])
    return np.asarray(order[np.minimum(at, len(order) - 1)])


def _point(engine: Collapsed, at: Variances) -> Point:
    return Point(at, replace(engine.factor(at), T=np.zeros((0, 0))))
