"""Reading tables: any source, one schema, one dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from outcomemodels.data.columns import from_columns
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.raw import Raw, raw_column
from outcomemodels.data.rows import row_groups
from outcomemodels.data.tables import MAX_ROWS, Columns, Limits, open_table
from outcomemodels.errors import DataError, SchemaError
from outcomemodels.schema import Field, Schema
from outcomemodels.schema.toml import read_schema

__all__ = ["from_columns", "read"]


def read(
    source: Any,
    *,
    schema: Schema | Mapping[str, Any] | str | Path | None = None,
    assessments: Any = None,
    max_rows: int = MAX_ROWS,
    max_bytes: int = 0,
) -> PaulDataset:
    """Read a table against a schema.

    Parameters
    ----------
    source : path, frame, relation or mapping
        A path to ``.csv``, ``.tsv`` (plain, ``.gz`` or ``.zip``), ``.parquet``, or a dataset saved as ``.nc`` or
        ``.zarr``; a pandas, polars (eager or lazy) or pyarrow table; a duckdb relation; a mapping of columns. One
        row is an episode, a cell or a contrast; or, when the schema declares assessments and none are given
        separately, a score in time, whose episode fields must be constant within the key.
    schema : Schema, dict or path to TOML
        May be left out only for a saved dataset. ``outcomemodels schema init FILE`` drafts one.
    assessments : path, frame, relation or mapping, optional
        Long table of scores.
    max_rows, max_bytes : int
        Refuse larger tables; ``max_bytes=0`` allows half of the free memory. Frames that are queries (polars lazy,
        duckdb) are counted before they are collected, and only the columns of the schema are fetched.

    Returns
    -------
    PaulDataset

    Raises
    ------
    FileError
        If a file is absent, empty, damaged, not UTF-8 or too large.
    DataError
        If the table does not satisfy the schema.
    SchemaError
        If there is no schema, or it is not usable.

    Examples
    --------
    >>> import outcomemodels as om
    >>> table = {"client": ["a", "b"], "arm": ["CBT", "wait"], "phq9": [7, 14]}
    >>> schema = {"fields": {
    ...     "client": {"facet": "client", "kind": "identifier", "key": True},
    ...     "treatment": {"facet": "treatment", "kind": "categorical", "column": "arm"},
    ...     "phq9": {"facet": "outcome", "kind": "continuous", "measure": "phq9"}}}
    >>> om.read(table, schema=schema).outcomes
    ('phq9',)
    """
    if schema is None:
        if isinstance(source, (str, Path)) and Path(source).suffix in (".nc", ".zarr"):
            return PaulDataset.load(source)
        raise SchemaError(
            "no schema was given",
            accepted="a Schema, a dict, or a path to a TOML file",
            mend="draft one with 'outcomemodels schema init FILE', look it over, and pass schema='FILE.toml'",
        )
    described = read_schema(schema)
    limits = Limits(max_rows, max_bytes)
    main_fields, long_fields = described.of_table("main"), described.of_table("assessment")
    if assessments is not None:
        if not long_fields:
            raise SchemaError(
                "assessments were given but the schema describes none",
                accepted="fields under [assessments.fields]: measure, weeks, score",
                mend="declare them, or leave assessments= out",
            )
        main, long = _open(source, main_fields, limits), _open(assessments, (*long_fields, *_keys(described)), limits)
        return from_columns(described, main.values, long.values, table=main.table, assessment_table=long.table)
    if long_fields:
        both = _open(source, (*main_fields, *long_fields), limits)
        return _split(described, both)
    main = _open(source, main_fields, limits)
    return from_columns(described, main.values, table=main.table)


def _keys(schema: Schema) -> tuple[Field, ...]:
    return tuple(f for f in schema.of_table("main") if f.key)


def _open(source: Any, fields: Sequence[Field], limits: Limits) -> Columns:
    """Columns of the fields, their unit columns, and the names of the rest for near matches."""
    sources = [f.source for f in fields]
    units = [s + suffix for s in sources for suffix in ("_unit", "_units", "_uom")]
    text = [f.source for f in fields if f.kind.is_labelled]
    columns = open_table(source, wanted=[*sources, *units], text=text, limits=limits)
    if all(s in columns.values for s in sources):
        return columns
    return open_table(source, wanted=None, text=text, limits=limits)


def _split(schema: Schema, both: Columns) -> PaulDataset:
    """A long table: one row per score, episode fields repeated and constant within the key."""
    keys = _keys(schema)
    if not keys or any(k.source not in both.values for k in keys):
        return from_columns(schema, both.values, both.values, table=both.table, assessment_table=both.table)
    raws = {n: raw_column(v, column=n, table=both.table) for n, v in both.values.items()}
    parts = [raws[k.source].as_text()[0] for k in keys]
    group = row_groups(list(parts))
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    order = np.argsort(first)
    for field in schema.of_table("main"):
        if field.source in raws and not field.key:
            _check_constant(raws[field.source], field, keys, raws, first[inverse], both.table)
    main = {n: r.take(first[order]) for n, r in raws.items()}
    missing = [k for k in keys if raws[k.source].null.any()]
    if missing:
        rows = np.flatnonzero(raws[missing[0].source].null)
        raise DataError(
            f"{len(rows)} rows have no {missing[0].name}",
            table=both.table,
            column=missing[0].source,
            rows=[f"row {i + 1}" for i in rows],
            accepted="a key in every row",
            mend="fill the key in, or drop these rows",
        )
    return from_columns(schema, main, raws, table=both.table, assessment_table=both.table)


def _check_constant(
    raw: Raw, field: Field, keys: Sequence[Field], raws: Mapping[str, Raw], first: Any, table: str
) -> None:
    codes = raw.as_text()[0]
    bad = np.flatnonzero(codes != codes[first])
    if len(bad):
        name = " + ".join(k.source for k in keys)
        raise DataError(
            f"{field.name!r} changes within {name}",
            table=table,
            column=field.source,
            facet=field.facet.value,
            rows=[
                f"row {i + 1}: {raw.show(int(i))}, but {raw.show(int(first[i]))} in row {int(first[i]) + 1} of "
                + ", ".join(raws[k.source].show(int(i)) for k in keys)
                for i in bad[:5]
            ]
            + [""] * max(0, len(bad) - 5),
            accepted=f"one value per {name}",
            mend="mend the table, or move the field to [assessments.fields] if it belongs to the score",
        )
