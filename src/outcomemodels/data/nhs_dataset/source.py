"""One folder being read: its tables, what is counted on the way, and how rows find their referral."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import Classes, code_lists, days, distinct, filled, translate
from outcomemodels.data.nhs_dataset.keys import Hashes, Lookup, hash_text, within
from outcomemodels.data.nhs_dataset.names import TABLES
from outcomemodels.data.nhs_dataset.quality import Tally
from outcomemodels.data.nhs_dataset.tables import Table, batches
from outcomemodels.errors import DataError

IntArray = NDArray[np.int32]
Batch = dict[str, Any]

LINKS = ("PathwayID", "ServiceRequestId", "OrgID_Provider")
SUBMISSION = ("Unique_MonthID", "UniqueSubmissionID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A folder and what is gathered about its reading.

    Parameters
    ----------
    tables : mapping of number to Table
    damaged : {"refuse", "skip"}
    tally, facts, notes, linked
        Grow while tables stream by.
    months : mapping of submission to (order, version)
        From the header table.
    tell : callable, optional
        Told in words how far reading is.
    """

    tables: Mapping[str, Table]
    damaged: str
    tell: Callable[[str], None] | None = None
    linked: dict[str, tuple[int, int]] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    facts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    months: dict[str, tuple[float, str]] = field(default_factory=dict)

    def has(self, number: str, *names: str) -> bool:
        """Whether a table is there with all these fields."""
        table = self.tables.get(number)
        return table is not None and all(table.has(n) for n in names)

    def batches(self, number: str, names: Sequence[str], *, needs: Sequence[str] = ()) -> Iterator[Batch]:
        """Batches of a table; a table that is absent, or lacks a field it is useless without, yields none."""
        import pyarrow as pa

        table = self.tables.get(number)
        name = TABLES[number]
        if table is None:
            self.notes.append(f"no table {name} in the folder")
            return
        absent = [n for n in names if not table.has(n)]
        useless = [n for n in needs if n in absent]
        if useless:
            self.notes.append(f"{name} lacks {', '.join(useless)} and is not used")
            return
        plain = [n for n in absent if n not in (*LINKS, *SUBMISSION, *_OPTIONAL)]
        if plain:
            self.notes.append(f"{name} has no {', '.join(plain)}")
        done, start = 0, perf_counter()
        for batch in batches(table, names, damaged=self.damaged, notes=self.notes):
            done += len(next(iter(batch.values())))
            self.say(f"{name}: {done:,} rows, {perf_counter() - start:.0f} s")
            yield batch
        pa.default_memory_pool().release_unused()

    def say(self, text: str) -> None:
        """Tell how far reading is, where anybody wants to know."""
        if self.tell is not None:
            self.tell(text)

    def count(self, what: str, n: int) -> None:
        """Add to the number of rows or records something happened to."""
        self.facts[what] = self.facts.get(what, 0) + int(n)

    def matched(self, number: str, found: NDArray[np.bool_]) -> None:
        """Note how many rows of a table found what they belong to."""
        rows, hits = self.linked.get(number, (0, 0))
        self.linked[number] = (rows + len(found), hits + int(found.sum()))

    def check_links(self) -> None:
        """Refuse a folder in which no row at all of a table belongs to anything read; with "skip", say so.

        Raises
        ------
        DataError
        """
        for number, (rows, hits) in self.linked.items():
            if not rows or hits:
                continue
            found = f"none of {rows:,} rows of {TABLES[number]} belongs to a referral of this folder"
            if self.damaged == "skip":
                self.notes.append(found)
                continue
            raise DataError(
                found,
                table=TABLES[number],
                accepted="PathwayID (or ServiceRequestId; CareContactId and CareActId between contacts, activities and "
                "scores) written alike in both tables",
                mend="check that both tables are of one extract; damaged='skip' reads the rest",
            )

    def code(self, number: str, name: str, batch: Batch, provider: IntArray) -> IntArray:
        """Codes of a field with an official list (-1 none), counted into the data quality."""
        if name not in batch:
            return np.full(len(provider), -1, dtype=np.int32)
        codes, classes = translate(batch[name], code_lists()[name].read)
        self.seen(number, name, provider, classes)
        return codes

    def day(self, number: str, name: str, batch: Batch, provider: IntArray) -> IntArray:
        """Dates of a field as days since 1970-01-01, counted into the data quality."""
        if name not in batch:
            return np.full(len(provider), np.iinfo(np.int32).min, dtype=np.int32)
        found, classes = days(batch[name])
        self.seen(number, name, provider, classes)
        return found

    def text(self, number: str, name: str, batch: Batch, provider: IntArray) -> None:
        """Count an identifier or free text into the data quality."""
        if name in batch:
            self.seen(number, name, provider, filled(batch[name]))

    def seen(self, number: str, name: str, provider: IntArray, classes: Classes) -> None:
        """Count classes of one batch."""
        self.tally.add(TABLES[number], name, provider, classes)

    def order(self, batch: Batch, n: int) -> NDArray[np.float64]:
        """Which of several records of one thing is the later one: by month, then submission; 0 where not known."""
        month, number = np.zeros(n), np.zeros(n)
        if "UniqueSubmissionID" in batch:
            which, texts = distinct(batch["UniqueSubmissionID"])
            number = np.array([*(plain_number(t) % 1e9 for t in texts), 0.0])[which]
            month = np.array([*(self.months.get(t.strip(), (0.0, ""))[0] for t in texts), 0.0])[which]
        if "Unique_MonthID" in batch:
            which, texts = distinct(batch["Unique_MonthID"])
            month = np.array([*(plain_number(t) % 1e5 for t in texts), 0.0])[which]
        return np.asarray(month * 1e9 + number)


