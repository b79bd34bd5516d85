"""What a fit is expected to show once courses are added: half-widths by the exact engine, before and after."""

from __future__ import annotations

from dataclasses import dataclass

from outcomemodels.auditing.asked import Target
from outcomemodels.auditing.gates import Ground, enough_to_weigh
from outcomemodels.auditing.supporting import average_width, fitted_width
from outcomemodels.auditing.weighing import can_weigh


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """Expected half-widths of the 95 % interval of the posterior, by the exact engine, outcome units.

    Parameters
    ----------
    average_before, average_after : float
        Of the average difference, borrowing as a fit does.
    answer_before, answer_after : float
        As a fitted answer shows it: for one new therapist and setting where none is named.
    drawings : int
        Times that outcomes of the added courses were drawn; the numbers after are means over them.
    """

    average_before: float
    average_after: float
    answer_before: float
    answer_after: float
    drawings: int

    def sentence(self, units: str) -> str:
        """Both, before and after."""
        average = f"{self.average_before:.3g} → {self.average_after:.3g} {units}"
        answer = f"{self.answer_before:.3g} → {self.answer_after:.3g} {units}"
        both = (
            average if average == answer else f"{average} for the average difference and {answer} as an answer shows it"
        )
        return f"expected posterior half-width {both}, by the exact engine with outcomes drawn for what is added"


def posterior_of(ground: Ground, more: Ground, target: Target) -> Posterior | None:
    """What a fit is expected to show before and after; None where the exact engine says nothing of one of them."""
    if not ground.fits or not more.fits:
        return None
    return Posterior(
        average_before=average_width(ground, target).half_width,
        average_after=average_width(more, target).half_width,
        answer_before=fitted_width(ground, target).half_width,
        answer_after=fitted_width(more, target).half_width,
        drawings=len(more.fits),
    )


def why_not(ground: Ground, more: Ground) -> str:
    """Why the exact engine said nothing of one of them."""
    which, lacking = ("now", ground) if not ground.fits else ("with what is added", more)
    if not lacking.planned and not enough_to_weigh(lacking.cells):
        return f"too few courses {which} have an outcome for the exact engine"
    if not can_weigh(lacking.cells):
        return f"the equations {which} are too many for the exact engine here"
    return f"the exact engine failed a gate of its own {which}"


def half_widths(ground: Ground, more: Ground, found: Posterior | None, now: float, after: float, needed: float) -> str:
    """Both kinds of half-width, each by its name; those from the closed form are ``now`` and ``after``."""
    units = ground.courses.units
    closed = f"from such courses alone, in closed form {now:.3g} → {after:.3g} {units} (worthwhile {needed:.3g})"
    if found is None:
        return f"expected half-width {closed}; {why_not(ground, more)}"
    return f"{found.sentence(units)}; {closed}"
