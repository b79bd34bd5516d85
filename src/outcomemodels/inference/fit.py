"""Design + model + settings -> sampled tree. Knows the engines; knows no model by name."""

from __future__ import annotations

import json
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

import xarray as xr

from outcomemodels.design import Design, Watched
from outcomemodels.diagnostics import APPROXIMATE
from outcomemodels.errors import FitError, SpecError
from outcomemodels.inference.choose import choose_engine
from outcomemodels.inference.settings import Settings
from outcomemodels.plugin import LinearModel, LinearStructure, OutcomeModel, Priors

if TYPE_CHECKING:
    from outcomemodels.inference.collapsed.condense import Condensed


def sample(model: OutcomeModel, design: Design, priors: Priors, settings: Settings) -> xr.DataTree:
    """Sample the posterior with the engine asked for, or the one chosen.

    With ``engine="auto"`` the exact engine is tried where it applies; when it declines, NUTS takes over and the
    reason says so.

    Returns
    -------
    xarray.DataTree
        Groups posterior and sample_stats; attributes ``engine``, ``engine_reason``, ``seconds`` and, for models
        without a linear form, ``uses``: the fields of the design they took.

    Raises
    ------
    SpecError
        If the engine asked for cannot fit this model.
    FitError
        If sampling fails.
    """
    linear = isinstance(model, LinearModel) and model.info.linear
    structure = model.linear(design, priors) if isinstance(model, LinearModel) and linear else None
    engine, reason = choose_engine(structure, settings.engine)
    start = perf_counter()
    tree: xr.DataTree | None = None
    uses: str | None = None
    if engine == "collapsed" and structure is not None:
        try:
            tree = _exact(structure, settings)
        except (SpecError, FitError) as refusal:
            if settings.engine == "collapsed":
                raise
            engine, reason = "nuts", f"the exact engine declined: {refusal.found}"
    if tree is None:
        from outcomemodels.inference.nuts import sample_nuts

        factors, numbers = Watched(design.factors), Watched(design.numbers)
        graph = model.build(replace(design, factors=factors, numbers=numbers), priors)
        tree = sample_nuts(graph, settings, keep_all=not linear)
        if not linear:
            dims = {d for each in graph.named_vars_to_dims.values() for d in each if d is not None}
            uses = " ".join(sorted(factors.taken | numbers.taken | (dims & set(design.factors))))
    attrs = {"engine": engine, "engine_reason": reason, "seconds": f"{perf_counter() - start:.3f}"}
    if uses is not None:
        attrs["uses"] = uses
    tree.attrs = {**tree.attrs, **attrs}
    return tree


def sample_reduced(model: LinearModel, condensed: Condensed, priors: Priors, settings: Settings) -> xr.DataTree:
    """Sample the posterior of reduced rows with the exact engine, the only one that needs no rows.

    Returns
    -------
    xarray.DataTree
        As of :func:`sample`; with ``approximate``, a JSON list of notes, where sums were suppressed or rounded.

    Raises
    ------
    SpecError
        If the model has no linear form on reduced rows, or NUTS was asked for.
    FitError
        If no gate of the exact engine can be passed.
    """
    from outcomemodels.inference.collapsed.condense import statistics_from
    from outcomemodels.inference.collapsed.sample import sample_collapsed

    if settings.engine == "nuts":
        raise SpecError(
            "NUTS needs the rows", accepted="engine='collapsed' or 'auto'", mend="read the rows and fit them"
        )
    start = perf_counter()
    structure = condensed.structure(model, priors)
    stats = statistics_from(condensed, structure)
    tree: xr.DataTree = sample_collapsed(
        structure,
        draws=settings.draws * settings.chains,
        seed=settings.seed,
        progress=settings.progress,
        stats=stats,
    )
    attrs = {
        "engine": "collapsed",
        "engine_reason": "the rows were reduced to sums, which only the exact engine takes",
        "seconds": f"{perf_counter() - start:.3f}",
    }
    if condensed.reduced.notes:
        attrs[APPROXIMATE] = json.dumps(list(condensed.reduced.notes))
    tree.attrs = {**tree.attrs, **attrs}
    return tree


def _exact(structure: LinearStructure, settings: Settings) -> xr.DataTree:
    from outcomemodels.inference.collapsed.sample import sample_collapsed

    tree: xr.DataTree = sample_collapsed(
        structure, draws=settings.draws * settings.chains, seed=settings.seed, progress=settings.progress
    )
    return tree
