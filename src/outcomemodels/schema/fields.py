"""A field and a schema: what each column means, before any data is seen. Values, frozen, exported to plain dicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import Enum
from typing import Any, Literal

from outcomemodels.errors import SchemaError
from outcomemodels.schema.facets import (
    Assignment,
    Direction,
    Established,
    Facet,
    Grain,
    Kind,
    Occasion,
    Statistic,
)

SCHEMA_VERSION = "1"

Table = Literal["main", "assessment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One column: its Paul facet, type, units or levels, how established, and its missing codes.

    Parameters
    ----------
    name : str
        Our name; a Python identifier. Labelled fields also name a dim of the dataset.
    facet : Facet
        Column of Paul's framework.
    kind : Kind
        How values are read.
    table : {"main", "assessment"}
        ``"main"`` rows are episodes, cells or contrasts; ``"assessment"`` rows are scores in time.
    column : str, optional
        Name in the source table; ``name`` when absent.
    units : str
        Units of numbers ("years", "weeks", "PHQ-9 points", "GBP").
    levels : tuple of str
        Labels in order; empty means "take them from the data" (not allowed for ordered fields).
    relabel : tuple of (source, label)
        Spellings in the source and the level each stands for.
    established : Established
        How the values were established.
    missing : tuple of (code, reason)
        Source values that mean "missing", and why ("99", "not stated").
    low, high : float, optional
        Admissible range, inclusive.
    required : bool
        Whether the column must be present and complete.
    key : bool
        Whether the field is (part of) the row key of its table.
    measure, occasion, direction
        For scores: the instrument, when it was taken, and which way it improves.
    statistic, of
        For cells and contrasts: what the number is, and of which outcome (``of="phq9_end"``).
    typology : str
        Name of a shipped typology its labels belong to.
    """

    name: str
    facet: Facet
    kind: Kind
    table: Table = "main"
    column: str = ""
    units: str = ""
    levels: tuple[str, ...] = ()
    relabel: tuple[tuple[str, str], ...] = ()
    established: Established = Established.UNSPECIFIED
    missing: tuple[tuple[str, str], ...] = ()
    low: float | None = None
    high: float | None = None
    required: bool = False
    key: bool = False
    measure: str = ""
    occasion: Occasion | None = None
    direction: Direction | None = None
    statistic: Statistic = Statistic.VALUE
    of: str = ""
    typology: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise SchemaError(
                f"field name {self.name!r} is not an identifier",
                column=self.column or self.name,
                accepted="letters, digits and underscores, not starting with a digit",
                mend="give the field a name and put the original into 'column'",
            )
        if self.kind is Kind.ORDERED and not self.levels:
            raise SchemaError(
                f"ordered field {self.name!r} has no levels",
                column=self.name,
                accepted="levels listed from lowest to highest",
                mend=f"add levels = [...] to [fields.{self.name}]",
            )
        if len(set(self.levels)) != len(self.levels):
            raise SchemaError(f"field {self.name!r} lists a level twice", column=self.name, rows=self.levels)
        for end in ("low", "high"):
            if getattr(self, end) is not None:
                object.__setattr__(self, end, float(getattr(self, end)))
        if self.low is not None and self.high is not None and self.low > self.high:
            raise SchemaError(f"field {self.name!r} has low {self.low} above high {self.high}", column=self.name)

    @property
    def source(self) -> str:
        """The column name in the source table."""
        return self.column or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Every field of a dataset, its grain, and how clients came to their treatment.

    Field order is kept. ``fields`` of table ``"assessment"`` describe the optional long table of scores; it must
    then hold an identifier field equal in name to the main key (the link), a ``measure`` field, a time field in
    weeks called ``weeks``, and a ``score``.
    """

    name: str
    grain: Grain
    fields: tuple[Field, ...]
    assignment: Assignment = Assignment.UNKNOWN
    title: str = ""
    source: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()
    version: str = SCHEMA_VERSION
    _index: dict[tuple[str, str], Field] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for f in self.fields:
            if (f.table, f.name) in self._index:
                raise SchemaError(f"field {f.name!r} is declared twice", table=f.table, column=f.name)
            self._index[(f.table, f.name)] = f

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __contains__(self, name: object) -> bool:
        return any(f.name == name for f in self.fields)

    def __getitem__(self, name: str) -> Field:
        for table in ("main", "assessment"):
            found = self._index.get((table, name))
            if found is not None:
                return found
        raise SchemaError(
            f"no field {name!r} in schema {self.name!r}",
            column=name,
            accepted=", ".join(f.name for f in self.fields),
        )

    def of_table(self, table: Table) -> tuple[Field, ...]:
        """Fields of one table, in order."""
        return tuple(f for f in self.fields if f.table == table)

    def of_facet(self, facet: Facet | str) -> tuple[Field, ...]:
        """Fields of one facet, in order."""
        return tuple(f for f in self.fields if f.facet == Facet(facet))

    def summaries_of(self, outcome: str) -> dict[Statistic, Field]:
        """Fields that summarise ``outcome`` in a cell (its n, SD, total …), by statistic."""
        return {f.statistic: f for f in self.fields if f.of == outcome}

    def with_fields(self, *extra: Field) -> Schema:
        """Return a schema with ``extra`` fields added, or replaced where the name exists."""
        names = {(f.table, f.name) for f in extra}
        kept = tuple(f for f in self.fields if (f.table, f.name) not in names)
        return replace(self, fields=kept + extra)

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON and TOML; absent and default values are left out."""
        head = {
            "schema": self.version,
            "name": self.name,
            "grain": self.grain.value,
            "assignment": self.assignment.value,
            "title": self.title,
            "source": self.source,
            "licence": self.licence,
            "notes": list(self.notes),
        }
        out: dict[str, Any] = {k: v for k, v in head.items() if v not in ("", [])}
        out["fields"] = {f.name: _field_dict(f) for f in self.of_table("main")}
        long = {f.name: _field_dict(f) for f in self.of_table("assessment")}
        if long:
            out["assessments"] = {"fields": long}
        return out

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Schema:
        """Build from the plain dict of :meth:`to_dict`.

        Raises
        ------
        SchemaError
            On an unknown key, facet, kind or version.
        """
        known = {"schema", "name", "grain", "assignment", "title", "source", "licence", "notes"}
        unknown = set(raw) - known - {"fields", "assessments"}
        if unknown:
            raise SchemaError(
                f"unknown keys in schema: {sorted(unknown)}",
                accepted=", ".join(sorted(known | {"fields", "assessments"})),
            )
        version = str(raw.get("schema", SCHEMA_VERSION))
        if version != SCHEMA_VERSION:
            raise SchemaError(
                f"schema version {version!r} is not readable here",
                accepted=SCHEMA_VERSION,
                mend="update outcomemodels, or redraft the file with 'outcomemodels schema init'",
            )
        main = [_field_from(n, d, "main") for n, d in raw.get("fields", {}).items()]
        long = [_field_from(n, d, "assessment") for n, d in raw.get("assessments", {}).get("fields", {}).items()]
        if not main:
            raise SchemaError("the schema lists no fields", accepted="at least one [fields.NAME] table")
        return cls(
            name=str(raw.get("name", "unnamed")),
            grain=_member(Grain, raw.get("grain", "episode"), "grain", ""),
            assignment=_member(Assignment, raw.get("assignment", "unknown"), "assignment", ""),
            title=str(raw.get("title", "")),
            source=str(raw.get("source", "")),
            licence=str(raw.get("licence", "")),
            notes=tuple(str(n) for n in raw.get("notes", ())),
            fields=tuple(main + long),
        )


_DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(Field)}
_ENUMS: dict[str, type[Enum]] = {
    "facet": Facet,
    "kind": Kind,
    "occasion": Occasion,
    "direction": Direction,
    "statistic": Statistic,
}


def _field_dict(f: Field) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in asdict(f).items():
        if key in ("name", "table") or value == _DEFAULTS[key]:
            continue
        if key == "established":
            out[key] = Established(value).label
        elif key in ("missing", "relabel"):
            out[key] = dict(value)
        elif isinstance(value, tuple):
            out[key] = list(value)
        elif isinstance(value, Enum):
            out[key] = value.value
        else:
            out[key] = value
    return out


def _field_from(name: str, raw: Mapping[str, Any], table: Table) -> Field:
    unknown = set(raw) - (set(_DEFAULTS) - {"name", "table"})
    if unknown:
        raise SchemaError(
            f"field {name!r} has unknown keys {sorted(unknown)}",
            column=name,
            accepted=", ".join(sorted(set(_DEFAULTS) - {"name", "table"})),
        )
    values: dict[str, Any] = dict(raw)
    for key, enum in _ENUMS.items():
        if key in values:
            values[key] = _member(enum, values[key], key, name)
    for key in ("facet", "kind"):
        if key not in values:
            raise SchemaError(f"field {name!r} has no {key}", column=name, accepted=_choices(_ENUMS[key]))
    if "established" in values:
        try:
            values["established"] = Established[str(values["established"]).upper()]
        except KeyError:
            raise SchemaError(
                f"field {name!r}: {values['established']!r} is not a way of establishing a value",
                column=name,
                accepted=", ".join(e.label for e in Established),
            ) from None
    for key in ("missing", "relabel"):
        if key in values:
            values[key] = tuple((str(a), str(b)) for a, b in dict(values[key]).items())
    if "levels" in values:
        values["levels"] = tuple(str(v) for v in values["levels"])
    for key in ("low", "high"):
        if key in values:
            values[key] = float(values[key])
    return Field(name=name, table=table, **values)


def _choices(enum: type[Enum]) -> str:
    return ", ".join(str(m.value) for m in enum)


def _member[E: Enum](enum: type[E], value: object, key: str, name: str) -> E:
    try:
        return enum(value)
    except ValueError:
        where = f"field {name!r}: " if name else ""
        raise SchemaError(f"{where}{value!r} is not a {key}", column=name or None, accepted=_choices(enum)) from None
