"""A fit without a sampler: the design of a small world with independent draws around its truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from outcomemodels.auditing import audit_dataset
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.design import build_design
from outcomemodels.fitted import Fit, assemble
from outcomemodels.models.paul import Paul
from outcomemodels.posterior import effect_name, sd_name
from outcomemodels.spec import ModelSpec

CHAINS, DRAWS = 4, 300


def made_fit(data: PaulDataset, *, outcome: str = "end", broken: bool = False, seed: int = 3) -> Fit:
    """Fit of ``data`` whose draws are independent normals; ``broken`` shifts one chain so that the verdict fails."""
    rng = np.random.default_rng(seed)
    spec = ModelSpec(outcome=outcome)
    design = build_design(data, spec)
    shape = (CHAINS, DRAWS)
    dims = ("chain", "draw")
    coords: dict[str, Any] = {"coefficient": [c.name for c in design.columns]}
    centre = np.array([design.scale.centre] + [0.3] * (len(design.columns) - 1))
    beta = centre + 0.05 * rng.standard_normal((*shape, len(centre)))
    if broken:
        beta[0] += 3.0
    variables: dict[str, Any] = {"beta": ((*dims, "coefficient"), beta)}
    for batch in design.batches:
        crossing = design.crossing(batch.by)
        coords[crossing.dim] = list(crossing.labels)
        n = len(crossing.labels)
        truth = rng.standard_normal(n)
        variables[effect_name(batch.id)] = ((*dims, crossing.dim), truth + 0.2 * rng.standard_normal((*shape, n)))
        variables[sd_name(batch.id)] = (dims, 1 + 0.1 * np.abs(rng.standard_normal(shape)))
    if design.family == "gaussian":
        variables["noise"] = (dims, 4 + 0.1 * rng.standard_normal(shape))
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(variables, coords=coords)})
    provenance = {
        "name": data.schema.name,
        "title": data.schema.title or "A simulated world",
        "assignment": data.schema.assignment.value,
        "data_digest": data.digest(),
        "engine": "made",
        "engine_reason": "for a test",
        "seconds": 0.1,
        "seed": 1,
        "draws": DRAWS,
        "chains": CHAINS,
        "versions": {"outcomemodels": "test"},
    }
    audit = {**audit_dataset(data).to_dict(), "accepted": []}
    return assemble(tree, design, spec, Paul().default_priors(design), provenance=provenance, audit=audit)
