"""Statistics add, survive storage, and do not depend on the order of rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.collapsed.worlds import KINDS, fixed_sd, random_point, world
from outcomemodels.errors import FileError, SpecError
from outcomemodels.inference.collapsed.collapse import Collapsed
from outcomemodels.inference.collapsed.stats import load_statistics, merge, save_statistics, statistics
from outcomemodels.plugin import LinearStructure
from outcomemodels.priors import Prior


def rows_of(structure: LinearStructure, which: np.ndarray) -> LinearStructure:
    response = structure.response
    assert response is not None

    def take(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else values[which]

    return replace(
        structure,
        X=structure.X[which],
        blocks=tuple(replace(b, codes=b.codes[which], values=b.values[which]) for b in structure.blocks),
        response=replace(response, y=response.y[which], n=response.n[which], sd=response.sd[which]),
        noise_codes=take(structure.noise_codes),
        weight=take(structure.weight),
        known_variance=take(structure.known_variance),
    )


@settings(max_examples=40, deadline=None)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 1000), cut=st.integers(0, 40))
def test_parts_add_up_in_any_order(kind: str, seed: int, cut: int) -> None:
    structure = world(kind)
    order = np.random.default_rng(seed).permutation(40)
    parts = [statistics(rows_of(structure, which)) for which in (order[:cut], order[cut:])]
    whole, sum_ = statistics(structure), merge(*parts)
    at = random_point(structure, seed)
    values = [Collapsed.of(s, fixed_sd(structure)).log_density(at) for s in (whole, sum_)]
    assert values[0] == pytest.approx(values[1], rel=1e-11)


@pytest.mark.parametrize("kind", ["crossed", "cells", "known", "heteroscedastic", "slopes"])
def test_storage_keeps_every_bit(kind: str, tmp_path: Path) -> None:
    structure = world(kind)
    before = statistics(structure)
    save_statistics(before, tmp_path / "stats.nc")
    after = load_statistics(tmp_path / "stats.nc")
    assert after.layout == before.layout
    for name in ("offset", "noise", "divisor", "known", "rows", "columns", "square", "n", "log_weight", "within"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    assert (after.gram - before.gram).nnz == 0
    assert (after.cross - before.cross).nnz == 0


def test_a_wrong_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot read statistics"):
        load_statistics(tmp_path / "nothing.nc")


def test_unlike_statistics_are_not_added() -> None:
    with pytest.raises(SpecError, match="cannot be added"):
        merge(statistics(world("crossed")), statistics(world("nested")))


def test_what_the_engine_cannot_hold_is_refused_by_name() -> None:
    structure = world("crossed")
    heavy = replace(structure, column_priors=(Prior.student_t(3, 0, 1), structure.column_priors[1]))
    with pytest.raises(SpecError, match=r"normal priors(.|\n)*'c0'"):
        statistics(heavy)
    response = structure.response
    assert response is not None
    holes = replace(structure, response=replace(response, y=np.where(np.arange(40) == 3, np.nan, response.y)))
    with pytest.raises(SpecError, match="1 values are not finite"):
        statistics(holes)
