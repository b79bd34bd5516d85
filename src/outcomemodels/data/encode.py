"""One raw column and its field: codes, numbers or dates, with the reason for every missing value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.plausible import range_of, two_units
from outcomemodels.data.raw import BLANKS, Raw
from outcomemodels.errors import DataError
from outcomemodels.schema import Facet, Field, Kind, Statistic
from outcomemodels.schema.typologies import load_typology

NOT_MISSING = "not missing"
BLANK = "blank"


@dataclass(frozen=True, slots=True)
class Encoded:
    """Values of one field and why the missing ones are missing.

    Parameters
    ----------
    values : array, dims (row,)
        int32 codes (-1 missing), float64 (NaN) or datetime64[ns] (NaT).
    labels : tuple of str
        Labels in code order, for labelled fields.
    missing : array of int8, dims (row,)
        Index into ``reasons``; 0 is "not missing".
    reasons : tuple of str
        ``("not missing", "blank", …declared reasons)``.
    """

    values: NDArray[Any]
    labels: tuple[str, ...]
    missing: NDArray[np.int8]
    reasons: tuple[str, ...]


def encode(raw: Raw, field: Field, *, table: str, labels: tuple[str, ...] = ()) -> Encoded:
    """Meet a column with its field.

    Parameters
    ----------
    raw : Raw
    field : Field
    table : str
        Name used in errors.
    labels : tuple of str
        Labels already in use for a field of this name in the other table; extended, never reordered.

    Raises
    ------
    DataError
        For unknown labels, text where numbers belong, infinite or impossible numbers, and missing required values.
    """
    if field.kind.is_labelled:
        out = _labelled(raw, field, table, labels)
    elif field.kind is Kind.DATE:
        out = _dates(raw, field, table)
    else:
        out = _numbers(raw, field, table)
    if (field.required or field.key) and (out.missing > 0).any():
        bad = np.flatnonzero(out.missing > 0)
        raise DataError(
            f"{len(bad)} values of {field.name!r} are missing",
            table=table,
            column=field.source,
            facet=field.facet.value,
            rows=[f"row {i + 1}: {raw.show(int(i))}" for i in bad],
            accepted="a value in every row, since the field is " + ("a key" if field.key else "required"),
            mend="fill the values in, drop these rows, or drop required = true from the schema",
        )
    return out


# -- missing ---------------------------------------------------------------------------------------------------


def _reasons(field: Field) -> tuple[str, ...]:
    return tuple(dict.fromkeys((NOT_MISSING, BLANK, *(reason for _, reason in field.missing))))


def _null_code(field: Field, reasons: tuple[str, ...]) -> int:
    """Reason code of an empty cell: the one declared for the empty text, else "blank"."""
    return reasons.index(dict(field.missing).get("", BLANK))


def _missing_by_text(texts: tuple[str, ...], field: Field, levels: set[str]) -> NDArray[np.int8]:
    """Reason of each distinct text, 0 where it is a value; the last entry stands for null."""
    reasons = _reasons(field)
    named = {code.strip(): reasons.index(reason) for code, reason in field.missing}
    spelled = {source for source, _ in field.relabel}
    blanks = BLANKS - {"None"} if field.kind.is_labelled else BLANKS
    out = np.zeros(len(texts) + 1, dtype=np.int8)
    out[-1] = named.get("", reasons.index(BLANK))
    for i, text in enumerate(texts):
        if text in named:
            out[i] = named[text]
        elif text in blanks and text not in levels and text not in spelled:
            out[i] = out[-1]
    return out


# -- labels ----------------------------------------------------------------------------------------------------


def _labelled(raw: Raw, field: Field, table: str, given: tuple[str, ...]) -> Encoded:
    codes, texts = raw.as_text()
    missing_of = _missing_by_text(texts, field, set(field.levels))
    relabel = {source.strip(): label for source, label in field.relabel}
    meant = [relabel.get(t, t) for t in texts]
    if field.typology:
        typology = load_typology(field.typology)
        meant = [m if m in field.levels else typology.canonical(m) for m in meant]
    used = [m for m, gone in zip(meant, missing_of[:-1], strict=True) if not gone]
    unknown = _unknown(used, field)
    if unknown:
        raise _unknown_labels(unknown, raw, codes, meant, field, table)
    if len(used) > MAX_SORTED and meant == list(texts) and not (field.levels or given):  # identifiers: no dicts
        there = missing_of[:-1] == 0
        lookup = np.append(np.where(there, np.cumsum(there) - 1, -1), -1).astype(np.int32)
        return Encoded(lookup[codes], tuple(used), missing_of[codes], _reasons(field))
    labels = field.levels or (*given, *_ordered(set(used) - set(given), used))
    position = {label: i for i, label in enumerate(labels)}
    lookup = np.array(
        [*(-1 if gone else position[m] for m, gone in zip(meant, missing_of[:-1], strict=True)), -1], dtype=np.int32
    )
    return Encoded(lookup[codes], labels, missing_of[codes], _reasons(field))


def _unknown(used: list[str], field: Field) -> list[str]:
    if field.levels:
        return [u for u in dict.fromkeys(used) if u not in set(field.levels)]
    if field.typology:
        typology = load_typology(field.typology)
        return [u for u in dict.fromkeys(used) if u not in typology]
    return []


def _unknown_labels(
    unknown: list[str], raw: Raw, codes: NDArray[np.int32], meant: list[str], field: Field, table: str
) -> DataError:
    known = list(field.levels) or list(load_typology(field.typology).labels)
    near = {u: difflib.get_close_matches(u, known, n=3, cutoff=0.5) for u in unknown[:5]}
    folded = {k.casefold(): k for k in known}
    near = {u: ([folded[u.casefold()]] if u.casefold() in folded else n) for u, n in near.items()}
    rows = []
    for u in unknown:
        first = int(np.flatnonzero(codes == meant.index(u))[0])
        count = int((codes == meant.index(u)).sum())
        more = f" and {count - 1} more rows" if count > 1 else ""
        rows.append(f"row {first + 1}: {raw.show(first)}{more}")
    hints = [f"{u!r} may be {' or '.join(repr(m) for m in n)}" for u, n in near.items() if n]
    return DataError(
        f"{len(unknown)} unknown label{'s' if len(unknown) > 1 else ''} in field {field.name!r}",
        table=table,
        column=field.source,
        facet=field.facet.value,
        rows=rows,
        accepted=", ".join(repr(k) for k in known[:20]) + (" …" if len(known) > 20 else ""),
        mend=("; ".join(hints) + "; " if hints else "")
        + f"add it to levels, to [fields.{field.name}.relabel] or to [fields.{field.name}.missing]",
    )


MAX_SORTED = 50_000
"""More labels than this stay in the order of the table; nobody reads them, and sorting costs seconds."""


def _ordered(new: set[str], used: list[str]) -> list[str]:
    if len(new) > MAX_SORTED:
        return [label for label in dict.fromkeys(used) if label in new]
    return sorted(new, key=_natural)


def label_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Distinct labels in the order they take when a field declares none: numbers first, then by letter."""
    return tuple(sorted(labels, key=_natural))


