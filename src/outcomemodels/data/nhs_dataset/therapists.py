"""Who delivered the treatment: weights of several therapists, and their qualification when treatment began."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import NO_DAY, Vocabulary, clean, distinct, therapies
from outcomemodels.data.nhs_dataset.contacts import within_course
from outcomemodels.data.nhs_dataset.keys import distinct_sorted
from outcomemodels.data.nhs_dataset.referrals import Referrals
from outcomemodels.data.nhs_dataset.source import SUBMISSION, IntArray, Source
from outcomemodels.data.nhs_dataset.visits import Activities, BoolArray, Contacts, OnlineSessions

QUALIFICATION = ("qualified", "in training", "neither", "no record")
GIVES = ("low intensity only", "high intensity only", "both")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memberships:
    """Therapists of each referral with the share of its treatment sessions each gave; dims (membership,).

    Sorted by referral and falling weight; weights of a referral sum to 1. A session with several therapists is
    shared equally between them.

    Parameters
    ----------
    referral : ndarray of int32
    therapist : ndarray of int32
        Code into ``labels``.
    weight : ndarray of float
    labels : tuple of str
        ``"provider:local identifier"``.
    gives : ndarray of int, dims (therapist,)
        Code into ``GIVES``: intensities coded in all their treatment contacts; -1 none coded.
    provider, local : ndarray of int, dims (therapist,)
    """

    referral: IntArray
    therapist: IntArray
    weight: NDArray[np.float64]
    labels: tuple[str, ...]
    gives: IntArray
    provider: IntArray
    local: IntArray

    def ranked(self, rank: int, n: int) -> tuple[IntArray, NDArray[np.float64]]:
        """Therapist (-1 none) and weight (NaN) of the ``rank``-th largest share, dims (referral,)."""
        starts = np.flatnonzero(np.append(True, self.referral[1:] != self.referral[:-1])[: len(self.referral)])
        size = np.diff(np.append(starts, len(self.referral)))
        has = size > rank
        who, weight = np.full(n, -1, dtype=np.int32), np.full(n, np.nan)
        who[self.referral[starts[has]]] = self.therapist[starts[has] + rank]
        weight[self.referral[starts[has]]] = self.weight[starts[has] + rank]
        return who, weight

    def number(self, n: int) -> IntArray:
        """Therapists per referral, dims (referral,)."""
        return np.bincount(self.referral, minlength=n).astype(np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Therapists of one block of referrals, dims (membership,), as in :class:`Memberships`.

    Parameters
    ----------
    referral : ndarray of int32
    place : ndarray of int64
        Provider and local identifier as one number.
    weight : ndarray of float
    low, high : ndarray of int64
        Places where a low- or a high-intensity type was coded.
    """

    referral: IntArray
    place: NDArray[np.int64]
    weight: NDArray[np.float64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]


def alphabet(people: Vocabulary) -> NDArray[np.int64]:
    """Rank of each local identifier among all: what decides between equal shares, whatever the order of rows."""
    return np.argsort(np.argsort(np.array(people.texts or ("",), dtype=object)))


def shares_of(
    r: Referrals, c: Contacts, a: Activities, online: OnlineSessions, is_treatment: BoolArray, rank: NDArray[np.int64],
    start: int = 0,
) -> Shares:  # fmt: skip
    """Weights from treatment contacts and online sessions; employment advisers are left out.

    Parameters
    ----------
    rank : ndarray of int, dims (local identifier,)
        From :func:`alphabet`.
    start : int
        Number of the first referral of ``r`` in the folder.
    """
    known, m = therapies(), len(rank)
    support = known.support[np.maximum(a.therapy, 0)] & (a.therapy >= 0)
    used = (a.therapist >= 0) & is_treatment[a.contact] & ~support
    pair = distinct_sorted(a.contact[used].astype(np.int64) * m + a.therapist[used])
    contact, local = pair // m, pair % m
    shared = np.bincount(contact, minlength=c.n)
    weight = 1.0 / np.maximum(shared[contact], 1)
    referral = c.referral[contact]
    on = within_course(r, online.referral, online.day) & (online.therapist >= 0)
    referral = np.concatenate([referral, online.referral[on]]).astype(np.int64)
    local = np.concatenate([local, online.therapist[on]])
    weight = np.concatenate([weight, np.ones(int(on.sum()))])
    place = (r.provider[referral] + 1).astype(np.int64) * m + local
    ids, therapist = np.unique(place, return_inverse=True)
    joint, back = np.unique(referral * max(len(ids), 1) + therapist, return_inverse=True)
    total = np.bincount(back, weights=weight, minlength=len(joint))
    of, who = joint // max(len(ids), 1), joint % max(len(ids), 1)
    total = total / np.bincount(of, weights=total, minlength=r.n)[of]
    order = np.lexsort((rank[ids % m][who], -np.round(total, 9), of))  # equal shares: by name
    coded = used & (a.therapy >= 0)
    high = known.high[np.maximum(a.therapy, 0)]
    at = (r.provider[c.referral[a.contact]] + 1).astype(np.int64) * m + a.therapist
    return Shares(
        referral=(of[order] + start).astype(np.int32),
        place=ids[who[order]],
        weight=total[order],
        low=np.unique(at[coded & ~high]),
        high=np.unique(at[coded & high]),
    )


