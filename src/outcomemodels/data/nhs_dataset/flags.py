"""Fields the national pipeline derives: read where an extract has them, and compared with ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import clean, days, distinct

YES_NO = (
    *("CompletedTreatment_Flag", "Caseness_Flag", "NotCaseness_Flag", "Recovery_Flag", "ReliableImprovement_Flag"),
    *("ReliableDeterioration_Flag", "NoChange_Flag"),
)
COUNTS = ("CareContact_Count", "TreatmentCareContact_Count", "InternetEnabledTherapy_Count")
DATES = ("Assessment_FirstDate", "TherapySession_FirstDate", "TherapySession_SecondDate", "TherapySession_LastDate")
SCORES = ("PHQ9_FirstScore", "PHQ9_LastScore", "GAD_FirstScore", "GAD_LastScore")
FLAGS = (*YES_NO, *COUNTS, *DATES, *SCORES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """How often one derived field of the extract differs from ours.

    Parameters
    ----------
    field : str
    compared, differ, only_theirs, only_ours : int
        Referrals where both have a value; where these differ; where only one side has a value.
    examples : tuple of str
        "course: theirs, ours"; at most five.
    """

    field: str
    compared: int
    differ: int
    only_theirs: int
    only_ours: int
    examples: tuple[str, ...]

    def sentence(self) -> str:
        """One line for people."""
        text = f"{self.field}: {self.differ:,} of {self.compared:,} differ from ours"
        if self.only_theirs or self.only_ours:
            text += f"; {self.only_theirs:,} only in the extract, {self.only_ours:,} only ours"
        return text


def flag_values(array: Any, name: str) -> NDArray[np.float64]:
    """Values of a derived field: 1 and 0 for flags, numbers, or days since 1970-01-01; NaN where blank."""
    if name in DATES:
        found, classes = days(array)
        return np.where(classes == 0, found.astype(np.float64), np.nan)
    which, texts = distinct(array)
    return np.array([*(_value(t) for t in texts), np.nan])[which]


def _value(text: str) -> float:
    code = clean(text)
    if code in ("TRUE", "Y", "YES"):
        return 1.0
    if code in ("FALSE", "N", "NO"):
        return 0.0
    try:
        return float(code)
    except ValueError:
        return float("nan")


def compare(
    theirs: Mapping[str, NDArray[np.float64]], ours: Mapping[str, Callable[[], NDArray[np.float64]]], course: Any
) -> tuple[Disagreement, ...]:
    """Hold every derived field of the extract against ours.

    Parameters
    ----------
    theirs : mapping of field to ndarray of float, dims (referral,)
        NaN where there is no value.
    ours : mapping of field to callable
        Makes the same of ours.
    course : pyarrow array of str, dims (referral,)
    """
    out = []
    for name, given in theirs.items():
        if name not in ours:
            continue
        mine = ours[name]()
        both = np.isfinite(given) & np.isfinite(mine)
        differ = both & (np.abs(given - mine) > 1e-4)
        shown = np.flatnonzero(differ)[:5]
        out.append(
            Disagreement(
                field=name,
                compared=int(both.sum()),
                differ=int(differ.sum()),
                only_theirs=int((np.isfinite(given) & ~np.isfinite(mine)).sum()),
                only_ours=int((~np.isfinite(given) & np.isfinite(mine)).sum()),
                examples=tuple(f"{course[int(i)].as_py()}: {given[i]:g}, ours {mine[i]:g}" for i in shown),
            )
        )
    return tuple(out)
