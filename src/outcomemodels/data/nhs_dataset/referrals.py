"""IDS101: one row per referral, from the latest submission of each pathway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import NO_DAY, Vocabulary, clean, distinct
from outcomemodels.data.nhs_dataset.flags import FLAGS, flag_values
from outcomemodels.data.nhs_dataset.keys import Hashes, Lookup, hash_text, latest, within
from outcomemodels.data.nhs_dataset.source import LINKS, SUBMISSION, IntArray, ReferralIndex, Source, only_once
from outcomemodels.errors import DataError

V21_FROM = 19083
"""1 April 2022 in days since 1970-01-01: activity from here on is submitted as version 2.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Referrals:
    """Referrals, dims (referral,); days since 1970-01-01.

    Parameters
    ----------
    course, person : pyarrow array of str
        Identifier of the referral; of the client ("" unknown).
    person_key : ndarray of uint64
    provider, commissioner : ndarray of int
        Codes into ``providers`` and ``commissioners``.
    received, discharged, onset : ndarray of int32
    end_code, referral_source, previous : ndarray of int
        Codes of the official lists, -1 none.
    version_21 : ndarray of bool
        Whether the latest submission is of version 2.1.
    flags : mapping of str to ndarray of float
        Derived fields of the national pipeline found in the extract; NaN where blank.
    """

    course: Any
    person: Any
    person_key: Hashes
    provider: IntArray
    commissioner: IntArray
    received: IntArray
    discharged: IntArray
    onset: IntArray
    end_code: IntArray
    referral_source: IntArray
    previous: IntArray
    version_21: NDArray[np.bool_]
    providers: tuple[str, ...]
    commissioners: tuple[str, ...]
    flags: Mapping[str, NDArray[np.float64]]

    @property
    def n(self) -> int:
        """Number of referrals."""
        return len(self.provider)

    def part(self, start: int, end: int) -> Referrals:
        """Neighbouring referrals."""
        whole = ("providers", "commissioners")
        parts: dict[str, Any] = {name: getattr(self, name).slice(start, end - start) for name in TEXTS}
        parts["flags"] = {name: values[start:end] for name, values in self.flags.items()}
        rest = [f.name for f in fields(self) if f.name not in (*whole, *parts)]
        return replace(self, **parts, **{name: getattr(self, name)[start:end] for name in rest})


TEXTS = ("course", "person")

_FIELDS = (
    *("ReferralRequestReceivedDate", "ServDischDate", "OnsetDate", "EndCode", "SourceOfReferralIAPT"),
    *("PrevDiagCondInd", "Person_ID", "OrgIDComm", "IsLatest", "UsePathway_Flag"),
)


def read_referrals(source: Source) -> tuple[Referrals, ReferralIndex]:
    """Read IDS101 and keep the latest record of each pathway.

    Raises
    ------
    DataError
        If the table has neither PathwayID nor ServiceRequestId, or no referral with a date.
    """
    if not (source.has("101", "PathwayID") or source.has("101", "ServiceRequestId")):
        raise DataError(
            "referrals cannot be told apart",
            table="IDS101Referral",
            accepted="PathwayID or ServiceRequestId",
            mend="export the referral table with its identifiers",
        )
    flags = tuple(f for f in FLAGS if source.has("101", f))
    held: dict[str, list[Any]] = {}
    since = 0
    providers, commissioners = Vocabulary(), Vocabulary()
    for batch in source.batches("101", (*LINKS, *SUBMISSION, *_FIELDS, *flags)):
        n = len(next(iter(batch.values())))
        none = np.zeros(n, dtype=np.uint64)
        provider = providers.add(batch["OrgID_Provider"]) if "OrgID_Provider" in batch else np.full(n, -1, np.int32)
        pathway = hash_text(batch["PathwayID"]) if "PathwayID" in batch else none
        service = hash_text(batch["ServiceRequestId"]) if "ServiceRequestId" in batch else none
        own = within(hash_text(batch["OrgID_Provider"]), service) if "OrgID_Provider" in batch else service
        rows: dict[str, Any] = {
            "pathway": pathway,
            "service": service,
            "scoped": own,
            "key": np.where(pathway != 0, pathway, np.where(own != 0, own, service)),
            "order": _order(source, batch, n),
            "provider": provider,
            "received": source.day("101", "ReferralRequestReceivedDate", batch, provider),
            "discharged": source.day("101", "ServDischDate", batch, provider),
            "onset": source.day("101", "OnsetDate", batch, provider),
            "end_code": source.code("101", "EndCode", batch, provider),
            "referral_source": source.code("101", "SourceOfReferralIAPT", batch, provider),
            "previous": source.code("101", "PrevDiagCondInd", batch, provider),
            "person_key": hash_text(batch["Person_ID"]) if "Person_ID" in batch else none,
            "version_21": _version(source, batch, n),
            "commissioner": commissioners.add(batch["OrgIDComm"]) if "OrgIDComm" in batch else np.full(n, -1),
        }
        for name in ("Person_ID", "OrgID_Provider", "OrgIDComm"):
            source.text("101", name, batch, provider)
        for f in flags:
            rows[f"flag {f}"] = flag_values(batch[f], f) if f in batch else np.full(n, np.nan)
        source.count("referral rows read", n)
        rows["course"] = _texts(batch, ("PathwayID", "ServiceRequestId"), n)
        rows["person"] = _texts(batch, ("Person_ID",), n)
        for name, values in rows.items():
            held.setdefault(name, []).append(values)
        since += n
        if since > max(FEW, len(held["key"][0])):
            held, since = _compact(source, held), 0
    if not held:
        raise DataError("the referral table has no rows", table="IDS101Referral", accepted="at least one referral")
    return _latest(source, held, providers.texts, commissioners.texts, flags)


