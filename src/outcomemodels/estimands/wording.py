"""An answer in plain language. Causal words only where clients were randomised."""

from __future__ import annotations

from outcomemodels.estimands.answer import Answer, Label, TreatmentAnswer
from outcomemodels.schema import Assignment, Direction


def sentences_of(answer: Answer) -> tuple[str, ...]:
    """Sentences in reading order: warnings, what was compared, each treatment, the best, what cannot be said."""
    out = [*answer.warnings, _subject(answer)]
    out += [_one(answer, t) for t in answer.treatments if not t.is_reference and t.is_estimable]
    out += _best(answer)
    out += [
        f"{t.treatment} cannot be compared with {answer.reference}. {t.reason}"
        for t in answer.treatments
        if not t.is_reference and not t.is_estimable
    ]
    if answer.assignment is not Assignment.RANDOMISED:
        out.append(
            "Clients were not allocated to treatments at random in these data, so differences are associations: they "
            "may reflect who is offered what."
        )
    return tuple(out)


def _subject(answer: Answer) -> str:
    reference = answer[answer.reference]
    return (
        f"With {answer.reference}, the expected {answer.outcome} is {_amount(answer, reference.mean)} "
        f"({answer.interval:.0%} interval {_number(reference.low)} to {_number(reference.high)})."
    )


def _one(answer: Answer, t: TreatmentAnswer) -> str:
    causal = answer.assignment is Assignment.RANDOMISED
    size = f"{_number(abs(t.contrast))} {answer.units}"
    if answer.direction is None:
        way = "higher" if t.contrast > 0 else "lower"
        found = f"an expected {answer.outcome} {size} {way}"
    else:
        better = (t.contrast > 0) == (answer.direction is Direction.HIGHER_IS_BETTER)
        found = f"an expected {answer.outcome} {size} {'better' if better else 'worse'}"
    verb = "leads to" if causal else "is associated with"
    chance = "" if t.p_beneficial is None else f"; the probability that it is better is {_percent(t.p_beneficial)}"
    if t.p_worthwhile is not None:
        least = f"{answer.question.worthwhile:g} {answer.units}"
        chance += f", and that it is so by at least {least} {_percent(t.p_worthwhile)}"
    interval = f"{answer.interval:.0%} interval {_signed(t.contrast_low)} to {_signed(t.contrast_high)}"
    evidence = {
        Label.DATA_INFORMED: "The data inform this.",
        Label.WEAKLY_INFORMED: "The data inform this weakly.",
        Label.PRIOR_DRIVEN: "This rests mostly on the prior, not on data.",
        Label.NOT_ESTIMABLE: "",
    }[t.label]
    return (f"{t.treatment} {verb} {found} than {answer.reference} ({interval}{chance}). {evidence} {t.reason}").strip()


def _best(answer: Answer) -> list[str]:
    best = answer.best
    if best is None or best.p_best is None or best.regret is None:
        return []
    compared = [t for t in answer.treatments if t.p_best is not None]
    if all(t.label is Label.PRIOR_DRIVEN for t in compared):
        return ["Which treatment is best is not something these data can say."]
    return [
        f"Of the {len(compared)} treatments that can be compared, {best.treatment} has the least expected regret: "
        f"choosing it loses {_number(best.regret)} {answer.units} on average against the best choice; "
        f"the probability that it is the best is {_percent(best.p_best)}."
    ]


def _amount(answer: Answer, value: float) -> str:
    return _percent(value) if answer.units == "probability" else f"{_number(value)} {answer.units}"


def _number(value: float) -> str:
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.1f}"


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '−'}{_number(abs(value))}"


def _percent(value: float) -> str:
    if 0 < value < 0.01:
        return "below 1%"
    if 0.99 < value < 1:
        return "above 99%"
    return f"{value:.0%}"
