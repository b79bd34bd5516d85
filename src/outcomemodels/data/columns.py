"""The validating door: a schema and named columns become a PaulDataset, or an error says why not."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.encode import Encoded, encode
from outcomemodels.data.plausible import score_range
from outcomemodels.data.raw import Raw, raw_column
from outcomemodels.errors import DataError, SchemaError
from outcomemodels.schema import Established, Facet, Field, Grain, Kind, Occasion, Schema, Statistic

RESERVED = frozenset({*(g.value for g in Grain), "assessment"})
LONG_NEEDS = ("measure", "weeks", "score")


def from_columns(
    schema: Schema,
    main: Mapping[str, Any],
    assessments: Mapping[str, Any] | None = None,
    *,
    table: str = "main",
    assessment_table: str = "assessments",
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
    encoded: dict[tuple[str, str], Encoded] = {}
    for field in schema.of_table("main"):
        encoded["main", field.name] = encode(raws[field.name], field, table=table)
    _check_key(schema, encoded, raws, table)
    _check_dates(schema, encoded, raws, table)
    episode: NDArray[np.int32] | None = None
    if assessments is not None:
        schema, long = _columns(schema, _with_measure(schema, assessments), "assessment", assessment_table)
        _length(long, assessment_table)
        for field in schema.of_table("assessment"):
            same = encoded.get(("main", field.name))
            encoded["assessment", field.name] = encode(
                long[field.name], field, table=assessment_table, labels=same.labels if same else ()
            )
        episode = _link(schema, encoded, long, assessment_table)
        _check_scores(schema, encoded, long, assessment_table)
    _check_outcomes(schema, encoded, table, assessment_table)
    return PaulDataset(schema, _arrays(schema, encoded, n, episode))


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
        raise DataError("columns differ in length", table=table, rows=[f"{name}: {n}" for name, n in lengths.items()])
    n = next(iter(lengths.values()))
    if n == 0:
        raise DataError(
            "the table has no rows", table=table, accepted="at least one row below the header", mend="check the export"
        )
    return n


# -- rows ------------------------------------------------------------------------------------------------------


def row_groups(parts: list[NDArray[Any]]) -> NDArray[np.int64]:
    """One whole number per distinct combination of codes."""
    out = np.zeros(len(parts[0]), dtype=np.int64)
    for part in parts:
        _, inverse = np.unique(part, return_inverse=True)
        merged = out * (int(inverse.max()) + 1) + inverse
        _, out = np.unique(merged, return_inverse=True)
        out = out.astype(np.int64)
    return out


def _spell(fields: list[Field], raws: Mapping[str, Raw], row: int) -> str:
    return ", ".join(f"{f.source} {raws[f.name].show(row)}" for f in fields)


def _check_key(schema: Schema, encoded: Mapping[tuple[str, str], Encoded], raws: Mapping[str, Raw], table: str) -> None:
    keys = [f for f in schema.of_table("main") if f.key]
    if not keys:
        return
    group = row_groups([encoded["main", f.name].values for f in keys])
    counts = np.bincount(group)
    if counts.max() <= 1:
        return
    order = np.argsort(group, kind="stable")
    repeated = np.flatnonzero(counts > 1)
    starts = np.searchsorted(group[order], repeated)
    rows = []
    for g, s in zip(repeated[:6].tolist(), starts[:6].tolist(), strict=True):
        same = order[s : s + counts[g]]
        listed = ", ".join(str(int(i) + 1) for i in same[:4]) + (" …" if len(same) > 4 else "")
        rows.append(f"{_spell(keys, raws, int(same[0]))} in rows {listed}")
    rows += [""] * (len(repeated) - len(rows))
    name = " + ".join(f.source for f in keys)
    raise DataError(
        f"{len(repeated)} keys occur more than once",
        table=table,
        column=name,
        rows=rows,
        accepted=f"one row per {schema.grain.value}, each with its own {name}",
        mend="drop the repeats, or add the column that tells them apart to the key; if rows are scores in time, "
        "declare score and weeks under [assessments.fields]",
    )


_ORDER = (Occasion.START, Occasion.DURING, Occasion.END, Occasion.FOLLOW_UP)


def _check_dates(
    schema: Schema, encoded: Mapping[tuple[str, str], Encoded], raws: Mapping[str, Raw], table: str
) -> None:
    dated = [f for f in schema.of_table("main") if f.kind is Kind.DATE and f.occasion is not None]
    dated.sort(key=lambda f: _ORDER.index(Occasion(f.occasion or "start")))
    for early, late in pairwise(dated):
        if early.occasion == late.occasion:
            continue
        first, last = encoded["main", early.name].values, encoded["main", late.name].values
        reversed_ = np.flatnonzero(~np.isnat(first) & ~np.isnat(last) & (last < first))
        if len(reversed_):
            raise DataError(
                f"{late.name!r} comes before {early.name!r} in {len(reversed_)} rows",
                table=table,
                column=late.source,
                facet=late.facet.value,
                rows=[f"row {i + 1}: {_spell([early, late], raws, int(i))}" for i in reversed_],
                accepted=f"{early.source} on or before {late.source}",
                mend="check for day and month exchanged, or for the two columns exchanged",
            )


# -- assessments -----------------------------------------------------------------------------------------------


def _link(
    schema: Schema, encoded: Mapping[tuple[str, str], Encoded], long: Mapping[str, Raw], table: str
) -> NDArray[np.int32]:
    keys = [f for f in schema.of_table("main") if f.key]
    ours = [encoded["main", f.name].values for f in keys]
    theirs = [encoded["assessment", f.name].values for f in keys]
    both = row_groups([np.concatenate([a, b]) for a, b in zip(ours, theirs, strict=True)])
    n = len(ours[0])
    row_of = np.full(int(both.max()) + 1, -1, dtype=np.int32)
    row_of[both[:n]] = np.arange(n, dtype=np.int32)
    episode = row_of[both[n:]]
    orphans = np.flatnonzero(episode < 0)
    if len(orphans):
        fields = [f for f in schema.of_table("assessment") if f.name in {k.name for k in keys}]
        raise DataError(
            f"{len(orphans)} assessments belong to no episode",
            table=table,
            column=" + ".join(f.source for f in fields),
            rows=[f"row {i + 1}: {_spell(fields, long, int(i))}" for i in orphans],
            accepted="keys that occur in the main table",
            mend="add the missing episodes, or drop these assessments",
        )
    return np.asarray(episode, dtype=np.int32)


def _check_scores(
    schema: Schema, encoded: Mapping[tuple[str, str], Encoded], long: Mapping[str, Raw], table: str
) -> None:
    """Scores within their own instrument's range, measure by measure."""
    field = next(f for f in schema.of_table("assessment") if f.name == "score")
    if field.low is not None or field.high is not None:
        return
    measures = encoded["assessment", "measure"]
    scores = encoded["assessment", "score"].values
    for code, measure in enumerate(measures.labels):
        known = score_range(measure)
        if known is None:
            continue
        bad = np.flatnonzero((measures.values == code) & ((scores < known.low) | (scores > known.high)))
        if len(bad):
            raise DataError(
                f"{len(bad)} {measure} scores lie outside {known.low:g} to {known.high:g}",
                table=table,
                column=field.source,
                facet=field.facet.value,
                rows=[f"row {i + 1}: {long['score'].show(int(i))}" for i in bad],
                accepted=f"{known.low:g} to {known.high:g}: {known.reason}",
                mend="mend these scores or the measure's name; declare low and high if the form was scored otherwise",
            )


def _check_outcomes(
    schema: Schema, encoded: Mapping[tuple[str, str], Encoded], table: str, assessment_table: str
) -> None:
    for field in schema:
        scored = field.facet in (Facet.OUTCOME, Facet.FUNCTIONING) and field.occasion != "start"
        counted = field.statistic in (Statistic.VALUE, Statistic.MEAN, Statistic.EVENTS, Statistic.EFFECT)
        if not (scored and counted) or field.kind.is_labelled or field.kind is Kind.DATE:
            continue
        missing = encoded[field.table, field.name].missing
        if (missing > 0).all():
            raise DataError(
                f"outcome {field.name!r} is missing in all {len(missing)} rows",
                table=table if field.table == "main" else assessment_table,
                column=field.source,
                facet=field.facet.value,
                accepted="at least one value",
                mend=f"check that {field.source!r} is the column meant, or drop the field from the schema",
            )


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
