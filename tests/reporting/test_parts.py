"""Words, levels and tables, against hand-made numbers."""

from __future__ import annotations

import numpy as np
import pytest

from outcomemodels.estimands import Answer, Label, Question, TreatmentAnswer
from outcomemodels.fitted import Fit
from outcomemodels.posterior import effect_name
from outcomemodels.reporting import words
from outcomemodels.reporting.figures import caterpillar_figure
from outcomemodels.reporting.levels import level_effects
from outcomemodels.reporting.tables import MAX_COLUMNS, grid_tables
from outcomemodels.schema import Assignment, Direction


def treatment(name: str, contrast: float = 0.0, half: float = 1.0, **changes: object) -> TreatmentAnswer:
    reference = name == "TAU"
    base: dict[str, object] = {
        "treatment": name, "is_reference": reference, "mean": 10 + contrast, "sd": 1.0, "low": 8.0, "high": 12.0,
        "contrast": contrast, "contrast_low": contrast - half, "contrast_high": contrast + half,
        "p_beneficial": None if reference else 0.9, "p_worthwhile": None, "p_best": 0.3, "regret": 1.0 + contrast,
        "sucra": 0.5, "n_comparable": 40, "n_therapists": None, "n_settings": None, "contraction": 0.9,
        "label": Label.DATA_INFORMED, "reason": "because",
    }  # fmt: skip
    return TreatmentAnswer(**{**base, **changes})  # type: ignore[arg-type]


def answer(*treatments: TreatmentAnswer, assignment: Assignment = Assignment.ROUTINE, units: str = "points") -> Answer:
    import xarray as xr

    return Answer(
        question=Question(), outcome="phq9_end", units=units, direction=Direction.LOWER_IS_BETTER, reference="TAU",
        assignment=assignment, treatments=treatments, draws=xr.Dataset(),
    )  # fmt: skip


def test_short_answer_names_size_interval_and_evidence() -> None:
    text = words.short_answer(answer(treatment("TAU"), treatment("CBT", -2.0), units="PHQ-9 points"))
    assert text == (
        "CBT is associated with an expected PHQ-9 score 2.0 points lower than TAU (95% interval −3.0 to −1.0). The "
        "interval excludes no difference; the probability that CBT is the better of the two is 90%. Evidence: "
        "data-informed."
    )


def test_short_answer_may_be_that_there_is_none() -> None:
    blank = {"p_best": None, "regret": None, "label": Label.NOT_ESTIMABLE}
    text = words.short_answer(answer(treatment("TAU", p_best=None, regret=None), treatment("CBT", **blank)))
    assert text == "These data cannot compare any treatment with TAU."
    prior = words.short_answer(answer(treatment("TAU"), treatment("CBT", -2.0, label=Label.PRIOR_DRIVEN)))
    assert "cannot tell the treatments apart" in prior
    assert "nothing to compare" in words.short_answer(answer(treatment("TAU")))


def test_short_answer_where_the_reference_is_best() -> None:
    text = words.short_answer(answer(treatment("TAU", p_best=0.8), treatment("CBT", 1.5, p_best=0.2)))
    assert text.startswith("No treatment is clearly better than TAU")
    assert "CBT is associated with an expected points score" not in text


@pytest.mark.parametrize(
    ("value", "text"), [(0.004, "below 1%"), (0.5, "50%"), (0.996, "above 99%"), (None, "–"), (1.0, "above 99%")]
)
def test_percent_is_never_falsely_certain(value: float | None, text: str) -> None:
    assert words.percent(value) == text


def test_numbers_read_as_printed() -> None:
    assert words.signed(-1.25) == "−1.2"
    assert words.signed(0.031, units="probability") == "+3.1"
    assert words.number(0.5, units="probability") == "50.0%"
    assert words.outcome_name("phq9_end", "PHQ-9 points") == "PHQ-9 score"
    assert words.outcome_name("reliable_recovery", "probability") == "reliable recovery"
    assert words.plain("age|treatment:problem") == "age (slope) by treatment × problem"


def test_many_problems_make_several_tables() -> None:
    many = [(f"P{i}", answer(treatment("TAU"), treatment("CBT", -1.0))) for i in range(MAX_COLUMNS + 1)]
    tables = grid_tables(many)
    assert [len(t.heads) for t in tables] == [MAX_COLUMNS + 1, 2]
    assert tables[0].rows[1][1].text == "−1.0 (−2.0 to 0.00)".replace("0.00", "+0.00")
    assert tables[0].rows[1][1].below == "data-informed"


def test_unpooled_levels_are_the_means_of_what_is_left(routine: Fit) -> None:
    design, posterior = routine.design, routine.posterior
    batch = next(b for b in design.batches if b.by == ("therapist",))
    effects = level_effects(batch, design, posterior)
    assert (np.diff(effects.mean) >= 0).all()
    rest = design.matrix() @ posterior["beta"].mean(("chain", "draw")).values
    for other in design.batches:
        if "therapist" not in other.by and other.columns == ("1",):
            mean = posterior[effect_name(other.id)].mean(("chain", "draw")).values
            rest = rest + mean[design.crossing(other.by).codes]
        elif "therapist" not in other.by:
            mean = posterior[effect_name(other.id)].mean(("chain", "draw")).values
            rest = rest + mean[design.crossing(other.by).codes] * design.column_values(other.columns[0])
    assert design.response is not None
    for label, raw in zip(effects.labels, effects.raw, strict=True):
        rows = design.factors["therapist"].codes == design.factors["therapist"].levels.index(label)
        assert raw == pytest.approx((design.response.y - rest)[rows].mean())


def test_thinning_keeps_both_ends(routine: Fit) -> None:
    batch = next(b for b in routine.design.batches if b.by == ("therapist",))
    effects = level_effects(batch, routine.design, routine.posterior)
    few = effects.thinned(5)
    assert len(few.labels) == 5
    assert (few.labels[0], few.labels[-1]) == (effects.labels[0], effects.labels[-1])
    figure = caterpillar_figure(effects, id="x")
    assert f"{len(effects.labels)} levels of therapist" in figure.alt


def test_several_responses_are_told_apart() -> None:
    from dataclasses import replace

    from outcomemodels.data.simulate_kinds import dropout_world
    from outcomemodels.design import build_design
    from outcomemodels.reporting.content import default_questions
    from outcomemodels.reporting.tables import data_facts
    from outcomemodels.spec import ModelSpec

    spec = ModelSpec(outcome="change", outcomes=(("change", "change"), ("dropout", "sessions")))
    design = build_design(dropout_world(1, clients=60)[0], spec)
    assert [q.response for q in default_questions(design)] == ["change", "dropout"]
    facts = dict(data_facts(design))["Outcome"]
    assert facts == "change (points; lower is better); sessions (sessions; higher is better)"
    assert replace(design, targets={}).of_response("").outcome == "change"
