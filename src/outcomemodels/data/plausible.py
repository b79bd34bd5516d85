"""What numbers can be at all: ranges of instruments and of common units, and one column in two units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcomemodels.outcomes.instruments import instruments
from outcomemodels.schema import Facet, Field, Statistic

ABSURD = 1e12
"""No quantity in psychotherapy research is larger; such numbers are damaged cells."""

UNIT_RANGES: dict[str, tuple[float, float]] = {
    "years": (0, 120),
    "percent": (0, 100),
    "probability": (0, 1),
    "proportion": (0, 1),
    "weeks": (-5_220, 5_220),
    "months": (-1_200, 1_200),
    "days": (-36_525, 36_525),
    "minutes": (0, 100_000),
    "hours": (0, 100_000),
    "sessions": (0, 5_000),
}
"""Ranges nobody leaves, by unit (100 years of weeks, months or days on either side)."""

OTHER_SCORES: dict[str, tuple[float, float]] = {"bdi": (0, 63), "sapas": (0, 8), "gaf": (1, 100)}
"""Score ranges of measures that the shipped instruments do not describe."""

CONVERSIONS: tuple[tuple[float, str], ...] = (
    (7.0, "days and weeks"),
    (12.0, "months and years"),
    (30.44, "days and months"),
    (52.18, "weeks and years"),
    (365.25, "days and years"),
    (60.0, "minutes and hours"),
    (100.0, "a fraction and per cent, or metres and centimetres"),
    (1000.0, "thousands and single units"),
)
_MIN_DISTINCT = 20
_MIN_GAP = 2.0


@dataclass(frozen=True, slots=True)
class Range:
    """Admissible numbers and who says so."""

    low: float
    high: float
    reason: str


def known_measures() -> dict[str, tuple[float, float]]:
    """Score ranges by measure: the shipped instruments, then a few more."""
    return {**OTHER_SCORES, **{i.name: (i.low, i.high) for i in instruments()}}


def score_range(measure: str) -> Range | None:
    """Range of an instrument's score, where it is known; ``PHQ-9``, ``phq_9`` and ``phq9`` are one instrument."""
    wanted = _folded(measure)
    for name, ends in known_measures().items():
        if wanted in (_folded(name), _ALIASES.get(_folded(name), "")):
            return Range(*ends, f"the scores {measure} can take")
    return None


_ALIASES = {"bdi2": "bdiii", "pdss": "pdsssr"}


def _folded(measure: str) -> str:
    return "".join(ch for ch in measure.lower() if ch.isalnum())


def range_of(field: Field) -> Range:
    """Admissible range of a numeric field: declared, else its instrument's, else its unit's, else not absurd."""
    low, high, reason = -ABSURD, ABSURD, "numbers below 1e12 in size"
    scored = field.statistic in (Statistic.VALUE, Statistic.MEAN)
    known = score_range(field.measure) if field.measure and scored else None
    unit = UNIT_RANGES.get(field.units.lower().strip())
    if known is not None:
        low, high, reason = known.low, known.high, known.reason
    elif unit is not None:
        low, high = unit
        reason = f"a range no value in {field.units} leaves"
    elif "age" in field.name.lower().split("_") and field.facet is Facet.CLIENT and not field.units:
        low, high, reason = 0, 120, "an age in years"
    elif field.statistic in (Statistic.N, Statistic.TOTAL, Statistic.EVENTS, Statistic.SD, Statistic.SE):
        low, reason = 0, f"a {field.statistic.value} is not negative"
    if field.low is not None:
        low, reason = field.low, "declared in the schema"
    if field.high is not None:
        high, reason = field.high, "declared in the schema"
    return Range(low, high, reason)


def two_units(values: NDArray[np.float64]) -> str:
    """Say which two units a column seems to mix; "" when it does not.

    The rule is strict on purpose: positive numbers in two heaps with an empty gap of at least a factor 2 between,
    each heap with twenty distinct values and a tenth of the rows, whose medians differ by a known conversion
    (within 10 per cent).
    """
    seen = values[np.isfinite(values) & (values > 0)]
    distinct = np.unique(seen)
    if len(distinct) < 2 * _MIN_DISTINCT:
        return ""
    steps = distinct[1:] / distinct[:-1]
    cut = int(np.argmax(steps[_MIN_DISTINCT - 1 : len(distinct) - _MIN_DISTINCT])) + _MIN_DISTINCT - 1
    if steps[cut] < _MIN_GAP:
        return ""
    small, large = seen[seen <= distinct[cut]], seen[seen > distinct[cut]]
    if min(len(small), len(large)) < len(seen) / 10:
        return ""
    ratio = float(np.median(large) / np.median(small))
    for factor, names in CONVERSIONS:
        if abs(ratio / factor - 1) < 0.1:
            return f"{names} (two heaps of numbers around {np.median(small):g} and {np.median(large):g})"
    return ""
