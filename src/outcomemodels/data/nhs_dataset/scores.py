"""IDS606 and IDS607: questionnaire scores taken at the referral and inside contacts, in one long table."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import NO_DAY, Vodim, clean, distinct, numbers, seconds, translate
from outcomemodels.data.nhs_dataset.source import (
    LINKS,
    SUBMISSION,
    IntArray,
    ReferralIndex,
    Source,
    plain_number,
    scope_of,
    scoped,
)
from outcomemodels.data.nhs_dataset.visits import Activities, Contacts
from outcomemodels.outcomes.instruments import InstrumentSet
from outcomemodels.outcomes.scoring import score_items

WSAS_ITEMS = ("work", "home", "social", "private", "relationships")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scores, dims (score,), sorted by referral, measure, day, time and order of recording.

    Parameters
    ----------
    referral, measure : ndarray of int
        ``measure``: position in ``measures``.
    day, second : ndarray of int32
    value : ndarray of float32
        Score points.
    contact : ndarray of int32
        Contact it was taken in, -1 at the referral.
    measures : tuple of str
    """

    referral: IntArray
    measure: NDArray[np.int8]
    day: IntArray
    second: IntArray
    value: NDArray[np.float32]
    contact: IntArray
    measures: tuple[str, ...]

    @property
    def n(self) -> int:
        """Number of scores."""
        return len(self.referral)

    def take(self, rows: NDArray[Any]) -> Scores:
        """These rows, in this order."""
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "measures"}
        return Scores(measures=self.measures, **arrays)


class Tools:
    """SNOMED concepts of questionnaires: whole scores first, then the five items of the WSAS."""

    def __init__(self, instruments: InstrumentSet) -> None:
        whole = [(code, i.name) for i in instruments for code in i.snomed if i.name != "wsas"]
        items = list(zip(instruments["wsas"].snomed, WSAS_ITEMS, strict=True)) if "wsas" in instruments else []
        self.measures = tuple(dict.fromkeys(name for _, name in whole))
        self.first_item = len(self.measures)
        self.of_code = {code: self.measures.index(name) for code, name in whole}
        self.of_code |= {code: self.first_item + k for k, (code, _) in enumerate(items)}
        self.low = np.array([*(instruments[m].low for m in self.measures), *([0.0] * len(items)), np.inf])
        self.high = np.array([*(instruments[m].high for m in self.measures), *([8.0] * len(items)), -np.inf])

    def read(self, text: str) -> tuple[int, int]:
        """Measure (-1 one we do not know) and VODIM class of a concept."""
        code = clean(text)
        if not code:
            return -1, Vodim.MISSING
        return (self.of_code[code], Vodim.VALID) if code in self.of_code else (-1, Vodim.INVALID)


def read_scores(
    source: Source, index: ReferralIndex, contacts: Contacts, activities: Activities, instruments: InstrumentSet
) -> Scores:
    """Read both tables; scores out of range are counted as invalid and left out.

    The latest record of a measure in an activity counts; the same value of a measure in one contact, or at one
    referral on one day and time, counts once.
    """
    tools = Tools(instruments)
    inside = _in_contacts(source, index, contacts, activities, tools)
    outside = _at_referrals(source, index, tools)
    joined = {name: np.concatenate([inside.pop(name), outside.pop(name)]) for name in list(inside)}
    order = np.lexsort(
        (joined["row"], joined["second"], joined["day"], joined["measure"], joined["referral"])
    )  # at one time: scores of contacts in the order of recording, then those at the referral
    found = Scores(
        measures=(*tools.measures, *(f"wsas_{i}" for i in WSAS_ITEMS)),
        **{f.name: joined[f.name][order] for f in fields(Scores) if f.name != "measures"},
    )
    del joined, order  # tens of millions of rows: nothing is held twice
    keep = ~_repeated(found)
    source.count("scores repeated, left out", int((~keep).sum()))
    found = found.take(np.flatnonzero(keep))
    source.count("distinct scores", found.n)
    if "wsas" in instruments:
        found = _with_wsas(found, tools, instruments)
    return found


_SCORE = ("CodedAssToolType", "PersScore")


def _measured(source: Source, number: str, batch: dict[str, Any], where: IntArray, tools: Tools) -> tuple[Any, Any]:
    measure, classes = translate(batch["CodedAssToolType"], tools.read)
    source.seen(number, "CodedAssToolType", where, classes)
    value, classes = numbers(batch["PersScore"])
    outside = np.isfinite(value) & (measure >= 0)
    outside &= (value < tools.low[measure] - 1e-6) | (value > tools.high[measure] + 1e-6)
    source.seen(number, "PersScore", where, np.where(outside, np.int8(Vodim.INVALID), classes))
    source.count("scores that their instrument cannot take, left out", int(outside.sum()))
    source.count("scores of instruments that are not known here, left out", int((measure < 0).sum()))
    return measure, np.where(outside, np.float32(np.nan), value)


