"""Answers held against the truth of a simulated world: estimated, interval, true, covered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from outcomemodels.data.nhs_simulation.truth import AMONG, QUANTITIES, Among, NhsTruth, Quantity
from outcomemodels.errors import QuestionError
from outcomemodels.estimands.answer import Answer, Label
from outcomemodels.estimands.truth_conditions import conditions_of
from outcomemodels.schema.typologies import load_typology

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthLine:
    """One contrast: a treatment less the reference, for one problem.

    Parameters
    ----------
    problem, treatment, reference : str
        ``problem`` "" for all clients.
    estimated, low, high : float
        Contrast and interval of the answer, outcome units.
    true : float
        The same contrast over the clients of the world whose true disorder it is.
    covered : bool
        Whether the interval holds the truth.
    courses : float
        Courses behind the estimate.
    label : str
        Evidence label of the answer.
    among : str
        What the question named of client and setting, in words; "" for nothing.
    clients : int
        Clients of the world behind the true contrast (the smaller number of the two treatments).
    """

    problem: str
    treatment: str
    reference: str
    estimated: float
    low: float
    high: float
    true: float
    covered: bool
    courses: float
    label: str
    among: str = ""
    clients: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthComparison:
    """Estimated contrasts beside true ones.

    Parameters
    ----------
    lines : tuple of TruthLine
    outcome, units, quantity, among : str
        What was estimated, and which truth it is held against.
    interval : float
        Nominal coverage.
    left_out : tuple of str
        Treatments, problems and conditions the world has no truth for, and treatments that are not estimable.
    """

    lines: tuple[TruthLine, ...]
    outcome: str
    units: str
    quantity: str
    among: str
    interval: float
    left_out: tuple[str, ...] = ()

    @property
    def coverage(self) -> float:
        """Share of intervals that hold the truth; NaN without lines."""
        return float(np.mean([x.covered for x in self.lines])) if self.lines else float("nan")

    @property
    def error(self) -> float:
        """Root mean squared error of the estimated contrasts, outcome units."""
        return float(np.sqrt(np.mean([(x.estimated - x.true) ** 2 for x in self.lines]))) if self.lines else np.nan

    @property
    def bias(self) -> float:
        """Mean of estimated less true contrasts, outcome units."""
        return float(np.mean([x.estimated - x.true for x in self.lines])) if self.lines else float("nan")

    def table(self) -> pd.DataFrame:
        """One row per contrast."""
        import pandas as pd

        return pd.DataFrame([asdict(x) for x in self.lines])

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {**asdict(self), "coverage": self.coverage, "error": self.error, "bias": self.bias}

    def __str__(self) -> str:
        head = ("problem", "treatment", "estimated", f"{self.interval:.0%} interval", "true", "covered", "courses", "")
        rows = [head]
        for x in self.lines:
            interval = f"[{x.low:+.2f}, {x.high:+.2f}]"
            numbers = (f"{x.estimated:+.2f}", interval, f"{x.true:+.2f}", "yes" if x.covered else "no")
            whom = f"{x.problem or 'all'}{f'; {x.among}' if x.among else ''}"
            rows.append((whom, x.treatment, *numbers, f"{x.courses:,.0f}", x.label))
        widths = [max(len(r[i]) for r in rows) for i in range(len(head))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]
        references = sorted({x.reference for x in self.lines})
        lines.insert(0, f"{self.outcome} ({self.units}), each treatment less {' or '.join(references)}")
        lines.insert(1, f"truth: {QUANTITIES[self.quantity]}; over {AMONG[self.among]}")
        if self.lines:
            held = sum(x.covered for x in self.lines)
            lines.append(
                f"{held} of {len(self.lines)} intervals hold the truth ({self.coverage:.0%}; "
                f"nominal {self.interval:.0%}); root mean squared error {self.error:.2f}, mean error {self.bias:+.2f}"
            )
        lines += [f"left out: {x}" for x in self.left_out]
        return "\n".join(lines)


def quantity_of(outcome: str) -> Quantity:
    """The true quantity an outcome field stands for.

    Raises
    ------
    QuestionError
        When there is none.
    """
    name = outcome.lower().replace("-", "").replace("_", "")
    if "reli" not in name and "recover" in name:
        return "recovered"
    if name.startswith("phq9") or name == "end":
        return "last_phq9"
    if name.startswith("gad7"):
        return "last_gad7"
    raise QuestionError(
        f"the truth says nothing about the outcome {outcome!r}",
        accepted="an outcome whose name begins with phq9 or gad7, or holds recover",
        mend="name the true quantity that is meant",
    )


def compare_with_truth(
    answers: Sequence[Answer], truth: NhsTruth, *, quantity: Quantity | None = None, among: Among = "finishers"
) -> TruthComparison:
    """Hold the contrasts of answers against the truth of the world their data came from.

    A contrast is compared for clients whose *true* disorder is the problem asked about (the records hold a descriptor,
    which may be wrong), and who have what the question names of client and setting: an age or first score near the
    one named, the label, the provider. A named therapist or time restricts nothing, since every client of the world
    has one therapist and one time; it is listed with what is left out. Otherwise the truth takes clients as they are
    in the world, while the answer takes a client at the mean of the covariates: with effects that are not linear these
    differ a little.

    Parameters
    ----------
    answers : sequence of Answer
        To questions about a problem, or about all clients.
    truth : NhsTruth
    quantity : str, optional
        True quantity; follows from the outcome when absent.
    among : {"finishers", "entered", "referred"}
        Whose truth: routine data hold outcomes of finishers.

    Raises
    ------
    QuestionError
        Without answers, for an outcome the truth says nothing about, or for answers about different outcomes.
    """
    if not answers:
        raise QuestionError("no answer to compare", accepted="at least one")
    first = answers[0]
    if any(a.outcome != first.outcome for a in answers):
        raise QuestionError("the answers are about different outcomes", rows=[a.outcome for a in answers])
    wanted = quantity_of(first.outcome) if quantity is None else quantity
    lines: list[TruthLine] = []
    left: list[str] = []
    for answer in answers:
        problem = answer.question.problem if isinstance(answer.question.problem, str) else None
        if problem is not None and load_typology("problem").canonical(problem) not in truth.problems:
            left.append(f"problem {problem}: not a disorder of the world")
            continue
        names = load_typology("treatment")
        if names.canonical(answer.reference) not in truth.treatments:
            left.append(f"{problem or 'all clients'}: the reference {answer.reference} is no treatment of the world")
            continue
        asked = conditions_of(answer.question)
        left += [f"{problem or 'all clients'}: the truth is not restricted by {x}" for x in asked.unknown]
        try:
            table = truth.expected(problem=problem, where=asked.where, quantity=wanted, among=among)
        except QuestionError as error:
            left.append(f"{problem or 'all clients'}, {asked.said}: {error.found}")
            continue
        means, clients = table["mean"], table["n"]
        base = float(means[names.canonical(answer.reference)])
        for t in answer.treatments:
            label = names.canonical(t.treatment)
            if t.is_reference:
                continue
            if label not in truth.treatments or t.label is Label.NOT_ESTIMABLE:
                why = "not estimable" if label in truth.treatments else "no treatment of the world"
                left.append(f"{problem or 'all clients'}, {t.treatment}: {why}")
                continue
            true = float(means[label]) - base
            if not np.isfinite(true):
                left.append(f"{problem or 'all clients'}, {t.treatment}: no client of the world is behind the truth")
                continue
            lines.append(
                TruthLine(
                    problem=problem or "",
                    treatment=t.treatment,
                    reference=answer.reference,
                    estimated=t.contrast,
                    low=t.contrast_low,
                    high=t.contrast_high,
                    true=true,
                    covered=bool(t.contrast_low <= true <= t.contrast_high),
                    courses=t.n_comparable,
                    label=t.label.value,
                    among=asked.said,
                    clients=int(min(clients[label], clients[names.canonical(answer.reference)])),
                )
            )
    return TruthComparison(
        lines=tuple(lines),
        outcome=first.outcome,
        units=first.units,
        quantity=wanted,
        among=among,
        interval=first.interval,
        left_out=tuple(left),
    )
