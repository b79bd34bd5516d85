"""Answers as tables, JSON, text and sentences: what is said, and what may not be."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from exact_posterior import designed, exact_posterior, known_priors
from outcomemodels.data.simulate import SDS, counted_world, crossed_world
from outcomemodels.design import Design, build_design
from outcomemodels.diagnostics import Verdict
from outcomemodels.errors import QuestionError
from outcomemodels.estimands import Answer, Label, Question, answer_from
from outcomemodels.inference.predict import predict_linear
from outcomemodels.models.paul import Paul
from outcomemodels.schema import Assignment
from outcomemodels.spec import ModelSpec

FAILED = Verdict(passed=False, sentences=("The chains disagree about everything.",))


def ask(design: Design, question: Question, *, noise: float = 4.0, verdict: Verdict | None = None) -> Answer:
    priors = known_priors(design, SDS, noise)
    posterior = exact_posterior(Paul().linear(design, priors), draws=1000, seed=1)
    counterfactual = question.counterfactual(design)
    structure = Paul().linear(counterfactual, priors)
    expected = predict_linear(structure, counterfactual, posterior, seed=1)
    return answer_from(question, counterfactual, expected, structure=structure, posterior=posterior, verdict=verdict)


@pytest.fixture(scope="module")
def design() -> Design:
    return designed(crossed_world(1)[0], SDS)


@pytest.fixture(scope="module")
def answer(design: Design) -> Answer:
    return ask(design, Question(problem="P1", reference="T1", worthwhile=1.0))


def test_table_has_a_row_per_treatment(answer: Answer) -> None:
    table = answer.table()
    assert list(table.index) == ["T0", "T1", "T2"]
    assert table.loc["T1", "is_reference"]
    assert table.loc["T1", "contrast"] == 0
    assert table["p_best"].sum() == pytest.approx(1)
    assert set(table["label"]) <= {str(v) for v in Label}


def test_draws_are_kept(answer: Answer) -> None:
    assert answer.draws["expected"].dims == ("draw", "treatment")
    difference = answer.draws["expected"] - answer.draws["expected"].sel(treatment="T1")
    np.testing.assert_allclose(answer.draws["contrast"], difference)
    assert answer.draws["contrast"].sel(treatment="T0").mean() == pytest.approx(answer["T0"].contrast)


def test_best_has_the_least_regret(answer: Answer) -> None:
    assert answer.best is not None
    assert answer.best.treatment == answer.table()["regret"].astype(float).idxmin()
    assert answer.best.treatment == answer.table()["mean"].idxmin()  # lower is better


def test_worthwhile_is_less_likely_than_better(answer: Answer) -> None:
    for t in answer.treatments:
        if not t.is_reference:
            assert t.p_worthwhile is not None
            assert t.p_beneficial is not None
            assert t.p_worthwhile <= t.p_beneficial
        else:
            assert t.p_beneficial is None


def test_json(answer: Answer) -> None:
    raw = json.loads(json.dumps(answer.to_dict()))
    assert raw["reference"] == "T1"
    assert raw["treatments"][0]["label"] in {v.value for v in Label}
    assert Question.from_dict(raw["question"]) == answer.question


def test_asked_treatments_are_found_by_name(answer: Answer) -> None:
    assert answer["T2"].treatment == "T2"
    with pytest.raises(QuestionError, match="was not asked about"):
        answer["T9"]


def test_associations_are_called_that(answer: Answer, design: Design) -> None:
    text = " ".join(answer.sentences())
    assert "is associated with" in text
    assert "leads to" not in text
    assert "not allocated to treatments at random" in text
    randomised = ask(replace(design, assignment=Assignment.RANDOMISED), answer.question)
    text = " ".join(randomised.sentences())
    assert "leads to" in text
    assert "associated" not in text


def test_a_failed_verdict_comes_first_everywhere(design: Design) -> None:
    found = ask(design, Question(problem="P1"), verdict=FAILED)
    assert found.verdict_failed
    assert found.sentences()[0].startswith("THE SAMPLING FAILED")
    assert "THE SAMPLING FAILED" in repr(found)
    assert "THE SAMPLING FAILED" in found._repr_html_()
    assert found.to_dict()["verdict_failed"]


def test_without_a_direction_nothing_is_called_better(design: Design) -> None:
    found = ask(replace(design, direction=None), Question(problem="P1"))
    assert found.best is None
    assert all(t.p_best is None and t.p_beneficial is None and t.regret is None for t in found.treatments)
    text = " ".join(found.sentences())
    assert "do not say which way end improves" in text
    assert "least expected regret" not in text


def test_what_has_no_effect_and_what_is_extrapolated_is_said(design: Design) -> None:
    found = ask(design, Question(problem="P1", client={"start": 99}))
    assert any("start 99 lies outside the fitted rows" in w for w in found.warnings)
    plain = replace(design, columns=design.columns[:1], batches=design.batches[:1])
    assert Question(problem="P1", client={"start": 9}).unused(plain) == ("problem", "start")


def test_text_and_html_show_every_treatment_and_escape(answer: Answer) -> None:
    for t in answer.treatments:
        assert t.treatment in repr(answer)
        assert f"<td>{t.treatment}</td>" in answer._repr_html_()
    odd = replace(answer, treatments=tuple(replace(t, treatment=f"<b>{t.treatment}") for t in answer.treatments))
    assert "<b>" not in odd._repr_html_()


def test_draws_that_do_not_fit_are_refused(design: Design) -> None:
    question = Question()
    counterfactual = question.counterfactual(design)
    with pytest.raises(QuestionError, match="shape"):
        answer_from(question, counterfactual, np.zeros((10, 2)))
    with pytest.raises(QuestionError, match="finite"):
        answer_from(question, counterfactual, np.full((10, 3), np.nan))
    with pytest.raises(QuestionError, match="fitted one"):
        answer_from(question, design, np.zeros((10, 3)))
    with pytest.raises(QuestionError, match="probability"):
        answer_from(question, counterfactual, np.zeros((10, 3)), probability=95)


def test_without_prior_or_structure_the_label_is_cautious(design: Design) -> None:
    question = Question()
    draws = np.random.default_rng(1).normal(size=(500, 3))
    found = answer_from(question, question.counterfactual(design), draws)
    assert {t.label for t in found.treatments} == {Label.PRIOR_DRIVEN}
    prior = 10 * np.random.default_rng(2).normal(size=(500, 3))
    found = answer_from(question, question.counterfactual(design), draws, prior_expected=prior)
    assert {t.label for t in found.treatments} == {Label.DATA_INFORMED}


def test_probabilities_are_worded_as_percentages() -> None:
    data, _ = counted_world(1)
    design = build_design(data, ModelSpec(outcome="recovered", batches=("treatment", "problem")))
    rng = np.random.default_rng(1)
    question = Question(problem="P1")
    draws = rng.uniform(0.4, 0.6, (500, 3))
    found = answer_from(question, question.counterfactual(design), draws, prior_expected=rng.uniform(size=(500, 3)))
    assert found.units == "probability"
    text = " ".join(found.sentences())
    assert "expected recovered is 50%" in text or "expected recovered is 49%" in text
