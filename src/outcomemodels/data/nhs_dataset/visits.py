"""IDS201, IDS202 and IDS205: contacts, what was done in them and by whom, and online therapy."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import NO_DAY, Vocabulary, code_lists, numbers, seconds, therapies, translate
from outcomemodels.data.nhs_dataset.keys import Hashes, Lookup, latest, within
from outcomemodels.data.nhs_dataset.source import LINKS, SUBMISSION, IntArray, ReferralIndex, Source, scope_of, scoped
from outcomemodels.outcomes.contact_rule import ContactRule

BoolArray = NDArray[np.bool_]
SMALL = np.int8


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """Distinct contacts, dims (contact,).

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
    index : Lookup
        By contact identifier.
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
    index: Lookup

    @property
    def n(self) -> int:
        """Number of contacts."""
        return len(self.referral)

    def is_kind(self, codes: tuple[str, ...]) -> BoolArray:
        """Whether each contact is of one of these appointment types."""
        known = code_lists()["AppType"]
        return np.isin(self.kind, [known.number(c) for c in codes if c in known.labels])


_CONTACT = (
    *("CareContactId", "CareContDate", "CareContTime", "PlannedCareContIndicator", "AttendOrDNACode", "AppType"),
    *("ConsMechanism", "CareContPatientTherMode", "ClinContDurOfCareCont", "PsychMed"),
)


def read_contacts(source: Source, index: ReferralIndex, rule: ContactRule) -> Contacts:
    """Read IDS201: distinct contacts of known referrals, the latest record of each; ``rule`` says who attended."""
    held: dict[str, list[Any]] = {}
    scope = scope_of(source, "201", "202")
    attend, planned = code_lists()["AttendOrDNACode"], code_lists()["PlannedCareContIndicator"]
    seen = [attend.number(c) for c in rule.attended if c in attend.labels]
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
            "referral": referral,
            "day": day,
            "second": seconds(batch["CareContTime"]) if "CareContTime" in batch else np.full(n, -1, np.int32),
            "kind": source.code("201", "AppType", batch, where).astype(SMALL),
            "medium": source.code("201", "ConsMechanism", batch, where).astype(SMALL),
            "mode": source.code("201", "CareContPatientTherMode", batch, where).astype(SMALL),
            "medication": source.code("201", "PsychMed", batch, where).astype(SMALL),
            "attended": np.isin(came, seen) | (rule.unplanned_attended & (plan == planned.number("N"))),
            "minutes": lasted,
        }
        known = (referral >= 0) & (day != NO_DAY)
        source.matched("201", referral >= 0)
        source.count("contact rows that belong to no referral, left out", int((referral < 0).sum()))
        source.count("contact rows without a date, left out", int(((referral >= 0) & (day == NO_DAY)).sum()))
        for name, values in rows.items():
            held.setdefault(name, []).append(values[known])
    joined = {name: np.concatenate(parts) for name, parts in held.items()} if held else _no_contacts()
    keep = latest(joined["key"], joined["order"])
    source.count("distinct contacts", len(keep))
    source.count("contact rows repeated, left out", len(joined["key"]) - len(keep))
    names = {f.name for f in fields(Contacts)} - {"index"}
    return Contacts(index=Lookup(joined["key"][keep]), **{name: joined[name][keep] for name in names})


def _no_contacts() -> dict[str, Any]:
    whole = {name: np.zeros(0, dtype=np.int32) for name in ("referral", "day", "second")}
    small = {name: np.zeros(0, dtype=np.int8) for name in ("kind", "medium", "mode", "medication")}
    return {
        **whole, **small, "key": np.zeros(0, dtype=np.uint64), "order": np.zeros(0),
        "attended": np.zeros(0, dtype=bool), "minutes": np.zeros(0, dtype=np.float32),
    }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Activities:
    """Distinct care activities, dims (activity,).

    Parameters
    ----------
    contact : ndarray of int32
        Row of the contact.
    therapy : ndarray of int8
        Code of the therapy type, -1 none.
    therapist : ndarray of int32
        Code into ``therapist_ids`` (local to the provider), -1 none.
    index : Lookup
        By activity identifier.
    therapist_ids : tuple of str
    """

    contact: IntArray
    therapy: NDArray[np.int8]
    therapist: IntArray
    index: Lookup
    therapist_ids: tuple[str, ...]


