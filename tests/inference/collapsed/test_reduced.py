"""Rows streamed, merged, permuted, relabelled: always the statistics of the rows."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import small
from inference.collapsed import reduced_worlds as worlds
from outcomemodels.errors import DataError, FileError, SpecError
from outcomemodels.inference.collapsed.cells import Reduced, merge_reduced
from outcomemodels.inference.collapsed.condense import condense
from outcomemodels.inference.collapsed.recipe import Recipe
from outcomemodels.inference.collapsed.stream import reduce_rows
from outcomemodels.schema import Facet, Field, Kind, Occasion
from outcomemodels.spec import ModelSpec

SPECS = {
    "chosen by the model": ModelSpec(outcome="phq9_end"),
    "noise by treatment": ModelSpec(outcome="phq9_end", noise_by="treatment"),
    "formula": ModelSpec(
        outcome="phq9_end",
        formula="phq9_end ~ age*treatment + sex + (1+age|therapist) + (phq9_start||problem) + (1|service:treatment)",
    ),
    "named": ModelSpec(
        outcome="phq9_end", covariates=("age",), batches=("therapist", "age|treatment:problem"), noise_by="service"
    ),
    "nothing but an intercept": ModelSpec(outcome="phq9_end", covariates=(), batches=()),
}


def pieces(columns: dict[str, Any], cuts: list[int]) -> list[dict[str, Any]]:
    ends = [0, *sorted(cuts), len(columns["client"])]
    return [{n: v[a:b] for n, v in columns.items()} for a, b in pairwise(ends) if b > a]


@pytest.mark.parametrize("name", SPECS)
def test_sums_give_the_statistics_and_priors_of_the_rows(name: str) -> None:
    columns, spec = worlds.table(), SPECS[name]
    rows, structure = worlds.from_rows(columns, spec)
    sums, declared = worlds.from_sums(reduce_rows(columns, worlds.SCHEMA, spec))
    worlds.assert_same_statistics(rows, sums)
    assert [b.levels for b in declared.blocks] == [b.levels for b in structure.blocks]
    for mine, other in zip(declared.blocks, structure.blocks, strict=True):
        for a, b in zip(mine.sds, other.sds, strict=True):
            np.testing.assert_allclose(a.values, b.values, rtol=1e-9)


def test_published_cells_are_summed_with_their_n_and_sd() -> None:
    columns = small.columns(600, 3)
    service, treatment = columns["service"], columns["treatment"]
    data = small.cells_of(columns["phq9_end"], service, treatment)
    frame = data.to_frame()
    spec = ModelSpec(outcome="end", batches=("service", "treatment"))
    rows, _ = worlds.from_rows(frame, spec, data.schema)
    sums, _ = worlds.from_sums(reduce_rows(frame, data.schema, spec))
    worlds.assert_same_statistics(rows, sums)


def kinds(columns: dict[str, Any], folder: Path) -> dict[str, Any]:
    frame = pd.DataFrame(columns)
    plain = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(plain, folder / "rows.parquet", row_group_size=170)
    frame.to_csv(folder / "rows.csv", index=False)
    frame.to_csv(folder / "rows.csv.gz", index=False)
    many = folder / "many"
    many.mkdir()
    for i in range(3):
        pq.write_table(plain.slice(i * 500, 500), many / f"part{i}.parquet")
    return {
        "mapping": columns,
        "pandas": frame,
        "arrow table": plain,
        "record batches": plain.to_batches(max_chunksize=111),
        "record batch reader": plain.to_reader(max_chunksize=111),
        "parquet": folder / "rows.parquet",
        "folder": many,
        "csv": folder / "rows.csv",
        "csv.gz": folder / "rows.csv.gz",
    }


def test_every_kind_of_source_gives_the_same_sums(tmp_path: Path) -> None:
    columns = worlds.table()
    made = {name: reduce_rows(s, worlds.SCHEMA, worlds.SPEC) for name, s in kinds(columns, tmp_path).items()}
    for name, reduced in made.items():
        worlds.assert_same_sums(made["mapping"], reduced)
        assert reduced.n_rows == made["mapping"].n_rows, name


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    cuts=st.lists(st.integers(1, 299), max_size=4),
    n=st.integers(60, 300),
)
def test_parts_permutations_and_other_shifts_add_up_to_the_whole(seed: int, cuts: list[int], n: int) -> None:
    columns = worlds.table(n, seed)
    whole = reduce_rows(columns, worlds.SCHEMA, worlds.SPEC)
    order = np.random.default_rng(seed).permutation(n)
    shuffled = {name: v[order] for name, v in columns.items()}
    worlds.assert_same_sums(whole, reduce_rows(shuffled, worlds.SCHEMA, worlds.SPEC))
    parts = []
    for piece in pieces(shuffled, cuts):
        try:
            parts.append(reduce_rows(piece, worlds.SCHEMA, worlds.SPEC))
        except DataError:  # a part without one usable row; its losses are counted below
            return
    worlds.assert_same_sums(whole, merge_reduced(parts))
    worlds.assert_same_sums(whole, merge_reduced(parts[::-1]))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_other_labels_give_the_same_statistics_under_other_names(seed: int) -> None:
    columns = worlds.table(300, seed)
    names = sorted(set(columns["therapist"]))
    other = dict(zip(names, np.random.default_rng(seed).permutation(names), strict=True))
    renamed = columns | {"therapist": np.array([other[v] for v in columns["therapist"]], dtype=object)}
    first, declared = worlds.from_sums(reduce_rows(columns, worlds.SCHEMA, worlds.SPEC))
    second, _ = worlds.from_sums(reduce_rows(renamed, worlds.SCHEMA, worlds.SPEC))
    at = [b.id for b in declared.blocks].index("therapist")
    levels = declared.blocks[at].levels
    moved = [levels.index(other[v]) for v in levels]
    block = first.layout.block(at)
    a, b = first.cross.toarray()[block, 0], second.cross.toarray()[block, 0]
    np.testing.assert_allclose(b[moved], a, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(second.square, first.square, rtol=1e-12)


def test_saved_and_loaded(tmp_path: Path) -> None:
    before = reduce_rows(worlds.table(), worlds.SCHEMA, worlds.SPEC)
    for name in ("stats.nc", "stats.zarr"):
        before.save(tmp_path / name)
        worlds.assert_same_sums(before, Reduced.load(tmp_path / name), exactly=True)


def test_another_file_is_refused(tmp_path: Path) -> None:
    small.episodes().save(tmp_path / "data.nc")
    with pytest.raises(FileError, match="no reduced rows"):
        Reduced.load(tmp_path / "data.nc")


def test_parts_of_other_recipes_are_refused() -> None:
    columns = worlds.table(200)
    a = reduce_rows(columns, worlds.SCHEMA, worlds.SPEC)
    b = reduce_rows(columns, worlds.SCHEMA, ModelSpec(outcome="phq9_end", covariates=("age",)))
    with pytest.raises(SpecError, match="different recipes") as caught:
        merge_reduced([a, b])
    assert "covariates" in str(caught.value)


def test_a_label_the_schema_does_not_allow_is_told_with_its_row() -> None:
    from dataclasses import replace

    schema = worlds.SCHEMA.with_fields(replace(worlds.SCHEMA["treatment"], levels=("CBT", "IPT", "BA")))
    columns = small.columns(50) | {"sex": np.full(50, "f", dtype=object)}
    columns["treatment"][7] = "cbt"
    with pytest.raises(DataError, match="unknown label") as caught:
        reduce_rows(columns, schema, worlds.SPEC)
    assert "row 8: 'cbt'" in str(caught.value)


def test_missing_column_impossible_numbers_and_no_rows_are_told() -> None:
    columns = worlds.table(100)
    with pytest.raises(DataError, match="'age' is missing"):
        reduce_rows({n: v for n, v in columns.items() if n != "age"}, worlds.SCHEMA, worlds.SPEC)
    bad = columns | {"age": np.where(np.arange(100) == 3, np.inf, columns["age"])}
    with pytest.raises(DataError, match="infinite"):
        reduce_rows(bad, worlds.SCHEMA, worlds.SPEC)
    with pytest.raises(DataError, match="no row has both"):
        reduce_rows(columns | {"phq9_end": np.full(100, np.nan)}, worlds.SCHEMA, worlds.SPEC)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (ModelSpec(outcome="phq9"), "no outcome 'phq9'"),
        (ModelSpec(outcome="phq9_end", family="binomial"), "not a Gaussian outcome"),
        (ModelSpec(outcome="phq9_end", covariates=("height",)), "'height' is not a field"),
    ],
)
def test_what_cannot_be_reduced_is_refused_before_reading(spec: ModelSpec, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Recipe.of(worlds.SCHEMA, spec)


def test_recipe_survives_json_and_digests_its_choices() -> None:
    recipe = Recipe.of(worlds.SCHEMA, worlds.SPEC)
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert recipe.digest() != Recipe.of(worlds.SCHEMA, SPECS["named"]).digest()


def test_many_labels_widen_the_table_of_cells() -> None:
    n = 3000
    columns = worlds.table(n)
    columns["therapist"] = np.array([f"t{i}" for i in range(n)], dtype=object)
    rows, _ = worlds.from_rows(columns)
    sums, _ = worlds.from_sums(reduce_rows(columns, worlds.SCHEMA, worlds.SPEC))
    worlds.assert_same_statistics(rows, sums)


def test_design_of_sums_knows_what_rows_lay_behind() -> None:
    reduced = reduce_rows(worlds.table(), worlds.SCHEMA, worlds.SPEC)
    design = condense(reduced).design
    assert design.n_rows == reduced.n_rows
    assert design.is_summed
    sex = design.factor("sex")
    assert sex.levels == ("f", "m", "not recorded")
    assert design.crossing(("sex",)).count.sum() == reduced.n_rows


def test_fields_of_the_course_itself_do_not_enter_on_their_own_account() -> None:
    extra = Field(name="mode", facet=Facet.TREATMENT, kind=Kind.CATEGORICAL, occasion=Occasion.DURING)
    schema = worlds.SCHEMA.with_fields(extra)
    columns = worlds.table(600)
    columns["mode"] = np.array(["online", "in person"], dtype=object)[np.arange(600) % 2]
    rows, _ = worlds.from_rows(columns, worlds.SPEC, schema)
    reduced = reduce_rows(columns, schema, worlds.SPEC)
    assert "mode" not in reduced.levels
    worlds.assert_same_statistics(rows, worlds.from_sums(reduced)[0])