def plain_number(text: str) -> float:
    """A finite number, 0 where the text is none."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if np.isfinite(value) else 0.0


_OPTIONAL = (
    *("IsLatest", "UsePathway_Flag", "CareContTime", "AssToolCompTime", "UniqueID_IDS603", "UniqueID_IDS606"),
    *("UniqueID_IDS607", "Validated_PresentingComplaint", "IMD_Decile", "LSOA", "GenderIdentity", "Age_RP_StartDate"),
    *("OrgIDComm", "IntEnabledTherProg", "SiteIDOfTreat"),
)


def read_header(source: Source) -> None:
    """Order and version of each submission, from IDS000."""
    names = ("UniqueSubmissionID", "Unique_MonthID", "DatSetVer", "ReportingPeriodEndDate")
    for batch in source.batches("000", names, needs=("UniqueSubmissionID",)):
        n = len(batch["UniqueSubmissionID"])
        end = days(batch["ReportingPeriodEndDate"])[0] if "ReportingPeriodEndDate" in batch else np.zeros(n)
        version = batch["DatSetVer"].to_pylist() if "DatSetVer" in batch else [""] * n
        for i, submission in enumerate(batch["UniqueSubmissionID"].to_pylist()):
            if submission and len(source.months) < 1_000_000:
                source.months[str(submission).strip()] = (float(max(end[i], 0)), str(version[i] or "").strip())


@dataclass(frozen=True, slots=True)
class ReferralIndex:
    """How rows of other tables find their referral: by pathway, else by the provider's own number of the referral.

    Parameters
    ----------
    pathway, service, scoped : Lookup
        By PathwayID; by ServiceRequestId; by ServiceRequestId within its provider.
    provider : ndarray of int, dims (referral,)
    """

    pathway: Lookup
    service: Lookup
    scoped: Lookup
    provider: IntArray

    def find(self, batch: Batch, n: int) -> IntArray:
        """Referral of each row, dims (row,); -1 where none."""
        out = np.full(n, -1, dtype=np.int32)
        if "PathwayID" in batch:
            out = self.pathway.find(hash_text(batch["PathwayID"]))
        if "ServiceRequestId" in batch:
            lost = out < 0
            if lost.any():
                key = hash_text(batch["ServiceRequestId"])
                if "OrgID_Provider" in batch:
                    found = self.scoped.find(within(hash_text(batch["OrgID_Provider"]), key))
                else:
                    found = self.service.find(key)
                out = np.where(lost, found, out)
        return out

    def provider_of(self, referral: IntArray) -> IntArray:
        """Provider of each row's referral, -1 where it has none."""
        return np.where(referral >= 0, np.append(self.provider, np.int32(-1))[referral], -1).astype(np.int32)


def only_once(keys: Hashes) -> Hashes:
    """Keys, with those that stand for several rows set to 0: they cannot tell which row is meant."""
    _, back, count = np.unique(keys, return_inverse=True, return_counts=True)
    return np.where(count[back] > 1, np.uint64(0), keys)


def scope_of(source: Source, one: str, other: str) -> str | None:
    """Field that two tables share and within which identifiers of contacts and activities are unique."""
    return next((f for f in LINKS if source.has(one, f) and source.has(other, f)), None)


def scoped(batch: Batch, scope: str | None, name: str) -> Hashes:
    """Hash of an identifier within its scope."""
    key = hash_text(batch[name])
    return key if scope is None or scope not in batch else within(hash_text(batch[scope]), key)


def bucket_of(keys: Hashes, buckets: int) -> NDArray[np.int64]:
    """Bucket of each identifier: one identifier is always in one bucket, in every table."""
    return (keys % np.uint64(buckets)).astype(np.int64)