_ACTIVITY = ("CareActId", "CareContactId", "CarePersLocalId", "CodeProcAndProcStatus")


def read_activities(source: Source, index: ReferralIndex, contacts: Contacts, people: Vocabulary) -> Activities:
    """Read IDS202: activities of known contacts; ``people`` numbers the therapists' local identifiers."""
    scope, own = scope_of(source, "201", "202"), scope_of(source, "202", "607")
    held: dict[str, list[Any]] = {}
    read = therapies().read
    for batch in source.batches("202", (*LINKS, *SUBMISSION, *_ACTIVITY), needs=("CareContactId",)):
        n = len(batch["CareContactId"])
        contact = contacts.index.find(scoped(batch, scope, "CareContactId"))
        referral = np.append(contacts.referral, np.int32(-1))[contact]
        where = index.provider_of(referral)
        therapy = np.full(n, -1, dtype=np.int32)
        if "CodeProcAndProcStatus" in batch:
            therapy, classes = translate(batch["CodeProcAndProcStatus"], read)
            source.seen("202", "CodeProcAndProcStatus", where, classes)
        source.text("202", "CarePersLocalId", batch, where)
        who = people.add(batch["CarePersLocalId"], str.strip) if "CarePersLocalId" in batch else np.full(n, -1)
        key = scoped(batch, own, "CareActId") if "CareActId" in batch else np.zeros(n, dtype=np.uint64)
        rows: dict[str, Any] = {
            "key": key, "order": source.order(batch, n), "contact": contact, "therapy": therapy.astype(SMALL),
            "therapist": who.astype(np.int32),
        }  # fmt: skip
        known = contact >= 0
        source.matched("202", known)
        source.count("activity rows that belong to no contact, left out", int((~known).sum()))
        for name, values in rows.items():
            held.setdefault(name, []).append(values[known])
    if not held:
        none = np.zeros(0, dtype=np.int32)
        empty = Lookup(np.zeros(0, dtype=np.uint64))
        return Activities(
            contact=none, therapy=none.astype(SMALL), therapist=none, index=empty, therapist_ids=people.texts
        )
    one = {name: np.concatenate(parts) for name, parts in held.items()}
    nameless = np.flatnonzero(one["key"] == 0)
    keep = np.sort(np.concatenate([latest(one["key"], one["order"]), nameless]))
    source.count("distinct activities", len(keep))
    source.count("activity rows repeated, left out", len(one["key"]) - len(keep))
    keys: Hashes = one["key"][keep]
    return Activities(
        contact=one["contact"][keep],
        therapy=one["therapy"][keep],
        therapist=one["therapist"][keep],
        index=Lookup(keys),
        therapist_ids=people.texts,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineSessions:
    """Log entries of internet-enabled therapy, dims (entry,); each counts as one session."""

    referral: IntArray
    day: IntArray
    therapist: IntArray


_ONLINE = ("StartDateIntEnabledTherLog", "IntEnabledTherProg", "CarePersLocalId")


def read_online(source: Source, index: ReferralIndex, people: Vocabulary) -> OnlineSessions:
    """Read IDS205: one session per referral, start date and programme, however often it was submitted."""
    referral, day, who, what = ([np.zeros(0, dtype=np.int32)] for _ in range(4))
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
        for parts, values in ((referral, of), (day, start), (who, person), (what, prog)):
            parts.append(values[known].astype(np.int32))
    every = np.stack([np.concatenate(p) for p in (referral, day, what, who)], axis=1)
    _, first = np.unique(every[:, :3], axis=0, return_index=True)
    source.count("online therapy sessions", len(first))
    one = every[first]
    return OnlineSessions(referral=one[:, 0], day=one[:, 1], therapist=one[:, 3])
