"""The verdict on a question: gate by gate, the first that fails and by how much, and the assumptions in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from outcomemodels.auditing.asked import Asked, Target, targets_of
from outcomemodels.auditing.assumptions import assumptions_of
from outcomemodels.auditing.gates import Answerable, Gate, Ground
from outcomemodels.auditing.identifying import connected, identifiable
from outcomemodels.auditing.supporting import followed, overlapping, precise, verified

if TYPE_CHECKING:
    import pandas as pd

    from outcomemodels.auditing.improving import Improvement
    from outcomemodels.auditing.waterfall import Step
    from outcomemodels.outcomes.suppression import Disclosure

_AFTER: tuple[Callable[[Ground, Target], Gate], ...] = (overlapping, precise, verified, followed)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One treatment against the reference: its gates in order, and what must be assumed."""

    target: Target
    gates: tuple[Gate, ...]
    assumptions: tuple[str, ...]

    @property
    def answerable(self) -> Answerable:
        """The least of what the failed gates allow."""
        return max((g.otherwise for g in self.gates if not g.passed), key=lambda a: a.rank, default=Answerable.YES)

    @property
    def first_failing(self) -> Gate | None:
        """The first gate that fails; None where all pass."""
        return next((g for g in self.gates if not g.passed), None)

    @property
    def deciding(self) -> Gate | None:
        """The first gate that fails and by itself brings the verdict; None where all pass."""
        return next((g for g in self.gates if not g.passed and g.otherwise is self.answerable), None)

    def gate(self, name: str) -> Gate | None:
        """A gate by name; None where an earlier failure left nothing to look at."""
        return next((g for g in self.gates if g.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        first = self.first_failing
        return {
            "treatment": self.target.a,
            "reference": self.target.b,
            "answerable": self.answerable.value,
            "first_failing": None if first is None else first.name,
            "by_how_much": by_how_much(first),
            "gates": [g.to_dict() for g in self.gates],
            "assumptions": list(self.assumptions),
        }


def judge(ground: Ground, target: Target) -> Comparison:
    """Put one comparison through the gates; a comparison that does not exist is put through the first only."""
    first = identifiable(ground.courses, target)
    if not first.passed:
        return Comparison(target, (first,), ())
    pair = (target.a, target.b)
    if pair not in ground.links:
        ground.links[pair] = connected(ground, target)
    gates = (first, ground.links[pair], *(gate(ground, target) for gate in _AFTER))
    return Comparison(target, gates, assumptions_of(ground, target, gates))


INFORMED_YET_WIDE = (
    "An answer can be labelled data-informed and still fail this gate: the label says that the data made it and not "
    "what was assumed beforehand, the gate asks whether its interval is narrow enough to see a difference that matters."
)


def by_how_much(gate: Gate | None) -> str:
    """What was found against what is needed, as ``31% found, 80% needed``; the sentence where there is no number."""
    if gate is None:
        return ""
    if gate.found is None or gate.needed is None:
        return gate.sentence
    if gate.units == "share":
        return f"{gate.found:.0%} found, {gate.needed:.0%} needed"
    found, needed = (f"{value:.3g} {gate.units}".rstrip() for value in (gate.found, gate.needed))
    if gate.name == "precise enough":
        return (
            f"the 95% interval expected for the average difference has a half-width of {found}; at most {needed} would "
            "be needed to see the smallest worthwhile difference"
        )
    return f"{found} found, {gate.needed:.3g} needed"


@dataclass(frozen=True, eq=False, repr=False)
class QuestionVerdict:
    """Whether a question can be answered from a dataset, and what stands in the way.

    Parameters
    ----------
    question : str
        In words.
    outcome, units : str
    comparisons : tuple of Comparison
        Every treatment asked about against the reference.
    waterfall : tuple of Step
        Courses left after each requirement of this question.
    """

    question: str
    outcome: str
    units: str
    comparisons: tuple[Comparison, ...]
    waterfall: tuple[Step, ...] = ()
    _ground: Ground | None = field(default=None, compare=False)

    @cached_property
    def improvements(self) -> tuple[Improvement, ...]:
        """What would move the weakest comparison one class, in the order of the gates; worked out when first read."""
        from outcomemodels.auditing.improving import improvements_of

        return () if self._ground is None else improvements_of(self._ground, self.weakest)

    @property
    def weakest(self) -> Comparison:
        """The comparison that decides: the chain holds no more than its weakest link."""
        return max(self.comparisons, key=lambda c: c.answerable.rank)

    @property
    def answerable(self) -> Answerable:
        """The verdict: that of the weakest comparison."""
        return self.weakest.answerable

    @property
    def first_failing(self) -> Gate | None:
        """First gate that the weakest comparison fails."""
        return self.weakest.first_failing

    @property
    def by_how_much(self) -> str:
        """By how much it fails."""
        return by_how_much(self.first_failing)

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Assumptions of the weakest comparison."""
        return self.weakest.assumptions

    def in_short(self) -> str:
        """The verdict in one sentence: how far the data answer, the first gate that fails and by how much."""
        failing, of = self.first_failing, self.weakest.target
        if failing is None:
            return f"{self.answerable.value.capitalize()}: every gate passes."
        several = f" for {of.a} against {of.b}" if len(self.comparisons) > 1 else ""
        said = (
            f"{self.answerable.value.capitalize()}: the first gate that fails{several} is '{failing.name}' "
            f"({self.by_how_much})."
        )
        return f"{said} {INFORMED_YET_WIDE}" if failing.name == "precise enough" else said

    def table(self) -> pd.DataFrame:
        """One row per comparison and gate: treatment, reference, gate, passed, found, needed, sentence, rule."""
        import pandas as pd

        rows = [
            {"treatment": c.target.a, "reference": c.target.b, "gate": g.name, "passed": g.passed, "found": g.found,
             "needed": g.needed, "sentence": g.sentence, "rule": g.rule}
            for c in self.comparisons
            for g in c.gates
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        first = self.first_failing
        return {
            "question": self.question,
            "outcome": self.outcome,
            "units": self.units,
            "answerable": self.answerable.value,
            "first_failing": None if first is None else first.name,
            "by_how_much": self.by_how_much,
            "comparisons": [c.to_dict() for c in self.comparisons],
            "waterfall": [s.to_dict() for s in self.waterfall],
            "improvements": [i.to_dict() for i in self.improvements],
        }

    def show(self, *, disclosure: Disclosure | None = None) -> None:
        """Print the verdict to the terminal; with a ``disclosure``, small counts are hidden."""
        from outcomemodels.auditing.show_verdict import print_verdict

        plain = self.to_dict()
        print_verdict(plain if disclosure is None else {**disclosure.plain(plain), "suppression": disclosure.note})

    def __repr__(self) -> str:
        from outcomemodels.auditing.show_verdict import text_of_verdict

        return text_of_verdict(self.to_dict())

    def _repr_html_(self) -> str:
        from outcomemodels.auditing.show_verdict import html_of_verdict

        return html_of_verdict(self.to_dict())


def verdict_on(ground: Ground, asked: Asked) -> QuestionVerdict:
    """Judge a question; the waterfall comes with it, and what would help when it is read."""
    from outcomemodels.auditing.waterfall import waterfall_for

    comparisons = tuple(judge(ground, target) for target in targets_of(asked, ground.courses))
    weakest = max(comparisons, key=lambda c: c.answerable.rank)
    return QuestionVerdict(
        question=asked.sentence(),
        outcome=ground.courses.outcome,
        units=ground.courses.units,
        comparisons=comparisons,
        waterfall=waterfall_for(ground.courses, weakest.target),
        _ground=ground,
    )
