"""Answers held against the truth: what is compared, what is left out, what is said."""

from __future__ import annotations

from dataclasses import replace

import pytest
import xarray as xr

from outcomemodels.data.nhs_simulation.simulate import simulate_nhs
from outcomemodels.data.nhs_simulation.truth import NhsTruth, load_truth
from outcomemodels.design import NEW, UNKNOWN
from outcomemodels.errors import QuestionError
from outcomemodels.estimands import Question
from outcomemodels.estimands.against_truth import compare_with_truth, quantity_of
from outcomemodels.estimands.answer import Answer, Label, TreatmentAnswer
from outcomemodels.schema import Assignment, Direction


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> NhsTruth:
    out = tmp_path_factory.mktemp("truth") / "w"
    simulate_nhs(out, referrals=2000, seed=5)
    return load_truth(out)


def one(
    treatment: str, contrast: float, *, reference: bool = False, label: Label = Label.DATA_INFORMED
) -> TreatmentAnswer:
    return TreatmentAnswer(
        treatment=treatment, is_reference=reference, mean=9.0, sd=1.0, low=7.0, high=11.0, contrast=contrast,
        contrast_low=contrast - 0.5, contrast_high=contrast + 0.5, p_beneficial=None, p_worthwhile=None, p_best=None,
        regret=None, sucra=None, n_comparable=100.0, n_therapists=9, n_settings=3, contraction=0.5, label=label,
        reason="",
    )  # fmt: skip


def answer(problem: str | None, *treatments: TreatmentAnswer, outcome: str = "phq9_end") -> Answer:
    return Answer(
        question=Question(problem=problem),
        outcome=outcome,
        units="points",
        direction=Direction.LOWER_IS_BETTER,
        reference="CBT",
        assignment=Assignment.ROUTINE,
        treatments=(one("CBT", 0.0, reference=True), *treatments),
        draws=xr.Dataset(),
    )


def test_the_true_contrast_stands_beside_the_estimate(truth: NhsTruth) -> None:
    true = truth.contrast("EMDR", "CBT", problem="PTSD", quantity="last_phq9", among="finishers")
    found = compare_with_truth([answer("PTSD", one("EMDR", true + 0.1), one("IPT", 50.0))], truth)
    right, wrong = found.lines
    assert right.true == pytest.approx(true)
    assert right.covered
    assert not wrong.covered
    assert found.coverage == 0.5
    assert "1 of 2 intervals hold the truth (50%; nominal 95%)" in str(found)
    assert list(found.table()["treatment"]) == ["EMDR", "IPT"]


def test_other_spellings_of_the_typology_are_the_same_treatment(truth: NhsTruth) -> None:
    found = compare_with_truth([answer(None, one("cbt for nobody", 0.0), one("metapsy:emdr", 0.0))], truth)
    assert [x.treatment for x in found.lines] == ["metapsy:emdr"]
    assert "no treatment of the world" in found.left_out[0]


def test_what_has_no_truth_is_left_out_and_named(truth: NhsTruth) -> None:
    answers = [
        answer("Irritable bowel syndrome", one("IPT", 0.0)),
        answer("PTSD", one("IPT", 0, label=Label.NOT_ESTIMABLE)),
    ]
    found = compare_with_truth(answers, truth)
    assert not found.lines
    assert len(found.left_out) == 2
    assert "left out" in str(found)
    other = compare_with_truth([replace(answer("PTSD", one("IPT", 0.0)), reference="Employment support")], truth)
    assert "reference" in other.left_out[0]


def test_the_outcome_says_which_truth(truth: NhsTruth) -> None:
    assert quantity_of("phq9_end") == "last_phq9"
    assert quantity_of("GAD7_last") == "last_gad7"
    assert quantity_of("recovered") == "recovered"
    for wrong in ("wsas_end", "reliable_recovery"):
        with pytest.raises(QuestionError, match="says nothing"):
            quantity_of(wrong)
    done = compare_with_truth([answer("PTSD", one("IPT", 0.0), outcome="wsas_end")], truth, quantity="completed")
    assert done.quantity == "completed"
    with pytest.raises(QuestionError, match="different outcomes"):
        compare_with_truth([answer("PTSD"), answer("PTSD", outcome="gad7_end")], truth)
    with pytest.raises(QuestionError, match="no answer"):
        compare_with_truth([], truth)


def test_the_truth_is_restricted_by_what_the_question_names(truth: NhsTruth) -> None:
    provider = str(truth.clients()["service"].iloc[0])
    asked = Question(
        client={"age": 40, "long_term_condition": "no", "phq9_start": 15, "medication": "prescribed"},
        setting={"provider": provider, "commissioner": "X1"}, therapist=f"{provider}:T1", when={"year": "2022-23"},
    )  # fmt: skip
    where = {"age": (35, 45), "long_term": False, "phq9_first": (13, 17), "service": provider}
    found = compare_with_truth([replace(answer(None, one("IPT", 0.0)), question=asked)], truth, among="entered")
    everybody = compare_with_truth([answer(None, one("IPT", 0.0))], truth, among="entered")
    true = truth.contrast("IPT", "CBT", where=where, quantity="last_phq9", among="entered")
    assert found.lines[0].true == pytest.approx(true)
    assert found.lines[0].true != everybody.lines[0].true
    assert 0 < found.lines[0].clients < everybody.lines[0].clients
    assert found.lines[0].among == (f"age 35 to 45, long_term_condition no, phq9_start 13 to 17, provider {provider}")
    assert "provider" in str(found)
    for word in ("medication", "commissioner", "therapist", "year"):
        assert any(f"not restricted by {word}" in x for x in found.left_out)


def test_conditions_nobody_meets(truth: NhsTruth) -> None:
    asked = Question(client={"age": 300})
    found = compare_with_truth([replace(answer(None, one("IPT", 0.0)), question=asked)], truth)
    assert not found.lines
    assert "no client of the world is left" in found.left_out[0]


def test_new_and_unknown_restrict_nothing(truth: NhsTruth) -> None:
    asked = Question(client={"gender": UNKNOWN}, setting=UNKNOWN, therapist=NEW)
    one_, two = (
        compare_with_truth([replace(answer(None, one("IPT", 0.0)), question=q)], truth) for q in (asked, Question())
    )
    assert one_.lines == two.lines
    assert one_.left_out == ()
