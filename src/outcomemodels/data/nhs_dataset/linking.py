"""Which contact an activity and a score belong to, found bucket by bucket: a whole table is never in memory.

Rows that name one contact are in one bucket of every table, so each bucket can be worked on alone; so with activities
and their scores. What belongs together then goes to the block of its referral.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_dataset.codes import Vocabulary
from outcomemodels.data.nhs_dataset.keys import Lookup, latest
from outcomemodels.data.nhs_dataset.scores import INSIDE, SCORE, Tools, latest_of_each, spill_scores, through_activity
from outcomemodels.data.nhs_dataset.source import ReferralIndex, Source, bucket_of
from outcomemodels.data.nhs_dataset.spill import Blocks, Scratch, Spill
from outcomemodels.data.nhs_dataset.visits import ACTIVITY, CONTACT, NOT_THERE, spill_activities, spill_contacts
from outcomemodels.outcomes.contact_rule import ContactRule

LINKED = np.dtype(
    [("own", "u8"), ("order", "f8"), ("row", "i8"), ("contact", "i8"), ("referral", "i4"), ("therapy", "i1"),
     ("therapist", "i4")]
)  # fmt: skip
"""An activity whose contact (its row in IDS201) and referral are known."""
DISTINCT = np.dtype([("row", "i8"), ("contact", "i8"), ("referral", "i4"), ("therapy", "i1"), ("therapist", "i4")])
MEETING = np.dtype([(n, CONTACT.fields[n][0]) for n in CONTACT.names if n not in ("key", "order")])  # type: ignore[index, union-attr]
"""A distinct contact, by the block of its referral."""


@dataclass(frozen=True, slots=True)
class Visits:
    """Distinct contacts, activities and scores of contacts, each by the block of its referral."""

    contacts: Spill
    activities: Spill
    scores: Spill


def link_visits(
    source: Source, index: ReferralIndex, rule: ContactRule, people: Vocabulary, tools: Tools, blocks: Blocks,
    scratch: Scratch,
) -> Visits:  # fmt: skip
    """Stream IDS201, IDS202 and IDS607 and find what belongs together.

    Parameters
    ----------
    people : Vocabulary
        Grows by the therapists' local identifiers.
    """
    n = blocks.number
    raw = Spill(scratch, "contact", n, CONTACT)
    spill_contacts(source, index, rule, raw)
    named = Spill(scratch, "activity", n, ACTIVITY)
    spill_activities(source, people, named)
    taken = Spill(scratch, "score", n, SCORE)
    spill_scores(source, tools, taken)
    out = Visits(
        Spill(scratch, "meeting", n, MEETING),
        Spill(scratch, "distinct", n, DISTINCT),
        Spill(scratch, "inside", n, INSIDE),
    )
    linked = Spill(scratch, "linked", n, LINKED)
    by_contact = not through_activity(source)
    for k in range(n):
        source.say(f"contacts and their activities: part {k + 1} of {n}")
        at, lookup = _contacts(source, raw.take(k), blocks, out.contacts)
        _activities(source, index, named.take(k), lookup, at, blocks, linked, out.activities)
        if by_contact:
            _scores(source, index, taken.take(k), lookup, at["row"], at["referral"], tools, blocks, out.scores)
    for k in range(n):
        source.say(f"activities and their scores: part {k + 1} of {n}")
        one, lookup = _distinct(source, linked.take(k), blocks, out.activities)
        if not by_contact:
            _scores(source, index, taken.take(k), lookup, one["contact"], one["referral"], tools, blocks, out.scores)
    return out


Columns = dict[str, NDArray[Any]]


def _contacts(source: Source, c: Columns, blocks: Blocks, into: Spill) -> tuple[Columns, Lookup]:
    keep = latest(c["key"], c["order"])
    source.count("distinct contacts", len(keep))
    source.count("contact rows repeated, left out", len(c["key"]) - len(keep))
    kept = {name: values[keep] for name, values in c.items()}
    into.add(blocks.of(kept["referral"]), kept)
    return {"row": kept["row"], "referral": kept["referral"]}, Lookup(kept["key"])


def _activities(
    source: Source, index: ReferralIndex, a: Columns, lookup: Lookup, at: Columns, blocks: Blocks, into: Spill,
    nameless: Spill,
) -> None:  # fmt: skip
    """Activities of known contacts, by their own identifier; those without one are distinct already."""
    found = lookup.find(a["key"])
    known = found >= 0
    referral = np.append(at["referral"], np.int32(-1))[found]
    where = index.provider_of(referral)
    _seen(source, "202", {"CodeProcAndProcStatus": a["coded"], "CarePersLocalId": a["named"]}, where)
    source.matched("202", known)
    source.count("activity rows that belong to no contact, left out", int((~known).sum()))
    rows = {
        "own": a["own"], "order": a["order"], "row": a["row"], "contact": np.append(at["row"], -1)[found],
        "referral": referral, "therapy": a["therapy"], "therapist": a["therapist"],
    }  # fmt: skip
    for which, spill in ((known & (a["own"] != 0), into), (known & (a["own"] == 0), nameless)):
        mine = {name: values[which] for name, values in rows.items()}
        spill.add(bucket_of(mine["own"], into.parts) if spill is into else blocks.of(mine["referral"]), mine)
    source.count("distinct activities", int((known & (a["own"] == 0)).sum()))


def _distinct(source: Source, a: Columns, blocks: Blocks, into: Spill) -> tuple[Columns, Lookup]:
    """The latest record of each activity."""
    by = np.argsort(a["row"], kind="stable")
    a = {name: values[by] for name, values in a.items()}
    keep = latest(a["own"], a["order"])
    source.count("distinct activities", len(keep))
    source.count("activity rows repeated, left out", len(by) - len(keep))
    kept = {name: values[keep] for name, values in a.items()}
    into.add(blocks.of(kept["referral"]), kept)
    return kept, Lookup(kept["own"])


def _scores(
    source: Source, index: ReferralIndex, s: Columns, lookup: Lookup, contact: NDArray[Any], referral: NDArray[Any],
    tools: Tools, blocks: Blocks, into: Spill,
) -> None:  # fmt: skip
    """The latest record of each measure in each activity (or contact)."""
    found = lookup.find(s["key"])
    of = np.append(referral, np.int32(-1))[found]
    _seen(source, "607", {"CodedAssToolType": s["tool"], "PersScore": s["points"]}, index.provider_of(of))
    source.matched("607", found >= 0)
    source.count("scores that belong to no contact, left out", int((found < 0).sum()))
    rows = np.flatnonzero((found >= 0) & (s["measure"] >= 0) & np.isfinite(s["value"]))
    keep = rows[latest_of_each(found[rows], s["measure"][rows], s["order"][rows], len(tools.low))]
    source.count("scores replaced by a later record, left out", len(rows) - len(keep))
    into.add(
        blocks.of(of[keep]),
        {
            "referral": of[keep], "contact": np.append(contact, -1)[found[keep]], "row": s["row"][keep],
            "measure": s["measure"][keep], "value": s["value"][keep],
        },
    )  # fmt: skip


def _seen(source: Source, number: str, classes: Columns, where: NDArray[Any]) -> None:
    """Count data-quality classes; rows of files without the field do not count."""
    for name, held in classes.items():
        there = held != NOT_THERE
        if there.any():
            source.seen(number, name, where[there], held[there])
