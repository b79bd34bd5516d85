"""Tables that say little of a course: IDS002, 003, 011, 012, 105, 108 and 803. Counted, and two facts taken from them.

All are counted into the data quality. From onward referrals comes whether there was one, from waiting-time pauses how
many days of the wait were paused. Accommodation, personal circumstances, general practice and care cluster have no
code list here, or no date that tells before from after treatment; they are counted only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.clients import Rows, provider_of
from outcomemodels.data.nhs_dataset.codes import NO_DAY, Vodim, clean, translate
from outcomemodels.data.nhs_dataset.referrals import Referrals
from outcomemodels.data.nhs_dataset.source import LINKS, SUBMISSION, IntArray, ReferralIndex, Source

TEXTS: dict[str, tuple[str, ...]] = {
    "002": ("GMPCodeReg", "OrgID_CCG_GP"),
    "003": ("AccommodationType", "SettledAccommodationInd"),
    "012": ("OverseasVisitorChargCat",),
    "803": ("AMHCareClustCodeFin",),
}
"""Fields without a code list here: anything written counts as valid."""
LONGEST = 3650
"""Days; a longer pause is a wrong date and is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """What these tables say of each referral, dims (referral,).

    Parameters
    ----------
    onward : ndarray of int
        1 referred on, 0 not, -1 the folder has no such table.
    paused : ndarray of float
        Days between receipt and first treatment on which waiting was paused; 0 where no pause is recorded, NaN where
        the folder has no such table.
    """

    onward: IntArray
    paused: NDArray[np.float64]


def read_further(source: Source, r: Referrals, index: ReferralIndex, first: IntArray) -> Further:
    """Read the tables that are there; ``first`` is the day of the first treatment session."""
    rows = Rows(r, index)
    for number, fields in TEXTS.items():
        if number in source.tables:
            _counted(source, number, fields, rows)
    if "011" in source.tables:
        _circumstances(source, rows)
    return Further(onward=_onward(source, r, index), paused=_paused(source, r, index, first))


def _counted(source: Source, number: str, fields: tuple[str, ...], rows: Rows) -> None:
    for batch in source.batches(number, (*LINKS, *SUBMISSION, "Person_ID", *fields)):
        n = len(next(iter(batch.values())))
        where = provider_of(rows, *rows.of(batch, n), n)
        for name in fields:
            source.text(number, name, batch, where)


def _circumstances(source: Source, rows: Rows) -> None:
    names = ("SocPerCircumstance", "SocPerCircumstanceRecDate")
    for batch in source.batches("011", (*LINKS, *SUBMISSION, "Person_ID", *names)):
        n = len(next(iter(batch.values())))
        where = provider_of(rows, *rows.of(batch, n), n)
        if "SocPerCircumstance" in batch:
            source.seen("011", "SocPerCircumstance", where, translate(batch["SocPerCircumstance"], _snomed)[1])
        source.day("011", "SocPerCircumstanceRecDate", batch, where)


def _snomed(text: str) -> tuple[int, int]:
    code = clean(text)
    if not code:
        return -1, Vodim.MISSING
    return 0, Vodim.VALID if code.isdigit() and 6 <= len(code) <= 18 else Vodim.INVALID


def _onward(source: Source, r: Referrals, index: ReferralIndex) -> IntArray:
    out = np.full(r.n, 0 if "105" in source.tables else -1, dtype=np.int32)
    if "105" not in source.tables:
        return out
    names = ("OnwardReferDate", "OnwardReferReason", "OrgIDReceiving")
    for batch in source.batches("105", (*LINKS, *SUBMISSION, *names)):
        n = len(next(iter(batch.values())))
        referral = index.find(batch, n)
        where = index.provider_of(referral)
        source.day("105", "OnwardReferDate", batch, where)
        for name in names[1:]:
            source.text("105", name, batch, where)
        source.count("onward referral rows that belong to no referral, left out", int((referral < 0).sum()))
        out[referral[referral >= 0]] = 1
    return out


def _paused(source: Source, r: Referrals, index: ReferralIndex, first: IntArray) -> NDArray[np.float64]:
    if "108" not in source.tables:
        return np.full(r.n, np.nan)
    spans: list[NDArray[np.int64]] = []
    needs = ("PauseStartDate",)
    for batch in source.batches("108", (*LINKS, *SUBMISSION, *needs, "PauseEndDate", "PauseReason"), needs=needs):
        n = len(batch["PauseStartDate"])
        referral = index.find(batch, n)
        where = index.provider_of(referral)
        start, end = (source.day("108", name, batch, where) for name in ("PauseStartDate", "PauseEndDate"))
        source.text("108", "PauseReason", batch, where)
        of = np.maximum(referral, 0)
        until = np.where(first[of] == NO_DAY, r.discharged[of], first[of])
        end = np.where(end == NO_DAY, until, np.minimum(end, np.where(until == NO_DAY, end, until)))
        start = np.where(start == NO_DAY, start, np.maximum(start, r.received[of]))
        length = end.astype(np.int64) - start
        known = (referral >= 0) & (start != NO_DAY) & (end != NO_DAY) & (length <= LONGEST)
        source.count("waiting-time pauses without referral or usable dates, left out", int((~known).sum()))
        ok = known & (length > 0)
        spans.append(np.stack([referral[ok], start[ok], end[ok]], axis=1).astype(np.int64))
    return _days(np.concatenate(spans) if spans else np.zeros((0, 3), dtype=np.int64), r.n)


def _days(spans: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """Days covered by the spans (referral, start, end) of each referral; what overlaps or is repeated counts once."""
    out = np.zeros(n)
    if not len(spans):
        return out
    of, start, end = spans[np.lexsort((spans[:, 1], spans[:, 0]))].T
    ranked = end + (of + 1) * 1_000_000  # later referrals lie beyond any date of earlier ones
    reached = np.maximum.accumulate(ranked)
    before = np.append(np.int64(-(2**62)), reached[:-1]) - (of + 1) * 1_000_000
    np.add.at(out, of, np.maximum(end - np.maximum(start, before), 0))
    return out
