"""From a linear structure to a posterior tree: reduce, weigh the variance parameters, draw every effect exactly."""

from __future__ import annotations

import json
import sys
from time import perf_counter
from typing import Any

import numpy as np
import xarray as xr

from outcomemodels.diagnostics import INDEPENDENT
from outcomemodels.inference.collapsed.aside import find_aside, with_own_effects, without
from outcomemodels.inference.collapsed.batch import Batch, Points
from outcomemodels.inference.collapsed.collapse import Collapsed
from outcomemodels.inference.collapsed.diagnose import judge, report
from outcomemodels.inference.collapsed.layout import FloatArray
from outcomemodels.inference.collapsed.parameters import Parameters
from outcomemodels.inference.collapsed.stats import Statistics, statistics
from outcomemodels.inference.collapsed.theta import ThetaSample, sample_theta
from outcomemodels.inference.collapsed.weights import resample
from outcomemodels.plugin import LinearStructure
from outcomemodels.posterior import column_dim, corr_name, effect_name, sd_name

CHAINS = 4
BUDGET = 1.5e10
"""Floating point operations to spend on the densities of a round."""
POINTS = (640, 5120)
"""Fewest and most points of the variance parameters weighed in a round."""
COPIES = 16
"""Most draws of the held variables made at each point while it is weighed."""
MEMORY = 2.5e8
"""Bytes that such draws may take."""


def sample_collapsed(
    structure: LinearStructure,
    *,
    draws: int,
    seed: int,
    progress: bool = False,
    stats: Statistics | None = None,
) -> xr.DataTree:
    """Exact posterior of a Gaussian linear structure.

    Variance parameters are weighed by importance sampling with every effect integrated out; effects and coefficients
    are then drawn from their exact conditional distribution. Draws are independent, apart from variance parameters
    that were resampled more than once; ``kish_ess`` says how many are effective. The four chains are equal parts of
    the draws, in random order.

    Parameters
    ----------
    structure : LinearStructure
    draws : int
        In all; rounded up to a multiple of four.
    seed : int
    progress : bool
        Whether to say on standard error what is being done.
    stats : Statistics, optional
        Statistics of the rows, when they were reduced before; the response of ``structure`` is then not read.

    Returns
    -------
    xarray.DataTree
        ``/posterior`` as in :mod:`outcomemodels.posterior`, dims (chain, draw, …); ``/sample_stats`` with
        ``weight`` (the importance weight of the point a draw was
        resampled from, 1 on average), dims (chain, draw); ``/variance_points`` with every weighted point. Attributes
        ``engine``, ``independent_draws``, ``khat``, ``kish_ess``, ``diagnostics`` (JSON).

    Raises
    ------
    SpecError
        If the structure is not one the exact engine can hold.
    FitError
        If no gate can be passed.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):  # two threads on a busy machine are many times slower than one
        return _sample(structure, draws, seed, _Said(progress), stats)


def _sample(structure: LinearStructure, draws: int, seed: int, said: _Said, stats: Statistics | None) -> xr.DataTree:
    seeds = np.random.SeedSequence(seed).spawn(3)
    said("reducing rows to statistics")
    aside = find_aside(structure) if stats is None else None
    if stats is None:
        stats = statistics(structure if aside is None else without(structure, aside))
    engine = Collapsed.of(stats, fixed_sds(structure))
    batch = Batch(engine)
    parameters = Parameters(structure, aside)
    said("weighing the variance parameters")
    weighed, diagnostics = weigh(parameters, batch, _integer(seeds[0]), draws)
    said(f"drawing the effects ({diagnostics['method']}, k-hat {diagnostics['khat']})")
    per_chain = -(-draws // CHAINS)
    rng = np.random.default_rng(seeds[1])
    chosen = resample(weighed.weights, per_chain * CHAINS, rng)
    variables = draw_variables(parameters, batch, weighed, chosen, np.random.default_rng(seeds[2]))
    diagnostics["seconds"] = said.seconds
    diagnostics["eliminated"] = [stats.layout.blocks[k] for k in engine.plan.eliminated]
    diagnostics["aside"] = None if aside is None else structure.blocks[aside].id
    tree = _tree(structure, parameters, weighed, chosen, variables, per_chain)
    tree.attrs = {
        "engine": "collapsed",
        INDEPENDENT: int(weighed.method != "nuts"),
        "khat": -1.0 if diagnostics["khat"] is None else float(diagnostics["khat"]),
        "kish_ess": float(min(weighed.kish, 1e9)),
        "diagnostics": json.dumps(diagnostics),
    }
    said("done")
    return tree


def fixed_sds(structure: LinearStructure) -> FloatArray:
    """Prior SDs of the fixed columns, zero for known coefficients; dims (column,)."""
    return np.array([p.values[1] if p.name == "normal" else 0.0 for p in structure.column_priors])


def weigh(parameters: Parameters, batch: Batch, seed: int, draws: int) -> tuple[ThetaSample, dict[str, Any]]:
    """Weighted points of the variance parameters, by NUTS when a gate of importance sampling fails.

    As many points as draws are wanted, and some more, within ``POINTS`` and ``BUDGET``.
    """
    points = int(np.clip(min(BUDGET / max(batch.engine.plan.cost, 1.0), 1.25 * draws), *POINTS))
    copies = min(COPIES, -(-3 * draws // (2 * points)))
    if 8.0 * points * copies * batch.held > MEMORY:
        copies = 0
    weighed = sample_theta(parameters, batch, seed=seed, points=points, copies=copies)
    gates = judge(weighed)
    if gates.passed:
        return weighed, report(weighed, gates, None)
    from outcomemodels.inference.collapsed.fallback import nuts_theta

    second = nuts_theta(parameters, batch, weighed, seed=seed % 2**31)
    return second, report(second, judge(second), gates)


def draw_variables(
    parameters: Parameters, batch: Batch, weighed: ThetaSample, chosen: np.ndarray, rng: np.random.Generator
) -> FloatArray:
    """Exact draws of effects then coefficients, one for each chosen point; dims (draw, variable)."""
    points = parameters.points(weighed.points[chosen])
    held = _held_draws(batch, points, weighed, chosen, rng)
    found = batch.draws(points, rng, held)
    if parameters.aside is None:
        return found
    assert points.rows is not None
    return with_own_effects(parameters.structure, parameters.aside, found, points.rows, points.noise, rng)


def _held_draws(
    batch: Batch, points: Points, weighed: ThetaSample, chosen: np.ndarray, rng: np.random.Generator
) -> FloatArray | None:
    """Draws made while the points were weighed, and new ones where a point was chosen more often than that."""
    if not weighed.held.size:
        return None
    before = _times_before(chosen)
    at_hand = before < weighed.held.shape[1]
    out = np.empty((len(chosen), weighed.held.shape[2]))
    out[at_hand] = weighed.held[chosen[at_hand], before[at_hand]]
    if not at_hand.all():
        out[~at_hand] = batch.held_draws(points.take(~at_hand), rng)
    return out


def _times_before(chosen: np.ndarray) -> np.ndarray:
    """How often each entry's value has come before it."""
    order = np.argsort(chosen, kind="stable")
    ranked = chosen[order]
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(ranked)), bool), ranked[1:] != ranked[:-1]]))
    lengths = np.diff(np.append(starts, len(ranked)))
    out = np.empty(len(chosen), np.int64)
    out[order] = np.arange(len(ranked)) - np.repeat(starts, lengths)
    return out


