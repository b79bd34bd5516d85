"""The Paul vocabulary: facets, fields and typologies. Knows no data frames and no PyMC."""

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
from outcomemodels.schema.fields import SCHEMA_VERSION, Field, Schema

__all__ = [
    "SCHEMA_VERSION",
    "Assignment",
    "Direction",
    "Established",
    "Facet",
    "Field",
    "Grain",
    "Kind",
    "Occasion",
    "Schema",
    "Statistic",
]
