"""One treatment per referral from the therapy types of its treatment contacts, and the way through step care."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import therapies
from outcomemodels.data.nhs_dataset.contacts import LATEST
from outcomemodels.data.nhs_dataset.keys import distinct_sorted
from outcomemodels.data.nhs_dataset.source import IntArray
from outcomemodels.data.nhs_dataset.visits import Activities, BoolArray, Contacts

SINGLE = 0.75
"""Share of coded treatment contacts from which on a referral counts as having one treatment."""
PATHWAYS = ("low intensity only", "high intensity only", "stepped up", "stepped down", "both from the first day")
BASES = ("one type in every contact", "one type in 75% of contacts or more", "most frequent type, mixed treatment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """Treatment of each referral, dims (referral,).

    Parameters
    ----------
    therapy : ndarray of int
        Most frequent high-intensity type, else most frequent low-intensity type; -1 none coded. Code into
        ``codes.therapies()``.
    share : ndarray of float
        Share of coded treatment contacts with that type.
    basis, pathway : ndarray of int
        Codes into ``BASES`` and ``PATHWAYS``, -1 none.
    types : ndarray of int
        Number of different types.
    low, high : ndarray of int
        Treatment contacts with a low- and a high-intensity type.
    """

    therapy: IntArray
    share: NDArray[np.float64]
    basis: IntArray
    pathway: IntArray
    types: IntArray
    low: IntArray
    high: IntArray


def treatment_of(c: Contacts, a: Activities, is_treatment: BoolArray, n: int) -> Treatment:
    """Derive the treatment of each referral; employment support is none.

    A contact counts once for each type coded in it, however many activities say so.
    """
    known = therapies()
    k = len(known.snomed)
    used = (a.therapy >= 0) & is_treatment[a.contact] & ~known.support[np.maximum(a.therapy, 0)]
    pair = distinct_sorted(a.contact[used].astype(np.int64) * k + a.therapy[used])
    contact, kind = (pair // k).astype(np.int32), (pair % k).astype(np.int32)
    of = c.referral[contact]
    counts = np.bincount(of.astype(np.int64) * k + kind, minlength=n * k).reshape(n, k)
    coded = np.bincount(c.referral[distinct_sorted(contact)], minlength=n)
    high = known.high[None, :]
    in_high, in_low = np.where(high, counts, 0), np.where(high, 0, counts)
    any_high, any_low = in_high.any(axis=1), in_low.any(axis=1)
    modal = np.where(any_high, in_high.argmax(axis=1), in_low.argmax(axis=1))
    top = counts[np.arange(n), modal] if n else np.zeros(0)
    share = np.divide(top, coded, out=np.full(n, np.nan), where=coded > 0)
    none = coded == 0
    basis = np.where(share >= 1, 0, np.where(share >= SINGLE, 1, 2))
    first_high = _first_day(of, c.day[contact], known.high[kind], n)
    first_low = _first_day(of, c.day[contact], ~known.high[kind], n)
    pathway = np.select(
        [none, ~any_high, ~any_low, first_low < first_high, first_high < first_low], [-1, 0, 1, 2, 3], 4
    )
    return Treatment(
        therapy=np.where(none, -1, modal).astype(np.int32),
        share=share,
        basis=np.where(none, -1, basis).astype(np.int32),
        pathway=pathway.astype(np.int32),
        types=(counts > 0).sum(axis=1).astype(np.int32),
        low=in_low.sum(axis=1).astype(np.int32),
        high=in_high.sum(axis=1).astype(np.int32),
    )


def _first_day(of: IntArray, day: IntArray, which: NDArray[Any], n: int) -> IntArray:
    out = np.full(n, LATEST, dtype=np.int32)
    np.minimum.at(out, of[which], day[which])
    return out


def medium_of(c: Contacts, is_treatment: BoolArray, codes: NDArray[np.int8], n: int) -> IntArray:
    """Most frequent code (of medium, or of therapy mode) among a referral's treatment contacts; -1 none recorded."""
    used = is_treatment & (codes >= 0)
    if not used.any():
        return np.full(n, -1, dtype=np.int32)
    k = int(codes.max()) + 1
    counts = np.bincount(c.referral[used].astype(np.int64) * k + codes[used], minlength=n * k).reshape(n, k)
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1).astype(np.int32)
