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
    bucket_of,
    plain_number,
    scope_of,
    scoped,
)
from outcomemodels.data.nhs_dataset.spill import Blocks, Spill
from outcomemodels.data.nhs_dataset.visits import Contacts
from outcomemodels.outcomes.instruments import Instrument, InstrumentSet
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
        self.wsas = next((i for i in instruments if i.name == "wsas"), None)
        whole = [(code, i.name) for i in instruments for code in i.snomed if i.name != "wsas"]
        items = list(zip(instruments["wsas"].snomed, WSAS_ITEMS, strict=True)) if "wsas" in instruments else []
        self.measures = tuple(dict.fromkeys(name for _, name in whole))
        self.first_item = len(self.measures)
        self.of_code = {code: self.measures.index(name) for code, name in whole}
        self.of_code |= {code: self.first_item + k for k, (code, _) in enumerate(items)}
        self.low = np.array([*(instruments[m].low for m in self.measures), *([0.0] * len(items)), np.inf])
        self.high = np.array([*(instruments[m].high for m in self.measures), *([8.0] * len(items)), -np.inf])

    @property
    def names(self) -> tuple[str, ...]:
        """Measures of :func:`scores_of`, in the order of their numbers."""
        return (
            (*self.measures, "wsas") if self.wsas is not None else (*self.measures, *(f"wsas_{i}" for i in WSAS_ITEMS))
        )

    def read(self, text: str) -> tuple[int, int]:
        """Measure (-1 one we do not know) and VODIM class of a concept."""
        code = clean(text)
        if not code:
            return -1, Vodim.MISSING
        return (self.of_code[code], Vodim.VALID) if code in self.of_code else (-1, Vodim.INVALID)


SCORE = np.dtype(
    [
        ("key", "u8"),
        ("order", "f8"),
        ("row", "i8"),
        ("measure", "i1"),
        ("value", "f4"),
        ("tool", "i1"),
        ("points", "i1"),
    ]
)
"""A row of IDS607 set aside: ``key`` its activity or contact; data-quality classes of instrument and score."""
OUTSIDE = np.dtype(
    [
        *(("referral", "i4"), ("measure", "i1"), ("day", "i4"), ("second", "i4"), ("value", "f4"), ("uid", "f8")),
        *(("order", "f8"), ("row", "i8")),
    ]
)
"""A score of IDS606 set aside."""
INSIDE = np.dtype([("referral", "i4"), ("contact", "i8"), ("row", "i8"), ("measure", "i1"), ("value", "f4")])
"""A score of IDS607 whose contact (its row in IDS201) is known."""

_SCORE = ("CodedAssToolType", "PersScore")
_LAST = np.int64(2**62)
"""Rows from here on are scores taken at the referral: at one time they come after those of contacts."""


def through_activity(source: Source) -> bool:
    """Whether scores of contacts name their activity; else they name the contact."""
    return source.has("607", "CareActId")


def _measured(batch: dict[str, Any], tools: Tools, source: Source) -> tuple[Any, Any, Any, Any]:
    """Measure, value, and the data-quality classes of both."""
    measure, tool = translate(batch["CodedAssToolType"], tools.read)
    value, points = numbers(batch["PersScore"])
    outside = np.isfinite(value) & (measure >= 0)
    outside &= (value < tools.low[measure] - 1e-6) | (value > tools.high[measure] + 1e-6)
    source.count("scores that their instrument cannot take, left out", int(outside.sum()))
    source.count("scores of instruments that are not known here, left out", int((measure < 0).sum()))
    points = np.where(outside, np.int8(Vodim.INVALID), points)
    return measure, np.where(outside, np.float32(np.nan), value), tool, points


def spill_scores(source: Source, tools: Tools, into: Spill) -> None:
    """Stream IDS607, by the activity (or contact) each score was taken in."""
    if through_activity(source):
        through, scope = "CareActId", scope_of(source, "202", "607")
    else:
        through, scope = "CareContactId", scope_of(source, "201", "607")
    start = 0
    for batch in source.batches("607", (*LINKS, *SUBMISSION, through, *_SCORE), needs=(through, *_SCORE)):
        n = len(batch["PersScore"])
        key = scoped(batch, scope, through)
        measure, value, tool, points = _measured(batch, tools, source)
        rows: dict[str, Any] = {
            "key": key, "order": source.order(batch, n), "row": start + np.arange(n), "measure": measure,
            "value": value, "tool": tool, "points": points,
        }  # fmt: skip
        start += n
        into.add(bucket_of(key, into.parts), rows)


