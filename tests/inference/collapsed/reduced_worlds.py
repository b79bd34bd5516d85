"""Tables to reduce, and what reduced tables must have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

import small
from outcomemodels.data.read import read
from outcomemodels.design import build_design
from outcomemodels.inference.collapsed.cells import Reduced
from outcomemodels.inference.collapsed.condense import condense, statistics_from
from outcomemodels.inference.collapsed.stats import Statistics, statistics
from outcomemodels.models.paul import Paul
from outcomemodels.plugin import LinearStructure, resolve_priors
from outcomemodels.schema import Facet, Field, Kind, Schema
from outcomemodels.spec import ModelSpec

SCHEMA: Schema = small.schema(Field(name="sex", facet=Facet.CLIENT, kind=Kind.CATEGORICAL))
SPEC = ModelSpec(outcome="phq9_end")


def table(n: int = 1500, seed: int = 0) -> dict[str, np.ndarray]:
    """Columns with a client label, and blanks of every kind."""
    rng = np.random.default_rng(seed)
    columns = small.columns(n, seed)
    columns["sex"] = np.array(["f", "m", None], dtype=object)[rng.integers(0, 3, n)]
    columns["phq9_end"][::17] = np.nan
    columns["age"][::31] = np.nan
    columns["problem"][::7] = None
    return columns


def from_rows(
    columns: dict[str, Any], spec: ModelSpec = SPEC, schema: Schema = SCHEMA
) -> tuple[Statistics, LinearStructure]:
    """Statistics by way of the rows."""
    design = build_design(read(columns, schema=schema), spec)
    model = Paul()
    structure = model.linear(design, resolve_priors(model, design, {}))
    return statistics(structure), structure


def from_sums(reduced: Reduced) -> tuple[Statistics, LinearStructure]:
    """Statistics by way of the sums."""
    condensed, model = condense(reduced), Paul()
    structure = condensed.structure(model, resolve_priors(model, condensed.design, {}))
    return statistics_from(condensed, structure), structure


def assert_same_statistics(a: Statistics, b: Statistics) -> None:
    """Equal to rounding, entry by entry, whichever zeros are stored."""
    assert a.layout == b.layout
    p = a.layout.size
    dense = []
    for s in (a, b):
        out = np.zeros((p * p, len(s.noise)))
        out[s.rows * p + s.columns] = s.gram.toarray()
        dense.append(out)
    scale = np.abs(dense[0]).max()
    np.testing.assert_allclose(dense[1], dense[0], rtol=1e-8, atol=1e-11 * scale)
    np.testing.assert_allclose(b.cross.toarray(), a.cross.toarray(), rtol=1e-8, atol=1e-11 * scale)
    for name in ("offset", "square", "n", "log_weight", "degrees", "within", "noise", "divisor", "known"):
        np.testing.assert_allclose(getattr(b, name), getattr(a, name), rtol=1e-8, atol=1e-9, err_msg=name)


def assert_same_sums(a: Reduced, b: Reduced, *, exactly: bool = False) -> None:
    """Two reduced tables hold the same sums; ``exactly`` means bit for bit."""
    assert a.recipe.same_as(b.recipe)
    assert a.levels == b.levels
    assert set(a.columns) == set(b.columns)
    assert dict(a.dropped) == dict(b.dropped)
    np.testing.assert_array_equal(a.codes, b.codes)
    if exactly:
        assert a.digest() == b.digest()
    else:
        assert_same_statistics(from_sums(a)[0], from_sums(b)[0])