def _in_contacts(
    source: Source, index: ReferralIndex, contacts: Contacts, activities: Activities, tools: Tools
) -> dict[str, Any]:
    scope, by_contact = scope_of(source, "202", "607"), scope_of(source, "201", "607")
    through = "CareActId" if source.has("607", "CareActId") else "CareContactId"
    activity, measure, value, at = [], [], [], []
    rank: list[Any] = []
    for batch in source.batches("607", (*LINKS, *SUBMISSION, through, *_SCORE), needs=(through, *_SCORE)):
        n = len(batch["PersScore"])
        if through == "CareActId":
            row = activities.index.find(scoped(batch, scope, "CareActId"))
            contact = np.append(activities.contact, np.int32(-1))[row]
        else:
            row = contact = contacts.index.find(scoped(batch, by_contact, "CareContactId"))
        where = index.provider_of(np.append(contacts.referral, np.int32(-1))[contact])
        which, score = _measured(source, "607", batch, where, tools)
        known = (contact >= 0) & (which >= 0) & np.isfinite(score)
        source.matched("607", contact >= 0)
        source.count("scores that belong to no contact, left out", int((contact < 0).sum()))
        activity.append(row[known])
        measure.append(which[known].astype(np.int8))
        value.append(score[known])
        at.append(contact[known].astype(np.int32))
        order = source.order(batch, n)
        rank.append(order[known] if order.any() else np.zeros(int(known.sum()), dtype=np.int8))
    row, which, score, contact = (_joined(p, d) for p, d in (
        (activity, np.int32), (measure, np.int8), (value, np.float32), (at, np.int32)))  # fmt: skip
    key = row.astype(np.int64) * len(tools.low) + which
    ranks = _joined(rank, np.int8)
    by = np.lexsort((ranks, key)) if ranks.any() else np.argsort(key, kind="stable")
    keep = np.sort(by[np.append(key[by][1:] != key[by][:-1], True)[: len(by)]])
    source.count("scores replaced by a later record, left out", len(key) - len(keep))
    contact = contact[keep]
    return {
        "referral": contacts.referral[contact],
        "measure": which[keep],
        "day": contacts.day[contact],
        "second": contacts.second[contact],
        "value": score[keep],
        "contact": contact,
        "row": np.arange(len(keep), dtype=np.int32),
    }


def _at_referrals(source: Source, index: ReferralIndex, tools: Tools) -> dict[str, Any]:
    held: dict[str, list[Any]] = {}
    names = (*LINKS, *SUBMISSION, *_SCORE, "AssToolCompDate", "AssToolCompTime", "UniqueID_IDS606")
    for batch in source.batches("606", names, needs=(*_SCORE, "AssToolCompDate")):
        n = len(batch["PersScore"])
        referral = index.find(batch, n)
        where = index.provider_of(referral)
        which, score = _measured(source, "606", batch, where, tools)
        day = source.day("606", "AssToolCompDate", batch, where)
        uid = np.zeros(n)
        if "UniqueID_IDS606" in batch:
            at, texts = distinct(batch["UniqueID_IDS606"])
            uid = np.array([*(plain_number(t) for t in texts), 0.0])[at]
        known = (referral >= 0) & (which >= 0) & np.isfinite(score) & (day != NO_DAY)
        source.matched("606", referral >= 0)
        source.count("scores that belong to no referral, left out", int((referral < 0).sum()))
        source.count("scores without a date, left out", int(((referral >= 0) & (day == NO_DAY)).sum()))
        rows: dict[str, Any] = {
            "referral": referral, "measure": which.astype(np.int8), "day": day, "value": score, "uid": uid,
            "second": seconds(batch["AssToolCompTime"]) if "AssToolCompTime" in batch else np.full(n, -1, np.int32),
            "order": source.order(batch, n),
        }  # fmt: skip
        for name, values in rows.items():
            held.setdefault(name, []).append(values[known])
    if not held:
        none = np.zeros(0, dtype=np.int32)
        return {"referral": none, "measure": none.astype(np.int8), "day": none, "second": none,
                "value": none.astype(np.float32), "contact": none, "row": none}  # fmt: skip
    one = {name: np.concatenate(parts) for name, parts in held.items()}
    one = _latest_submission(one)
    n = len(one["day"])
    row = np.empty(n, dtype=np.int32)
    row[np.argsort(one["uid"], kind="stable")] = np.arange(n, dtype=np.int32) + 2**30
    return {
        **{name: one[name] for name in ("referral", "measure", "day", "second", "value")},
        "contact": np.full(n, -1, dtype=np.int32),
        "row": row,
    }


