"""Where a fit comes from: data, versions, engine and seeds, kept with it."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from outcomemodels.inference.settings import Settings
from outcomemodels.schema import Schema

if TYPE_CHECKING:
    import xarray as xr


PACKAGES = ("outcomemodels", "numpy", "scipy", "xarray", "pymc", "nutpie", "arviz")


def provenance_of(schema: Schema, digest: str, tree: xr.DataTree, settings: Settings) -> dict[str, object]:
    """What a fit keeps of its origin, as plain values."""
    return {
        "name": schema.name,
        "title": schema.title,
        "source": schema.source,
        "licence": schema.licence,
        "assignment": schema.assignment.value,
        "data_digest": digest,
        "schema_version": schema.version,
        "versions": {name: version(name) for name in PACKAGES},
        "engine": tree.attrs["engine"],
        "engine_reason": tree.attrs["engine_reason"],
        "seconds": float(tree.attrs["seconds"]),
        "seed": settings.seed,
        "draws": settings.draws,
        "chains": settings.chains,
    }