def spill_referral_scores(source: Source, index: ReferralIndex, tools: Tools, blocks: Blocks, into: Spill) -> None:
    """Stream IDS606, by the block of its referral."""
    names = (*LINKS, *SUBMISSION, *_SCORE, "AssToolCompDate", "AssToolCompTime", "UniqueID_IDS606")
    start = 0
    for batch in source.batches("606", names, needs=(*_SCORE, "AssToolCompDate")):
        n = len(batch["PersScore"])
        referral = index.find(batch, n)
        where = index.provider_of(referral)
        measure, value, tool, points = _measured(batch, tools, source)
        source.seen("606", "CodedAssToolType", where, tool)
        source.seen("606", "PersScore", where, points)
        day = source.day("606", "AssToolCompDate", batch, where)
        uid = np.zeros(n)
        if "UniqueID_IDS606" in batch:
            at, texts = distinct(batch["UniqueID_IDS606"])
            uid = np.array([*(plain_number(t) for t in texts), 0.0])[at]
        known = (referral >= 0) & (measure >= 0) & np.isfinite(value) & (day != NO_DAY)
        source.matched("606", referral >= 0)
        source.count("scores that belong to no referral, left out", int((referral < 0).sum()))
        source.count("scores without a date, left out", int(((referral >= 0) & (day == NO_DAY)).sum()))
        rows: dict[str, Any] = {
            "referral": referral, "measure": measure, "day": day, "value": value, "uid": uid,
            "second": seconds(batch["AssToolCompTime"]) if "AssToolCompTime" in batch else np.full(n, -1, np.int32),
            "order": source.order(batch, n), "row": start + np.arange(n),
        }  # fmt: skip
        start += n
        into.add(blocks.of(referral[known]), {name: values[known] for name, values in rows.items()})


def latest_of_each(holder: NDArray[Any], measure: NDArray[Any], order: NDArray[np.float64], n: int) -> NDArray[Any]:
    """Rows with the latest record of each measure in each activity (or contact), in the order given."""
    key = holder.astype(np.int64) * n + measure
    by = np.lexsort((order, key)) if order.any() else np.argsort(key, kind="stable")
    return np.sort(by[np.append(key[by][1:] != key[by][:-1], True)[: len(by)]])


def scores_of(
    inside: dict[str, NDArray[Any]], outside: dict[str, NDArray[Any]], contacts: Contacts, tools: Tools, source: Source
) -> Scores:
    """Scores of one block of referrals, those of contacts and those at the referral in one table.

    The same value of a measure in one contact, or at one referral on one day and time, counts once.

    Parameters
    ----------
    inside : dict
        Columns ``referral, contact, row, measure, value``; ``contact`` a row of ``contacts``.
    outside : dict
        Columns of ``OUTSIDE``.
    """
    at = inside["contact"]
    one = {**inside, "day": contacts.day[at], "second": contacts.second[at], "contact": at.astype(np.int32)}
    two = _latest_submission(outside)
    rank = np.empty(len(two["row"]), dtype=np.int64)
    rank[np.lexsort((two["row"], two["uid"]))] = np.arange(len(rank)) + _LAST
    two = {**two, "row": rank, "contact": np.full(len(rank), -1, dtype=np.int32)}
    joined = {name: np.concatenate([one[name], two[name]]) for name in one}
    order = np.lexsort(
        (joined["row"], joined["second"], joined["day"], joined["measure"], joined["referral"])
    )  # at one time: scores of contacts in the order of recording, then those at the referral
    found = Scores(
        measures=(*tools.measures, *(f"wsas_{i}" for i in WSAS_ITEMS)),
        **{f.name: joined[f.name][order] for f in fields(Scores) if f.name != "measures"},
    )
    keep = ~_repeated(found)
    source.count("scores repeated, left out", int((~keep).sum()))
    found = found.take(np.flatnonzero(keep))
    source.count("distinct scores", found.n)
    return found if tools.wsas is None else _with_wsas(found, tools, tools.wsas)


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


def _with_wsas(s: Scores, tools: Tools, wsas: Instrument) -> Scores:
    """Scores with the WSAS total in place of its items, where enough items were answered together."""
    item = s.measure >= tools.first_item
    rows = np.flatnonzero(item)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """First and last score of one measure within each referral, dims (referral,): NaN and 0 where there is none."""

    first: NDArray[np.float32]
    last: NDArray[np.float32]
    count: NDArray[np.int32]


def pair_of(s: Scores, measure: str, inside: NDArray[np.bool_], n: int) -> Pair:
    """First and last of the scores ``inside`` the course, by day, time and order of recording."""
    first, last = np.full(n, np.nan, dtype=np.float32), np.full(n, np.nan, dtype=np.float32)
    count = np.zeros(n, dtype=np.int32)
    if measure in s.measures:
        rows = np.flatnonzero(inside & (s.measure == s.measures.index(measure)))
        of = s.referral[rows]
        count = np.bincount(of, minlength=n).astype(np.int32)
        starts = np.append(True, of[1:] != of[:-1])[: len(of)]
        ends = np.append(of[1:] != of[:-1], True)[: len(of)]
        first[of[starts]] = s.value[rows[starts]]
        last[of[ends]] = s.value[rows[ends]]
    last[count < 2] = np.nan
    return Pair(first=first, last=last, count=count)


def ties(s: Scores, inside: NDArray[np.bool_]) -> int:
    """Scores whose order is not known: the same measure on the same day and at the same (or no) time."""
    rows = np.flatnonzero(inside)
    if len(rows) < 2:
        return 0
    a, b = rows[1:], rows[:-1]
    same = (s.referral[a] == s.referral[b]) & (s.measure[a] == s.measure[b]) & (s.day[a] == s.day[b])
    return int((same & (s.second[a] == s.second[b]) & (s.value[a] != s.value[b])).sum())