def _latest_submission(one: dict[str, Any]) -> dict[str, Any]:
    """Where a score was submitted again, only the rows of its latest submission."""
    order = one["order"]
    if not order.any():
        return one
    parts = np.stack([one["referral"], one["measure"], one["day"], one["second"]], axis=1)
    _, group = np.unique(parts, axis=0, return_inverse=True)
    best = np.full(int(group.max()) + 1 if len(group) else 0, -np.inf)
    np.maximum.at(best, group, order)
    keep = order >= best[group]
    return {name: values[keep] for name, values in one.items()}


def _repeated(s: Scores) -> NDArray[np.bool_]:
    """Rows equal to the one before in everything."""
    same = np.zeros(s.n, dtype=bool)
    if s.n > 1:
        same[1:] = True
        for part in (s.referral, s.measure, s.day, s.second, s.value, s.contact):
            same[1:] &= part[1:] == part[:-1]
    return same


def _with_wsas(s: Scores, tools: Tools, instruments: InstrumentSet) -> Scores:
    """Scores with the WSAS total in place of its items, where enough items were answered together."""
    item = s.measure >= tools.first_item
    rows = np.flatnonzero(item)
    wsas = instruments["wsas"]
    measures = (*tools.measures, "wsas")
    rest = np.flatnonzero(~item)
    whole = Scores(**{**_arrays(s.take(rest)), "measures": measures})
    if not len(rows):
        return whole
    one = s.take(rows)
    by = np.lexsort((one.contact, one.second, one.day, one.referral))
    one = one.take(by)
    new = np.ones(one.n, dtype=bool)
    new[1:] = (
        (one.referral[1:] != one.referral[:-1]) | (one.day[1:] != one.day[:-1])
        | (one.second[1:] != one.second[:-1]) | (one.contact[1:] != one.contact[:-1])
    )  # fmt: skip
    group = np.cumsum(new) - 1
    answers = np.full((int(group[-1]) + 1, len(WSAS_ITEMS)), np.nan)
    answers[group, one.measure - tools.first_item] = one.value
    total = score_items(wsas, answers)
    head = one.take(np.flatnonzero(new)[np.isfinite(total)])
    made = {**_arrays(head), "value": total[np.isfinite(total)].astype(np.float32),
            "measure": np.full(head.n, len(tools.measures), dtype=np.int8), "measures": measures}  # fmt: skip
    both = Scores(
        measures=measures,
        **{n: np.concatenate([getattr(whole, n), made[n]]) for n in _arrays(whole) if n != "measures"},
    )
    return both.take(np.lexsort((np.arange(both.n), both.measure, both.referral)))


def _arrays(s: Scores) -> dict[str, Any]:
    return {f.name: getattr(s, f.name) for f in fields(s)}


def _joined(parts: list[Any], kind: Any) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """First and last score of one measure within each referral, dims (referral,): NaN and 0 where there is none."""

    first: NDArray[np.float64]
    last: NDArray[np.float64]
    count: NDArray[np.int32]
    first_day: IntArray
    last_day: IntArray


def pair_of(s: Scores, measure: str, inside: NDArray[np.bool_], n: int) -> Pair:
    """First and last of the scores ``inside`` the course, by day, time and order of recording."""
    first, last = np.full(n, np.nan), np.full(n, np.nan)
    count = np.zeros(n, dtype=np.int32)
    first_day = np.full(n, NO_DAY, dtype=np.int32)
    last_day = first_day.copy()
    if measure in s.measures:
        rows = np.flatnonzero(inside & (s.measure == s.measures.index(measure)))
        of = s.referral[rows]
        count = np.bincount(of, minlength=n).astype(np.int32)
        starts = np.append(True, of[1:] != of[:-1])[: len(of)]
        ends = np.append(of[1:] != of[:-1], True)[: len(of)]
        first[of[starts]] = s.value[rows[starts]]
        first_day[of[starts]] = s.day[rows[starts]]
        last[of[ends]] = s.value[rows[ends]]
        last_day[of[ends]] = s.day[rows[ends]]
    last[count < 2] = np.nan
    return Pair(first=first, last=last, count=count, first_day=first_day, last_day=last_day)


def ties(s: Scores, inside: NDArray[np.bool_]) -> int:
    """Scores whose order is not known: the same measure on the same day and at the same (or no) time."""
    rows = np.flatnonzero(inside)
    if len(rows) < 2:
        return 0
    a, b = rows[1:], rows[:-1]
    same = (s.referral[a] == s.referral[b]) & (s.measure[a] == s.measure[b]) & (s.day[a] == s.day[b])
    return int((same & (s.second[a] == s.second[b]) & (s.value[a] != s.value[b])).sum())
