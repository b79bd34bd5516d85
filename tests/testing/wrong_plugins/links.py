"""What is observed is not what is expected: links, and cells that stand for rows."""

from __future__ import annotations

from typing import Any

from outcomemodels.plugin import Design
from testing.wrong_plugins.right import RightBinary, RightCells


class WrongLink(RightBinary):
    """``expected`` is the logit, not the probability."""

    def mean(self, logit: Any) -> Any:
        return logit


class ProbitMean(RightBinary):
    """``expected`` is the mean of another link."""

    def mean(self, logit: Any) -> Any:
        import pymc as pm

        return pm.math.invprobit(logit)


class CellsWithoutWeights(RightCells):
    """A cell of two hundred counts as one row."""

    def sigma(self, noise: Any, design: Design) -> Any:
        return noise


class CellsWithoutSpread(RightCells):
    """What the SDs of cells say is left out."""

    spread_too = False
