"""What it would take to move a verdict one class: more of which courses, links, interviews or fields.

Each step is worked out on the design it would make: the courses are added to the cells and the expected half-width is
computed again, so that before and after are numbers of the same kind. How many it takes is searched for in closed form;
for the number found the exact engine says what the posterior half-width is expected to be, from drawn outcomes. A step
helps alone only where no other gate holds the verdict in its class; the last line says what all of them together would
do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from outcomemodels.auditing.asked import Target
from outcomemodels.auditing.courses import Courses
from outcomemodels.auditing.foreseen import Posterior, half_widths, posterior_of
from outcomemodels.auditing.gates import Answerable, Gate, Ground
from outcomemodels.auditing.supporting import (
    FOLLOWED,
    INTERVIEWS,
    MIN_COURSES,
    VERIFIED,
    aim_of,
    in_words,
    widths,
    worthwhile_of,
)
from outcomemodels.schema import Facet, Field

if TYPE_CHECKING:
    from outcomemodels.auditing.verdict import Comparison

MOST = 200_000
"""More courses than this are not proposed: the limit is then said instead."""

MOST_BRIDGES = 400
"""The same for people and places that bridge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Improvement:
    """One step, what it costs in its own unit, and what it would change.

    Parameters
    ----------
    kind : str
        ``courses``, ``therapists``, ``services``, ``interviews``, ``follow-up``, ``field`` or ``together``.
    gate : str
        The gate it opens.
    amount : int or None
        How many; None where no number of them is enough.
    unit : str
    before, after : Answerable
        The verdict now, and with this step alone.
    half_width_before, half_width_after : float or None
        Of the average difference from courses of the kind asked about alone, in closed form, as the gate has it;
        outcome units. It guides the search.
    posterior : Posterior or None
        The same step by the exact engine; None where it adds no courses, or too much to weigh.
    sentence : str
    """

    kind: str
    gate: str
    amount: int | None
    unit: str
    before: Answerable
    after: Answerable
    half_width_before: float | None
    half_width_after: float | None
    sentence: str
    posterior: Posterior | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {**asdict(self), "before": self.before.value, "after": self.after.value}


def improvements_of(ground: Ground, weakest: Comparison) -> tuple[Improvement, ...]:
    """Steps that open the gates a comparison fails, in the order of the gates."""
    failed = [g for g in weakest.gates if not g.passed]
    makers: dict[str, Callable[[Ground, Comparison, Gate], Improvement]] = {
        "identifiable": _record,
        "connected": _bridge,
        "overlapping": _courses,
        "precise enough": _courses,
        "verified": _interviews,
        "followed up": _follow,
    }
    out: list[Improvement] = []
    for gate in failed:
        if gate.name == "precise enough" and any((i.half_width_after or np.inf) <= (gate.needed or 0) for i in out):
            continue  # what was proposed so far was counted until it is precise enough too
        out.append(makers[gate.name](ground, weakest, gate))
    return (*out, *_together(weakest, out)) if len(out) > 1 else tuple(out)


def after_opening(weakest: Comparison, opened: Sequence[str]) -> Answerable:
    """The verdict when some gates no longer fail."""
    left = [g.otherwise for g in weakest.gates if not g.passed and g.name not in opened]
    return max(left, key=lambda a: a.rank, default=Answerable.YES)


def with_courses(ground: Ground, target: Target, each: float) -> Ground:
    """The ground with ``each`` courses more of both treatments, spread as the problem's courses are now.

    New courses go to the therapists and settings that see this problem (or any, where none is named), in proportion, so
    that they bridge where those bridge; everything else stays.
    """
    cells, aim = ground.cells, aim_of(ground, target)
    keep = np.ones(len(cells.n), dtype=bool)
    for name, level in aim.named.items():
        keep &= cells.codes[name] == level
    keep &= np.isin(cells.codes[aim.treatment], [aim.a, aim.b])
    if not keep.any():
        keep = np.isin(cells.codes[aim.treatment], [aim.a, aim.b])
    share = cells.n[keep] / cells.n[keep].sum()
    both = (aim.a, aim.b)
    codes = {}
    for name, old in cells.codes.items():
        if name == aim.treatment:
            codes[name] = np.repeat(np.array(both, dtype=np.int32), int(keep.sum()))
        elif name in aim.named:
            codes[name] = np.full(2 * int(keep.sum()), aim.named[name], dtype=np.int32)
        else:
            codes[name] = np.tile(old[keep], 2)
    more = cells.joined_by(codes, np.tile(each * share, 2))
    return replace(ground, cells=more, planned=True, links={})