def _latest(
    source: Source, held: dict[str, list[Any]], providers: tuple[str, ...], commissioners: tuple[str, ...],
    flags: tuple[str, ...],
) -> tuple[Referrals, ReferralIndex]:  # fmt: skip
    import pyarrow as pa

    one = {name: parts[0] for name, parts in _compact(source, held).items()}
    dated = one["received"] != NO_DAY
    source.count("referrals without a date of receipt, left out", int((~dated).sum()))
    keep = np.flatnonzero(dated)
    if not len(keep):
        raise DataError(
            "no referral has an identifier and a date of receipt",
            table="IDS101Referral",
            column="ReferralRequestReceivedDate",
            accepted="dates as YYYY-MM-DD",
            mend="check the export of PathwayID and ReferralRequestReceivedDate",
        )
    course, person = (one.pop(name).take(pa.array(keep)) for name in TEXTS)
    one = {name: values[keep] for name, values in one.items()}
    one["version_21"] = np.where(one["version_21"] >= 0, one["version_21"] == 1, one["received"] >= V21_FROM)
    names = {f.name for f in fields(Referrals)} - {*TEXTS, "flags", "providers", "commissioners"}
    reversed_ = (one["discharged"] != NO_DAY) & (one["discharged"] < one["received"])
    source.count("referrals discharged before they were received; discharge date not used", int(reversed_.sum()))
    one["discharged"] = np.where(reversed_, NO_DAY, one["discharged"]).astype(np.int32)
    made = Referrals(
        course=_distinct_names(course, source),
        person=person,
        flags={f: one[f"flag {f}"] for f in flags},
        providers=providers,
        commissioners=commissioners,
        **{name: one[name] for name in names},
    )
    index = ReferralIndex(
        Lookup(only_once(one["pathway"])), Lookup(only_once(one["service"])), Lookup(only_once(one["scoped"])),
        made.provider.astype(np.int32),
    )  # fmt: skip
    return made, index


FEW = 500_000
"""Rows after which earlier submissions of a referral are dropped, so that memory grows with referrals only."""


def _compact(source: Source, held: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The rows held, one after the other, without those that a later submission replaces."""
    import pyarrow as pa

    key, order = np.concatenate(held["key"]), np.concatenate(held["order"])
    keep = latest(key, order)
    source.count("referral rows without an identifier, left out", int((key == 0).sum()))
    source.count("referral rows replaced by a later submission", int((key != 0).sum()) - len(keep))
    out: dict[str, list[Any]] = {}
    for name in list(held):
        parts = held.pop(name)
        if name in TEXTS:
            out[name] = [pa.concat_arrays(parts).take(pa.array(keep))]
        else:
            out[name] = [np.concatenate(parts)[keep]]
    return out


def _distinct_names(course: Any, source: Source) -> Any:
    """Names of referrals; where two share one (numbers of two providers), a running number tells them apart."""
    import pyarrow as pa

    which = course.dictionary_encode()
    codes = which.indices.to_numpy(zero_copy_only=False)
    if len(which.dictionary) == len(course):
        source.count("referrals whose number another provider uses too", 0)
        return course
    import pandas as pd

    again = pd.Series(codes).groupby(codes).cumcount().to_numpy()
    rows = np.flatnonzero(again)
    source.count("referrals whose number another provider uses too", len(rows))
    out = course.to_pylist()
    taken = set(which.dictionary.to_pylist())
    for i in rows.tolist():
        k = int(again[i]) + 1
        while f"{out[i]}#{k}" in taken:
            k += 1
        out[i] = f"{out[i]}#{k}"
        taken.add(out[i])
    return pa.array(out, pa.string())


def _order(source: Source, batch: dict[str, Any], n: int) -> NDArray[np.float64]:
    """Later submissions win; among them rows the national pipeline marks as the one to use."""
    out = source.order(batch, n)
    for name, weight in (("IsLatest", 2e15), ("UsePathway_Flag", 1e15)):
        if name in batch:
            which, texts = distinct(batch[name])
            yes = [clean(t) in ("Y", "YES", "TRUE", "1") for t in texts]
            out += weight * np.array([*yes, False])[which]
    return out


def _version(source: Source, batch: dict[str, Any], n: int) -> NDArray[np.int8]:
    """1 for version 2.1, 0 for 2.0, -1 where the submission's version is not known."""
    if "UniqueSubmissionID" not in batch or not source.months:
        return np.full(n, -1, dtype=np.int8)
    which, texts = distinct(batch["UniqueSubmissionID"])
    known = [source.months.get(t.strip(), (0.0, ""))[1] for t in texts]
    return np.array([*(-1 if not v else int("2.1" in v) for v in known), -1], dtype=np.int8)[which]


def _texts(batch: dict[str, Any], names: tuple[str, ...], n: int) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    found = [pc.utf8_trim_whitespace(batch[name].cast(pa.string())) for name in names if name in batch]
    if not found:
        return pa.array([""] * n)
    empty = pa.scalar(None, pa.string())
    return pc.coalesce(*(pc.if_else(pc.equal(f, ""), empty, f) for f in found), pa.scalar(""))
