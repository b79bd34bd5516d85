"""Reducing rows in one pass: bounded memory, resumable, with progress."""

from __future__ import annotations

import json
import os
import queue
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from outcomemodels.errors import FileError
from outcomemodels.inference.collapsed.accumulate import Accumulator
from outcomemodels.inference.collapsed.cells import Reduced
from outcomemodels.inference.collapsed.recipe import Recipe
from outcomemodels.inference.collapsed.source import Batch, Source, open_source
from outcomemodels.schema import Schema
from outcomemodels.spec import ModelSpec

AHEAD = 2
"""Batches decoded ahead of the one being summed."""

EVERY = 5.0
"""Seconds of work between two checkpoints; a killed reduction loses at most this and the partition it was in."""

CHECKPOINT = "outcomemodels.Checkpoint/1"


def reduce_rows(
    source: Any,
    schema: Schema,
    spec: ModelSpec,
    *,
    checkpoint: str | Path | None = None,
    every: float = EVERY,
    progress: bool = False,
) -> Reduced:
    """Reduce a table to the sums an exact fit needs.

    Parameters
    ----------
    source : path, list of paths, frame, record batches or mapping of columns
    schema : Schema
    spec : ModelSpec
    checkpoint : path, optional
        File to keep what was summed so far in. If it is there, the reduction goes on behind it and ends in the same
        numbers, bit for bit; it is removed at the end.
    every : float
        Seconds between two checkpoints.
    progress : bool
        Whether to draw a bar on standard error.

    Raises
    ------
    FileError, DataError, SpecError
        For sources that cannot be read, values the schema does not allow, terms that cannot be reduced, and
        checkpoints of another source or recipe.
    """
    recipe = Recipe.of(schema, spec)
    opened = open_source(source, recipe.schema)
    if checkpoint is not None and not opened.fingerprint:
        raise FileError(
            f"a reduction of a {opened.name} cannot be resumed", accepted="files", mend="leave checkpoint= out"
        )
    path = None if checkpoint is None else Path(checkpoint)
    sums, first, done = Accumulator(recipe), 0, 0
    if path is not None and path.exists():
        sums, first, done = _restored(path, recipe, opened)
    since = monotonic()
    with _bar(opened, done, shown=progress) as advance:
        current = first
        for at, table, columns in _ahead(opened.read(first, None)):
            if at != current and path is not None and monotonic() - since >= every:
                _keep(path, sums, at, done, recipe, opened)
                since = monotonic()
            current = at
            rows = sums.add(columns, f"{table}, from row {done + 1:,}")
            done += rows
            advance(rows)
    out = sums.reduced(opened.name)
    if path is not None:
        path.unlink(missing_ok=True)
    return out


def reduce_partitions(source: Any, recipe: Recipe, first: int, last: int) -> Reduced | None:
    """Sums of some partitions alone, or None when no row of theirs enters."""
    opened = open_source(source, recipe.schema)
    sums, done = Accumulator(recipe), 0
    for _, table, columns in opened.read(first, last):
        done += sums.add(columns, f"{table}, partition {first}, from row {done + 1:,}")
    return sums.reduced(opened.name) if sums.cells.count else None


def _ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches, decoded by a second thread while the first sums."""
    held: queue.Queue[Batch | BaseException | None] = queue.Queue(maxsize=AHEAD)
    stopped = threading.Event()

    def put(item: Batch | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                held.put(item, timeout=0.1)
                return
            except queue.Full:
                continue

    def work() -> None:
        try:
            for batch in batches:
                if stopped.is_set():
                    return
                put(batch)
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=work, name="decode", daemon=True)
    thread.start()
    try:
        while (item := held.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()


@contextmanager
def _bar(source: Source, done: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    if not shown:
        yield lambda rows: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} rows"),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"reducing {source.name}", total=source.n_rows or None, completed=done)
        yield lambda rows: bar.advance(task, rows)


# -- checkpoints -----------------------------------------------------------------------------------------------


def _keep(path: Path, sums: Accumulator, next_partition: int, done: int, recipe: Recipe, source: Source) -> None:
    """Write the state of a reduction, whole or not at all."""
    head = {
        "format": CHECKPOINT,
        "recipe": recipe.digest(),
        "source": source.fingerprint,
        "name": source.name,
        "next": next_partition,
        "done": done,
        "shift": list(sums.recipe.shift),
        "columns": sums.columns,
        "labels": {n: list(r.labels) for n, r in sums.labels.items()},
        "memo": {n: r.memo for n, r in sums.labels.items()},
        "dropped": sums.dropped,
    }
    arrays: dict[str, Any] = {
        "head": np.frombuffer(json.dumps(head).encode(), dtype=np.uint8),
        "cells": sums.cells.codes(),
        "groups": sums.groups.codes(),
        "sums": sums.sums[: sums.cells.count],
        "squares": sums.squares[: sums.cells.count],
        "products": sums.products,
        "counts": sums.counts,
        "plain": sums.plain,
        "ranges": sums.ranges,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)


def _restored(path: Path, recipe: Recipe, source: Source) -> tuple[Accumulator, int, int]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        head = json.loads(arrays.pop("head").tobytes())
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise FileError(
            f"the checkpoint {path} cannot be read: {error}", mend="delete it, and the reduction starts anew"
        ) from None
    for what, found, needed in (
        ("format", head.get("format"), CHECKPOINT),
        ("source", head.get("source"), source.fingerprint),
        ("recipe", head.get("recipe"), recipe.digest()),
    ):
        if found != needed:
            why = {
                "format": "it is of another version",
                "source": f"it was made from {head.get('name')!r}, or the file has changed since",
                "recipe": "it was made with another schema, outcome or set of terms",
            }[what]
            raise FileError(
                f"the checkpoint {path} is not of this reduction: {why}",
                accepted="a checkpoint of the same, unchanged source and the same choices",
                mend="delete it to start anew, or name another file",
            )
    sums = Accumulator(replace(recipe, shift=tuple(head["shift"])))
    sums.columns = [tuple((a, b) for a, b in parts) for parts in head["columns"]]
    sums.dropped = dict(head["dropped"])
    for name, reader in sums.labels.items():
        reader.labels, reader.memo = tuple(head["labels"][name]), dict(head["memo"][name])
    for number in (*sums.numbers.values(), *sums.response.values()):
        number.checked = True
    sums.cells.restore(arrays["cells"])
    sums.groups.restore(arrays["groups"])
    for name in ("sums", "squares", "products", "counts", "plain", "ranges"):
        setattr(sums, name, arrays[name])
    return sums, int(head["next"]), int(head["done"])