def enough(width: Callable[[int], float], needed: float, *, first: int, most: int, growth: float) -> int | None:
    """The first number, each ``growth`` times the last, at which a half-width is small enough; None beyond ``most``."""
    many = first
    while many <= most:
        if width(many) <= needed:
            return many
        many = max(many + 1, int(np.ceil(many * growth)))
    return None


def _courses(ground: Ground, weakest: Comparison, gate: Gate) -> Improvement:
    """More courses of both treatments, enough for overlap and for precision."""
    target, counts = weakest.target, gate.details
    needed, now = worthwhile_of(ground, target), widths(ground, target).alone
    lack = max(MIN_COURSES - int(min(counts.get("courses_a", MIN_COURSES), counts.get("courses_b", MIN_COURSES))), 0)
    both = f"{target.a} and {target.b}" + (f" for {in_words(ground, target)}" if target.problem else "")
    if gate.name == "overlapping" and "common_support" in counts and lack == 0:
        return _step(
            weakest, gate, "courses", now=now,
            sentence=f"clients alike in start score and setting given either of {both}: those there are now differ too "
            "much, and more of the same kind would not change it",
        )  # fmt: skip

    def after(each: int) -> float:
        return widths(with_courses(ground, target, float(each)), target).alone

    each = enough(after, needed, first=max(lack, 1), most=MOST, growth=1.25)
    if each is None:
        limit, most = after(MOST), posterior_of(ground, with_courses(ground, target, float(MOST)), target)
        return _step(
            weakest, gate, "courses", unit="courses of each", now=now, after=limit,
            posterior=most,
            sentence=f"no number of courses of {both} from the same people and places is enough: the half-width in "
            f"closed form stays above {limit:.3g} {ground.courses.units}"
            + ("" if most is None else f" ({most.sentence(ground.courses.units)})")
            + "; more therapists and settings are needed",
        )  # fmt: skip
    more = with_courses(ground, target, float(each))
    found = posterior_of(ground, more, target)
    return _step(
        weakest, gate, "courses", amount=each, unit="courses of each", opened=(gate.name, "precise enough"), now=now,
        after=after(each), posterior=found, sentence=f"{each:,} more courses of each of {both}, with the outcome: "
        + half_widths(ground, more, found, now, after(each), needed),
    )  # fmt: skip


def _bridge(ground: Ground, weakest: Comparison, gate: Gate) -> Improvement:
    """Therapists or services who give both treatments, so many that two separate chains join them."""
    courses, target = ground.courses, weakest.target
    needed, now = worthwhile_of(ground, target), widths(ground, target).alone
    if courses.therapist is None and not courses.settings:
        return _step(
            weakest, gate, "field", amount=1, unit="field", opened=("connected",), now=now,
            sentence="a field that says who delivered, or where; at best: whether they bridge is seen then",
        )  # fmt: skip
    field = _broken_at(courses, gate)
    kind = {Facet.THERAPIST: "therapists", Facet.SETTING: "services"}.get(field.facet, "links")
    each, fewest = MIN_COURSES, max(int((gate.needed or 2) - (gate.found or 0)), 1)

    def after(many: int) -> float:
        return widths(with_bridges(ground, target, field.name, many, each), target).alone

    found = enough(after, needed, first=fewest, most=MOST_BRIDGES, growth=1.3)
    many = found or fewest
    noun = f"{field.name} level" + "s" * (many > 1)
    more = with_bridges(ground, target, field.name, many, each)
    posterior = posterior_of(ground, more, target)
    return _step(
        weakest, gate, kind, amount=many, unit=noun, now=now, after=after(many),
        opened=("connected", "precise enough") if found else ("connected",), posterior=posterior,
        sentence=f"{many:,} {noun} with both {target.a} and {target.b}, {each} courses of each: "
        + half_widths(ground, more, posterior, now, after(many), needed),
    )  # fmt: skip


def _broken_at(courses: Courses, gate: Gate) -> Field:
    """The field whose links are lacking, as the gate says."""
    every = [f for f in (*courses.settings, *courses.times, courses.problem, courses.therapist) if f is not None]
    named = [f for f in every if f"({f.name})" in gate.sentence or f"one {f.name} alone" in gate.sentence]
    person = [courses.therapist] if courses.therapist is not None and "who delivers" in gate.sentence else []
    return [*person, *named, *every][0]


