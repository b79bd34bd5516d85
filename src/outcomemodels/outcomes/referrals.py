"""What an outcome rule needs to know of each referral: plain arrays, checked once at the door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from outcomemodels.errors import DataError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorePair:
    """First and last score of one measure.

    Parameters
    ----------
    first, last : ndarray of float, dims (referral,)
        Earliest and latest score in score points; NaN when there is none. With a single score, ``last`` may
        be NaN or repeat the first: ``count`` decides.
    count : ndarray of int, dims (referral,)
        Number of scores recorded in the referral.
    """

    first: FloatArray
    last: FloatArray
    count: NDArray[np.integer]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralScores:
    """What a rule needs to know of each referral; make one with :meth:`from_arrays`, which validates.

    Parameters
    ----------
    depression : ScorePair
        PHQ-9, dims (referral,).
    anxiety : mapping of str to ScorePair
        By measure name ("gad7", "spin", …); measures the rule does not use are ignored.
    problem : ndarray of int, dims (referral,)
        Code of the last recorded problem descriptor; -1 when there is none.
    problem_labels : tuple of str
        ICD-10 code each problem code stands for ("F40.1", "F401", "F42*" and "f401 " are the same).
    treatment_contacts : ndarray of int, dims (referral,)
        Attended treatment contacts between referral and discharge; follow-up and employment-support contacts
        excluded.
    discharged : ndarray of bool, dims (referral,)
        Whether the referral has ended.
    """

    depression: ScorePair
    anxiety: Mapping[str, ScorePair]
    problem: NDArray[np.integer]
    problem_labels: tuple[str, ...]
    treatment_contacts: NDArray[np.integer]
    discharged: NDArray[np.bool_]

    @property
    def n(self) -> int:
        """Number of referrals."""
        return int(self.discharged.shape[0])

    @classmethod
    def from_arrays(
        cls,
        *,
        phq9_first: ArrayLike,
        phq9_last: ArrayLike,
        phq9_count: ArrayLike,
        anxiety: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
        problem: ArrayLike,
        problem_labels: tuple[str, ...] | None = None,
        treatment_contacts: ArrayLike,
        discharged: ArrayLike,
    ) -> ReferralScores:
        """Check and keep plain arrays, all of dims (referral,).

        Parameters
        ----------
        phq9_first, phq9_last, phq9_count : array_like
            PHQ-9 first and last score (points, NaN missing) and number of scores.
        anxiety : mapping of str to (first, last, count)
            The same per anxiety measure.
        problem : array_like
            Integer codes into ``problem_labels`` (-1 missing), or, without labels, the ICD-10 codes
            themselves as text (slower: they are factorised here).
        problem_labels : tuple of str, optional
            See ``problem``.
        treatment_contacts, discharged : array_like
            Attended treatment contacts; whether the referral has ended.

        Raises
        ------
        DataError
            When lengths differ, a code has no label, or a count is negative.
        """
        gone = np.asarray(discharged)
        if gone.dtype != np.bool_:
            raise DataError("'discharged' is not boolean", column="discharged", accepted="an array of True and False")
        n = gone.shape[0] if gone.ndim == 1 else -1
        if n < 0:
            raise DataError("'discharged' is not one-dimensional", column="discharged", accepted="dims (referral,)")
        codes, labels = _problem_codes(problem, problem_labels, n)
        return cls(
            depression=_pair("phq9", phq9_first, phq9_last, phq9_count, n),
            anxiety={name: _pair(name, *arrays, n) for name, arrays in anxiety.items()},
            problem=codes,
            problem_labels=labels,
            treatment_contacts=_counts("treatment_contacts", treatment_contacts, n),
            discharged=gone,
        )


def _problem_codes(
    problem: ArrayLike, labels: tuple[str, ...] | None, n: int
) -> tuple[NDArray[np.integer], tuple[str, ...]]:
    values = np.asarray(problem)
    if values.shape != (n,):
        raise DataError(f"'problem' has shape {values.shape}", column="problem", accepted=f"({n},)")
    if labels is None:
        texts = np.asarray(["" if v is None or v != v else str(v) for v in values.tolist()], dtype=np.str_)
        names, codes = np.unique(texts, return_inverse=True)
        return np.asarray(codes, dtype=np.int32), tuple(str(x) for x in names)
    if not np.issubdtype(values.dtype, np.integer):
        raise DataError("'problem' is not integer though labels are given", column="problem", accepted="integer codes")
    wrong = np.flatnonzero((values < -1) | (values >= len(labels)))
    if wrong.size:
        raise DataError(
            f"{wrong.size} problem codes have no label",
            column="problem",
            rows=[f"row {i}: {values[i]}" for i in wrong[:6]],
            accepted=f"-1 to {len(labels) - 1}",
        )
    return values, labels


def _pair(name: str, first: ArrayLike, last: ArrayLike, count: ArrayLike, n: int) -> ScorePair:
    return ScorePair(
        first=_scores(f"{name}_first", first, n),
        last=_scores(f"{name}_last", last, n),
        count=_counts(f"{name}_count", count, n),
    )


def _scores(name: str, values: ArrayLike, n: int) -> FloatArray:
    try:
        out = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name!r} is not numeric", column=name, accepted="numbers, NaN for missing") from error
    if out.shape != (n,):
        raise DataError(f"{name!r} has shape {out.shape}", column=name, accepted=f"({n},)")
    return out


def _counts(name: str, values: ArrayLike, n: int) -> NDArray[np.integer]:
    out = np.asarray(values)
    if not np.issubdtype(out.dtype, np.integer):
        raise DataError(f"{name!r} is not integer", column=name, accepted="whole numbers; 0 when there are none")
    if out.shape != (n,):
        raise DataError(f"{name!r} has shape {out.shape}", column=name, accepted=f"({n},)")
    if n and int(out.min()) < 0:
        raise DataError(
            f"{name!r} has negative counts", column=name, rows=[f"least: {out.min()}"], accepted="0 or more"
        )
    return out
