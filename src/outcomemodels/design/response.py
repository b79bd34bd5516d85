"""Responses of a design: what was observed, of which kind, on which scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from outcomemodels.schema import Direction

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]

OutcomeKind = Literal["continuous", "binary", "count", "ordered", "sessions"]
"""What an outcome can be; ``sessions`` is a time to an event counted in sessions (dropping out), maybe censored."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Centre and spread of the response, in its units (logit units for the binomial family)."""

    centre: float
    spread: float


@dataclass(frozen=True, eq=False)
class Response:
    """The observed outcome, dims (obs,).

    ``kind`` is ``"rows"`` (y is one score, or the code of an ordered level), ``"cells"`` (y is the mean of n scores
    with standard deviation sd), ``"counts"`` (y events of n trials) or ``"sessions"`` (y sessions attended; ``event``
    is 1 where the course then ended in the event and 0 where it was still going on or had been completed). ``sd`` is
    NaN except for cells. Where one of several responses was not observed, y is NaN and n is 0.
    """

    kind: Literal["rows", "cells", "counts", "sessions"]
    y: FloatArray
    n: FloatArray
    sd: FloatArray
    event: FloatArray | None = None

    def at(self, keep: NDArray[np.integer]) -> Response:
        """Rows ``keep``, in their order."""
        event = None if self.event is None else self.event[keep]
        return Response(self.kind, self.y[keep], self.n[keep], self.sd[keep], event)

    def first(self, count: int) -> Response:
        """The first observed row ``count`` times: values of the right kind where nobody has seen the outcome."""
        observed = np.flatnonzero(np.isfinite(self.y))[:1]
        return self.at(np.repeat(observed, count))


@dataclass(frozen=True, eq=False)
class Target:
    """One of several responses of a design.

    Parameters
    ----------
    name : str
        As the model names it; its variables in the graph are ``expected_<name>`` and ``outcome_<name>``.
    outcome : str
        The field of the data.
    kind : OutcomeKind
    response : Response
    scale : Scale
    units : str
    direction : Direction or None
    levels : tuple of str
        Of an ordered outcome, lowest first.
    """

    name: str
    outcome: str
    kind: OutcomeKind
    response: Response
    scale: Scale
    units: str
    direction: Direction | None
    levels: tuple[str, ...] = ()

    @property
    def rows(self) -> NDArray[np.intp]:
        """Rows of the design in which this response was observed."""
        return np.flatnonzero(np.isfinite(self.response.y))


def scores_of(levels: tuple[str, ...]) -> FloatArray:
    """What each level of an ordered outcome counts: its number where the label is one, else its place from 0."""
    try:
        return np.array([float(level) for level in levels])
    except ValueError:
        return np.arange(len(levels), dtype=float)
