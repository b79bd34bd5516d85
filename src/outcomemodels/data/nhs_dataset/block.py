"""Everything derived for one block of referrals from its contacts, activities, online sessions, descriptors, scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.clients import first_known
from outcomemodels.data.nhs_dataset.codes import NO_DAY
from outcomemodels.data.nhs_dataset.contacts import Course, course_of, within_course
from outcomemodels.data.nhs_dataset.problems import Problems, problems_of
from outcomemodels.data.nhs_dataset.referrals import Referrals
from outcomemodels.data.nhs_dataset.scores import Pair, Scores, Tools, pair_of, scores_of, ties
from outcomemodels.data.nhs_dataset.source import IntArray, Source
from outcomemodels.data.nhs_dataset.therapists import Shares, shares_of
from outcomemodels.data.nhs_dataset.treatment import Treatment, medium_of, treatment_of
from outcomemodels.data.nhs_dataset.visits import Activities, Contacts, online_sessions
from outcomemodels.outcomes.contact_rule import ContactRule
from outcomemodels.outcomes.rules import OutcomeRule, ReferralScores, RuleResult, apply_rule

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What was set aside for one block: rows of each table, ``referral`` counted over the whole folder."""

    contacts: Columns
    activities: Columns
    online: Columns
    problems: Columns
    inside: Columns
    outside: Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block; every array is in the order of its referrals.

    Parameters
    ----------
    pairs : mapping of measure to Pair
        Of the measures with any score in the block.
    long : dict
        Its long table of scores: referral, measure, weeks, score, recorded, phase.
    """

    course: Course
    treatment: Treatment
    problems: Problems
    outcome: RuleResult
    shares: Shares
    pairs: Mapping[str, Pair]
    medication: IntArray
    medium: IntArray
    mode: IntArray
    long: Columns


def block_of(
    r: Referrals, start: int, rows: Rows, *, source: Source, codes: tuple[str, ...], rank: NDArray[np.int64],
    tools: Tools, rule: OutcomeRule, contact_rule: ContactRule,
) -> Block:  # fmt: skip
    """Derive everything for the referrals ``r``, the first of which is number ``start``.

    Parameters
    ----------
    codes : tuple of str
        Texts of problem codes.
    rank : ndarray of int, dims (local identifier,)
        From :func:`outcomemodels.data.nhs_dataset.therapists.alphabet`.
    """
    for held in (rows.contacts, rows.activities, rows.online, rows.problems, rows.inside, rows.outside):
        held["referral"] = held["referral"] - np.int32(start)
    by = np.argsort(rows.contacts["row"])
    row = rows.contacts["row"][by]
    c = Contacts(**{f.name: rows.contacts[f.name][by] for f in fields(Contacts)})
    order = np.argsort(rows.activities["row"])
    a = Activities(
        contact=np.searchsorted(row, rows.activities["contact"][order]).astype(np.int32),
        therapy=rows.activities["therapy"][order],
        therapist=rows.activities["therapist"][order],
    )
    online = online_sessions(rows.online)
    source.count("online therapy sessions", len(online.referral))
    course, is_treatment = course_of(r, c, a, online, contact_rule)
    scores = scores_of({**rows.inside, "contact": np.searchsorted(row, rows.inside["contact"])}, rows.outside, c,
                       tools, source)  # fmt: skip
    inside = in_course(r, c, scores, contact_rule)
    source.count("scores after discharge, before receipt or at follow-up; no outcomes", int((~inside).sum()))
    source.count("scores whose order within a day is not known", ties(scores, inside))
    used = np.bincount(scores.measure[scores.measure >= 0], minlength=len(scores.measures)) > 0
    pairs = {m: pair_of(scores, m, inside, r.n) for m, any_ in zip(scores.measures, used, strict=True) if any_}
    problems = problems_of(rows.problems, codes, r.n)
    return Block(
        course=course,
        treatment=treatment_of(c, a, is_treatment, r.n),
        problems=problems,
        outcome=apply_rule(
            rule, referral_scores(rule, pairs, scores.measures, problems.code, codes, course.sessions, r.discharged)
        ),
        shares=shares_of(r, c, a, online, is_treatment, rank, start),
        pairs=pairs,
        medication=first_known(c, c.medication, r.n),
        medium=medium_of(c, is_treatment, c.medium, r.n),
        mode=medium_of(c, is_treatment, c.mode, r.n),
        long=_long(r, start, scores, inside, course.first),
    )


def referral_scores(
    rule: OutcomeRule, pairs: Mapping[str, Pair], measures: tuple[str, ...], problem: IntArray, codes: tuple[str, ...],
    sessions: IntArray, discharged: IntArray,
) -> ReferralScores:  # fmt: skip
    """What the outcome rules need; a measure that nobody has a score of is one nobody has a score of."""
    n = len(discharged)
    nobody = Pair(
        first=np.full(n, np.nan, np.float32), last=np.full(n, np.nan, np.float32), count=np.zeros(n, np.int32)
    )
    phq9 = pairs.get("phq9", nobody)
    anxiety = {m: pairs.get(m, nobody) for m in rule.anxiety_measures if m in measures}
    return ReferralScores.from_arrays(
        phq9_first=phq9.first,
        phq9_last=phq9.last,
        phq9_count=phq9.count,
        anxiety={m: (p.first, p.last, p.count) for m, p in anxiety.items()},
        problem=problem,
        problem_labels=codes,
        treatment_contacts=sessions,
        discharged=discharged != NO_DAY,
    )


def in_course(r: Referrals, c: Contacts, s: Scores, rule: ContactRule) -> NDArray[np.bool_]:
    """Scores that can be first or last: between receipt and discharge, not at a follow-up contact.

    Scores of missed contacts and of employment-support contacts count, as they do nationally.
    """
    follow_up = np.append(c.is_kind(rule.follow_up), False)[s.contact]
    return np.asarray(within_course(r, s.referral, s.day) & ~follow_up)


def _long(r: Referrals, start: int, s: Scores, inside: NDArray[np.bool_], first: IntArray) -> Columns:
    began = first[s.referral]
    received = r.received[s.referral]
    weeks = (s.day.astype(np.float64) - received) / 7
    return {
        "referral": s.referral + np.int32(start),
        "measure": s.measure,
        "weeks": np.where(np.abs(weeks) <= 5220, weeks, np.nan),
        "score": s.value.astype(np.float64),
        "recorded": (s.contact < 0).astype(np.int32),
        "phase": np.select([~inside & (s.day > received), (began != NO_DAY) & (s.day >= began)], [2, 1], 0),
    }
