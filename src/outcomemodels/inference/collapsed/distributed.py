"""Reducing on a dask cluster: each worker sums some partitions, the sums are added pairwise, and rows never travel."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from outcomemodels.errors import DependencyError, FileError
from outcomemodels.inference.collapsed.accumulate import Accumulator
from outcomemodels.inference.collapsed.cells import Reduced, merge_reduced
from outcomemodels.inference.collapsed.recipe import Recipe
from outcomemodels.inference.collapsed.source import Source, open_source
from outcomemodels.inference.collapsed.stream import reduce_partitions
from outcomemodels.schema import Schema
from outcomemodels.spec import ModelSpec

TASKS_A_WORKER = 4


def reduce_on(
    client: Any, source: Any, schema: Schema, spec: ModelSpec, *, checkpoint: str | Path | None = None
) -> Reduced:
    """Reduce parquet files on a cluster.

    Parameters
    ----------
    client : distributed.Client
    source : path, list of paths or folder
        Parquet files that every worker can open under the same path; partitions are row groups.
    schema : Schema
    spec : ModelSpec
    checkpoint : path, optional
        Not taken here: dask itself repeats the tasks of a worker that died.

    Raises
    ------
    DependencyError
        If dask is not installed.
    FileError
        For sources without partitions, and with a checkpoint.
    """
    if importlib.util.find_spec("distributed") is None:
        raise DependencyError("reducing on a cluster needs dask", mend="install outcomemodels[dask]")
    if checkpoint is not None:
        raise FileError(
            "a reduction on a cluster keeps no checkpoint",
            mend="leave checkpoint= out: dask repeats the tasks of a worker that died",
        )
    source = _absolute(source)
    recipe = Recipe.of(schema, spec)
    opened = open_source(source, recipe.schema)
    if not (opened.fingerprint and opened.n_partitions):
        raise FileError(
            f"{opened.name} has no partitions that workers could share", accepted="parquet files, by path or folder"
        )
    recipe = replace(recipe, shift=_shift(recipe, opened))
    workers = max(len(client.scheduler_info(n_workers=-1)["workers"]), 1)
    size = -(-opened.n_partitions // (TASKS_A_WORKER * workers))
    firsts = range(0, opened.n_partitions, size)
    parts = [
        client.submit(reduce_partitions, source, recipe, first, min(first + size, opened.n_partitions), pure=False)
        for first in firsts
    ]
    while len(parts) > 1:
        parts = [client.submit(_added, parts[i : i + 2], pure=False) for i in range(0, len(parts), 2)]
    found: Reduced | None = parts[0].result()
    if found is None:
        return Accumulator(recipe).reduced(opened.name)  # says why there is nothing
    return replace(found, source=opened.name)


def _added(parts: list[Reduced | None]) -> Reduced | None:
    there = [p for p in parts if p is not None]
    return merge_reduced(there) if there else None


def _absolute(source: Any) -> Any:
    if isinstance(source, (str, Path)):
        return str(Path(source).resolve())
    if isinstance(source, (list, tuple)) and all(isinstance(p, (str, Path)) for p in source):
        return [str(Path(p).resolve()) for p in source]
    return source


def _shift(recipe: Recipe, source: Source) -> tuple[float, ...]:
    """One shift for all workers, from the first rows that enter."""
    sums = Accumulator(recipe)
    batches: Iterator[Any] = source.read(0, None)
    for _, table, columns in batches:
        sums.add(columns, table)
        if sums.recipe.shift:
            break
    return sums.recipe.shift
