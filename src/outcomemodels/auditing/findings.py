"""Findings as values: what was looked at, what was found, by which rule. The audit looks and never changes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from outcomemodels.schema import Facet


class Level(StrEnum):
    """How much a finding matters: ``block`` stops a fit until it is accepted by name."""

    BLOCK = "block"
    WARN = "warn"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding.

    Parameters
    ----------
    name : str
        By which it is accepted: ``one-level-treatment``, ``alias``, …
    facet : Facet
    level : Level
    sentence : str
        What was found, in one sentence.
    rule : str
        The rule it broke.
    mend : str
        What would change it.
    numerator, denominator : float or None
        The counts behind it.
    """

    name: str
    facet: Facet
    level: Level
    sentence: str
    rule: str
    mend: str = ""
    numerator: float | None = None
    denominator: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {**asdict(self), "facet": self.facet.value, "level": self.level.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One number of a column of Paul's framework, with its numerator and denominator.

    ``layer`` is completeness, specificity, verification, structure, time, denominator or drift; ``value`` is None
    where the grain or the schema cannot show it, and ``sentence`` says why. ``rule`` is the stated rule that the number
    breaks, empty where it breaks none; ``share`` says that the value is numerator over denominator.
    """

    column: str
    layer: str
    measure: str
    value: float | None
    numerator: float | None
    denominator: float | None
    sentence: str
    rule: str = ""
    share: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return asdict(self)
