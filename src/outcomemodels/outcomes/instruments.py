"""Instruments as versioned data: range, direction, caseness, reliable change, reliability, and their sources.

The shipped set is ``data/instruments-2025.toml``; :func:`read_instruments` reads a user's own file of the
same shape. Every number carries a verification tag: ``verified:KEY`` (seen in a source named under
``[sources]``), ``memory`` (field-standard, unchecked), ``memory-low`` (recalled with low confidence) or
``user``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from outcomemodels.errors import FileError, SchemaError
from outcomemodels.outcomes.criteria import Operator
from outcomemodels.outcomes.instrument import Instrument, InstrumentSet, MissingItems
from outcomemodels.schema import Direction

__all__ = ["SHIPPED", "Instrument", "InstrumentSet", "MissingItems", "instruments", "read_instruments"]

SHIPPED = "2025"
"""Version of the shipped instrument set used when none is named."""
_SHIPPED_VERSIONS = ("2025",)

_TAG = re.compile(r"^(verified:[A-Z][A-Z0-9a-z]*|memory|memory-low|user)$")
_MAX_BYTES = 5_000_000


@cache
def instruments(version: str = SHIPPED) -> InstrumentSet:
    """Return a shipped set of instruments.

    Raises
    ------
    SchemaError
        On an unknown version.
    """
    if version not in _SHIPPED_VERSIONS:
        raise SchemaError(f"no instrument set {version!r}", accepted=", ".join(_SHIPPED_VERSIONS))
    text = files("outcomemodels.outcomes").joinpath(f"data/instruments-{version}.toml").read_text("utf-8")
    return _parse(text, f"instruments-{version}.toml", strict_tags=True)


def read_instruments(path: str | Path) -> InstrumentSet:
    """Read a user's instruments from TOML.

    Parameters
    ----------
    path : str or Path
        A file with ``version = "..."`` and one table ``[instruments.NAME]`` per instrument.

    Returns
    -------
    InstrumentSet
        The instruments of the file only; join them to the shipped ones with
        :meth:`InstrumentSet.with_instruments`.

    Raises
    ------
    FileError
        When the file is missing, too large, not UTF-8 or not TOML.
    SchemaError
        When a definition is unusable; names instrument and key.

    Examples
    --------
    >>> text = '''
    ... version = "our-clinic-1"
    ... [instruments.ers]
    ... low = 0
    ... high = 40
    ... direction = "lower_is_better"
    ... caseness = 15
    ... '''
    """
    where = Path(path)
    try:
        if where.stat().st_size > _MAX_BYTES:
            raise FileError(
                f"{where.name} is larger than 5 MB", mend="instrument files are small; is this another file?"
            )
        text = where.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(f"{where.name} is not UTF-8 text", mend="save it as UTF-8") from error
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"cannot read {where.name}: {error.strerror}", mend="check the path") from error
    return _parse(text, where.name, strict_tags=False)


_HEAD = {"version", "title", "sources", "instruments"}
_KEYS = {f.name for f in fields(Instrument)} - {"name"}
_TEXT = ("title", "construct", "citation")
_NUMBERS = (
    *("low", "high", "item_low", "item_high", "scale", "caseness", "reliable_change", "alpha", "retest"),
    *("clinical_mean", "clinical_sd", "functional_mean", "functional_sd"),
)


def _parse(text: str, name: str, *, strict_tags: bool) -> InstrumentSet:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FileError(
            f"{name} is not TOML: {error}", mend="see the 'Your own instruments' part of the manual"
        ) from error
    unknown = sorted(set(raw) - _HEAD)
    if unknown:
        raise SchemaError(f"{name} has unknown keys {unknown}", table=name, accepted=", ".join(sorted(_HEAD)))
    version, tables, sources = raw.get("version"), raw.get("instruments"), raw.get("sources", {})
    if not isinstance(version, str) or not version:
        raise SchemaError(f"{name} names no version", table=name, accepted='version = "our-clinic-1"')
    if not isinstance(tables, dict) or not tables:
        raise SchemaError(f"{name} lists no instruments", table=name, accepted="at least one [instruments.NAME] table")
    if not isinstance(sources, dict):
        raise SchemaError(f"{name}: 'sources' is not a table", table=name, accepted='[sources] with KEY = "reference"')
    made = tuple(_instrument(n, d, name) for n, d in tables.items())
    known = {str(k) for k in sources}
    for instrument in made:
        for value, tag in instrument.verification:
            if not _TAG.match(tag) or (tag.startswith("verified:") and tag.partition(":")[2] not in known):
                raise SchemaError(
                    f"instrument {instrument.name!r}: verification tag {tag!r} of {value!r} is not known",
                    table=name,
                    column=f"{instrument.name}.verification.{value}",
                    accepted="verified:KEY with KEY under [sources], memory, memory-low, user",
                )
        if strict_tags and (instrument.valid_from is None or not instrument.citation):
            raise SchemaError(f"shipped instrument {instrument.name!r} lacks citation or valid_from", table=name)
    return InstrumentSet(
        version=version,
        title=str(raw.get("title", "")),
        instruments=made,
        sources=tuple((str(k), str(v)) for k, v in sources.items()),
    )


def _instrument(name: str, raw: object, table: str) -> Instrument:
    def wrong(key: str, value: object, accepted: str) -> SchemaError:
        return SchemaError(
            f"instrument {name!r}: {key} is {value!r}", table=table, column=f"{name}.{key}", accepted=accepted
        )

    if not name.isidentifier():
        raise SchemaError(
            f"instrument name {name!r} is not an identifier",
            table=table,
            column=name,
            accepted="letters, digits and underscores, not starting with a digit",
            mend="rename it and put the full name into 'title'",
        )
    if not isinstance(raw, Mapping):
        raise wrong("its definition", raw, f"a table [instruments.{name}]")
    unknown = sorted(set(raw) - _KEYS)
    if unknown:
        raise SchemaError(
            f"instrument {name!r} has unknown keys {unknown}",
            table=table,
            column=name,
            accepted=", ".join(sorted(_KEYS)),
        )
    for key in ("low", "high", "direction"):
        if key not in raw:
            raise SchemaError(f"instrument {name!r} has no {key}", table=table, column=name, accepted=f"{key} = ...")
    values: dict[str, Any] = dict(raw)
    for key in _TEXT:
        if key in values and not isinstance(values[key], str):
            raise wrong(key, values[key], "text")
    for key in _NUMBERS:
        if key in values:
            number = values[key]
            if isinstance(number, bool) or not isinstance(number, int | float) or abs(number) > 1e9 or number != number:
                raise wrong(key, number, "a finite number")
            values[key] = float(number)
    if "items" in values and (isinstance(values["items"], bool) or not isinstance(values["items"], int)):
        raise wrong("items", values["items"], "a whole number")
    if values.get("scoring", "sum") not in ("sum", "mean"):
        raise wrong("scoring", values["scoring"], "sum, mean")
    try:
        values["direction"] = Direction(values["direction"])
    except ValueError:
        raise wrong("direction", raw["direction"], ", ".join(d.value for d in Direction)) from None
    for key in ("caseness_operator", "reliable_operator"):
        if key in values:
            try:
                values[key] = Operator(values[key])
            except ValueError:
                raise wrong(key, raw[key], ", ".join(o.value for o in Operator)) from None
    for key in ("descriptors", "snomed", "notes", "reverse_items"):
        if key in values:
            kind = int if key == "reverse_items" else str
            if not isinstance(values[key], list) or not all(isinstance(v, kind) for v in values[key]):
                raise wrong(key, values[key], f"a list of {'whole numbers' if kind is int else 'texts'}")
            values[key] = tuple(values[key])
    for key in ("valid_from", "valid_until"):
        if key in values:
            try:
                values[key] = date.fromisoformat(str(values[key]))
            except ValueError:
                raise wrong(key, raw[key], "a date such as 2020-09-01") from None
    if "missing_items" in values:
        values["missing_items"] = _missing_items(values["missing_items"], wrong)
    if "verification" in values:
        if not isinstance(values["verification"], Mapping):
            raise wrong("verification", values["verification"], f"a table [instruments.{name}.verification]")
        values["verification"] = tuple((str(k), str(v)) for k, v in values["verification"].items())
    try:
        return Instrument(name=name, **values)
    except SchemaError as error:
        raise SchemaError(error.found, table=table, column=error.column, accepted=error.accepted) from None


def _missing_items(raw: object, wrong: Any) -> MissingItems:
    accepted = '{ rule = "complete" } or { rule = "prorate", max_missing = 1 }'
    if not isinstance(raw, Mapping) or set(raw) - {"rule", "max_missing"}:
        raise wrong("missing_items", raw, accepted)
    rule, most = raw.get("rule"), raw.get("max_missing", 0)
    if rule not in ("complete", "prorate") or isinstance(most, bool) or not isinstance(most, int):
        raise wrong("missing_items", raw, accepted)
    return MissingItems(rule=rule, max_missing=most)
