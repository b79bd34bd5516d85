"""Small words the outcome rules share: comparison operators, verdict codes, one measure's criterion."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

from outcomemodels.errors import SchemaError
from outcomemodels.schema import Direction

TOLERANCE = 1e-9
"""Scores are printed decimals; two that differ by less than this are the same score."""


class Operator(StrEnum):
    """How a score or a change is compared with its threshold."""

    AT_LEAST = ">="
    ABOVE = ">"

    def reached(self, value: NDArray[np.floating], threshold: float | NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether each value reaches the threshold; a missing value never does.

        Differences of decimal scores (3.00 − 2.27) miss their decimal value in the last bit, so comparisons
        allow an error of 1e-9.
        """
        shift = -TOLERANCE if self is Operator.AT_LEAST else TOLERANCE
        return np.asarray(value >= threshold + shift) if shift < 0 else np.asarray(value > threshold + shift)


class Flag(IntEnum):
    """A yes/no outcome that may not apply or not be known. Never test its truth: compare with a member."""

    YES = 1
    NO = 0
    NOT_APPLICABLE = -1
    NOT_ASSESSED = -9


class ReliableChange(IntEnum):
    """Reliable change of one client. Never test its truth: compare with a member."""

    IMPROVED = 1
    NONE = 0
    DETERIORATED = -1
    NOT_ASSESSED = -9


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """What one measure contributes to a rule.

    Parameters
    ----------
    measure : str
        Identifier of the instrument ("phq9").
    caseness : float, optional
        Threshold in score points; ``None`` when the measure defines no caseness.
    caseness_operator : Operator
        ``>=`` ("at or above") or ``>`` ("above"). For scales on which higher is better read "at or below",
        "below".
    reliable : float, optional
        Size of a reliable change, in score points, positive; ``None`` when unknown.
    reliable_operator : Operator
        ``>=`` or ``>``.
    low, high : float
        Possible scores, inclusive.
    direction : Direction
        Which way the score improves.
    """

    measure: str
    caseness: float | None
    reliable: float | None
    low: float
    high: float
    caseness_operator: Operator = Operator.AT_LEAST
    reliable_operator: Operator = Operator.AT_LEAST
    direction: Direction = Direction.LOWER_IS_BETTER

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise SchemaError(
                f"criterion for {self.measure!r} has range {self.low} to {self.high}",
                column=self.measure,
                accepted="low below high",
            )
        if self.caseness is not None and not self.low <= self.caseness <= self.high:
            raise SchemaError(
                f"caseness of {self.measure!r} is {self.caseness}, outside its range",
                column=self.measure,
                accepted=f"a score from {self.low:g} to {self.high:g}",
            )
        if self.reliable is not None and not 0 < self.reliable <= self.high - self.low:
            raise SchemaError(
                f"reliable change of {self.measure!r} is {self.reliable}",
                column=self.measure,
                accepted=f"a positive number of points up to {self.high - self.low:g}",
            )

    @property
    def sign(self) -> float:
        """+1 when higher is worse, −1 when higher is better; times a score it gives severity."""
        return 1.0 if self.direction is Direction.LOWER_IS_BETTER else -1.0

    def is_case(self, score: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether each score is at caseness; missing scores are not."""
        if self.caseness is None:
            raise SchemaError(
                f"{self.measure!r} has no caseness threshold",
                column=self.measure,
                mend="give one in the instrument file, or choose another measure for the rule",
            )
        return self.caseness_operator.reached(self.sign * score, self.sign * self.caseness)

    def change(self, first: NDArray[np.floating], last: NDArray[np.floating]) -> NDArray[np.int8]:
        """+1 reliably improved, −1 reliably deteriorated, 0 neither (or missing)."""
        if self.reliable is None:
            raise SchemaError(
                f"{self.measure!r} has no reliable-change size",
                column=self.measure,
                mend="give one in the instrument file, or compute one with reliable_change_size()",
            )
        fall = self.sign * (first - last)
        up = self.reliable_operator.reached(fall, self.reliable).astype(np.int8)
        down = self.reliable_operator.reached(-fall, self.reliable).astype(np.int8)
        return np.asarray(up - down, dtype=np.int8)
