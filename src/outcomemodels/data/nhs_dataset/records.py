"""Everything read and derived from one folder, before it becomes a PaulDataset: plain values, one dim per table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.clients import Clients, Deciles, read_clients
from outcomemodels.data.nhs_dataset.codes import NO_DAY, Vocabulary
from outcomemodels.data.nhs_dataset.contacts import Course, course_of, within_course
from outcomemodels.data.nhs_dataset.dispositions import Dispositions, dispositions_of
from outcomemodels.data.nhs_dataset.flags import Disagreement, compare
from outcomemodels.data.nhs_dataset.problems import Problems, read_problems
from outcomemodels.data.nhs_dataset.referrals import Referrals, read_referrals
from outcomemodels.data.nhs_dataset.scores import Pair, Scores, pair_of, read_scores, ties
from outcomemodels.data.nhs_dataset.source import IntArray, Source, read_header
from outcomemodels.data.nhs_dataset.therapists import (
    Memberships,
    memberships_of,
    qualification_on,
    read_qualifications,
)
from outcomemodels.data.nhs_dataset.treatment import Treatment, medium_of, treatment_of
from outcomemodels.data.nhs_dataset.visits import Contacts, read_activities, read_contacts, read_online
from outcomemodels.outcomes.contact_rule import ContactRule
from outcomemodels.outcomes.criteria import Flag, ReliableChange
from outcomemodels.outcomes.instruments import InstrumentSet
from outcomemodels.outcomes.rules import OutcomeRule, ReferralScores, RuleResult, apply_rule


@dataclass(frozen=True, kw_only=True)
class Records:
    """Parts of one folder; every array of referrals is in the order of ``referrals``."""

    referrals: Referrals
    course: Course
    treatment: Treatment
    therapists: Memberships
    main_therapist: IntArray
    qualification: IntArray
    problems: Problems
    clients: Clients
    dispositions: Dispositions
    scores: Scores
    inside: NDArray[np.bool_]
    medium: IntArray
    mode: IntArray
    rule: OutcomeRule

    @property
    def n(self) -> int:
        """Number of referrals."""
        return self.referrals.n

    def pair(self, measure: str) -> Pair:
        """First and last score of a measure in the course."""
        return pair_of(self.scores, measure, self.inside, self.n)

    @cached_property
    def referral_scores(self) -> ReferralScores:
        """What the outcome rules need."""
        phq9 = self.pair("phq9")
        anxiety = {m: self.pair(m) for m in self.rule.anxiety_measures if m in self.scores.measures}
        return ReferralScores.from_arrays(
            phq9_first=phq9.first,
            phq9_last=phq9.last,
            phq9_count=phq9.count,
            anxiety={m: (p.first, p.last, p.count) for m, p in anxiety.items()},
            problem=self.problems.code,
            problem_labels=self.problems.codes,
            treatment_contacts=self.course.sessions,
            discharged=self.referrals.discharged != NO_DAY,
        )

    @cached_property
    def outcome(self) -> RuleResult:
        """Verdicts of the rule."""
        return apply_rule(self.rule, self.referral_scores)

    def disagreements(self) -> tuple[Disagreement, ...]:
        """The extract's derived fields held against ours."""
        return compare(self.referrals.flags, _ours(self), self.referrals.course)


def read_records(
    source: Source,
    *,
    instruments: InstrumentSet,
    rule: OutcomeRule,
    contact_rule: ContactRule,
    deciles: Deciles | None = None,
) -> Records:
    """Read and derive everything, table by table."""
    read_header(source)
    r, index = read_referrals(source)
    people = Vocabulary()
    contacts = read_contacts(source, index, contact_rule)
    activities = read_activities(source, index, contacts, people)
    online = read_online(source, index, people)
    course = course_of(r, contacts, activities, online, contact_rule)
    therapists = memberships_of(r, contacts, activities, online, course, people)
    qualified = read_qualifications(source, therapists, people, r.providers)
    main = therapists.ranked(0, r.n)[0]
    treatment = treatment_of(contacts, activities, course, r.n)
    scores = read_scores(source, index, contacts, activities, instruments)
    problems = read_problems(source, index, r.n)
    source.check_links()
    inside = in_course(r, contacts, scores, contact_rule)
    source.count("scores after discharge, before receipt or at follow-up; no outcomes", int((~inside).sum()))
    source.count("scores whose order within a day is not known", ties(scores, inside))
    return Records(
        referrals=r,
        course=course,
        treatment=treatment,
        therapists=therapists,
        main_therapist=main,
        qualification=qualification_on(qualified, main, course.first),
        problems=problems,
        clients=read_clients(source, r, index, contacts, deciles),
        dispositions=dispositions_of(r, course),
        scores=scores,
        inside=inside,
        medium=medium_of(contacts, course, contacts.medium, r.n),
        mode=medium_of(contacts, course, contacts.mode, r.n),
        rule=rule,
    )


def in_course(r: Referrals, c: Contacts, s: Scores, rule: ContactRule) -> NDArray[np.bool_]:
    """Scores that can be first or last: between receipt and discharge, not at a follow-up contact.

    Scores of missed contacts and of employment-support contacts count, as they do nationally.
    """
    follow_up = np.append(c.is_kind(rule.follow_up), False)[s.contact]
    return np.asarray(within_course(r, s.referral, s.day) & ~follow_up)


def _ours(x: Records) -> Mapping[str, NDArray[np.float64]]:
    """Our values under the national names; NaN where there is none."""
    o, phq9, gad7 = x.outcome, x.pair("phq9"), x.pair("gad7")

    def day(values: IntArray) -> NDArray[np.float64]:
        return np.where(values == NO_DAY, np.nan, values.astype(np.float64))

    def yes(values: NDArray[Any]) -> NDArray[np.float64]:
        return values.astype(np.float64)

    return {
        "CompletedTreatment_Flag": yes(o.finished),
        "Caseness_Flag": yes(o.at_caseness == Flag.YES),
        "NotCaseness_Flag": yes(o.at_caseness == Flag.NO),
        "Recovery_Flag": yes(o.recovered == Flag.YES),
        "ReliableImprovement_Flag": yes(o.reliable == ReliableChange.IMPROVED),
        "ReliableDeterioration_Flag": yes(o.reliable == ReliableChange.DETERIORATED),
        "NoChange_Flag": yes(o.reliable == ReliableChange.NONE),
        "CareContact_Count": yes(x.course.attended),
        "TreatmentCareContact_Count": yes(x.course.treated),
        "InternetEnabledTherapy_Count": yes(x.course.online),
        "Assessment_FirstDate": day(x.course.first_seen),
        "TherapySession_FirstDate": day(x.course.first),
        "TherapySession_SecondDate": day(x.course.second),
        "TherapySession_LastDate": day(x.course.last),
        "PHQ9_FirstScore": phq9.first,
        "PHQ9_LastScore": phq9.last,
        "GAD_FirstScore": gad7.first,
        "GAD_LastScore": gad7.last,
    }
