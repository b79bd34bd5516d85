"""Everything read and derived from one folder, before it becomes a PaulDataset: plain values, dims (referral,)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.block import Block, Rows, block_of, referral_scores
from outcomemodels.data.nhs_dataset.clients import Clients, Deciles, read_clients
from outcomemodels.data.nhs_dataset.codes import NO_DAY, Vocabulary
from outcomemodels.data.nhs_dataset.contacts import Course
from outcomemodels.data.nhs_dataset.dispositions import Dispositions, dispositions_of
from outcomemodels.data.nhs_dataset.flags import Disagreement, compare
from outcomemodels.data.nhs_dataset.further import Further, read_further
from outcomemodels.data.nhs_dataset.linking import link_visits
from outcomemodels.data.nhs_dataset.problems import DESCRIPTOR, Problems, spill_problems
from outcomemodels.data.nhs_dataset.referrals import Referrals, read_referrals
from outcomemodels.data.nhs_dataset.scores import OUTSIDE, Pair, Tools, spill_referral_scores
from outcomemodels.data.nhs_dataset.source import IntArray, Source, read_header
from outcomemodels.data.nhs_dataset.spill import Blocks, LongTable, Scratch, Spill
from outcomemodels.data.nhs_dataset.therapists import (
    Memberships,
    alphabet,
    memberships_of,
    qualification_on,
    read_qualifications,
)
from outcomemodels.data.nhs_dataset.treatment import Treatment
from outcomemodels.data.nhs_dataset.visits import ENTRY, spill_online
from outcomemodels.outcomes.contact_rule import ContactRule
from outcomemodels.outcomes.criteria import Flag, ReliableChange
from outcomemodels.outcomes.instruments import InstrumentSet
from outcomemodels.outcomes.rules import OutcomeRule, ReferralScores, RuleResult

BLOCK = 50_000
"""Referrals worked on at once, unless the caller says how many blocks."""


@dataclass(frozen=True, kw_only=True)
class Records:
    """Parts of one folder; every array is in the order of ``referrals``.

    Parameters
    ----------
    pairs : mapping of measure to Pair
        Of the measures with any score, in the order of ``measures``.
    measures : tuple of str
        All measures known.
    long : mapping of column to ndarray, dims (score,)
        The long table of scores; empty where it is not kept.
    """

    referrals: Referrals
    course: Course
    treatment: Treatment
    therapists: Memberships
    main_therapist: IntArray
    qualification: IntArray
    problems: Problems
    clients: Clients
    further: Further
    dispositions: Dispositions
    outcome: RuleResult
    pairs: Mapping[str, Pair]
    measures: tuple[str, ...]
    long: Mapping[str, NDArray[Any]]
    medium: IntArray
    mode: IntArray
    rule: OutcomeRule

    @property
    def n(self) -> int:
        """Number of referrals."""
        return self.referrals.n

    @cached_property
    def referral_scores(self) -> ReferralScores:
        """What the outcome rules need."""
        p = self.problems
        return referral_scores(
            self.rule, self.pairs, self.measures, p.code, p.codes, self.course.sessions, self.referrals.discharged
        )

    def disagreements(self) -> tuple[Disagreement, ...]:
        """The extract's derived fields held against ours."""
        return compare(self.referrals.flags, _ours(self), self.referrals.course)


