"""IDS201, IDS202 and IDS205: contacts, what was done in them and by whom, and online therapy; streamed, set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import (
    NO_DAY,
    Vocabulary,
    code_lists,
    filled,
    numbers,
    seconds,
    therapies,
    translate,
)
from outcomemodels.data.nhs_dataset.keys import within
from outcomemodels.data.nhs_dataset.source import (
    LINKS,
    SUBMISSION,
    IntArray,
    ReferralIndex,
    Source,
    bucket_of,
    scope_of,
    scoped,
)
from outcomemodels.data.nhs_dataset.spill import Blocks, Spill
from outcomemodels.outcomes.contact_rule import ContactRule

BoolArray = NDArray[np.bool_]
NOT_THERE = np.int8(-1)
"""Stands for the data-quality class of a field its file does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """Distinct contacts, dims (contact,), in the order of the table.

    Parameters
    ----------
    referral : ndarray of int32
    day, second : ndarray of int32
        Days since 1970-01-01; seconds after midnight, -1 unknown.
    kind, medium, mode, medication : ndarray of int8
        Codes of AppType, ConsMechanism, CareContPatientTherMode, PsychMed; -1 none.
    attended : ndarray of bool
        Code 5 or 6, or unplanned.
    minutes : ndarray of float32
        Clinical contact duration, NaN unknown.
    """

    referral: IntArray
    day: IntArray
    second: IntArray
    kind: NDArray[np.int8]
    medium: NDArray[np.int8]
    mode: NDArray[np.int8]
    medication: NDArray[np.int8]
    attended: BoolArray
    minutes: NDArray[np.float32]

    @property
    def n(self) -> int:
        """Number of contacts."""
        return len(self.referral)

    def is_kind(self, codes: tuple[str, ...]) -> BoolArray:
        """Whether each contact is of one of these appointment types."""
        known = code_lists()["AppType"]
        return np.isin(self.kind, [known.number(c) for c in codes if c in known.labels])


@dataclass(frozen=True, slots=True, kw_only=True)
class Activities:
    """Distinct care activities, dims (activity,), in the order of the table.

    Parameters
    ----------
    contact : ndarray of int32
        Row of the contact.
    therapy : ndarray of int8
        Code of the therapy type, -1 none.
    therapist : ndarray of int32
        Number of the local identifier, -1 none.
    """

    contact: IntArray
    therapy: NDArray[np.int8]
    therapist: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineSessions:
    """Log entries of internet-enabled therapy, dims (entry,); each counts as one session."""

    referral: IntArray
    day: IntArray
    therapist: IntArray


CONTACT = np.dtype(
    [
        *(("key", "u8"), ("order", "f8"), ("row", "i8"), ("referral", "i4"), ("day", "i4"), ("second", "i4")),
        *(("kind", "i1"), ("medium", "i1"), ("mode", "i1"), ("medication", "i1"), ("attended", "?")),
        ("minutes", "f4"),
    ]
)
"""A row of IDS201 set aside; ``row`` is its place in the table."""
ACTIVITY = np.dtype(
    [
        *(("key", "u8"), ("own", "u8"), ("order", "f8"), ("row", "i8"), ("therapy", "i1"), ("therapist", "i4")),
        *(("coded", "i1"), ("named", "i1")),
    ]
)
"""A row of IDS202 set aside: ``key`` its contact, ``own`` itself; data-quality classes of therapy and therapist."""
ENTRY = np.dtype([("referral", "i4"), ("day", "i4"), ("therapist", "i4"), ("programme", "i4")])
"""A row of IDS205 set aside."""

_CONTACT = (
    *("CareContactId", "CareContDate", "CareContTime", "PlannedCareContIndicator", "AttendOrDNACode", "AppType"),
    *("ConsMechanism", "CareContPatientTherMode", "ClinContDurOfCareCont", "PsychMed"),
)


