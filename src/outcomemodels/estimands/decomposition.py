"""The Paul decomposition: how much of the outcome each of Paul's columns accounts for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A posterior as mean and central interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One batch of effects, or the residual.

    Parameters
    ----------
    id, name : str
        Graph name, and name for people (``treatment:problem``, ``age|treatment``, ``residual``).
    levels : int
        Number of fitted levels (rows for the residual).
    superpopulation : Spread
        SD of the population the levels were drawn from, in outcome units (logits for binomial), at the spread of the
        design: a slope counts as the SD of slope times column.
    finite : Spread or None
        SD of the effects of the levels in the data (Gelman 2005); None for the residual.
    vpc : Spread
        Share of the summed superpopulation variance (residual included).
    """

    id: str
    name: str
    levels: int
    superpopulation: Spread
    finite: Spread | None
    vpc: Spread


@dataclass(frozen=True, kw_only=True)
class Decomposition:
    """Components in the order of the design, the residual last.

    Parameters
    ----------
    components : tuple of Component
    units : str
        Of the SDs.
    interval : float
        Probability of the intervals.
    """

    components: tuple[Component, ...]
    units: str
    interval: float = 0.95

    def table(self) -> pd.DataFrame:
        """One row per component."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        raise NotImplementedError