def read_records(
    source: Source,
    *,
    instruments: InstrumentSet,
    rule: OutcomeRule,
    contact_rule: ContactRule,
    scratch: Scratch,
    deciles: Deciles | None = None,
    partitions: int | None = None,
    assessments: bool = True,
) -> Records:
    """Stream every table once, setting rows aside by the block of their referral; then derive block by block.

    Of contacts, activities and scores only one block is in memory at a time.
    """
    read_header(source)
    r, index = read_referrals(source)
    size = BLOCK if partitions is None else -(-r.n // partitions)
    blocks = Blocks(r.n, max(size, 1))
    people, words, tools = Vocabulary(), Vocabulary(), Tools(instruments)
    online = Spill(scratch, "online", blocks.number, ENTRY)
    visits = link_visits(source, index, contact_rule, people, tools, blocks, scratch)
    spill_online(source, index, people, blocks, online)
    outside = Spill(scratch, "outside", blocks.number, OUTSIDE)
    spill_referral_scores(source, index, tools, blocks, outside)
    descriptors = Spill(scratch, "descriptor", blocks.number, DESCRIPTOR)
    spill_problems(source, index, words, blocks, descriptors)
    source.check_links()
    whole, shares = Whole(r.n), []
    long = LongTable(scratch, "long", LONG)
    codes, rank = words.texts, alphabet(people)
    for k in range(blocks.number):
        source.say(f"courses: part {k + 1} of {blocks.number}")
        start, end = blocks.bounds(k)
        rows = Rows(
            contacts=visits.contacts.take(k), activities=visits.activities.take(k), online=online.take(k),
            problems=descriptors.take(k), inside=visits.scores.take(k), outside=outside.take(k),
        )  # fmt: skip
        one = block_of(
            r.part(start, end), start, rows, source=source, codes=codes, rank=rank, tools=tools, rule=rule,
            contact_rule=contact_rule,
        )  # fmt: skip
        whole.put(start, end, one)
        shares.append(one.shares)
        if assessments:
            long.add(one.long)
    return _records(source, r, index, whole, memberships_of(shares, people, r.providers), people, codes, tools, rule,
                    deciles, long.finish(measure=_positions(whole.pairs, tools.names)))  # fmt: skip


LONG = {"referral": "i4", "measure": "i4", "weeks": "f8", "score": "f8", "recorded": "i4", "phase": "i4"}


def _positions(used: Mapping[str, Any], names: tuple[str, ...]) -> NDArray[np.int32]:
    """Number of each measure among those used; -1 where it is not."""
    listed = [name for name in names if name in used]
    return np.array([listed.index(name) if name in used else -1 for name in names], dtype=np.int32)


class Whole:
    """Arrays of all referrals, filled block by block."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.held: dict[str, NDArray[Any]] = {}
        self.pairs: dict[str, Pair] = {}

    def put(self, start: int, end: int, b: Block) -> None:
        """Fill in one block."""
        for part in ("course", "treatment", "problems", "outcome"):
            one = getattr(b, part)
            for f in fields(one):
                if isinstance(getattr(one, f.name), np.ndarray):
                    self._fill(f"{part}.{f.name}", getattr(one, f.name), start, end)
        for name in ("medication", "medium", "mode"):
            self._fill(name, getattr(b, name), start, end)
        for measure, pair in b.pairs.items():
            mine = self.pairs.get(measure)
            if mine is None:
                first, last = (np.full(self.n, np.nan, dtype=np.float32) for _ in range(2))
                mine = self.pairs[measure] = Pair(first=first, last=last, count=np.zeros(self.n, dtype=np.int32))
            mine.first[start:end], mine.last[start:end], mine.count[start:end] = pair.first, pair.last, pair.count

    def _fill(self, name: str, values: NDArray[Any], start: int, end: int) -> None:
        if name not in self.held:
            self.held[name] = np.empty(self.n, dtype=values.dtype)
        self.held[name][start:end] = values

    def take(self, part: str) -> dict[str, NDArray[Any]]:
        """Arrays of one part, by name."""
        return {name.partition(".")[2]: v for name, v in self.held.items() if name.startswith(f"{part}.")}


def _records(
    source: Source, r: Referrals, index: Any, whole: Whole, therapists: Memberships, people: Vocabulary,
    codes: tuple[str, ...], tools: Tools, rule: OutcomeRule, deciles: Deciles | None, long: Mapping[str, NDArray[Any]],
) -> Records:  # fmt: skip
    course = Course(**whole.take("course"))
    qualified = read_qualifications(source, therapists, people, r.providers)
    main = therapists.ranked(0, r.n)[0]
    return Records(
        referrals=r,
        course=course,
        treatment=Treatment(**whole.take("treatment")),
        therapists=therapists,
        main_therapist=main,
        qualification=qualification_on(qualified, main, course.first),
        problems=Problems(codes=codes, **whole.take("problems")),
        clients=read_clients(source, r, index, whole.held["medication"], deciles),
        further=read_further(source, r, index, course.first),
        dispositions=dispositions_of(r, course),
        outcome=RuleResult(rule=rule.version, anxiety_measures=rule.anxiety_measures, **whole.take("outcome")),
        pairs={m: whole.pairs[m] for m in tools.names if m in whole.pairs},
        measures=tools.names,
        long=long,
        medium=whole.held["medium"],
        mode=whole.held["mode"],
        rule=rule,
    )


def _ours(x: Records) -> Mapping[str, Callable[[], NDArray[np.float64]]]:
    """Our values under the national names; NaN where there is none."""
    o, c, n = x.outcome, x.course, x.n

    def day(values: IntArray) -> Callable[[], NDArray[np.float64]]:
        return lambda: np.where(values == NO_DAY, np.nan, values.astype(np.float64))

    def yes(values: NDArray[Any], what: int = 1) -> Callable[[], NDArray[np.float64]]:
        return lambda: (values == what).astype(np.float64)

    def number(values: NDArray[Any]) -> Callable[[], NDArray[np.float64]]:
        return lambda: values.astype(np.float64)

    def score(measure: str, which: str) -> Callable[[], NDArray[np.float64]]:
        if measure not in x.pairs:
            return lambda: np.full(n, np.nan)
        return number(getattr(x.pairs[measure], which))

    return {
        "CompletedTreatment_Flag": number(o.finished),
        "Caseness_Flag": yes(o.at_caseness, Flag.YES),
        "NotCaseness_Flag": yes(o.at_caseness, Flag.NO),
        "Recovery_Flag": yes(o.recovered, Flag.YES),
        "ReliableImprovement_Flag": yes(o.reliable, ReliableChange.IMPROVED),
        "ReliableDeterioration_Flag": yes(o.reliable, ReliableChange.DETERIORATED),
        "NoChange_Flag": yes(o.reliable, ReliableChange.NONE),
        "CareContact_Count": number(c.attended),
        "TreatmentCareContact_Count": number(c.treated),
        "InternetEnabledTherapy_Count": number(c.online),
        "Assessment_FirstDate": day(c.first_seen),
        "TherapySession_FirstDate": day(c.first),
        "TherapySession_SecondDate": day(c.second),
        "TherapySession_LastDate": day(c.last),
        "PHQ9_FirstScore": score("phq9", "first"),
        "PHQ9_LastScore": score("phq9", "last"),
        "GAD_FirstScore": score("gad7", "first"),
        "GAD_LastScore": score("gad7", "last"),
    }
