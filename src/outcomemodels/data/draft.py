"""A first guess at a schema from a table's column names and values. A person completes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from outcomemodels.data.plausible import known_measures
from outcomemodels.data.raw import BLANKS, Raw, raw_column
from outcomemodels.data.tables import Limits, open_table
from outcomemodels.errors import SchemaError
from outcomemodels.schema import Direction, Facet, Field, Grain, Kind, Occasion, Schema

MAX_LEVELS = 30
"""Text columns with more distinct values than this, and mostly distinct, are taken for identifiers."""

_NAMES: tuple[tuple[Facet, str], ...] = (
    (Facet.THERAPIST, r"therapist|clinician|counsel+or|practitioner|pwp|deliverer|provider_id_local"),
    (Facet.ASSESSOR, r"assessor|rater|rating|rated_by|informant"),
    (Facet.COST, r"cost|price|gbp|eur|usd|fee|band"),
    (Facet.DISPOSITION, r"end_?code|discharge_reason|dropout|drop_out|completed|completer|attended|sessions?|status"),
    (Facet.TREATMENT, r"treat|therap(y|ies)|arm|intervention|condition|drug|medication|group|dose|format"),
    (Facet.PROBLEM, r"problem|diagnos|disorder|complaint|descriptor|icd|presenting"),
    (Facet.SETTING, r"setting|site|service|provider|clinic|centre|center|hospital|region|country|commissioner|org"),
    (Facet.FUNCTIONING, r"wsas|function|employ|job|housing|gaf|whodas"),
    (Facet.TIME, r"time|date|day|week|month|year|visit|session_no|occasion|wave|period"),
    (Facet.CLIENT, r"client|patient|subject|person|participant|case|age|sex|gender|ethnic|educat|marital|who|id"),
)
_TIME_UNITS = (("weeks", r"weeks?|wks?"), ("days", r"days?"), ("months", r"months?|mths?"), ("years", r"years|yrs"))
_START = r"(^|_)(pre|start|first|baseline|base|intake|before|t0|referral|admission|entry|begin)(_|$)|^pre|pre$"
_END = r"(^|_)(post|end|last|final|after|discharge|exit)(_|$)|^post|post$"
_FOLLOW = r"follow|(^|_)fu(_|\d|$)"


def draft_schema(source: Any, *, name: str = "") -> Schema:
    """Guess a schema from column names and values.

    Every guess is by name or by look; how values were established is left unspecified, and the assignment to
    treatment unknown. Look over the draft before use.

    Parameters
    ----------
    source : path, frame, relation or mapping
        As for :func:`outcomemodels.read`.
    name : str
        Name of the schema; the file's name when absent.

    Returns
    -------
    Schema
        One that :func:`outcomemodels.read` accepts for the same table.

    Raises
    ------
    FileError, DataError
        If the table cannot be read or has no columns.
    """
    opened = open_table(source, wanted=None, text=(), limits=Limits())
    raws = {str(c): raw_column(v, column=str(c), table=opened.table) for c, v in opened.values.items()}
    if not raws:
        raise SchemaError("the table has no columns", table=opened.table)
    fields: list[Field] = []
    for column, raw in raws.items():
        taken = {f.name for f in fields}
        fields.append(_field(column, raw, taken))
    fields = _with_key(fields, raws)
    label = name or (Path(str(source)).name.split(".")[0] if isinstance(source, (str, Path)) else "draft")
    return Schema(
        name=label,
        grain=Grain.EPISODE,
        fields=tuple(fields),
        notes=("drafted from column names and values; facets, kinds and units are guesses until looked over",),
    )


def identifier(column: str, taken: Sequence[str] | set[str] = ()) -> str:
    """A field name made of a column name: letters, digits and underscores, not reserved, not taken."""
    plain = re.sub(r"\W+", "_", column.strip()).strip("_").lower() or "field"
    if plain[0].isdigit():
        plain = f"f_{plain}"
    if plain in ("episode", "cell", "contrast", "assessment"):
        plain = "course" if plain == "episode" else f"{plain}_"
    out, n = plain, 2
    while out in taken:
        out, n = f"{plain}_{n}", n + 1
    return out


def _field(column: str, raw: Raw, taken: set[str]) -> Field:
    name = identifier(column, taken)
    measure = _measure(name)
    kind = _kind(name, raw, bool(measure))
    facet = Facet.OUTCOME if measure else facet_of_name(name)
    field = Field(name=name, facet=facet, kind=kind, column="" if name == column else column)
    if kind is Kind.DATE:
        return replace(field, facet=Facet.TIME, occasion=_occasion(name))
    if measure and not kind.is_labelled:
        functional = measure in ("wsas", "gaf")
        return replace(
            field,
            facet=Facet.FUNCTIONING if functional else Facet.OUTCOME,
            measure=measure,
            occasion=_occasion(name),
            direction=Direction.HIGHER_IS_BETTER if measure == "gaf" else Direction.LOWER_IS_BETTER,
        )
    if kind in (Kind.CONTINUOUS, Kind.COUNT):
        return replace(field, units=_units(name, facet), occasion=None)
    return field


def _measure(name: str) -> str:
    for measure in sorted(known_measures(), key=len, reverse=True):
        spelled = re.sub(r"(?<=[a-z])(?=[0-9])", "_?", measure.replace("_", "_?"))
        if re.search(rf"(^|_){spelled}(?![0-9a-z])", name):
            return measure
    return ""


def facet_of_name(name: str) -> Facet:
    """Facet a column is taken for by its name alone; client where the name says nothing."""
    for facet, pattern in _NAMES:
        if re.search(rf"(^|_)({pattern})", name):
            return facet
    return Facet.OUTCOME if re.search(r"score|outcome|total|symptom|severity|recover|improve", name) else Facet.CLIENT


def _kind(name: str, raw: Raw, scored: bool) -> Kind:
    if raw.kind == "date":
        return Kind.DATE
    codes, texts = raw.as_text()
    used = [t for t in texts if t not in BLANKS]
    if raw.kind == "text" and used and all(re.fullmatch(r"\d{4}-\d{2}-\d{2}([T ].*)?", t) for t in used):
        return Kind.DATE
    if re.search(r"(^|_)(id|code|key|no|nr|number)$|^(subject|client|patient|person|participant|who|therapist)", name):
        return Kind.IDENTIFIER
    if raw.kind == "text":
        many = len(used) > MAX_LEVELS and len(used) > 0.5 * int((codes >= 0).sum())
        return Kind.IDENTIFIER if many else Kind.CATEGORICAL
    if scored:
        return Kind.CONTINUOUS
    values = raw.numbers[~raw.null].astype(float)
    whole = bool(len(values)) and bool(np.isfinite(values).all()) and bool((values == np.round(values)).all())
    if whole and len(used) <= 2:
        return Kind.CATEGORICAL
    counted = re.search(r"(^|_)(n|count|sessions?|contacts|attended)(_|$)", name)
    return Kind.COUNT if whole and counted else Kind.CONTINUOUS


def _occasion(name: str) -> Occasion | None:
    for occasion, pattern in ((Occasion.FOLLOW_UP, _FOLLOW), (Occasion.START, _START), (Occasion.END, _END)):
        if re.search(pattern, name):
            return occasion
    return None


def _units(name: str, facet: Facet) -> str:
    if re.search(r"(^|_)age(_|$)", name):
        return "years"
    if re.search(r"percent|pct", name):
        return "percent"
    if facet is Facet.TIME:
        return next((unit for unit, pattern in _TIME_UNITS if re.search(rf"(^|_)({pattern})(_|$)", name)), "")
    return ""


def _with_key(fields: list[Field], raws: Mapping[str, Raw]) -> list[Field]:
    """The first client-like identifier that is complete and unique is the key."""
    ordered = sorted(fields, key=lambda f: f.facet is not Facet.CLIENT)
    for field in ordered:
        if field.kind is not Kind.IDENTIFIER or field.facet not in (Facet.CLIENT, Facet.OUTCOME):
            continue
        raw = raws[field.source]
        codes, _ = raw.as_text()
        if not raw.null.any() and len(np.unique(codes)) == len(codes):
            return [replace(f, key=True) if f is field else f for f in fields]
    return fields
