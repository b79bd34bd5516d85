"""Plain-language sentences of a report. Causal words only where clients were randomised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from outcomemodels.design import Design
from outcomemodels.design.build import NOT_RECORDED
from outcomemodels.estimands import Answer, Label, TreatmentAnswer
from outcomemodels.schema import Assignment, Direction

LABELS: Mapping[Label, str] = {
    Label.DATA_INFORMED: "The comparison rests on data: enough courses, linked to the reference, and a result much "
    "narrower than was assumed beforehand.",
    Label.WEAKLY_INFORMED: "The data speak, but softly: the result leans on the other treatments and problems as well.",
    Label.PRIOR_DRIVEN: "The number mostly repeats what was assumed beforehand. Do not act on it.",
    Label.NOT_ESTIMABLE: "Nothing in the data links this treatment with the reference, so no number is given.",
}

UNITS_WORD = {"assessment": "scores", "episode": "courses of care", "cell": "published groups", "contrast": "contrasts"}


def number(value: float, *, units: str = "") -> str:
    """A number at the precision a reader can use; probabilities as percentages."""
    if units == "probability":
        return f"{100 * value:.1f}%"
    size = abs(value)
    text = f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 1 else f"{value:.2f}"
    return text.replace("-", "−")


def signed(value: float, *, units: str = "") -> str:
    """A difference with its sign; probabilities in percentage points."""
    text = number(100 * value if units == "probability" else value)
    return text if text.startswith("−") else f"+{text}"


def difference_units(units: str) -> str:
    """Units of a difference: percentage points for probabilities."""
    return "percentage points" if units == "probability" else units


def percent(value: float | None) -> str:
    """A probability as a whole percentage, never a false certainty."""
    if value is None:
        return "–"
    if value < 0.01:
        return "below 1%"
    return "above 99%" if value > 0.99 else f"{value:.0%}"


def share(value: float) -> str:
    """A share of variance; small ones with one digit more."""
    return f"{value:.0%}" if value >= 0.095 or value < 0.0005 else f"{value:.1%}"


def interval(low: float, high: float, *, units: str = "", sign: bool = False) -> str:
    """Two interval ends."""
    show = signed if sign else number
    return f"{show(low, units=units)} to {show(high, units=units)}"


def outcome_name(outcome: str, units: str) -> str:
    """The outcome for a sentence: ``PHQ-9 score`` where the units name the instrument, else the field's name."""
    instrument = units.removesuffix(" points")
    if instrument == units or not instrument:
        return outcome.replace("_", " ")
    return f"{instrument} score"


def better(direction: Direction | None) -> str:
    """Which way the outcome improves, in words."""
    if direction is None:
        return "the data do not say which way is better"
    return "lower is better" if direction is Direction.LOWER_IS_BETTER else "higher is better"


def short_answer(answer: Answer) -> str:
    """The answer to one question in one or two sentences, its uncertainty included."""
    others = [t for t in answer.treatments if not t.is_reference]
    estimable = [t for t in others if t.is_estimable]
    if not others:
        return f"Only {answer.reference} was given, so there is nothing to compare."
    if not estimable:
        return f"These data cannot compare any treatment with {answer.reference}."
    if all(t.label is Label.PRIOR_DRIVEN for t in estimable):
        return "These data cannot tell the treatments apart; what numbers there are repeat the prior."
    best = answer.best
    if best is None or best.p_best is None:
        return f"The differences from {answer.reference} are shown below; the data do not say which way is better."
    if best.is_reference:
        rival = max(estimable, key=lambda t: t.p_best or 0.0)
        return (
            f"No treatment is clearly better than {best.treatment}, which has the least expected regret (best with "
            f"probability {percent(best.p_best)}). The closest rival: {_against(rival, answer)}."
        )
    text = _against(best, answer)
    return f"{text[:1].upper()}{text[1:]}. {_sure(best)}"


def _against(t: TreatmentAnswer, answer: Answer) -> str:
    outcome = outcome_name(answer.outcome, answer.units)
    units = "points" if outcome.endswith(" score") else difference_units(answer.units)
    size = number(100 * abs(t.contrast) if answer.units == "probability" else abs(t.contrast))
    gap = interval(t.contrast_low, t.contrast_high, units=answer.units, sign=True)
    way = "lower" if t.contrast < 0 else "higher"
    uncertain = f"({answer.interval:.0%} interval {gap})"
    if answer.assignment is Assignment.RANDOMISED:
        return (
            f"with {t.treatment} the expected {outcome} is {size} {units} {way} than with {answer.reference} "
            f"{uncertain}"
        )
    return (
        f"{t.treatment} is associated with an expected {outcome} {size} {units} {way} than {answer.reference} "
        f"{uncertain}"
    )


