"""Dose and waiting times from distinct contacts: who was seen, treated, how often, how long they waited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import NO_DAY, therapies
from outcomemodels.data.nhs_dataset.referrals import Referrals
from outcomemodels.data.nhs_dataset.source import IntArray
from outcomemodels.data.nhs_dataset.visits import Activities, BoolArray, Contacts, OnlineSessions
from outcomemodels.outcomes.contact_rule import ContactRule

LATEST = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What contacts say of each referral, dims (referral,).

    Parameters
    ----------
    contacts, attended, missed, treated, online : ndarray of int32
        Distinct contacts in all; attended ones that saw the client; those the client missed or cancelled; attended
        treatment contacts; sessions of internet therapy.
    minutes : ndarray of float
        Clinical minutes of treatment contacts; NaN where none is recorded.
    first_seen, assessed, first, second, last : ndarray of int32
        Days since 1970-01-01 of the first contact that saw the client, the first assessment, and the first, second
        and last treatment session (contact or online).
    """

    contacts: IntArray
    attended: IntArray
    missed: IntArray
    treated: IntArray
    online: IntArray
    minutes: NDArray[np.float64]
    first_seen: IntArray
    assessed: IntArray
    first: IntArray
    second: IntArray
    last: IntArray

    @property
    def sessions(self) -> IntArray:
        """Treatment contacts and online sessions together, dims (referral,): what makes a finished course."""
        return (self.treated + self.online).astype(np.int32)


def course_of(
    r: Referrals, c: Contacts, a: Activities, online: OnlineSessions, rule: ContactRule
) -> tuple[Course, BoolArray]:
    """Count contacts between referral and discharge; follow-up and employment-support contacts are no treatment.

    Returns
    -------
    course : Course
    is_treatment : ndarray of bool, dims (contact,)
    """
    n = r.n
    support = employment_support(c, a, rule) if rule.employment_excluded else np.zeros(c.n, dtype=bool)
    inside = within_course(r, c.referral, c.day)
    seen = c.attended & inside & c.is_kind(rule.seen) & ~support
    treatment = seen & c.is_kind(rule.treated)
    ok = within_course(r, online.referral, online.day) & rule.online_counts
    session_of = np.concatenate([c.referral[treatment], online.referral[ok]])
    session_day = np.concatenate([c.day[treatment], online.day[ok]])
    first, second, last = _first_second_last(session_of, session_day, n)
    minutes = np.bincount(
        c.referral[treatment], weights=np.nan_to_num(c.minutes[treatment]).astype(np.float64), minlength=n
    )
    timed = np.bincount(c.referral[treatment & np.isfinite(c.minutes)], minlength=n)
    course = Course(
        contacts=_count(c.referral[inside & ~support], n),
        attended=_count(c.referral[seen], n),
        missed=_count(c.referral[inside & ~c.attended & ~support], n),
        treated=_count(c.referral[treatment], n),
        online=_count(online.referral[ok], n),
        minutes=np.where(timed > 0, minutes, np.nan),
        first_seen=_least(c.referral[seen], c.day[seen], n),
        assessed=_least(c.referral[seen & c.is_kind(rule.assessed)], c.day[seen & c.is_kind(rule.assessed)], n),
        first=first,
        second=second,
        last=last,
    )
    return course, treatment


def employment_support(c: Contacts, a: Activities, rule: ContactRule) -> BoolArray:
    """Contacts with an employment adviser: so typed, or with no other coded activity, dims (contact,)."""
    coded = a.therapy >= 0
    is_support = therapies().support[np.maximum(a.therapy, 0)] & coded
    some = np.zeros(c.n, dtype=bool)
    other = np.zeros(c.n, dtype=bool)
    some[a.contact[is_support]] = True
    other[a.contact[coded & ~is_support]] = True
    return c.is_kind(rule.employment) | (some & ~other)


def within_course(r: Referrals, referral: IntArray, day: IntArray) -> BoolArray:
    """Whether each date lies between receipt and discharge of its referral; open referrals have no end."""
    end = np.where(r.discharged == NO_DAY, LATEST, r.discharged)
    return np.asarray((day >= r.received[referral]) & (day <= end[referral]))


def days_between(early: IntArray, late: IntArray) -> NDArray[np.float64]:
    """Days from one date to another; NaN where either is missing."""
    known = (early != NO_DAY) & (late != NO_DAY)
    return np.where(known, late.astype(np.float64) - early.astype(np.float64), np.nan)


def _count(of: IntArray, n: int) -> IntArray:
    return np.bincount(of, minlength=n).astype(np.int32)


def _least(of: IntArray, day: IntArray, n: int) -> IntArray:
    out = np.full(n, LATEST, dtype=np.int32)
    np.minimum.at(out, of, day)
    return np.where(out == LATEST, NO_DAY, out).astype(np.int32)


def _first_second_last(of: NDArray[Any], day: NDArray[Any], n: int) -> tuple[IntArray, IntArray, IntArray]:
    order = np.lexsort((day, of))
    of, day = of[order], day[order]
    start = np.append(True, of[1:] != of[:-1])[: len(of)]
    out = [np.full(n, NO_DAY, dtype=np.int32) for _ in range(3)]
    out[0][of[start]] = day[start]
    begins = np.flatnonzero(start)
    size = np.diff(np.append(begins, len(of)))
    more = begins[size > 1]
    out[1][of[more]] = day[more + 1]
    ends = begins + size - 1
    out[2][of[ends]] = day[ends]
    return out[0], out[1], out[2]
