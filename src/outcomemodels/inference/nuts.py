"""The NUTS engine: any plugin's graph, compiled by PyTensor and sampled by nutpie, PyMC or numpyro.

nutpie is called directly: through ``pm.sample`` the same small model took 87 s instead of 13 s, cold, on two cores.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from typing import TYPE_CHECKING, Any

import xarray as xr

from outcomemodels.errors import FitError
from outcomemodels.inference.settings import Settings
from outcomemodels.posterior import EXPECTED, is_row_dim

if TYPE_CHECKING:
    import pymc as pm

STATS = ("diverging", "energy", "depth", "n_steps", "step_size", "step_size_bar", "mean_tree_accept", "logp")
"""Statistics of the sampler that are kept; the rest is the sampler's own book-keeping."""

HELPERS = ("z_", "lkj_")
"""Prefixes of variables that exist only to sample well; they are not kept."""


def sample_nuts(model: pm.Model, settings: Settings, *, keep_all: bool = False) -> xr.DataTree:
    """Sample a graph; return the tree with its helper variables and per-row values left out.

    Parameters
    ----------
    model : pymc.Model
    settings : Settings
    keep_all : bool
        Keep every free variable, and every derived one without a value a row: prediction through the graph needs them.

    Raises
    ------
    FitError
        If the sampler is not installed, the density is not finite at the start, or the sampler stops.
    """
    keep = kept_names(model, keep_all=keep_all)
    if settings.sampler == "numpyro" and importlib.util.find_spec("numpyro") is None:
        raise FitError(
            "the sampler numpyro is not installed",
            accepted="an installed sampler: nutpie and pymc always are",
            mend="install outcomemodels[numpyro], or leave sampler out",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = _with_nutpie if settings.sampler == "nutpie" else _with_pymc
            tree = run(model, settings, keep)
    except Exception as error:
        raise FitError(
            f"sampling stopped: {type(error).__name__}: {error}",
            rows=_not_finite(model),
            accepted="a log density that is finite at the starting point, and only continuous parameters",
            mend="check the outcome for values outside the family's support, then the priors and the batches",
        ) from error
    posterior = tree["posterior"].to_dataset()
    stats = tree["sample_stats"].to_dataset()
    return xr.DataTree.from_dict(
        {
            "posterior": posterior[[name for name in keep if name in posterior]],
            "sample_stats": stats[[name for name in STATS if name in stats]],
        }
    )


def kept_names(model: pm.Model, *, keep_all: bool = False) -> list[str]:
    """Variables of a graph that belong into the tree; ``keep_all`` as in :func:`sample_nuts`."""
    return _all_of(model) if keep_all else [v.name for v in _variables(model) if is_kept(v.name)]


def compile_nutpie(model: pm.Model, keep: list[str]) -> Any:
    """The graph compiled; shared variables of it can be exchanged with ``with_data``."""
    import nutpie

    return nutpie.compile_pymc_model(model, var_names=keep)


def _with_nutpie(model: pm.Model, settings: Settings, keep: list[str]) -> Any:
    return draw_nutpie(compile_nutpie(model, keep), settings)


def draw_nutpie(compiled: Any, settings: Settings) -> Any:
    """Sample a compiled graph: a tree with posterior and statistics of the sampler, as nutpie returns them."""
    import nutpie

    return nutpie.sample(
        compiled,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=min(settings.chains, os.cpu_count() or 1),
        seed=settings.seed,
        target_accept=settings.target_accept,
        save_warmup=False,
        progress_bar=settings.progress,
    )


def _with_pymc(model: pm.Model, settings: Settings, keep: list[str]) -> Any:
    """Sample by way of PyMC: its own NUTS, or numpyro's."""
    import pymc as pm

    return pm.sample(
        model=model,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=min(settings.chains, os.cpu_count() or 1),
        random_seed=settings.seed,
        nuts_sampler=settings.sampler,
        nuts={"target_accept": settings.target_accept},
        var_names=keep,
        progressbar=settings.progress,
        compute_convergence_checks=False,
    )


def sample_prior(model: pm.Model, *, draws: int, seed: int) -> tuple[xr.Dataset, xr.Dataset]:
    """Draw parameters and outcomes from the prior: datasets with dims (chain, draw, …)."""
    import pymc as pm

    keep = [v.name for v in _variables(model) if is_kept(v.name)]
    outcomes = [v.name for v in model.observed_RVs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree: Any = pm.sample_prior_predictive(draws=draws, random_seed=seed, model=model, var_names=[*keep, *outcomes])
    predictive = tree["prior_predictive"].to_dataset()
    return tree["prior"].to_dataset(), predictive


def _variables(model: pm.Model) -> list[Any]:
    return [*model.free_RVs, *model.deterministics]


def _all_of(model: pm.Model) -> list[str]:
    rows = len(model.coords.get("obs") or ())

    def by_row(name: str) -> bool:
        dims = model.named_vars_to_dims.get(name) or ()
        if not dims and rows > 1 and rows in model.named_vars[name].type.shape:
            return True
        return name.startswith(EXPECTED) or any(is_row_dim(d) for d in dims)

    derived = [v.name for v in model.deterministics if not by_row(v.name)]
    return [*(v.name for v in model.free_RVs), *derived]


def is_kept(name: str) -> bool:
    """Whether a variable of the graph belongs into the tree."""
    if name == EXPECTED or name.startswith((f"{EXPECTED}_", *HELPERS)):
        return False
    stem, _, tail = name.rpartition("_")
    return not (tail.isdigit() and (stem in ("beta", "noise") or stem.startswith("sd_")))


def _not_finite(model: pm.Model) -> list[str]:
    """Variables whose log density is not finite at the start, for the error message."""
    import numpy as np

    return [f"{name}: {value}" for name, value in model.point_logps().items() if not np.isfinite(value)]