def _tree(
    structure: LinearStructure,
    parameters: Parameters,
    weighed: ThetaSample,
    chosen: np.ndarray,
    variables: FloatArray,
    per_chain: int,
) -> xr.DataTree:
    from outcomemodels.inference.collapsed.layout import Layout

    layout = Layout.of(structure)
    unique, inverse = np.unique(chosen, return_inverse=True)
    all_sds, _, all_noise = parameters.naturals(weighed.points[unique])
    widths = layout.widths
    held_widths = tuple(widths[k] for k in parameters.held)
    points = parameters.points(weighed.points[unique])
    factors = [points.one(i, held_widths).factors for i in range(len(unique))] if max((*widths, 1)) > 1 else []
    data: dict[str, tuple[tuple[str, ...], FloatArray]] = {}
    coords: dict[str, Any] = {"chain": np.arange(CHAINS), "draw": np.arange(per_chain)}

    def put(name: str, dims: tuple[str, ...], values: FloatArray) -> None:
        data[name] = (("chain", "draw", *dims), values.reshape(CHAINS, per_chain, *values.shape[1:]))

    if structure.columns:
        coords["coefficient"] = list(structure.columns)
        put("beta", ("coefficient",), variables[:, layout.fixed])
    for k, block in enumerate(structure.blocks):
        q, columns = len(block.columns), column_dim(block.id)
        coords[block.dim] = list(block.levels)
        sds = all_sds[k][inverse]
        effects = variables[:, layout.block(k)].reshape(len(chosen), len(block.levels), q)
        if q == 1:
            put(sd_name(block.id), (), sds[:, 0])
            put(effect_name(block.id), (block.dim,), effects[:, :, 0])
            continue
        coords[columns] = list(block.columns)
        put(sd_name(block.id), (columns,), sds)
        put(effect_name(block.id), (block.dim, columns), effects)
        if block.correlation is not None:
            coords[f"{columns}_bis"] = list(block.columns)
            corr = np.stack([_correlation(each[parameters.held.index(k)]) for each in factors])[inverse]
            put(corr_name(block.id), (columns, f"{columns}_bis"), corr)
    noise = all_noise[inverse]
    if structure.noise_by:
        coords[structure.noise_by] = list(structure.noise_levels)
        put("noise", (structure.noise_by,), noise)
    else:
        put("noise", (), noise[:, 0])
    weight = weighed.weights[chosen] * len(weighed.weights)
    weighted = xr.Dataset(
        {"eta": (("point", "parameter"), weighed.points), "weight": (("point",), weighed.weights)},
        coords={"parameter": list(parameters.names)},
    )
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset(data, coords=coords),
            "sample_stats": xr.Dataset(
                {"weight": (("chain", "draw"), weight.reshape(CHAINS, per_chain))},
                coords={"chain": coords["chain"], "draw": coords["draw"]},
            ),
            "variance_points": weighted,
        }
    )


def _correlation(factor: FloatArray) -> FloatArray:
    norm = np.sqrt((factor**2).sum(axis=1))
    unit = factor / np.where(norm > 0, norm, 1.0)[:, None]
    out = unit @ unit.T
    np.fill_diagonal(out, 1.0)
    return np.asarray(out)


def _integer(seed: np.random.SeedSequence) -> int:
    return int(seed.generate_state(1, np.uint64)[0])


class _Said:
    """What was done and how long it took; written to standard error when progress is wanted."""

    def __init__(self, aloud: bool) -> None:
        self.aloud = aloud
        self.seconds: dict[str, float] = {}
        self.since = perf_counter()
        self.what = ""

    def __call__(self, what: str) -> None:
        now = perf_counter()
        if self.what:
            self.seconds[self.what.partition(" (")[0]] = round(now - self.since, 4)
        if self.aloud:
            sys.stderr.write(f"exact engine: {what}\n")
        self.since, self.what = now, what
