"""What became of each referral: by its contacts, by its end code, and where the two disagree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import NO_DAY, code_lists
from outcomemodels.data.nhs_dataset.contacts import Course
from outcomemodels.data.nhs_dataset.referrals import Referrals
from outcomemodels.data.nhs_dataset.source import IntArray

STATES = ("open", "not assessed", "assessed only", "treated once", "finished")
"""By contacts: none, seen but not treated, one treatment session, two or more; open until discharged."""

NOT_TAKEN_ON = ("10", "11", "12", "13", "14", "16", "17", "50", "95")
TAKEN_ON = ("46", "47", "48", "49", "96")
OUTCOMES = (
    *("open", "not assessed", "unsuitable", "declined", "advice only", "referred on", "dropped out at assessment"),
    *("deceased", "assessed, unknown", "treated once", "completed", "dropped out", "service ended early"),
    "finished, unknown",
)
"""The two together: state by contacts, and within it the end code where it fits the state."""

_ASSESSED = {
    "unsuitable": "unsuitable",
    "declined": "declined",
    "advice_only": "advice only",
    "referred_on": "referred on",
    "assessment_dropout": "dropped out at assessment",
    "deceased": "deceased",
}
_FINISHED = {
    "completed": "completed",
    "dropped_out": "dropped out",
    "service_ended_early": "service ended early",
    "deceased": "deceased",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispositions:
    """Dispositions, dims (referral,): codes into ``STATES`` and ``OUTCOMES``.

    Parameters
    ----------
    state, outcome : ndarray of int
    agrees : ndarray of int
        1 end code and contacts agree, 0 they do not, -1 no end code, or one that says nothing of it.
    """

    state: IntArray
    outcome: IntArray
    agrees: IntArray

    def sentence(self) -> str:
        """Disagreement in words."""
        known = int((self.agrees >= 0).sum())
        wrong = int((self.agrees == 0).sum())
        return (
            "end code and contacts disagree on whether the client was treated in "
            f"{wrong:,} of {known:,} ended referrals with a telling code"
        )


def dispositions_of(r: Referrals, course: Course) -> Dispositions:
    """Derive dispositions; code 47 (ended earlier than planned) is read as drop-out, though it says not who ended."""
    known = code_lists()["EndCode"]
    ended = r.discharged != NO_DAY
    sessions = course.sessions
    state = np.select([~ended, sessions >= 2, sessions == 1, course.attended >= 1], [0, 4, 3, 2], 1)
    at = {name: i for i, name in enumerate(OUTCOMES)}
    assessed = np.array(
        [at[_ASSESSED.get(label, "assessed, unknown")] for label in known.labels.values()] + [at["assessed, unknown"]]
    )
    finished = np.array(
        [at[_FINISHED.get(label, "finished, unknown")] for label in known.labels.values()] + [at["finished, unknown"]]
    )
    outcome = np.select(
        [state == 0, state == 1, state == 2, state == 3],
        [at["open"], at["not assessed"], assessed[r.end_code], at["treated once"]],
        finished[r.end_code],
    )
    return Dispositions(
        state=state.astype(np.int32), outcome=outcome.astype(np.int32), agrees=_agreement(r, course, ended)
    )


def _agreement(r: Referrals, course: Course, ended: NDArray[np.bool_]) -> IntArray:
    known = code_lists()["EndCode"]
    before = np.isin(r.end_code, [known.number(c) for c in NOT_TAKEN_ON])
    after = np.isin(r.end_code, [known.number(c) for c in TAKEN_ON])
    unseen = r.end_code == known.number("50")
    treated, seen = course.sessions >= 1, course.attended >= 1
    wrong = (before & treated) | (after & ~treated) | (unseen & seen)
    telling = ended & (before | after)
    return np.where(telling, (~wrong).astype(np.int32), -1).astype(np.int32)
