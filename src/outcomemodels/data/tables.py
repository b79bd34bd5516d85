"""Opening tables: files and frames of any kind become named columns. Refuses what would not fit into memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.files import check_text, open_text
from outcomemodels.errors import DataError, DependencyError, FileError

MAX_ROWS = 50_000_000
TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
ACCEPTED = (
    "a path to .csv, .tsv, .csv.gz, .csv.zip or .parquet; a pandas, polars or pyarrow table; a duckdb relation; "
    "or a mapping of column name to array"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be read into memory.

    Parameters
    ----------
    max_rows : int
    max_bytes : int
        Size in memory, estimated before anything is read. Zero means half of what is free.
    """

    max_rows: int = MAX_ROWS
    max_bytes: int = 0

    @property
    def n_bytes(self) -> int:
        """Bytes allowed."""
        return self.max_bytes or free_memory() // 2


def free_memory() -> int:
    """Bytes of memory free on this machine; 4 GB where the system does not say."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 4_000_000_000


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns by name, in order, and the name of their table in messages."""

    table: str
    values: Mapping[str, Any]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Numpy arrays: objects for text (None where null), float64 for numbers."""
        return {name: plain_array(values) for name, values in self.values.items()}


def open_table(source: Any, *, wanted: Sequence[str] | None, text: Sequence[str], limits: Limits) -> Columns:
    """Read columns of a table.

    Parameters
    ----------
    source : path, frame, relation or mapping
    wanted : sequence of str, optional
        Columns to read where the table has them; None reads all.
    text : sequence of str
        Columns to keep as written ("007" stays "007").
    limits : Limits

    Raises
    ------
    FileError
        If a file is absent, damaged, empty, not UTF-8, of an unknown kind, or larger than the limits.
    DataError
        If a table has no rows or repeats a column name.
    """
    if isinstance(source, (str, Path)):
        return _open_path(str(source), wanted, text, limits)
    if isinstance(source, Mapping):
        _check_rows(max((len(v) for v in source.values()), default=0), len(source), "mapping", limits)
        return Columns("mapping", {k: v for k, v in source.items() if wanted is None or k in set(wanted)})
    return _open_frame(source, wanted, limits)


def header_of(source: Any, *, limits: Limits) -> tuple[str, ...]:
    """Column names of a table, read without its rows where the source allows."""
    if isinstance(source, (str, Path)) and _kind(str(source)) == "parquet":
        return tuple(_parquet(Path(source), []).schema_arrow.names)
    return tuple(open_table(source, wanted=None, text=(), limits=limits).values)


# -- files -----------------------------------------------------------------------------------------------------


def _kind(path: str) -> str:
    name = Path(path).name.lower()
    for packed in (".gz", ".zip"):
        name = name.removesuffix(packed)
    if name.endswith(PARQUET_SUFFIXES):
        return "parquet"
    return "text" if name.endswith(TEXT_SUFFIXES) or path.lower().endswith(".zip") else ""


def _open_path(path: str, wanted: Sequence[str] | None, text: Sequence[str], limits: Limits) -> Columns:
    if "://" in path:
        raise FileError(f"{path} is not a local file", accepted=ACCEPTED, mend="download it first")
    file = Path(path)
    if file.is_dir():
        raise FileError(f"{path} is a folder", accepted=ACCEPTED, mend="name one file in it")
    if not file.exists():
        near = (
            sorted(p.name for p in file.parent.glob("*") if p.suffix == file.suffix)[:5] if file.parent.exists() else []
        )
        raise FileError(
            f"no file at {path}",
            table=file.name,
            mend=f"this folder has {', '.join(near)}" if near else "check the path",
        )
    kind = _kind(path)
    if not kind:
        raise FileError(f"cannot tell what {file.name!r} is", table=file.name, accepted=ACCEPTED)
    if file.stat().st_size == 0:
        raise FileError("the file is empty", table=file.name, accepted="a header and at least one row")
    if kind == "parquet":
        return _read_parquet(file, wanted, text, limits)
    return _read_text(file, wanted, text, limits)


def _parquet(file: Path, text: Sequence[str]) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        strings = [f.name for f in pq.read_schema(file) if pa.types.is_string(f.type) and f.name in set(text)]
        return pq.ParquetFile(file, read_dictionary=strings or None)
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(file, error) from None


def _damaged(file: Path, error: Exception) -> FileError:
    return FileError(
        f"the file cannot be read: {str(error).splitlines()[0]}",
        table=file.name,
        accepted="a whole, undamaged file",
        mend="it may be truncated or of another kind than its name says; copy or export it again",
    )


def _read_parquet(file: Path, wanted: Sequence[str] | None, text: Sequence[str], limits: Limits) -> Columns:
    import pyarrow as pa

    opened = _parquet(file, text)
    names = list(opened.schema_arrow.names)
    _check_names(names, file.name)
    take = names if wanted is None else [n for n in names if n in set(wanted)]
    meta = opened.metadata
    held = sum(
        meta.row_group(g).column(c).total_uncompressed_size
        for g in range(meta.num_row_groups)
        for c in range(meta.num_columns)
        if meta.row_group(g).column(c).path_in_schema in set(take)
    )
    _check_rows(meta.num_rows, len(take), file.name, limits, held)
    try:
        table = opened.read(columns=take)
    except (pa.ArrowInvalid, pa.ArrowMemoryError, OSError, MemoryError) as error:
        raise _damaged(file, error) from None
    return Columns(file.name, {n: table.column(n) for n in take})


def _read_text(file: Path, wanted: Sequence[str] | None, text: Sequence[str], limits: Limits) -> Columns:
    import pyarrow as pa
    import pyarrow.csv as pv

    check = check_text(file, limits.n_bytes)
    parse = pv.ParseOptions(delimiter=check.delimiter, newlines_in_values=True)
    _check_names(list(check.header), file.name)
    names = [n for n in check.header if wanted is None or n in set(wanted)]
    _check_rows(check.n_lines - 1, len(names), file.name, limits)
    convert = pv.ConvertOptions(
        column_types={n: pa.dictionary(pa.int32(), pa.string()) for n in names if n in set(text)},
        include_columns=names,
    )
    try:
        with open_text(file) as stream:
            table = pv.read_csv(stream, parse_options=parse, convert_options=convert)
    except (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowMemoryError, MemoryError) as error:
        found = str(error).splitlines()[0]
        raise FileError(
            f"the file cannot be read as text: {found[:300]}",
            table=file.name,
            accepted="the same number of columns in every row",
            mend="a short last row means a truncated file; a stray quote or separator makes a row too long",
        ) from None
    if table.num_rows == 0 and names:
        raise _no_rows(file.name)
    return Columns(file.name, {n: table.column(n) for n in names})


# -- frames ----------------------------------------------------------------------------------------------------


def _open_frame(source: Any, wanted: Sequence[str] | None, limits: Limits) -> Columns:
    import narwhals as nw

    try:
        frame: Any = nw.from_native(source)
    except TypeError:
        raise DataError(f"cannot read a table from {type(source).__name__}", accepted=ACCEPTED) from None
    except (ValueError, nw.exceptions.NarwhalsError) as error:
        raise DataError(f"this frame cannot be read: {error}", accepted="a column name for each column, once") from None
    table = f"{type(source).__module__.split('.')[0]} {type(source).__name__}"
    names = list(frame.collect_schema().names())
    _check_names(names, table)
    take = [n for n in names if wanted is None or n in set(wanted)]
    if isinstance(frame, nw.LazyFrame):
        n_rows = int(frame.select(nw.len()).collect(backend="pyarrow").item())
        _check_rows(n_rows, len(take), table, limits)
        frame = frame.select(*take).collect(backend="pyarrow")
    else:
        n_rows = frame.shape[0]
        _check_rows(n_rows, len(take), table, limits)
    if n_rows == 0:
        raise _no_rows(table)
    return Columns(table, {n: _series(frame.get_column(n)) for n in take})


def _series(series: Any) -> Any:
    import pyarrow as pa

    try:
        return series.to_arrow()
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return series.to_numpy()
    except ModuleNotFoundError as error:
        raise DependencyError(f"reading this frame needs {error.name}", mend=f"install {error.name}") from None


# -- guards ----------------------------------------------------------------------------------------------------


def _check_names(names: list[str], table: str) -> None:
    twice = [n for i, n in enumerate(names) if n in names[:i]]
    if twice:
        raise DataError(
            f"column names occur more than once: {', '.join(repr(t) for t in dict.fromkeys(twice))}",
            table=table,
            accepted="each column name once",
            mend="rename or drop the repeated columns",
        )


def _check_rows(n_rows: int, n_columns: int, table: str, limits: Limits, held: int = 0) -> None:
    if n_rows > limits.max_rows:
        raise FileError(
            f"the table has {n_rows:,} rows",
            table=table,
            accepted=f"at most {limits.max_rows:,} rows (max_rows)",
            mend="select rows first (a polars or duckdb query can be passed directly), or raise max_rows",
        )
    needed = max(held, 0) + n_rows * n_columns * 16
    if needed > limits.n_bytes:
        raise FileError(
            f"the table needs about {needed / 1e9:.1f} GB of memory",
            table=table,
            accepted=f"at most {limits.n_bytes / 1e9:.1f} GB (max_bytes; half of what is free unless given)",
            mend="select rows and columns first (a polars or duckdb query can be passed directly), or raise max_bytes",
        )


def _no_rows(table: str) -> DataError:
    return DataError("the table has no rows", table=table, accepted="at least one row", mend="check the export")


def plain_array(values: Any) -> NDArray[Any]:
    """Arrow column as numpy: objects for text (None where null), float64 for numbers."""
    import pyarrow as pa

    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_dictionary(array.type):
        labels = np.array([*array.dictionary.to_pylist(), None], dtype=object)
        return np.asarray(labels[array.indices.fill_null(len(labels) - 1).to_numpy(zero_copy_only=False)])
    if pa.types.is_integer(array.type) or pa.types.is_floating(array.type):
        return np.asarray(array.cast(pa.float64()).to_numpy(zero_copy_only=False))
    return np.array(array.to_pylist(), dtype=object)
