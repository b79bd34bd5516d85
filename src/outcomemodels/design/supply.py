"""Where a facet that a model needs could come from: the columns of these data that would do, or how to declare one."""

from __future__ import annotations

from dataclasses import dataclass

from outcomemodels.schema import Facet, Field, Grain, Kind, Schema

_PREDICTS = (Facet.OUTCOME, Facet.FUNCTIONING, Facet.COST)
"""Facets whose labelled fields do not enter a design."""
_KINDS: dict[Facet, Kind] = {
    Facet.CLIENT: Kind.IDENTIFIER,
    Facet.THERAPIST: Kind.IDENTIFIER,
    Facet.TIME: Kind.CONTINUOUS,
    Facet.COST: Kind.CONTINUOUS,
    Facet.FUNCTIONING: Kind.CONTINUOUS,
}
_ROW = {Grain.EPISODE: "course", Grain.CELL: "cell", Grain.CONTRAST: "contrast"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What would satisfy a facet.

    Parameters
    ----------
    found : tuple of str
        Columns that would do, each with its table and what stands in the way; empty where there is none.
    column, table : str
        Of the first of them; empty where there is none.
    mend : str
        What to do next, with the words to write.
    """

    found: tuple[str, ...]
    column: str
    table: str
    mend: str


def supply_of(facet: Facet, schema: Schema, *, repeated: bool) -> Supply:
    """Say which column of which table would supply a facet that a design lacks.

    Looked for, in this order: fields of that facet that do not enter (dates, scores in time while the outcome is of
    the main table, labels of outcomes), then fields declared otherwise whose name or description is that of the
    facet. Where there is neither, the keyword by which the reader takes one is named.

    Parameters
    ----------
    facet : Facet
    schema : Schema
    repeated : bool
        Whether the rows of the design are scores in time.
    """
    declared = [(f, _in_the_way(f, repeated=repeated)) for f in schema.of_facet(facet)]
    held = [(f, why) for f, why in declared if why]
    if held:
        field, (_, mend) = held[0]
        return Supply(
            found=tuple(f"{_place(f)}: {why}" for f, (why, _) in held),
            column=field.source,
            table=field.table,
            mend=mend,
        )
    alike = [f for f in schema.fields if f.facet is not facet and _reads_like(f, facet)]
    if alike:
        first = alike[0]
        return Supply(
            found=tuple(f"{_place(f)}: declared as facet {f.facet.value!r}" for f in alike),
            column=first.source,
            table=first.table,
            mend=f"where {first.source!r} holds it, write facet = {facet.value!r} under {_heading(first)} "
            "of the schema and read the data again",
        )
    return Supply(found=(), column="", table="", mend=_declare(facet, schema))


# -- parts -------------------------------------------------------------------------------------------------------


def _in_the_way(field: Field, *, repeated: bool) -> tuple[str, str] | None:
    """Why a field of the right facet does not enter, and what to do; None where it would have entered."""
    if field.kind is Kind.DATE:
        return "a date, and dates do not enter a model", (
            f"make a number (weeks since the start) or a label (year) of {field.source!r}, and declare that column as "
            f"facet = {field.facet.value!r}"
        )
    if field.table == "assessment" and not repeated:
        return "known at each score, and the outcome has one row a course", (
            f"name a measure of the assessment table as the outcome, or carry {field.source!r} over to the main table"
        )
    if field.kind.is_labelled and field.facet in _PREDICTS:
        return f"labels of facet {field.facet.value!r} do not enter as predictors", (
            f"declare {field.source!r} as a number, or choose another model"
        )
    if field.facet in _PREDICTS:
        return "an outcome itself, not something that comes before it", (
            f"declare {field.source!r} with occasion = 'start' where it was known before treatment"
        )
    return None


def _reads_like(field: Field, facet: Facet) -> bool:
    """Whether a name or a description is that of a facet, by the rules a schema is drafted with."""
    from outcomemodels.data.draft import facet_of_name, identifier

    if field.of or (field.key and facet is not Facet.CLIENT):
        return False
    if facet in (Facet.OUTCOME, Facet.CLIENT):  # what a draft takes a column for when its name says nothing
        return False
    names = {identifier(n) for n in (field.name, field.source)}
    return any(facet_of_name(n) is facet for n in names)


def _place(field: Field) -> str:
    return f"{field.source} ({field.table} table)"


def _heading(field: Field) -> str:
    return f"[{'assessments.' if field.table == 'assessment' else ''}fields.{field.name}]"


def _declare(facet: Facet, schema: Schema) -> str:
    kind = _KINDS.get(facet, Kind.CATEGORICAL).value
    entry = f'"{facet.value}": {{"column": "<your column>", "facet": "{facet.value}", "kind": "{kind}"}}'
    row = _ROW[schema.grain]
    unread = _unread(schema, facet)
    return (
        f"{unread}none of the {len(schema.fields)} columns declared holds the {facet.value}; if your table has it for "
        f'each {row}, declare it: read(…, schema={{…, "fields": {{…, {entry}}}}}), or [fields.{facet.value}] in the '
        "schema file; else choose another model"
    )


def _unread(schema: Schema, facet: Facet) -> str:
    """What a reader of known tables says it found empty."""
    from outcomemodels.data.draft import facet_of_name

    for note in schema.notes:
        head, _, names = note.partition("nothing recorded of: ")
        if names and not head:
            empty = [n.strip() for n in names.split(",") if facet_of_name(n.strip()) is facet]
            if empty:
                return f"the tables read have nothing in {', '.join(empty)}; "
    return ""