def _natural(label: str) -> tuple[int, float, str]:
    try:
        return (0, float(label), label)
    except ValueError:
        return (1, 0.0, label)


# -- numbers ---------------------------------------------------------------------------------------------------

_WITH_UNIT = re.compile(r"^([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*([A-Za-z%£$€]+\.?)$")


def _numbers(raw: Raw, field: Field, table: str) -> Encoded:
    reasons = _reasons(field)
    if raw.kind == "date":
        raise _not_numbers(raw, np.arange(min(len(raw), 5)), field, table, "dates")
    if raw.kind == "text":
        values, missing = _parse(raw, field, table)
    else:
        values = raw.numbers.astype(np.float64)
        missing = np.zeros(len(raw), dtype=np.int8)
        for code, reason in field.missing:
            number = _float(code)
            if number is not None:
                missing[values == number] = reasons.index(reason)
        missing[raw.null] = _null_code(field, reasons)
    values = np.where(missing > 0, np.nan, values)
    check_numbers(values, field, raw, table)
    return Encoded(values, (), missing, reasons)


def _parse(raw: Raw, field: Field, table: str) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    missing_of = _missing_by_text(raw.texts, field, set())
    numbers = np.full(len(raw.texts) + 1, np.nan)
    wrong: list[int] = []
    units: dict[str, int] = {}
    for i, text in enumerate(raw.texts):
        if missing_of[i]:
            continue
        number = _float(text)
        matched = _WITH_UNIT.match(text)
        if number is not None:
            numbers[i] = number
        elif matched:
            numbers[i] = float(matched.group(1))
            units.setdefault(matched.group(2).rstrip("."), i)
        else:
            wrong.append(i)
    if units:
        _check_units(units, raw, numbers, field, table)
    if wrong:
        raise _not_numbers(raw, np.flatnonzero(np.isin(raw.codes, wrong)), field, table, "text")
    return numbers[raw.codes], missing_of[raw.codes]