def _sure(t: TreatmentAnswer) -> str:
    straddles = t.contrast_low <= 0 <= t.contrast_high
    chance = f"the probability that {t.treatment} is the better of the two is {percent(t.p_beneficial)}"
    return f"The interval {'includes' if straddles else 'excludes'} no difference; {chance}. Evidence: {t.label.value}."


def what_was_fitted(design: Design, spec_model: str, *, uses: frozenset[str] | None = None) -> tuple[str, ...]:
    """The model in words; ``uses`` are the fields a model without a linear form looked at."""
    unit = UNITS_WORD.get(design.unit_of_analysis, design.unit_of_analysis)
    if uses is not None:
        fitted = f"Model “{spec_model}”, fitted to {design.n_rows:,} {unit}; its own documentation says how it works."
        return fitted, f"It looks at {listed([plain(n) for n in sorted(uses)])}." if uses else "It looks at no field."
    out = [f"Model “{spec_model}”, fitted to {design.n_rows:,} {unit}: a multilevel regression ({_family(design)})."]
    fixed = [c.name for c in design.columns if c.parts]
    if fixed:
        out.append(f"Adjusted for {listed([plain(n) for n in fixed])}, each centred at its average.")
    if design.batches:
        out.append(
            "Differences between the levels of "
            + listed([plain(b.name) for b in design.batches])
            + " are estimated together: each level is drawn towards the average of its kind, the more so the fewer "
            "courses it has (partial pooling)."
        )
    if design.noise_by:
        out.append(f"The residual spread may differ by {plain(design.noise_by)}.")
    return tuple(out)


def _family(design: Design) -> str:
    kind = "" if design.response is None else design.response.kind
    if design.family == "binomial":
        return "binomial outcome, logit link"
    return (
        "normal outcome, group means with their n and SD"
        if kind == "cells" and not design.is_summed
        else "normal outcome"
    )


def limits(
    design: Design, findings: Sequence[Mapping[str, Any]], outcome_missing: float, *, audited: bool = True
) -> tuple[str, ...]:
    """What a reader must not take from the report."""
    out = []
    if design.assignment is Assignment.RANDOMISED:
        out.append(
            "Clients were allocated to treatment at random, which licenses causal words for the treatments as "
            "allocated; comparisons by problem, therapist or client characteristic within it were not randomised."
        )
    else:
        out.append(
            "Clients were not allocated at random. Differences between treatments are associations: they mix what a "
            "treatment does with who is offered it, by whom and where."
        )
    if outcome_missing > 0:
        out.append(
            f"{outcome_missing:.0%} of the rows have no outcome and are left out. The estimates are right for all only "
            "if, given what is in the model, those who were not measured fared like those who were."
        )
    if design.unit_of_analysis == "cell":
        out.append(
            "Rows are published aggregates: nothing here can be said of one client's characteristics, and small groups "
            "that were suppressed are absent, not zero."
        )
    absent = [
        name
        for name in ("problem", "therapist", "setting")
        if not any(f.facet == name for f in design.factors.values())
    ]
    if absent:
        out.append(
            f"The data name no {listed(absent, 'or')}, so the report cannot say anything about "
            f"{'it' if len(absent) == 1 else 'them'}, nor rule out that {'it' if len(absent) == 1 else 'they'} "
            "explain part of the differences."
        )
    if any(NOT_RECORDED in f.levels for f in design.factors.values()):
        out.append("Missing labels are kept as a level of their own, “not recorded”; they are not guessed.")
    if not audited:
        out.append("No audit was kept with this fit; run one before relying on the numbers.")
    out += [f"{str(f['sentence'])[:1].upper()}{str(f['sentence'])[1:]}." for f in findings if f["level"] == "block"]
    out.append(
        "All intervals depend on the model and its priors, listed below. A different outcome measure, time of "
        "measurement or adjustment may give a different answer."
    )
    return tuple(out)


def decomposition_sentences(table: Sequence[Mapping[str, Any]], units: str) -> tuple[str, ...]:
    """What the Paul decomposition says, largest share first; rows have name, mean, low, high, share."""
    if not table:
        return ()
    named = [r for r in table if r["id"] != "residual"]
    residual = next((r for r in table if r["id"] == "residual"), None)
    out = []
    if named:
        first = max(named, key=lambda r: float(r["share"]))
        out.append(
            f"Of what was measured, {plain(str(first['name']))} accounts for most: a standard deviation of "
            f"{number(float(first['mean']))} {units}, {share(float(first['share']))} of the variance the model "
            "describes."
        )
    if residual is not None:
        out.append(f"{share(float(residual['share']))} is left unexplained by any of these.")
    return tuple(out)


def plain(name: str) -> str:
    """A term for people: ``treatment:problem`` as ``treatment × problem``, ``age|treatment`` as a slope."""
    if "|" in name:
        what, by = name.split("|", 1)
        return f"{what.strip()} (slope) by {plain(by)}"
    return name.replace(":", " × ")


def listed(items: Sequence[str], last: str = "and") -> str:
    """``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
