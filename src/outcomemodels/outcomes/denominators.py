"""The same outcome over four denominators, with worst- and best-case bounds for those never assessed.

=============  ===============================================  ========================================
name           clients in recovery rates                        clients in improvement and deterioration
=============  ===============================================  ========================================
national       finished − finished not at caseness              finished
complete_case  finished, paired, at caseness                    finished and paired
entered        discharged, a treatment contact, not known to    discharged, a treatment contact
               be below caseness
all_referred   discharged, not known to be below caseness       discharged
=============  ===============================================  ========================================

The bounds replace every unassessed outcome by failure or by success (Manski 1990): nothing else is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from outcomemodels.errors import DataError
from outcomemodels.outcomes.criteria import Flag, ReliableChange
from outcomemodels.outcomes.referrals import ReferralScores
from outcomemodels.outcomes.rules import RuleResult

DENOMINATORS = ("national", "complete_case", "entered", "all_referred")
OUTCOMES = ("recovery", "reliable_recovery", "improvement", "deterioration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One outcome over one denominator.

    Parameters
    ----------
    outcome, denominator : str
        Which outcome, which clients.
    events, total, unassessed : int
        Clients known to have the outcome; in the denominator; of these, those whose outcome is not known.
    """

    outcome: str
    denominator: str
    events: int
    total: int
    unassessed: int

    @property
    def rate(self) -> float:
        """Events over total, unassessed counted as not having the outcome; NaN when nobody is in it."""
        return self.events / self.total if self.total else float("nan")

    @property
    def lowest(self) -> float:
        """Rate if no unassessed client has the outcome."""
        return self.rate

    @property
    def highest(self) -> float:
        """Rate if every unassessed client has the outcome."""
        return (self.events + self.unassessed) / self.total if self.total else float("nan")


def rates(result: RuleResult, referrals: ReferralScores) -> tuple[Rate, ...]:
    """Compute every outcome over every denominator, discharged referrals only.

    Raises
    ------
    DataError
        When result and referrals differ in length.

    References ---------- Manski (1990), American Economic Review 80:319-323. NHS Digital (2021), A guide to
    IAPT data and publications.
    """
    if result.n != referrals.n:
        raise DataError(f"{result.n} results for {referrals.n} referrals", accepted="the referrals that were scored")
    who, events = members(result, referrals), outcomes_of(result)
    out = []
    for name in DENOMINATORS:
        for outcome in OUTCOMES:
            inside = who[name]
            if outcome in ("recovery", "reliable_recovery"):
                inside = inside & (result.at_caseness != Flag.NO)
            out.append(
                Rate(
                    outcome=outcome,
                    denominator=name,
                    events=int((events[outcome] & inside).sum()),
                    total=int(inside.sum()),
                    unassessed=int((inside & ~result.paired).sum()),
                )
            )
    return tuple(out)


def members(result: RuleResult, referrals: ReferralScores) -> dict[str, NDArray[np.bool_]]:
    """Who belongs to each denominator before those below caseness are taken out, dims (referral,)."""
    ended = referrals.discharged
    return {
        "national": result.finished,
        "complete_case": result.finished & result.paired,
        "entered": ended & (referrals.treatment_contacts >= 1),
        "all_referred": ended,
    }


def outcomes_of(result: RuleResult) -> dict[str, NDArray[np.bool_]]:
    """Who is known to have each outcome, dims (referral,)."""
    return {
        "recovery": result.recovered == Flag.YES,
        "reliable_recovery": result.reliable_recovery == Flag.YES,
        "improvement": result.reliable == ReliableChange.IMPROVED,
        "deterioration": result.reliable == ReliableChange.DETERIORATED,
    }


def published_rate(
    outcome: Literal["recovery", "reliable_recovery", "improvement", "deterioration"],
    *,
    events: float,
    finished: float,
    not_at_caseness: float,
) -> float:
    """Apply the national formula to published counts.

    Recovery is over finished minus not at caseness, improvement and deterioration over finished.

    Raises
    ------
    DataError
        When counts contradict each other or the outcome is unknown.
    """
    if outcome not in OUTCOMES:
        raise DataError(f"no outcome {outcome!r}", accepted=", ".join(OUTCOMES))
    total = finished - not_at_caseness if outcome in ("recovery", "reliable_recovery") else finished
    if not 0 <= events <= total or not 0 <= not_at_caseness <= finished or total == 0:
        raise DataError(
            f"counts contradict each other: {events:g} of {total:g}",
            accepted="0 <= events <= denominator, denominator above 0",
        )
    return events / total


def funnel(*, referred: float, started: float, finished: float) -> dict[str, float]:
    """Shares of the way through a service, from counts of one period (by event date, so not of one cohort).

    Returns
    -------
    dict of str to float
        ``started_of_referred``, ``finished_of_started``, ``finished_of_referred``, ``lost_after_start``.

    Raises
    ------
    DataError
        When a count is negative or nobody was referred or started.
    """
    if min(referred, started, finished) < 0 or not (referred > 0 and started > 0):
        raise DataError(
            f"referred {referred:g}, started {started:g}, finished {finished:g}",
            accepted="counts of 0 or more, referred and started above 0",
        )
    return {
        "started_of_referred": started / referred,
        "finished_of_started": finished / started,
        "finished_of_referred": finished / referred,
        "lost_after_start": 1 - finished / started,
    }