def spill_contacts(source: Source, index: ReferralIndex, rule: ContactRule, into: Spill) -> None:
    """Stream IDS201: contacts of known referrals, by their identifier; ``rule`` says who attended."""
    scope = scope_of(source, "201", "202")
    attend, planned = code_lists()["AttendOrDNACode"], code_lists()["PlannedCareContIndicator"]
    seen = [attend.number(c) for c in rule.attended if c in attend.labels]
    start = 0
    for batch in source.batches("201", (*LINKS, *SUBMISSION, *_CONTACT), needs=("CareContDate",)):
        n = len(next(iter(batch.values())))
        referral = index.find(batch, n)
        where = index.provider_of(referral)
        day = source.day("201", "CareContDate", batch, where)
        key = scoped(batch, scope, "CareContactId") if "CareContactId" in batch else np.zeros(n, dtype=np.uint64)
        source.text("201", "CareContactId", batch, where)
        nameless = within((referral + 1).astype(np.uint64), (day.astype(np.int64) + 1_000_000).astype(np.uint64))
        came = source.code("201", "AttendOrDNACode", batch, where)
        plan = source.code("201", "PlannedCareContIndicator", batch, where)
        lasted = np.full(n, np.nan, dtype=np.float32)
        if "ClinContDurOfCareCont" in batch:
            lasted, classes = numbers(batch["ClinContDurOfCareCont"], 0, 1440)
            source.seen("201", "ClinContDurOfCareCont", where, classes)
        rows: dict[str, Any] = {
            "key": np.where(key != 0, key, nameless),
            "order": source.order(batch, n),
            "row": start + np.arange(n),
            "referral": referral,
            "day": day,
            "second": seconds(batch["CareContTime"]) if "CareContTime" in batch else np.full(n, -1, np.int32),
            "kind": source.code("201", "AppType", batch, where),
            "medium": source.code("201", "ConsMechanism", batch, where),
            "mode": source.code("201", "CareContPatientTherMode", batch, where),
            "medication": source.code("201", "PsychMed", batch, where),
            "attended": np.isin(came, seen) | (rule.unplanned_attended & (plan == planned.number("N"))),
            "minutes": lasted,
        }
        start += n
        known = (referral >= 0) & (day != NO_DAY)
        source.matched("201", referral >= 0)
        source.count("contact rows that belong to no referral, left out", int((referral < 0).sum()))
        source.count("contact rows without a date, left out", int(((referral >= 0) & (day == NO_DAY)).sum()))
        kept = {name: values[known] for name, values in rows.items()}
        into.add(bucket_of(kept["key"], into.parts), kept)


_ACTIVITY = ("CareActId", "CareContactId", "CarePersLocalId", "CodeProcAndProcStatus")


def spill_activities(source: Source, people: Vocabulary, into: Spill) -> None:
    """Stream IDS202, by the contact each row names; ``people`` numbers the therapists' local identifiers."""
    scope, own = scope_of(source, "201", "202"), scope_of(source, "202", "607")
    read = therapies().read
    start = 0
    for batch in source.batches("202", (*LINKS, *SUBMISSION, *_ACTIVITY), needs=("CareContactId",)):
        n = len(batch["CareContactId"])
        therapy, coded = np.full(n, -1, dtype=np.int32), np.full(n, NOT_THERE)
        if "CodeProcAndProcStatus" in batch:
            therapy, coded = translate(batch["CodeProcAndProcStatus"], read)
        who, named = np.full(n, -1, dtype=np.int32), np.full(n, NOT_THERE)
        if "CarePersLocalId" in batch:
            who, named = people.add(batch["CarePersLocalId"], str.strip), filled(batch["CarePersLocalId"])
        key = scoped(batch, scope, "CareContactId")
        rows: dict[str, Any] = {
            "key": key, "own": scoped(batch, own, "CareActId") if "CareActId" in batch else np.zeros(n, np.uint64),
            "order": source.order(batch, n), "row": start + np.arange(n), "therapy": therapy, "therapist": who,
            "coded": coded, "named": named,
        }  # fmt: skip
        start += n
        into.add(bucket_of(key, into.parts), rows)


_ONLINE = ("StartDateIntEnabledTherLog", "IntEnabledTherProg", "CarePersLocalId")


def spill_online(source: Source, index: ReferralIndex, people: Vocabulary, blocks: Blocks, into: Spill) -> None:
    """Stream IDS205, by the block of its referral."""
    programmes = Vocabulary()
    needs = ("StartDateIntEnabledTherLog",)
    for batch in source.batches("205", (*LINKS, *SUBMISSION, *_ONLINE), needs=needs):
        n = len(batch["StartDateIntEnabledTherLog"])
        of = index.find(batch, n)
        where = index.provider_of(of)
        start = source.day("205", "StartDateIntEnabledTherLog", batch, where)
        source.text("205", "IntEnabledTherProg", batch, where)
        prog = programmes.add(batch["IntEnabledTherProg"]) if "IntEnabledTherProg" in batch else np.full(n, -1)
        person = people.add(batch["CarePersLocalId"], str.strip) if "CarePersLocalId" in batch else np.full(n, -1)
        known = (of >= 0) & (start != NO_DAY)
        source.matched("205", of >= 0)
        source.count("online therapy rows without referral or date, left out", int((~known).sum()))
        rows = {"referral": of, "day": start, "therapist": person, "programme": prog}
        into.add(blocks.of(of[known]), {name: values[known] for name, values in rows.items()})


def online_sessions(rows: dict[str, NDArray[Any]]) -> OnlineSessions:
    """One session per referral, start date and programme, however often it was submitted."""
    every = np.stack([rows[name] for name in ("referral", "day", "programme", "therapist")], axis=1)
    _, first = np.unique(every[:, :3], axis=0, return_index=True)
    one = every[first]
    return OnlineSessions(referral=one[:, 0], day=one[:, 1], therapist=one[:, 3])
