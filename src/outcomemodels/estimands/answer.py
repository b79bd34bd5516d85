"""An answer: numbers per treatment, the evidence behind them, and the draws they were computed from."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import xarray as xr

from outcomemodels.errors import QuestionError
from outcomemodels.estimands.question import Question
from outcomemodels.schema import Assignment, Direction

if TYPE_CHECKING:
    import pandas as pd


class Label(StrEnum):
    """How far the data carry a contrast; the rule is in :mod:`outcomemodels.estimands.evidence`."""

    DATA_INFORMED = "data-informed"
    WEAKLY_INFORMED = "weakly informed"
    PRIOR_DRIVEN = "prior-driven"
    NOT_ESTIMABLE = "not estimable"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatmentAnswer:
    """What is known of one treatment, for the client, problem, therapist and setting asked about.

    Parameters
    ----------
    treatment : str
    mean, sd, low, high : float
        Expected outcome, in outcome units (probability for binomial outcomes).
    contrast, contrast_low, contrast_high : float
        Expected outcome minus that of the reference, draw by draw; 0 for the reference itself.
    p_beneficial : float or None
        Probability that the contrast is in the good direction. None for the reference, and where the data do not say
        which way the outcome improves.
    p_worthwhile : float or None
        Probability that it is so by at least ``question.worthwhile``.
    p_best, sucra : float or None
        Probability of the best expected outcome, and surface under the cumulative ranking curve, among the
        estimable treatments; None where not estimable.
    regret : float or None
        Expected loss in outcome units of choosing this treatment instead of the best.
    n_comparable : float
        Courses with this treatment and problem.
    n_therapists, n_settings : int or None
        Therapists and settings behind them; None where the data name none.
    contraction : float or None
        1 - posterior variance / prior variance of the contrast (for the reference: of its contrast with the mean of
        the others), on the scale of the linear predictor.
    label : Label
    reason : str
        Why this label, in one sentence.
    """

    treatment: str
    is_reference: bool
    mean: float
    sd: float
    low: float
    high: float
    contrast: float
    contrast_low: float
    contrast_high: float
    p_beneficial: float | None
    p_worthwhile: float | None
    p_best: float | None
    regret: float | None
    sucra: float | None
    n_comparable: float
    n_therapists: int | None
    n_settings: int | None
    contraction: float | None
    label: Label
    reason: str

    @property
    def is_estimable(self) -> bool:
        """Whether the data connect this treatment with the reference."""
        return self.label is not Label.NOT_ESTIMABLE


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Answer:
    """What ``ask`` returns.

    Parameters
    ----------
    question : Question
    outcome, units : str
    direction : Direction or None
        Which way the outcome improves.
    reference : str
        Treatment the others are held against.
    assignment : Assignment
        Only ``randomised`` licenses causal words.
    interval : float
        Probability of the central intervals.
    treatments : tuple of TreatmentAnswer
        In the order of the question.
    draws : xarray.Dataset
        ``expected`` and ``contrast``, dims (draw, treatment), in outcome units.
    verdict_failed : bool
        Whether the fit failed its diagnostics; then no number here can be trusted.
    warnings : tuple of str
        What a reader must know before the numbers.
    asked : str
        The question in words.
    """

    question: Question
    outcome: str
    units: str
    direction: Direction | None
    reference: str
    assignment: Assignment
    treatments: tuple[TreatmentAnswer, ...]
    draws: xr.Dataset
    interval: float = 0.95
    verdict_failed: bool = False
    warnings: tuple[str, ...] = ()
    asked: str = ""
    _index: dict[str, TreatmentAnswer] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._index.update({t.treatment: t for t in self.treatments})

    def __getitem__(self, treatment: str) -> TreatmentAnswer:
        if treatment not in self._index:
            raise QuestionError(f"{treatment!r} was not asked about", accepted=", ".join(self._index))
        return self._index[treatment]

    @property
    def best(self) -> TreatmentAnswer | None:
        """The estimable treatment with the least expected regret; None when nothing can be ranked."""
        ranked = [t for t in self.treatments if t.regret is not None]
        return min(ranked, key=lambda t: t.regret or 0.0) if ranked else None

    def table(self) -> pd.DataFrame:
        """One row per treatment, indexed by treatment; columns as in :class:`TreatmentAnswer`."""
        import pandas as pd

        names = [f.name for f in fields(TreatmentAnswer)]
        rows = [{n: getattr(t, n) for n in names} for t in self.treatments]
        frame = pd.DataFrame(rows, columns=names).set_index("treatment")
        frame["label"] = frame["label"].map(str)
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON; the draws are left out."""
        return {
            "question": self.question.to_dict(),
            "asked": self.asked or self.question.sentence(),
            "outcome": self.outcome,
            "units": self.units,
            "direction": None if self.direction is None else self.direction.value,
            "reference": self.reference,
            "assignment": self.assignment.value,
            "interval": self.interval,
            "verdict_failed": self.verdict_failed,
            "warnings": list(self.warnings),
            "treatments": [{**asdict(t), "label": t.label.value} for t in self.treatments],
            "sentences": list(self.sentences()),
        }

    def sentences(self) -> tuple[str, ...]:
        """The answer in plain language, warnings first."""
        from outcomemodels.estimands.wording import sentences_of

        return sentences_of(self)

    def __repr__(self) -> str:
        columns = ("", "expected", f"{self.interval:.0%} interval", f"v {self.reference}", "P(best)", "courses", "")
        rows = [columns, *(_cells(t) for t in self.treatments)]
        widths = [max(len(r[i]) for r in rows) for i in range(len(columns))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]
        head = f"{self.asked or self.question.sentence()}\n{self.outcome} ({self.units}{_better(self.direction)})"
        return "\n".join([head, *(f"! {w}" for w in self.warnings), *lines])

    def _repr_html_(self) -> str:
        head = ("treatment", "expected", f"{self.interval:.0%} interval", f"v {self.reference}", "P(best)", "courses")
        heads = "".join(f"<th scope='col'>{html.escape(h)}</th>" for h in (*head, "evidence"))
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in _cells(t)) + "</tr>" for t in self.treatments
        )
        warnings = "".join(f"<p><strong>{html.escape(w)}</strong></p>" for w in self.warnings)
        caption = html.escape(
            f"{self.asked or self.question.sentence()} {self.outcome} ({self.units}{_better(self.direction)})"
        )
        return (
            f"{warnings}<table><caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
        )


def _cells(t: TreatmentAnswer) -> tuple[str, ...]:
    contrast = "reference" if t.is_reference else f"{t.contrast:+.3g} [{t.contrast_low:+.3g}, {t.contrast_high:+.3g}]"
    best = "" if t.p_best is None else f"{t.p_best:.2f}"
    interval = f"[{t.low:.3g}, {t.high:.3g}]"
    return (t.treatment, f"{t.mean:.3g}", interval, contrast, best, f"{t.n_comparable:,.0f}", t.label.value)


def _better(direction: Direction | None) -> str:
    words: Mapping[Direction | None, str] = {
        Direction.LOWER_IS_BETTER: ", lower is better",
        Direction.HIGHER_IS_BETTER: ", higher is better",
        None: "",
    }
    return words[direction]
