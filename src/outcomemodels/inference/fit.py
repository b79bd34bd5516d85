"""Design + model + settings -> sampled tree. Knows the engines; knows no model by name."""

from __future__ import annotations

from time import perf_counter

import xarray as xr

from outcomemodels.design import Design
from outcomemodels.inference.choose import choose_engine
from outcomemodels.inference.settings import Settings
from outcomemodels.plugin import LinearModel, OutcomeModel, Priors


def sample(model: OutcomeModel, design: Design, priors: Priors, settings: Settings) -> xr.DataTree:
    """Sample the posterior with the engine asked for, or the one chosen.

    Returns
    -------
    xarray.DataTree
        Groups posterior and sample_stats; attributes ``engine``, ``engine_reason`` and ``seconds``.

    Raises
    ------
    SpecError
        If the engine cannot fit this model.
    FitError
        If sampling fails.
    """
    linear = isinstance(model, LinearModel) and model.info.linear
    structure = model.linear(design, priors) if isinstance(model, LinearModel) and linear else None
    engine, reason = choose_engine(structure, settings.engine)
    start = perf_counter()
    if engine == "collapsed" and structure is not None:
        from outcomemodels.inference.collapsed.sample import sample_collapsed

        tree = sample_collapsed(
            structure, draws=settings.draws * settings.chains, seed=settings.seed, progress=settings.progress
        )
    else:
        from outcomemodels.inference.nuts import sample_nuts

        tree = sample_nuts(model.build(design, priors), settings)
    seconds = perf_counter() - start
    attrs = {"engine": engine, "engine_reason": reason, "seconds": f"{seconds:.3f}"}
    tree.attrs = {**tree.attrs, **attrs}
    return tree
