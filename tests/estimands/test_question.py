"""Questions: checked early, with near matches; JSON; the rows they become."""

from __future__ import annotations

import json

import numpy as np
import pytest

import outcomemodels as om
from outcomemodels.data.columns import from_columns
from outcomemodels.design import NEW, UNKNOWN, Design, build_design
from outcomemodels.errors import QuestionError
from outcomemodels.estimands import Question
from outcomemodels.schema import Facet, Field, Kind
from outcomemodels.spec import ModelSpec
from small import columns, episodes, schema


@pytest.fixture(scope="module")
def design() -> Design:
    spec = ModelSpec(outcome="phq9_end", covariates=("phq9_start",), batches=("treatment", "therapist"))
    return build_design(episodes(), spec)


@pytest.fixture(scope="module")
def regions() -> Design:
    """Services within regions; a year."""
    extra = (
        Field(name="region", facet=Facet.SETTING, kind=Kind.CATEGORICAL),
        Field(name="year", facet=Facet.TIME, kind=Kind.CATEGORICAL),
    )
    made = columns()
    made["region"] = np.where(made["service"] == "s0", "North", "South").astype(object)
    made["year"] = np.array(["2022", "2023"], dtype=object)[np.arange(240) % 2]
    spec = ModelSpec(outcome="phq9_end", covariates=(), batches=("treatment", "service", "region", "year"))
    return build_design(from_columns(schema(*extra), made), spec)


def test_rows_are_one_per_treatment(design: Design) -> None:
    labels, rows = Question(problem="PTSD", client={"age": 34}).rows(design)
    assert set(labels) == {"CBT", "IPT", "BA"}
    assert [r["treatment"] for r in rows] == list(labels)
    assert all(r["problem"] == "PTSD" and r["age"] == 34 and r["therapist"] is NEW for r in rows)
    assert Question().counterfactual(design).n_obs == 3


def test_the_reference_is_always_among_the_treatments(design: Design) -> None:
    assert Question(treatments=("BA",), reference="IPT").rows(design)[0] == ("IPT", "BA")
    labels, _ = Question(treatments=("CBT",)).rows(design)
    assert len(labels) == 2
    assert labels[1] == "CBT"


def test_the_reference_is_what_most_were_given_for_this_problem() -> None:
    data = episodes()
    treatments, depressed = data.strings("treatment"), data.strings("problem") == "Depression"
    names, count = np.unique(treatments[depressed], return_counts=True)
    most = str(names[count.argmax()])
    spec = ModelSpec(outcome="phq9_end", covariates=(), batches=("treatment",))
    assert Question(problem="Depression").reference_of(build_design(data, spec)) == most
    gone = build_design(data.select(~depressed | (treatments != most)), spec)
    assert Question(problem="Depression").reference_of(gone) != most


def test_a_randomised_trial_keeps_its_first_arm_as_reference() -> None:
    trial = build_design(om.load("beat_the_blues"), ModelSpec(outcome="bdi"))
    assert Question().reference_of(trial) == "TAU"


@pytest.mark.parametrize(
    ("question", "says"),
    [
        (Question(problem="PTDS"), "PTSD"),
        (Question(treatments=("CBTT",)), "CBT"),
        (Question(reference="IPTT"), "IPT"),
        (Question(therapist="t99"), "therapist"),
        (Question(setting="s9"), "s0"),
        (Question(client={"agee": 3}), "age"),
        (Question(client={"age": "old"}), "years"),
        (Question(client={"treatment": "CBT"}), "belongs to treatment"),
        (Question(when={"weeks": 3}), "no such field"),
        (Question(setting={"therapist": "t01"}), "service"),
    ],
)
def test_what_the_fit_does_not_know_is_said(design: Design, question: Question, says: str) -> None:
    with pytest.raises(QuestionError, match=says):
        question.rows(design)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("treatments", "CBT"),
        ("treatments", ("CBT", "CBT")),
        ("treatments", (1,)),
        ("client", ["age"]),
        ("client", {"age": float("nan")}),
        ("client", {"age": True}),
        ("client", {"age": None}),
        ("therapist", None),
        ("therapist", 3),
        ("setting", 3.0),
        ("problem", 3),
        ("reference", 3),
        ("worthwhile", -1.0),
        ("worthwhile", float("inf")),
    ],
)
def test_wrong_types_are_refused_before_any_fit(part: str, value: object) -> None:
    with pytest.raises(QuestionError):
        Question(**{part: value})


def test_no_treatment_field_no_question() -> None:
    made = columns()
    fields = tuple(f for f in schema().fields if f.facet is not Facet.TREATMENT)
    from dataclasses import replace

    data = from_columns(replace(schema(), fields=fields), made)
    design = build_design(data, ModelSpec(outcome="phq9_end", covariates=(), batches=("therapist",)))
    with pytest.raises(QuestionError, match="no treatment field"):
        Question().rows(design)


def test_a_named_service_brings_its_region(regions: Design) -> None:
    _, rows = Question(setting="s1").rows(regions)
    assert rows[0]["service"] == "s1"
    assert rows[0]["region"] == "South"
    _, rows = Question(setting="North").rows(regions)
    assert rows[0]["region"] == "North"
    assert rows[0]["service"] == "s0"  # the only one there
    _, rows = Question(setting={"region": "South", "service": UNKNOWN}).rows(regions)
    assert rows[0]["service"] is UNKNOWN


def test_new_settings_are_new_throughout(regions: Design) -> None:
    _, rows = Question(setting=NEW).rows(regions)
    assert rows[0]["service"] is NEW
    assert rows[0]["region"] is NEW


def test_when(regions: Design) -> None:
    assert Question(when={"year": 2023}).rows(regions)[1][0]["year"] == "2023"


def test_what_changes_nothing_is_known(design: Design) -> None:
    assert Question(client={"age": 34, "phq9_start": 12}, problem="PTSD").unused(design) == ("age", "problem")


@pytest.mark.parametrize(
    "question",
    [
        Question(),
        Question(problem="PTSD", treatments=("CBT", "IPT"), reference="IPT", client={"age": 34}, worthwhile=2.0),
        Question(therapist=UNKNOWN, setting={"region": "North", "service": NEW}, when={"year": "2023"}),
    ],
)
def test_json_and_back(question: Question) -> None:
    assert Question.from_dict(json.loads(json.dumps(question.to_dict()))) == question


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(QuestionError, match="did you mean 'problem'"):
        Question.from_dict({"problm": "PTSD"})


def test_numpy_numbers_are_numbers() -> None:
    made = Question(client={"age": np.int64(34), "phq9_start": np.float64(3.5)})
    assert json.dumps(made.to_dict()["client"]) == '{"age": 34, "phq9_start": 3.5}'


def test_in_words_without_what_the_data_lack(design: Design) -> None:
    from dataclasses import replace

    bare = replace(design, factors={"treatment": design.factors["treatment"]})
    assert Question().sentence() == "Which treatment for a client, seen by a new therapist in a new setting?"
    assert Question().sentence(bare) == "Which treatment for a client?"


def test_in_words() -> None:
    assert (
        Question(problem="PTSD", treatments=("CBT", "IPT"), therapist=UNKNOWN, setting={"region": "North"}).sentence()
        == "Which of CBT and IPT for a client with PTSD, seen by any therapist in these data in region North?"
    )
