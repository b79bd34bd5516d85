"""The posterior contract: which groups a fitted tree has, what they hold, and how names are formed.

Floor 2. Any engine and any model write this; everything downstream reads only this. Groups:

===================  =====================================================================================
``/posterior``       dims (chain, draw, …). Linear models: ``beta`` (coefficient), per batch ``effect_<id>``,
                     ``sd_<id>`` and, when correlated, ``corr_<id>``; ``noise`` for Gaussian models.
``/sample_stats``    the sampler's own numbers (``diverging``, ``energy``, …; weights for weighted engines)
``/observed_data``   ``outcome`` dims (obs,); ``outcome_<name>`` for each of several responses, NaN where missing
``/constant_data``   the design, enough to ask again without the dataset
``/prior``           draws of the same variables from the prior, when they were made
===================  =====================================================================================

Root attributes are strings (JSON where nested), since netCDF holds no dicts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import xarray as xr

from outcomemodels.errors import FitError

FORMAT = "outcomemodels.Fit/1"
EXPECTED = "expected"
OUTCOME = "outcome"


def expected_name(response: str = "") -> str:
    """Name in the graph of the expected value of a response; without one, of the only response."""
    return f"{EXPECTED}_{response}" if response else EXPECTED


def outcome_name(response: str = "") -> str:
    """Name in the graph of the observed variable of a response."""
    return f"{OUTCOME}_{response}" if response else OUTCOME


def is_row_dim(dim: str | None) -> bool:
    """Whether a dim of a graph runs over rows: ``obs``, ``obs_<name>``, or bambi's own."""
    return dim is not None and (dim in ("obs", "__obs__") or dim.startswith("obs_"))


def effect_name(batch: str) -> str:
    """Name of the effects of a batch id."""
    return f"effect_{batch}"


def sd_name(batch: str) -> str:
    """Name of the superpopulation SD of a batch id."""
    return f"sd_{batch}"


def corr_name(batch: str) -> str:
    """Name of the correlation matrix of a batch id."""
    return f"corr_{batch}"


def column_dim(batch: str) -> str:
    """Dim of the columns of a batch with several."""
    return f"{batch}_column"


def validate(tree: xr.DataTree) -> None:
    """Check that a tree keeps the contract; all breaches are reported at once.

    Raises
    ------
    FitError
        Listing every breach.
    """
    breaches: list[str] = []
    for group in ("posterior", "observed_data"):
        if group not in tree.children:
            breaches.append(f"no group /{group}")
    if "posterior" in tree.children:
        posterior = tree["posterior"].dataset
        for name, variable in posterior.data_vars.items():
            if variable.dims[:2] != ("chain", "draw"):
                breaches.append(f"posterior variable {name!r} has dims {variable.dims}, not (chain, draw, …)")
            elif not bool(variable.notnull().all()):
                breaches.append(f"posterior variable {name!r} holds values that are not finite")
        if not posterior.data_vars:
            breaches.append("the posterior has no variables")
    if breaches:
        raise FitError(
            "the fitted tree breaks the posterior contract",
            rows=breaches,
            accepted="groups and dims as in outcomemodels.posterior",
        )


def put_json(attrs: Mapping[str, Any], values: Mapping[str, object]) -> dict[str, Any]:
    """Attributes with ``values`` added as JSON strings."""
    return {**attrs, **{key: json.dumps(value) for key, value in values.items()}}


def get_json(attrs: Mapping[Any, Any], key: str, default: Any = None) -> Any:
    """Read a JSON attribute."""
    return json.loads(attrs[key]) if key in attrs else default