def memberships_of(blocks: list[Shares], people: Vocabulary, providers: tuple[str, ...]) -> Memberships:
    """Therapists of all referrals from those of each block."""
    texts, m = people.texts, max(len(people.texts), 1)
    place = np.concatenate([s.place for s in blocks])
    ids = np.unique(place)
    provider, name = ids // m - 1, ids % m
    low, high = (np.isin(ids, np.concatenate([getattr(s, k) for s in blocks])) for k in ("low", "high"))
    return Memberships(
        referral=np.concatenate([s.referral for s in blocks]),
        therapist=np.searchsorted(ids, place).astype(np.int32),
        weight=np.concatenate([s.weight for s in blocks]),
        labels=tuple(
            f"{providers[p] if p >= 0 else '?'}:{texts[i]}"
            for p, i in zip(provider.tolist(), name.tolist(), strict=True)
        ),
        gives=np.select([low & high, high, low], [2, 1, 0], -1).astype(np.int32),
        provider=provider.astype(np.int32),
        local=name.astype(np.int32),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Qualifications:
    """Dates of IDS902 per therapist, dims (therapist,); days since 1970-01-01.

    Parameters
    ----------
    listed : ndarray of bool
    awarded, planned : ndarray of int32
        Earliest award; latest planned completion.
    """

    listed: NDArray[np.bool_]
    awarded: IntArray
    planned: IntArray


def read_qualifications(
    source: Source, m: Memberships, people: Vocabulary, providers: tuple[str, ...]
) -> Qualifications:
    """Read IDS902 for the therapists met; without a provider column, local identifiers are matched alone."""
    n = len(m.labels)
    late = np.iinfo(np.int32).max
    listed, awarded, planned = np.zeros(n, bool), np.full(n, late, np.int32), np.full(n, NO_DAY, np.int32)
    own = source.has("902", "OrgID_Provider")
    of_place: dict[tuple[int, str], list[int]] = {}
    names_of = people.texts
    for i, (p, local) in enumerate(zip(m.provider.tolist(), m.local.tolist(), strict=True)):
        of_place.setdefault((p if own else -1, names_of[local]), []).append(i)
    places = {name: i for i, name in enumerate(providers)}
    names = ("OrgID_Provider", *SUBMISSION, "CarePersLocalId", "QualAwardedDate", "QualPlannedCompletionDate")
    for batch in source.batches("902", names, needs=("CarePersLocalId",)):
        rows = len(batch["CarePersLocalId"])
        where = np.full(rows, -1, dtype=np.int32)
        if own:
            which, texts = distinct(batch["OrgID_Provider"])
            where = np.array([*(places.get(clean(t), -1) for t in texts), -1], dtype=np.int32)[which]
        got = source.day("902", "QualAwardedDate", batch, where)
        plan = source.day("902", "QualPlannedCompletionDate", batch, where)
        for row, name in enumerate(batch["CarePersLocalId"].to_pylist()):
            for i in of_place.get((int(where[row]), str(name or "").strip()), ()):
                listed[i] = True
                if got[row] != NO_DAY:
                    awarded[i] = min(awarded[i], got[row])
                planned[i] = max(planned[i], plan[row])
    return Qualifications(listed=listed, awarded=np.where(awarded == late, NO_DAY, awarded), planned=planned)


def qualification_on(q: Qualifications, therapist: IntArray, day: IntArray) -> IntArray:
    """Code into ``QUALIFICATION`` of each therapist on a day; -1 where there is no therapist or no day.

    Qualified: awarded on or before that day. In training: a completion planned, not (yet) awarded. Neither: listed
    with no usable date. No record: not in IDS902.
    """
    at = np.maximum(therapist, 0)
    if not len(q.listed):
        return np.full(len(therapist), -1, dtype=np.int32)
    qualified = (q.awarded[at] != NO_DAY) & (q.awarded[at] <= day)
    training = ~qualified & ((q.planned[at] != NO_DAY) | (q.awarded[at] != NO_DAY))
    state = np.select([~q.listed[at], qualified, training], [3, 0, 1], 2)
    return np.where((therapist < 0) | (day == NO_DAY), -1, state).astype(np.int32)
