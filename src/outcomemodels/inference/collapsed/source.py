"""Where rows come from: files and frames as numbered partitions of columns, never more than one batch in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcomemodels.data.files import open_text
from outcomemodels.data.tables import Limits, open_table
from outcomemodels.errors import FileError
from outcomemodels.schema import Schema

BATCH = 1 << 18
BLOCK = 32 << 20
PARQUET = (".parquet", ".pq")
TEXT = (".csv", ".tsv", ".txt", ".gz", ".zip")
ACCEPTED = (
    "a path to .parquet, .csv or .tsv (plain, .gz or .zip), a list of such paths or a folder of them; "
    "a pyarrow table, RecordBatchReader or iterable of record batches; a pandas or polars frame; a mapping of columns"
)

Batch = tuple[int, str, Mapping[str, Any]]
"""Partition, name for messages, and columns."""


@dataclass(frozen=True)
class Source:
    """Rows in partitions that are always the same.

    Parameters
    ----------
    name : str
    fingerprint : str
        Of what can be told without reading: names, sizes, times of change. Empty when the rows come only once.
    n_rows : int
        0 when not known beforehand.
    n_partitions : int
        0 when not known beforehand.
    read : function of first partition and last (None: to the end)
        Batches in order.
    """

    name: str
    fingerprint: str
    n_rows: int
    n_partitions: int
    read: Callable[[int, int | None], Iterator[Batch]]


def open_source(source: Any, schema: Schema) -> Source:
    """A source of the columns of a schema.

    Raises
    ------
    FileError
        If a file is absent or of a kind that cannot be streamed.
    """
    wanted = [f.source for f in schema]
    text = [f.source for f in schema if f.kind.is_labelled]
    if isinstance(source, (str, Path)):
        path = Path(source)
        paths = sorted(p for p in path.iterdir() if p.name.endswith(PARQUET)) if path.is_dir() else [path]
        if not paths:
            raise FileError(f"the folder {path} holds no parquet file", accepted=ACCEPTED)
        return _files(paths, wanted, text, path.name)
    if isinstance(source, (list, tuple)) and source and all(isinstance(p, (str, Path)) for p in source):
        return _files([Path(p) for p in source], wanted, text, f"{len(source)} files")
    if isinstance(source, Mapping):
        return _table(dict(source), "mapping")
    import pyarrow as pa

    if isinstance(source, pa.Table):
        return _table({n: source.column(n) for n in source.column_names}, "pyarrow Table")
    if isinstance(source, pa.RecordBatchReader) or (hasattr(source, "__next__") or isinstance(source, (list, tuple))):
        return Source("record batches", "", 0, 0, lambda first, last: _record_batches(source, first, last))
    opened = open_table(source, wanted=wanted, text=text, limits=Limits())
    return _table(dict(opened.values), opened.table)


def _files(paths: Sequence[Path], wanted: list[str], text: list[str], name: str) -> Source:
    for path in paths:
        if not path.is_file():
            raise FileError(f"no file at {path}", table=path.name, accepted=ACCEPTED, mend="check the path")
    if all(p.name.lower().endswith(PARQUET) for p in paths):
        return _parquet(paths, wanted, text, name)
    if len(paths) == 1 and paths[0].name.lower().endswith(TEXT):
        path = paths[0]
        return Source(name, _seen(paths), 0, 0, lambda first, last: _text(path, wanted, text, first, last))
    raise FileError(f"cannot stream {', '.join(p.name for p in paths[:3])}", accepted=ACCEPTED)


def _seen(paths: Sequence[Path]) -> str:
    facts = [[p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in paths]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _parquet(paths: Sequence[Path], wanted: list[str], text: list[str], name: str) -> Source:
    """Partitions are row groups, file after file."""
    groups: list[tuple[Path, int]] = []
    rows = 0
    for path in paths:
        meta = _opened(path, ()).metadata
        rows += meta.num_rows
        groups += [(path, g) for g in range(meta.num_row_groups)]

    def read(first: int, last: int | None) -> Iterator[Batch]:
        import pyarrow as pa

        end = len(groups) if last is None else last
        at = first
        while at < end:
            path = groups[at][0]
            here = [g for p, g in groups[at:end] if p == path]
            file = _opened(path, text)
            names = [n for n in file.schema_arrow.names if n in set(wanted)]
            everything = list(file.schema_arrow.names)
            for group in here:
                try:
                    for batch in file.iter_batches(BATCH, row_groups=[group], columns=names):
                        columns = {n: batch.column(n) for n in names}
                        yield at, path.name, columns if len(names) == len(wanted) else _named(columns, everything)
                except (pa.ArrowInvalid, OSError) as error:
                    raise _damaged(path, error) from None
                at += 1

    return Source(name, _seen(paths), rows, len(groups), read)


class _named(dict[str, Any]):  # noqa: N801
    """Columns read, with the names of those that were not, for near matches."""

    def __init__(self, columns: Mapping[str, Any], names: list[str]) -> None:
        super().__init__(columns)
        self.names = names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)


def _opened(path: Path, text: Sequence[str]) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        strings = [f.name for f in pq.read_schema(path) if pa.types.is_string(f.type) and f.name in set(text)]
        return pq.ParquetFile(path, read_dictionary=strings or None, memory_map=True)
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> FileError:
    return FileError(
        f"the file cannot be read: {str(error).splitlines()[0]}",
        table=path.name,
        accepted="a whole, undamaged file",
        mend="it may be truncated or of another kind than its name says; copy or export it again",
    )


def _text(path: Path, wanted: list[str], text: list[str], first: int, last: int | None) -> Iterator[Batch]:
    """Partitions are blocks of the file; resuming reads past those that are done."""
    import pyarrow as pa
    import pyarrow.csv as pv

    with open_text(path) as stream:
        header = stream.readline().decode("utf-8-sig", errors="replace").rstrip("\r\n")
    delimiter = max(",;\t|", key=header.count)
    import csv

    names = [n for n in next(csv.reader([header], delimiter=delimiter), []) if n in set(wanted)]
    try:
        with open_text(path) as stream:
            reader = pv.open_csv(
                stream,
                read_options=pv.ReadOptions(block_size=BLOCK),
                parse_options=pv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                convert_options=pv.ConvertOptions(
                    include_columns=names,
                    column_types={n: pa.string() for n in names if n in set(text)},
                    strings_can_be_null=True,
                ),
            )
            for at, batch in enumerate(reader):
                if last is not None and at >= last:
                    return
                if at >= first:
                    yield at, path.name, {n: batch.column(n) for n in names}
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise _damaged(path, error) from None


def _table(columns: dict[str, Any], name: str) -> Source:
    """Partitions are slices."""
    n = max((len(v) for v in columns.values()), default=0)
    count = -(-n // BATCH)

    def read(first: int, last: int | None) -> Iterator[Batch]:
        for at in range(first, count if last is None else min(last, count)):
            yield at, name, {k: v[at * BATCH : (at + 1) * BATCH] for k, v in columns.items()}

    return Source(name, "", n, count, read)


def _record_batches(batches: Any, first: int, last: int | None) -> Iterator[Batch]:
    for at, batch in enumerate(batches):
        if at >= first and (last is None or at < last):
            yield at, "record batches", {n: batch.column(n) for n in batch.schema.names}