def with_bridges(ground: Ground, target: Target, name: str, many: int, each: float) -> Ground:
    """The ground with ``many`` new levels of a factor that gave both treatments ``each`` times."""
    cells, aim = ground.cells, aim_of(ground, target)
    heaviest = int(np.argmax(cells.n))
    first = int(cells.codes[name].max(initial=-1)) + 1
    added = {}
    for other, codes in cells.codes.items():
        if other == name:
            new = np.repeat(np.arange(first, first + many), 2)
        elif other == aim.treatment:
            new = np.tile([aim.a, aim.b], many)
        elif other in aim.named:
            new = np.full(2 * many, aim.named[other])
        elif cells.roles[other] == "therapist":
            top = int(codes.max(initial=-1)) + 1
            new = np.repeat(np.arange(top, top + many), 2)
        else:
            new = np.full(2 * many, codes[heaviest])
        added[other] = new.astype(np.int32)
    more = cells.joined_by(added, np.full(2 * many, float(each)))
    return replace(ground, cells=more, planned=True, links={})


def _interviews(ground: Ground, weakest: Comparison, gate: Gate) -> Improvement:
    courses = gate.details.get("courses", 0.0)
    short = max(INTERVIEWS - int(gate.details.get("interviews", 0)), 1)
    all_of = int(np.ceil((VERIFIED - (gate.found or 0.0)) * courses))
    by_interview = short <= all_of or not all_of
    amount, how = (short, "structured interviews") if by_interview else (all_of, "diagnoses by a clinician")
    where = f"of clients coded {in_words(ground, weakest.target)} and given either treatment"
    return _step(
        weakest, gate, "interviews", amount=amount, unit=how, opened=("verified",),
        sentence=f"{amount:,} {how} {where}, to know the share of wrong codes to within 10 points",
    )  # fmt: skip


def _follow(ground: Ground, weakest: Comparison, gate: Gate) -> Improvement:
    d = gate.details
    short = sum(max(int(np.ceil(FOLLOWED * d.get(f"began_{s}", 0) - d.get(f"known_{s}", 0))), 0) for s in "ab")
    if not d or short == 0:
        return _step(
            weakest, gate, "field", amount=1, unit="field", opened=("followed up",),
            sentence="the outcome, or at least the number, of those who began and left early",
        )  # fmt: skip
    return _step(
        weakest, gate, "follow-up", amount=short, unit="clients followed up", opened=("followed up",),
        sentence=f"{short:,} more clients with a known outcome among those who began",
    )  # fmt: skip


def _record(ground: Ground, weakest: Comparison, gate: Gate) -> Improvement:
    return _step(
        weakest, gate, "field", amount=1, unit="field",
        sentence=f"it has to be recorded first ({gate.sentence}); the other gates can be looked at only then",
    )  # fmt: skip


def _together(weakest: Comparison, steps: Sequence[Improvement]) -> list[Improvement]:
    if any(step.amount is None for step in steps):
        return []
    gates = {g.name for g in weakest.gates if not g.passed}
    widest = [s.half_width_after for s in steps if s.half_width_after is not None]
    after = after_opening(weakest, sorted(gates))
    return [
        replace(
            steps[0],
            kind="together",
            gate=", ".join(sorted(gates)),
            amount=None,
            unit="",
            after=after,
            half_width_after=min(widest) if widest else None,
            posterior=None,
            sentence=f"all of these together: {after.value}",
        )
    ]


def _step(
    weakest: Comparison,
    gate: Gate,
    kind: str,
    *,
    sentence: str,
    amount: int | None = None,
    unit: str = "",
    opened: Sequence[str] = (),
    now: float | None = None,
    after: float | None = None,
    posterior: Posterior | None = None,
) -> Improvement:
    """A step that opens some gates, and what the verdict is then."""
    then = after_opening(weakest, opened)
    moved = "" if then is weakest.answerable else f"; alone it makes the question {then.value}"
    return Improvement(
        kind=kind,
        gate=gate.name,
        amount=amount,
        unit=unit,
        before=weakest.answerable,
        after=then,
        half_width_before=now,
        half_width_after=after,
        sentence=sentence + moved,
        posterior=posterior,
    )
