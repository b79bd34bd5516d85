"""A need that is not met is told by the column that would meet it, or by the words that declare one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

import outcomemodels as om
from outcomemodels.data.columns import from_columns
from outcomemodels.data.simulate_kinds import growth_world
from outcomemodels.design.supply import supply_of
from outcomemodels.errors import NeedsError
from outcomemodels.models.paul import Paul
from outcomemodels.plugin import Needs
from outcomemodels.schema import Direction, Facet, Field, Grain, Kind, Schema

END = Field(name="end", facet=Facet.OUTCOME, kind=Kind.CONTINUOUS, direction=Direction.LOWER_IS_BETTER)
CLIENT = Field(name="client", facet=Facet.CLIENT, kind=Kind.IDENTIFIER, key=True)
TREATMENT = Field(name="treatment", facet=Facet.TREATMENT, kind=Kind.CATEGORICAL)


def schema_with(*extra: Field) -> Schema:
    return Schema(name="small", grain=Grain.EPISODE, fields=(CLIENT, TREATMENT, END, *extra))


def needing(facet: str) -> Paul:
    @dataclass(frozen=True)
    class Needy(Paul):
        info = replace(Paul.info, name="needy", needs=Needs(facets=(facet,)))

        def build(self, design: object, priors: object) -> object:
            raise AssertionError("built although a need is not met")

    return Needy()


def test_a_column_declared_otherwise_is_named() -> None:
    clinic = Field(name="place", facet=Facet.CLIENT, kind=Kind.CATEGORICAL, column="Clinic code")
    data = from_columns(
        schema_with(clinic),
        {
            "client": ["a", "b", "c"],
            "treatment": ["x", "y", "x"],
            "end": [1.0, 2.0, 3.0],
            "Clinic code": ["p", "q", "p"],
        },
    )
    with pytest.raises(NeedsError, match="these columns would do") as caught:
        om.fit(data, outcome="end", model=needing("setting"), progress=False)
    error = caught.value
    assert (error.facet, error.column, error.table) == ("setting", "Clinic code", "main")
    assert "Clinic code (main table): declared as facet 'client'" in error.rows
    assert "write facet = 'setting' under [fields.place]" in (error.mend or "")


def test_scores_in_time_are_named_where_the_outcome_has_one_row_a_course() -> None:
    data, _ = growth_world(1, clients=12)
    found = supply_of(Facet.TIME, data.schema, repeated=False)
    assert (found.column, found.table) == ("weeks", "assessment")
    assert "name a measure of the assessment table as the outcome" in found.mend


@pytest.mark.parametrize(
    ("field", "facet", "why", "mend"),
    [
        (Field(name="begun", facet=Facet.TIME, kind=Kind.DATE), Facet.TIME, "a date", "make a number"),
        (
            Field(name="price_band", facet=Facet.COST, kind=Kind.CATEGORICAL),
            Facet.COST,
            "do not enter as predictors",
            "declare 'price_band' as a number",
        ),
        (
            Field(name="wsas", facet=Facet.FUNCTIONING, kind=Kind.CONTINUOUS),
            Facet.FUNCTIONING,
            "an outcome itself",
            "occasion = 'start'",
        ),
    ],
)
def test_what_is_declared_and_does_not_enter_says_why(field: Field, facet: Facet, why: str, mend: str) -> None:
    found = supply_of(facet, schema_with(field), repeated=False)
    assert found.column == field.name
    assert why in found.found[0]
    assert mend in found.mend


def test_where_there_is_none_the_keyword_of_the_reader_is_named() -> None:
    found = supply_of(Facet.THERAPIST, schema_with(), repeated=False)
    assert found.found == ()
    assert found.column == ""
    assert (
        'read(…, schema={…, "fields": {…, "therapist": {"column": "<your column>", "facet": "therapist"' in found.mend
    )
    assert "[fields.therapist]" in found.mend


def test_what_a_reader_found_empty_is_said() -> None:
    empty = replace(schema_with(), notes=("nothing recorded of: therapist, therapist_band, ethnicity",))
    assert supply_of(Facet.THERAPIST, empty, repeated=False).mend.startswith(
        "the tables read have nothing in therapist, therapist_band; "
    )


def test_what_is_declared_is_readable() -> None:
    """The words of the mend are those the reader takes."""
    entry = {"therapist": {"column": "who", "facet": "therapist", "kind": "identifier"}}
    plain = schema_with().to_dict()
    made = Schema.from_dict({**plain, "fields": {**plain["fields"], **entry}})
    assert made["therapist"].facet is Facet.THERAPIST
