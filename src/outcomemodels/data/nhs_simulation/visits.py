"""Contacts of simulated referrals: sessions, assessments, missed and unplanned visits, online sessions, others."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.codes import ARMS
from outcomemodels.data.nhs_simulation.parameters import Parameters
from outcomemodels.data.nhs_simulation.spells import Spells
from outcomemodels.data.nhs_simulation.world import HIGH, PWP, World

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

ASSESSMENT, TREATMENT, COMBINED, REVIEW, FOLLOW_UP, EMPLOYMENT = 1, 2, 3, 5, 6, 10
BLANK = 0
ATTENDED = (5, 6)
ONLINE_ARM = np.array([a.online for a in ARMS])


@dataclass(frozen=True, slots=True, kw_only=True)
class Visits:
    """Contacts and online sessions, sorted by referral and day; dims (visit,).

    Parameters
    ----------
    referral, day : ndarray of int
    kind : ndarray of int
        Appointment type, as in the data set.
    attend : ndarray of int
        AttendOrDNACode; 0 blank (unplanned contacts).
    planned, online : ndarray of bool
        Online visits are log entries, not contacts.
    session : ndarray of int
        Position of the treatment session, from 0; -1 for other visits. Missed visits carry the session they precede.
    arm : ndarray of int
        Treatment; -1 where none is coded.
    therapist : ndarray of int
    scored : ndarray of bool
        Whether questionnaires are offered.
    """

    referral: IntArray
    day: IntArray
    kind: IntArray
    attend: IntArray
    planned: BoolArray
    online: BoolArray
    session: IntArray
    arm: IntArray
    therapist: IntArray
    scored: BoolArray

    @property
    def n(self) -> int:
        """Number of visits."""
        return len(self.day)

    @property
    def attended(self) -> BoolArray:
        """Whether the client was seen; unplanned contacts count, online sessions too."""
        return np.isin(self.attend, ATTENDED) | ~self.planned | self.online

    def take(self, rows: NDArray[np.generic]) -> Visits:
        """These rows, in this order."""
        return Visits(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How referrals ended, dims (referral,): day (-1 when still open), and whether all sessions had happened."""

    day: IntArray
    whole: BoolArray

    @property
    def open(self) -> BoolArray:
        """Still open when the records end."""
        return self.day < 0


def draw_visits(
    p: Parameters, world: World, spells: Spells, end: int, rng: np.random.Generator
) -> tuple[Visits, Ending]:
    """Dates and kinds of all visits up to ``end``, and the day each referral ended."""
    sessions, all_of = _sessions(p, world, spells, rng)
    n, first_day = spells.n, spells.day + spells.wait_assessment
    last = first_day.copy()
    last[~spells.seen] += rng.integers(5, 40, int((~spells.seen).sum()))
    np.maximum.at(last, sessions.referral, sessions.day)
    gone = spells.dropped.any(axis=0)
    parts = [sessions, _assessments(world, spells, first_day, rng), _missed(p, sessions, gone, rng)]
    closed = last + np.where(gone, rng.integers(25, 70, n), rng.integers(2, 25, n))
    whole = (np.bincount(sessions.referral[sessions.day <= end], minlength=n) == all_of) & (first_day <= end)
    closed = np.where(whole & (closed <= end), closed, -1)
    parts.append(_employment(p, spells, closed, end, rng))
    parts.append(_follow_ups(p, spells, closed, all_of, rng))
    visits = Visits(**{f.name: np.concatenate([getattr(v, f.name) for v in parts]) for f in fields(Visits)})
    visits = visits.take(visits.day <= end)
    visits = visits.take(np.lexsort((visits.kind, visits.day, visits.referral)))
    return visits, Ending(day=closed, whole=whole)


def _sessions(p: Parameters, world: World, spells: Spells, rng: np.random.Generator) -> tuple[Visits, IntArray]:
    each = spells.attended.sum(axis=0)
    ref = np.repeat(np.arange(spells.n), each)
    start = np.cumsum(each) - each
    pos = np.arange(len(ref)) - start[ref]
    step = (pos >= spells.attended[0, ref]).astype(np.int64)
    arm = spells.arm[step, ref]
    usual = np.where(HIGH[arm], 7 * rng.choice([1, 1, 1, 2], len(ref)), 7 * rng.choice([1, 2, 2, 3], len(ref)))
    usual = usual + rng.integers(0, 3, len(ref))
    second = np.exp(np.log(p["wait.second_median"]) + p["wait.second_log_sd"] * rng.standard_normal(len(ref)))
    between = np.exp(np.log(p["wait.step_median"]) + p["wait.second_log_sd"] * rng.standard_normal(len(ref)))
    gap = np.where(pos == 1, np.maximum(7, np.rint(second)), usual)
    gap = np.where((step == 1) & (pos == spells.attended[0, ref]), np.maximum(7, np.rint(between)), gap)
    gap = np.where(pos == 0, spells.wait_treatment[ref], gap).astype(np.int64)
    total = np.cumsum(gap)
    base = total[start[ref]] - gap[start[ref]] if len(ref) else total
    day = spells.day[ref] + total - base
    kind = np.where(rng.random(len(ref)) < 0.08, REVIEW, TREATMENT)
    kind = np.where(pos == 0, np.where(spells.combined[ref], COMBINED, TREATMENT), kind)
    online = ONLINE_ARM[arm] & (pos >= 1) & (rng.random(len(ref)) < p["contact.online"])
    unplanned = (rng.random(len(ref)) < p["contact.unplanned"]) & ~online
    attend = np.where(unplanned, BLANK, np.where(rng.random(len(ref)) < 0.06, 6, 5))
    who = spells.therapist[step, ref]
    cover = rng.random(len(ref)) < p["therapist.cover"]
    other = world.pick(spells.people.service[ref], arm, rng.random(len(ref)))
    who = np.where(cover, other, who)
    return (
        Visits(
            referral=ref,
            day=day,
            kind=kind,
            attend=attend,
            planned=~unplanned,
            online=online,
            session=pos,
            arm=arm,
            therapist=who,
            scored=np.ones(len(ref), dtype=bool),
        ),
        each,
    )