def _check_units(units: dict[str, int], raw: Raw, numbers: NDArray[np.float64], field: Field, table: str) -> None:
    """One unit written behind every number, equal to the declared one, is fine; anything else is not."""
    same = {u.lower().rstrip("s") for u in units} == {field.units.lower().rstrip("s")}
    bare = any(_float(t) is not None for t in raw.texts)
    if same or (len(units) == 1 and not bare and not field.units):
        return
    shown = [int(np.flatnonzero(raw.codes == i)[0]) for i in units.values()]
    found = sorted(units) + (["no unit"] if bare else [])
    raise DataError(
        f"field {field.name!r} mixes units: {', '.join(found)}"
        if len(found) > 1
        else f"field {field.name!r} is in {found[0]}, not in {field.units}",
        table=table,
        column=field.source,
        facet=field.facet.value,
        rows=[f"row {i + 1}: {raw.show(i)}" for i in shown],
        accepted=f"numbers in {field.units or 'one unit'}",
        mend="convert the column to one unit and write plain numbers",
    )


def check_numbers(values: NDArray[np.float64], field: Field, raw: Raw, table: str) -> None:
    """Refuse infinite and impossible numbers, and two units in one column.

    Raises
    ------
    DataError
    """
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise DataError(
            f"{len(infinite)} values of {field.name!r} are infinite",
            table=table,
            column=field.source,
            facet=field.facet.value,
            rows=[f"row {i + 1}: {raw.show(int(i))}" for i in infinite],
            accepted="finite numbers",
            mend="they often come from a division by zero or log(0); leave them blank or mend the source",
        )
    allowed = range_of(field)
    outside = np.flatnonzero((values < allowed.low) | (values > allowed.high))
    if len(outside):
        inside = values[(values >= allowed.low) & (values <= allowed.high)]
        raise DataError(
            f"{len(outside)} values of {field.name!r} lie outside {allowed.low:g} to {allowed.high:g}",
            table=table,
            column=field.source,
            facet=field.facet.value,
            rows=[f"row {i + 1}: {raw.show(int(i))}" for i in outside],
            accepted=f"{allowed.low:g} to {allowed.high:g}: {allowed.reason}",
            mend=_range_mend(values[outside], inside, allowed.low, allowed.high, field),
        )
    if field.kind is Kind.COUNT:
        broken = np.flatnonzero(np.isfinite(values) & (values != np.round(values)))
        if len(broken):
            raise DataError(
                f"{len(broken)} values of the count {field.name!r} are not whole",
                table=table,
                column=field.source,
                rows=[f"row {i + 1}: {raw.show(int(i))}" for i in broken],
                accepted="whole numbers",
                mend="declare kind = 'continuous' if fractions are meant",
            )
    declared = field.low is not None and field.high is not None
    measured = field.kind is Kind.CONTINUOUS and field.statistic is Statistic.VALUE  # counts have sizes, not units
    if measured and not declared and field.facet in _IN_UNITS:
        mixed = two_units(values)
        if mixed:
            raise DataError(
                f"field {field.name!r} seems to hold two units: {mixed}",
                table=table,
                column=field.source,
                facet=field.facet.value,
                rows=[f"row {i + 1}: {raw.show(int(i))}" for i in _extremes(values)],
                accepted="one unit per column",
                mend="convert it to one unit; if the spread is real, declare low and high in the schema",
            )


