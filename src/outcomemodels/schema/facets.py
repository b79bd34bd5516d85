"""The Paul vocabulary: facets, grains, kinds, and how a value was established. Knows no data frames."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Facet(StrEnum):
    """A column of Paul's framework (Paul 1967, doi 10.1037/h0024436), plus those outcome studies need."""

    CLIENT = "client"
    PROBLEM = "problem"
    FUNCTIONING = "functioning"
    TREATMENT = "treatment"
    THERAPIST = "therapist"
    SETTING = "setting"
    TIME = "time"
    OUTCOME = "outcome"
    ASSESSOR = "assessor"
    COST = "cost"
    DISPOSITION = "disposition"


class Kind(StrEnum):
    """How the values of a field are to be read."""

    CATEGORICAL = "categorical"
    ORDERED = "ordered"
    CONTINUOUS = "continuous"
    COUNT = "count"
    IDENTIFIER = "identifier"
    DATE = "date"

    @property
    def is_labelled(self) -> bool:
        """Whether values are stored as integer codes with labels on a dim."""
        return self in (Kind.CATEGORICAL, Kind.ORDERED, Kind.IDENTIFIER)


class Grain(StrEnum):
    """What one row of a dataset stands for."""

    EPISODE = "episode"
    CELL = "cell"
    CONTRAST = "contrast"


class Established(IntEnum):
    """How a value was established, from least to most trustworthy.

    One scale for every facet; for facets other than *problem* read ``SERVICE_CODE`` as "as recorded by the
    service", ``CLINICIAN_DIAGNOSIS`` as "judged by a clinician", ``STRUCTURED_INTERVIEW`` as "by a standard
    procedure" (randomised allocation, fidelity rating, structured interview) and
    ``INTERVIEW_WITH_RELIABILITY`` as "by a standard procedure whose reliability was reported".
    """

    UNSPECIFIED = 0
    SELF_REPORT_SCREEN = 1
    SERVICE_CODE = 2
    CLINICIAN_DIAGNOSIS = 3
    STRUCTURED_INTERVIEW = 4
    INTERVIEW_WITH_RELIABILITY = 5

    @property
    def label(self) -> str:
        """The name used in schema files: lower case with underscores."""
        return self.name.lower()


class Assignment(StrEnum):
    """How clients came to their treatment; only ``RANDOMISED`` licenses causal words."""

    RANDOMISED = "randomised"
    ROUTINE = "routine"
    UNKNOWN = "unknown"


class Direction(StrEnum):
    """Which way a score improves."""

    LOWER_IS_BETTER = "lower_is_better"
    HIGHER_IS_BETTER = "higher_is_better"


class Statistic(StrEnum):
    """What a number of a field is: one client's value, or a summary over a cell or a trial."""

    VALUE = "value"
    N = "n"
    MEAN = "mean"
    SD = "sd"
    EVENTS = "events"
    TOTAL = "total"
    EFFECT = "effect"
    SE = "se"


class Occasion(StrEnum):
    """When a score was taken relative to the course of care."""

    START = "start"
    DURING = "during"
    END = "end"
    FOLLOW_UP = "follow_up"