def _assessments(world: World, spells: Spells, first_day: IntArray, rng: np.random.Generator) -> Visits:
    """Separate assessments of those seen; missed appointments of those never seen."""
    separate = spells.seen & ~(spells.enters & spells.combined)
    missed = ~spells.seen & (rng.random(spells.n) < 0.45)
    ref = np.flatnonzero(separate | missed)
    n = len(ref)
    code = np.where(separate[ref], np.where(rng.random(n) < 0.05, 6, 5), rng.choice([2, 3, 4], n, p=[0.4, 0.5, 0.1]))
    low_arm = np.zeros(n, dtype=np.int64)  # any PWP can give guided self-help, so that picks an assessor
    return Visits(
        referral=ref,
        day=first_day[ref],
        kind=np.full(n, ASSESSMENT),
        attend=code,
        planned=np.ones(n, dtype=bool),
        online=np.zeros(n, dtype=bool),
        session=np.full(n, -1),
        arm=np.full(n, -1),
        therapist=world.pick(spells.people.service[ref], low_arm, rng.random(n)),
        scored=separate[ref],
    )


def _missed(p: Parameters, sessions: Visits, gone: BoolArray, rng: np.random.Generator) -> Visits:
    """Missed appointments: some days before a session, and after the last of those who dropped out."""
    before = np.flatnonzero((sessions.session >= 1) & (rng.random(sessions.n) < p["contact.missed"]))
    after = np.flatnonzero(np.append(sessions.referral[1:] != sessions.referral[:-1], True)[: sessions.n])
    after = after[gone[sessions.referral[after]] & (rng.random(len(after)) < 0.6)]
    rows = np.concatenate([before, after])
    day = np.concatenate([sessions.day[before] - rng.integers(2, 5, len(before)), sessions.day[after] + 7])
    n = len(rows)
    code = rng.choice([2, 3, 4, 7], n, p=[0.47, 0.4, 0.1, 0.03])
    return Visits(
        referral=sessions.referral[rows],
        day=day,
        kind=np.full(n, TREATMENT),
        attend=code,
        planned=np.ones(n, dtype=bool),
        online=np.zeros(n, dtype=bool),
        session=sessions.session[rows],
        arm=np.full(n, -1),
        therapist=sessions.therapist[rows],
        scored=rng.random(n) < p["measure.missed_visit"],
    )


def _employment(p: Parameters, spells: Spells, closed: IntArray, end: int, rng: np.random.Generator) -> Visits:
    """One to three meetings with an employment adviser, between first treatment and discharge."""
    who = np.flatnonzero(spells.enters & (rng.random(spells.n) < p["contact.employment"]))
    times = rng.integers(1, 4, len(who))
    ref = np.repeat(who, times)
    first = spells.day[ref] + spells.wait_treatment[ref]
    until = np.where(closed[ref] >= 0, closed[ref], end)
    day = first + 1 + (rng.random(len(ref)) * np.maximum(until - first - 1, 1)).astype(np.int64)
    ok = day <= until
    ref, day = ref[ok], day[ok]
    n = len(ref)
    return Visits(
        referral=ref,
        day=day,
        kind=np.full(n, EMPLOYMENT),
        attend=np.full(n, 5),
        planned=np.ones(n, dtype=bool),
        online=np.zeros(n, dtype=bool),
        session=np.full(n, -1),
        arm=np.full(n, -1),
        therapist=np.full(n, -1),
        scored=np.zeros(n, dtype=bool),
    )


def _follow_ups(p: Parameters, spells: Spells, closed: IntArray, all_of: IntArray, rng: np.random.Generator) -> Visits:
    """One contact some weeks after discharge; its scores are no outcome."""
    ref = np.flatnonzero((closed >= 0) & (all_of >= 2) & (rng.random(spells.n) < p["contact.follow_up"]))
    n = len(ref)
    return Visits(
        referral=ref,
        day=closed[ref] + rng.integers(20, 90, n),
        kind=np.full(n, FOLLOW_UP),
        attend=np.full(n, 5),
        planned=np.ones(n, dtype=bool),
        online=np.zeros(n, dtype=bool),
        session=np.full(n, -1),
        arm=np.full(n, -1),
        therapist=spells.therapist[np.where(spells.arm[1, ref] >= 0, 1, 0), ref],
        scored=np.ones(n, dtype=bool),
    )


def is_pwp(world: World, therapist: IntArray) -> BoolArray:
    """Whether each therapist is a PWP."""
    return np.asarray(world.therapist_role[np.maximum(therapist, 0)] == PWP)
