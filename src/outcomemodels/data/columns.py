"""The validating door: a schema and named columns become a PaulDataset, or an error says why not."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.encode import BLANK, NOT_MISSING, Encoded, encode
from outcomemodels.data.raw import Raw, raw_column
from outcomemodels.data.rows import (
    check_dates,
    check_key,
    check_levels,
    check_outcomes,
    check_scores,
    link_assessments,
)
from outcomemodels.errors import DataError, SchemaError
from outcomemodels.schema import Established, Facet, Field, Grain, Kind, Schema, Statistic

RESERVED = frozenset({*(g.value for g in Grain), "assessment"})
LONG_NEEDS = ("measure", "weeks", "score")


def from_columns(
    schema: Schema,
    main: Mapping[str, Any],
    assessments: Mapping[str, Any] | None = None,
    *,
    table: str = "main",
    assessment_table: str = "assessments",
    consume: bool = False,
) -> PaulDataset:
    """Validate columns against a schema and make a dataset of them.

    Parameters
    ----------
    schema : Schema
    main : mapping of column name to array, dims (row,)
        Numpy or pyarrow arrays; columns the schema does not name are left out.
    assessments : mapping of column name to array, dims (assessment,), optional
        Long table of scores: the key of ``main``, ``measure``, ``weeks``, ``score``, and more if declared.
    table, assessment_table : str
        Names used in errors.
    consume : bool
        Whether ``main``, a dict, may be emptied on the way, so that large columns are not in memory twice.

    Returns
    -------
    PaulDataset

    Raises
    ------
    DataError
        If the columns do not satisfy the schema: column, up to five rows, what is accepted, what to do.
    SchemaError
        If the schema cannot describe a dataset.
    """
    schema = _usable(schema, with_long=assessments is not None)
    schema, raws = _columns(schema, main, "main", table)
    n = _length(raws, table)
    if consume and isinstance(main, dict):
        main.clear()
    encoded: dict[tuple[str, str], Encoded] = {}
    for field in schema.of_table("main"):
        encoded["main", field.name] = encode(raws[field.name], field, table=table)
        if consume and not (field.key or field.kind is Kind.DATE):
            del raws[field.name]  # what errors about keys and dates show is kept
    check_levels(schema, encoded, raws, table)
    check_key(schema, encoded, raws, table)
    check_dates(schema, encoded, raws, table)
    episode: NDArray[np.int32] | None = None
    if assessments is not None:
        schema, long = _columns(schema, _with_measure(schema, assessments), "assessment", assessment_table)
        _length(long, assessment_table)
        for field in schema.of_table("assessment"):
            same = encoded.get(("main", field.name))
            encoded["assessment", field.name] = encode(
                long[field.name], field, table=assessment_table, labels=same.labels if same else ()
            )
        episode = link_assessments(schema, encoded, long, assessment_table)
        check_scores(schema, encoded, long, assessment_table)
    check_outcomes(schema, encoded, table, assessment_table)
    return PaulDataset(schema, _arrays(schema, encoded, n, episode))


def with_assessments(
    data: PaulDataset, fields: Sequence[Field], columns: Mapping[str, NDArray[Any]], episode: NDArray[np.int32]
) -> PaulDataset:
    """Attach a long table of scores that is laid out already: nothing is checked and nothing copied.

    For readers that checked every score on the way and whose long table may be larger than memory.

    Parameters
    ----------
    data : PaulDataset
        Episodes with one key.
    fields : sequence of Field
        Fields of the assessment table; labelled ones declare their levels.
    columns : mapping of field to ndarray, dims (assessment,)
        Codes of labelled fields (int32), numbers (float64, NaN missing).
    episode : ndarray of int32, dims (assessment,)
        Row of ``data`` each assessment belongs to.
    """
    key = next(f for f in data.schema.of_table("main") if f.key)
    link = replace(key, table="assessment", key=False, description="")
    codes = data.codes(key.name)
    same = np.array_equal(codes, np.arange(data.n))
    variables: dict[str, Any] = {}
    coords: dict[str, Any] = {}
    for field in fields:
        values = columns[field.name]
        name = f"{field.name}_of_assessment" if field.kind.is_labelled or field.name in data.schema else field.name
        variables[name] = (("assessment",), values, _attrs(field))
        if field.kind.is_labelled:
            coords[field.name] = ((field.name,), np.array(field.levels, dtype=object))
        elif (gone := np.isnan(values)).any():
            variables[f"{name}_missing"] = (
                ("assessment",), gone.astype(np.int8), {"reasons": json.dumps((NOT_MISSING, BLANK))},
            )  # fmt: skip
    variables[f"{key.name}_of_assessment"] = (("assessment",), episode if same else codes[episode], _attrs(link))
    variables["episode_of_assessment"] = (("assessment",), episode)
    schema = replace(data.schema, fields=(*data.schema.fields, *fields, link))
    return PaulDataset(schema, data.arrays.assign(variables).assign_coords(coords))


# -- the schema ------------------------------------------------------------------------------------------------


def _usable(schema: Schema, *, with_long: bool) -> Schema:
    for field in schema:
        if field.name in RESERVED:
            raise SchemaError(
                f"a field may not be called {field.name!r}: that is the name of a dim",
                column=field.name,
                mend=f"rename it, for instance to 'client' or 'course', with column = {field.source!r}",
            )
    if not with_long:
        return replace(schema, fields=schema.of_table("main"))
    long = {f.name: f for f in schema.of_table("assessment")}
    keys = [f for f in schema.of_table("main") if f.key]
    if schema.grain is not Grain.EPISODE or not keys:
        raise SchemaError(
            "an assessment table needs episodes with a key",
            accepted="grain = 'episode' and one field with key = true, of the same name in both tables",
        )
    score = long.get("score")
    if "measure" not in long and score is not None and score.measure:
        measure = Field(
            name="measure",
            facet=Facet.OUTCOME,
            kind=Kind.CATEGORICAL,
            table="assessment",
            levels=(score.measure,),
            established=score.established,
        )
        schema = replace(schema, fields=(*schema.fields, measure))
        long["measure"] = measure
    links = tuple(replace(k, table="assessment", key=False, description="") for k in keys if k.name not in long)
    schema = replace(schema, fields=(*schema.fields, *links))
    absent = [name for name in LONG_NEEDS if name not in long]
    if absent:
        raise SchemaError(
            f"the assessment table lacks {', '.join(absent)}",
            table="assessments",
            accepted="measure, weeks and score, beside the key of the main table",
            mend=f"add [assessments.fields.{absent[0]}], with column = '…' if the table names it otherwise",
        )
    return schema


def _with_measure(schema: Schema, columns: Mapping[str, Any]) -> Mapping[str, Any]:
    """Columns with the one measure filled in when the table, being about one instrument, does not name it."""
    field = next(f for f in schema.of_table("assessment") if f.name == "measure")
    if field.source in columns or len(field.levels) != 1 or not columns:
        return columns
    n = len(next(iter(columns.values())))
    return {**columns, field.source: np.full(n, field.levels[0], dtype=object)}


def _columns(schema: Schema, columns: Mapping[str, Any], which: str, table: str) -> tuple[Schema, dict[str, Raw]]:
    """Raw columns by field; optional fields without a column leave the schema, with a note."""
    fields = [f for f in schema.fields if f.table == which]
    spare = [c for c in columns if c not in {f.source for f in fields}]
    raws: dict[str, Raw] = {}
    dropped: list[Field] = []
    for field in fields:
        if field.source in columns:
            raws[field.name] = raw_column(columns[field.source], column=field.source, table=table)
            _check_unit_column(field, columns, table)
            continue
        near = difflib.get_close_matches(field.source, spare, n=3, cutoff=0.75)
        must = field.required or field.key or (which == "assessment" and field.name in LONG_NEEDS)
        if must or near:
            raise DataError(
                f"column {field.source!r} is missing",
                table=table,
                column=field.source,
                facet=field.facet.value,
                accepted="the columns " + ", ".join(repr(c) for c in list(columns)[:30]),
                mend=(f"did you mean {', '.join(repr(c) for c in near)}? " if near else "")
                + f"set column = '…' in [fields.{field.name}]"
                + ("" if must else ", or drop the field"),
            )
        dropped.append(field)
    if dropped:
        notes = tuple(f"field {f.name!r} is declared but the {which} table has no column {f.source!r}" for f in dropped)
        gone = {(f.table, f.name) for f in dropped}
        kept = tuple(f for f in schema.fields if (f.table, f.name) not in gone)
        schema = replace(schema, fields=kept, notes=(*schema.notes, *notes))
    if not raws:
        raise DataError(
            "no column of the schema is in the table",
            table=table,
            accepted=", ".join(f.source for f in fields),
            rows=[str(c) for c in columns],
        )
    return schema, raws


def _check_unit_column(field: Field, columns: Mapping[str, Any], table: str) -> None:
    """A companion column of units (``dose_unit`` beside ``dose``) must hold one unit."""
    if field.kind not in (Kind.CONTINUOUS, Kind.COUNT):
        return
    for suffix in ("_unit", "_units", "_uom"):
        name = field.source + suffix
        if name not in columns:
            continue
        raw = raw_column(columns[name], column=name, table=table)
        codes, texts = raw.as_text()
        used = [i for i, t in enumerate(texts) if t]
        if len(used) > 1:
            raise DataError(
                f"field {field.name!r} mixes units: {', '.join(texts[i] for i in used)}",
                table=table,
                column=field.source,
                facet=field.facet.value,
                rows=[f"row {int(np.argmax(codes == i)) + 1}: {name} is {texts[i]!r}" for i in used],
                accepted="one unit per column",
                mend="convert the column to one unit",
            )


def _length(raws: Mapping[str, Raw], table: str) -> int:
    lengths = {name: len(raw) for name, raw in raws.items()}
    if len(set(lengths.values())) > 1:
        counts = list(lengths.values())
        rarest_first = sorted(lengths.items(), key=lambda item: counts.count(item[1]))
        raise DataError(
            "columns differ in length",
            table=table,
            rows=[f"{name}: {n}" for name, n in rarest_first],
            accepted="one value per row in every column",
        )
    n = next(iter(lengths.values()))
    if n == 0:
        raise DataError(
            "the table has no rows", table=table, accepted="at least one row below the header", mend="check the export"
        )
    return n


# -- arrays ----------------------------------------------------------------------------------------------------


def _arrays(
    schema: Schema,
    encoded: Mapping[tuple[str, str], Encoded],
    n: int,
    episode: NDArray[np.int32] | None,
) -> xr.Dataset:
    variables: dict[str, Any] = {}
    coords: dict[str, Any] = {}
    in_main = {f.name for f in schema.of_table("main")}
    for field in schema:
        values = encoded[field.table, field.name]
        dim = schema.grain.value if field.table == "main" else "assessment"
        if field.kind.is_labelled:
            name = f"{field.name}_of_{dim}"
            coords[field.name] = ((field.name,), np.array(values.labels, dtype=object))
        elif field.table == "assessment" and field.name in in_main:
            name = f"{field.name}_of_assessment"
        else:
            name = field.name
        variables[name] = ((dim,), values.values, _attrs(field))
        if (values.missing > 0).any():
            variables[f"{name}_missing"] = ((dim,), values.missing, {"reasons": json.dumps(values.reasons)})
    if episode is not None:
        variables["episode_of_assessment"] = (("assessment",), episode)
    return xr.Dataset(variables, coords)


def _attrs(field: Field) -> dict[str, str]:
    raw = {
        "facet": field.facet.value,
        "kind": field.kind.value,
        "units": field.units,
        "established": Established(field.established).label,
        "statistic": "" if field.statistic is Statistic.VALUE else field.statistic.value,
        "of": field.of,
        "measure": field.measure,
        "occasion": field.occasion.value if field.occasion else "",
        "direction": field.direction.value if field.direction else "",
        "description": field.description,
    }
    return {k: v for k, v in raw.items() if v}
