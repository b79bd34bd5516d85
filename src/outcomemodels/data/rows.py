"""Checks across rows: keys, order of dates, links, levels of aggregation, scores by instrument, empty outcomes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.encode import Encoded
from outcomemodels.data.plausible import score_range
from outcomemodels.data.raw import Raw
from outcomemodels.errors import DataError
from outcomemodels.schema import Facet, Field, Grain, Kind, Occasion, Schema, Statistic
from outcomemodels.schema.typologies import load_typology


def row_groups(parts: list[NDArray[Any]]) -> NDArray[np.int64]:
    """One whole number per distinct combination of codes."""
    out = np.zeros(len(parts[0]), dtype=np.int64)
    for part in parts:
        _, inverse = np.unique(part, return_inverse=True, equal_nan=True)
        merged = out * (int(inverse.max()) + 1) + inverse
        _, out = np.unique(merged, return_inverse=True)
        out = out.astype(np.int64)
    return out


def _spell(fields: list[Field], raws: Mapping[str, Raw], row: int) -> str:
    return ", ".join(f"{f.source} {raws[f.name].show(row)}" for f in fields)


def check_levels(
    schema: Schema, encoded: Mapping[tuple[str, str], Encoded], raws: Mapping[str, Raw], table: str
) -> None:
    """Published cells of one level: a total beside its parts counts people twice."""
    if schema.grain is not Grain.CELL:
        return
    for field in schema.of_table("main"):
        if not field.kind.is_labelled or field.kind is Kind.IDENTIFIER:
            continue
        values = encoded["main", field.name]
        used = [values.labels[c] for c in np.unique(values.values) if c >= 0]
        sums = sums_among(used, field.typology)
        if sums and len(used) > 1:
            rows = np.flatnonzero(np.isin(values.values, [values.labels.index(s) for s in sums]))
            raise DataError(
                f"field {field.name!r} mixes levels: {', '.join(repr(s) for s in sums)} beside its parts",
                table=table,
                column=field.source,
                facet=field.facet.value,
                rows=[f"row {i + 1}: {raws[field.name].show(int(i))}" for i in rows],
                accepted="cells of one level: they are added, so a total would count people twice",
                mend="keep one level before reading; if it is no sum, give the label another name with relabel",
            )


def sums_among(labels: list[str], typology: str = "") -> list[str]:
    """Labels that stand for the sum of others: "Total", "All …", "… (Total)", or an ancestor in the typology."""
    named = [v for v in labels if re.fullmatch(r"(?i)total|all|overall|all (?!other).*|.*\(total\)", v.strip())]
    if not typology:
        return named
    tree = load_typology(typology)
    known = [v for v in labels if v in tree]
    above = [a for a in known if any(b != a and tree.within(b, a) for b in known)]
    return list(dict.fromkeys((*named, *above)))


def check_key(schema: Schema, encoded: Mapping[tuple[str, str], Encoded], raws: Mapping[str, Raw], table: str) -> None:
    """Every key once."""
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


def check_dates(
    schema: Schema, encoded: Mapping[tuple[str, str], Encoded], raws: Mapping[str, Raw], table: str
) -> None:
    """Dates in the order of their occasions."""
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


def link_assessments(
    schema: Schema, encoded: Mapping[tuple[str, str], Encoded], long: Mapping[str, Raw], table: str
) -> NDArray[np.int32]:
    """Row of the main table each assessment belongs to; orphans are refused."""
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


def check_scores(
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


def check_outcomes(
    schema: Schema, encoded: Mapping[tuple[str, str], Encoded], table: str, assessment_table: str
) -> None:
    """At least one value of every outcome."""
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