_IN_UNITS = (Facet.CLIENT, Facet.OUTCOME, Facet.FUNCTIONING, Facet.COST, Facet.TIME)


def _extremes(values: NDArray[np.float64]) -> list[int]:
    order = np.argsort(np.where(np.isfinite(values), values, np.inf))
    seen = order[: int(np.isfinite(values).sum())]
    return [int(i) for i in (*seen[:2], *seen[-2:])]


def _range_mend(
    outside: NDArray[np.float64], inside: NDArray[np.float64], low: float, high: float, field: Field
) -> str:
    for factor, names in ((100.0, "a lost decimal point or another unit"), (12.0, "months"), (7.0, "days"), (10.0, "")):
        scaled = outside / factor
        if len(inside) >= 5 and ((scaled >= low) & (scaled <= high)).all() and outside.max() < 1e6 and names:
            return (
                f"divided by {factor:g} they would all fit: perhaps two units in one column ({names}); "
                "mend the source, or blank these cells"
            )
    named = f"[fields.{field.name}.missing]"
    return f"mend or blank these cells; if they are codes for missing, list them in {named}; if real, set low and high"


def _not_numbers(raw: Raw, rows: NDArray[Any], field: Field, table: str, what: str) -> DataError:
    shown = [f"row {int(i) + 1}: {raw.show(int(i))}" for i in rows]
    comma = any("," in s for s in shown)
    return DataError(
        f"field {field.name!r} holds {what} where numbers belong",
        table=table,
        column=field.source,
        facet=field.facet.value,
        rows=shown,
        accepted="plain numbers with a decimal point" + (f", in {field.units}" if field.units else ""),
        mend="write decimals with a point, not a comma"
        if comma
        else f"list codes for missing in [fields.{field.name}.missing], or declare kind = 'categorical'",
    )


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


# -- dates -----------------------------------------------------------------------------------------------------


def _dates(raw: Raw, field: Field, table: str) -> Encoded:
    import pandas as pd

    reasons = _reasons(field)
    if raw.kind == "date":
        dates = raw.dates
        missing = np.where(raw.null, _null_code(field, reasons), 0).astype(np.int8)
        for code, reason in field.missing:
            placeholder = pd.to_datetime(code, format="ISO8601", errors="coerce")
            if not pd.isna(placeholder):
                missing[dates == placeholder.to_datetime64()] = reasons.index(reason)
        dates = np.where(missing > 0, np.datetime64("NaT", "us"), dates)
    else:
        codes, texts = raw.as_text()
        missing_of = _missing_by_text(texts, field, set())
        shown = ["" if gone else t for t, gone in zip(texts, missing_of[:-1], strict=True)]
        parsed = pd.to_datetime(pd.Series(shown, dtype="object"), format="ISO8601", errors="coerce", utc=True)
        stamps = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
        wrong = [i for i, t in enumerate(shown) if t and (np.isnat(stamps[i]) or raw.kind == "number")]
        if wrong:
            bad = np.flatnonzero(np.isin(codes, wrong))
            raise DataError(
                f"field {field.name!r} holds values that are not dates",
                table=table,
                column=field.source,
                facet=field.facet.value,
                rows=[f"row {i + 1}: {raw.show(int(i))}" for i in bad],
                accepted="ISO dates: YYYY-MM-DD, with or without a time",
                mend="write dates as YYYY-MM-DD (3/4/2024 could be March or April)",
            )
        dates = np.append(stamps, np.datetime64("NaT", "us"))[codes]
        missing = missing_of[codes]
    year = dates.astype("datetime64[Y]").astype(np.int64) + 1970
    odd = np.flatnonzero(~np.isnat(dates) & ((year < 1900) | (year > 2100)))
    if len(odd):
        raise DataError(
            f"{len(odd)} dates of {field.name!r} lie outside 1900 to 2100",
            table=table,
            column=field.source,
            rows=[f"row {i + 1}: {raw.show(int(i))}" for i in odd],
            accepted="dates from 1900 to 2100",
            mend=f"list placeholder dates in [fields.{field.name}.missing], or mend them",
        )
    return Encoded(dates.astype("datetime64[ns]"), (), missing, reasons)
