"""The verdict on more than thirty constructed worlds, each with its known answer; no false 'answerable' among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import outcomemodels as om
from auditing.worlds import World, fair, put
from outcomemodels.auditing.gates import Answerable
from outcomemodels.estimands import Question
from outcomemodels.schema import Assignment, Established

YES, MODEL, NO = Answerable.YES, Answerable.EXTRAPOLATION, Answerable.NO
AB = Question(treatments=("A",), reference="B")
AB_P = Question(treatments=("A",), reference="B", problem="P")


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[], World]
    question: Question
    answer: Answerable
    gate: str | None
    identified: bool = True
    wrong_sign: bool = False


def trial(n: int = 900) -> World:
    w = fair(n, services=6)
    w.assignment, w.problem_by = Assignment.RANDOMISED, Established.STRUCTURED_INTERVIEW
    return w


def small_trial() -> World:
    return trial(120)


def nested_therapists() -> World:
    """Every therapist gives one treatment; services give all."""
    w = fair()
    for i, t in enumerate("ABC"):
        mine = np.array([int(x[1:]) // 6 % 3 == i for x in w.columns["therapist"]])
        put(w, "treatment", mine, t)
    return w


def nested_therapists_one_service() -> World:
    w = nested_therapists()
    w.columns["service"][:] = "S0"
    return w


def nested_services() -> World:
    """Services S0, S1 give A only, the others B and C."""
    w = fair()
    number = np.array([int(x[1:]) for x in w.columns["service"]])
    put(w, "treatment", number < 2, "A")
    put(w, "treatment", (number >= 2) & (w.columns["treatment"] == "A"), "B")
    return w


def nested_services_wrong_sign() -> World:
    """The services that give A see the hard cases: A looks worse by 4 though it is better by 2."""
    w = nested_services()
    number = np.array([int(x[1:]) for x in w.columns["service"]])
    w.effect, w.bias = -2.0, np.where(number < 2, 6.0, 0.0)
    return w


def alias_of_service() -> World:
    w = fair()
    w.columns["service"] = np.array(["S" + t for t in w.columns["treatment"]])
    w.columns["therapist"] = np.array(
        [t + x for t, x in zip(w.columns["treatment"], w.columns["therapist"], strict=True)]
    )
    return w


def alias_of_year() -> World:
    w = fair()
    w.columns["year"] = np.where(w.columns["treatment"] == "A", "2023", "2024")
    return w


def one_bridge() -> World:
    """Only T00 gives both A and B."""
    w = nested_therapists()
    mine = w.columns["therapist"] == "T00"
    half = mine & (np.arange(len(mine)) % 2 == 0)
    put(w, "treatment", mine, "A")
    put(w, "treatment", half, "B")
    return w


def one_bridging_service() -> World:
    w = nested_services()
    mine = w.columns["service"] == "S0"
    put(w, "treatment", mine & (np.arange(len(mine)) % 2 == 0), "B")
    return w


def two_islands_joined_by_c() -> World:
    """A and B share no therapist and no service, but C was given beside both."""
    w = fair()
    number = np.array([int(x[1:]) for x in w.columns["service"]])
    put(w, "treatment", (number < 3) & (w.columns["treatment"] == "B"), "A")
    put(w, "treatment", (number >= 3) & (w.columns["treatment"] == "A"), "B")
    return w


def no_overlap_for_p() -> World:
    w = fair()
    return put(w, "treatment", (w.columns["problem"] == "P") & (w.columns["treatment"] == "A"), "B")


def neither_for_p() -> World:
    w = fair()
    return put(w, "treatment", w.columns["problem"] == "P", "C")


def treatment_is_problem() -> World:
    """Each problem has its own treatment: nothing tells them apart."""
    w = fair()
    for p, t in zip("PQR", "ABC", strict=True):
        put(w, "treatment", w.columns["problem"] == p, t)
    return w


def apart_within_p() -> World:
    """For P, A was given in S0 to S2 only and B in S3 to S5 only; for other problems everywhere."""
    w = fair()
    number = np.array([int(x[1:]) for x in w.columns["service"]])
    p = w.columns["problem"] == "P"
    put(w, "treatment", p & (number < 3) & (w.columns["treatment"] == "B"), "A")
    put(w, "treatment", p & (number >= 3) & (w.columns["treatment"] == "A"), "B")
    return w


def by_code() -> World:
    w = fair(6000)
    w.problem_by = Established.SERVICE_CODE
    return w


def by_code_with_interviews() -> World:
    w = by_code()
    rng = np.random.default_rng(2)
    w.columns["problem_by"] = np.where(rng.uniform(size=6000) < 0.2, "structured_interview", "service_code")
    return w


def nobody_says_how() -> World:
    w = fair(6000)
    w.problem_by = Established.UNSPECIFIED
    return w


def completers_only() -> World:
    w = fair()
    w.columns["ended"] = np.full(3000, "completed treatment")
    return w


def dropouts_lost() -> World:
    """Four in ten leave, more from A the worse they do; their end score is not known. A looks better, is worse."""
    w = fair()
    rng = np.random.default_rng(3)
    hidden = rng.normal(0, 5, 3000)
    w.bias = hidden
    w.columns["lost"] = (w.columns["treatment"] == "A") & (hidden > -1)
    w.effect = 2.0
    return w


def a_few_lost() -> World:
    w = fair()
    w.columns["lost"] = np.random.default_rng(3).uniform(size=3000) < 0.1
    return w


def tiny_cells() -> World:
    w = fair()
    keep = (w.columns["problem"] != "P") | (np.arange(3000) % 40 == 0)
    return put(w, "problem", ~keep, "Q")


def tiny_everywhere() -> World:
    return fair(90, therapists=12)


def rare_problem() -> World:
    """P is one in eight: enough to be seen, too few to stand alone."""
    w = fair(1800)
    keep = (w.columns["problem"] != "P") | (np.arange(1800) % 5 == 0)
    return put(w, "problem", ~keep, "Q")


def severe_get_a() -> World:
    """A for start scores above 17, B below 15: no client could have had either. A looks worse, is better."""
    w = fair()
    start = w.columns["start"]
    put(w, "treatment", start > 17, "A")
    put(w, "treatment", start < 15, "B")
    put(w, "treatment", (start >= 15) & (start <= 17), "C")
    w.effect = -2.0
    return w


def severe_get_a_more_often() -> World:
    """Confounded by the start score, but with overlap: the naive sign is wrong, the adjusted one is right."""
    w = fair(6000)
    start = w.columns["start"]
    rng = np.random.default_rng(4)
    likely = rng.uniform(size=6000) < 1 / (1 + np.exp(-(start - 16) / 4))
    w.columns["treatment"] = np.where(likely, "A", "B")
    w.effect = -1.0
    return w


def hard_services_give_a_more_often() -> World:
    """Simpson: services with hard cases prefer A, all give both. Naive sign wrong, adjusted right."""
    w = fair(6000)
    number = np.array([int(x[1:]) for x in w.columns["service"]])
    rng = np.random.default_rng(5)
    w.columns["treatment"] = np.where(rng.uniform(size=6000) < np.where(number < 3, 0.7, 0.3), "A", "B")
    w.bias, w.effect = np.where(number < 3, 8.0, 0.0), -1.5
    return w


def nobody_recorded() -> World:
    w = fair()
    w.drop = ("therapist", "service")
    return w


def nobody_recorded_wrong_sign() -> World:
    w = nested_services_wrong_sign()
    w.drop = ("therapist", "service")
    return w


def no_therapist() -> World:
    w = fair()
    w.drop = ("therapist",)
    return w


def no_problem_field() -> World:
    w = fair()
    w.drop = ("problem",)
    return w


def vague() -> World:
    w = fair()
    return put(w, "treatment", w.columns["treatment"] == "A", "Other therapy")


def one_treatment() -> World:
    w = fair()
    return put(w, "treatment", w.columns["treatment"] != "A", "A")


def no_outcome_of_a() -> World:
    w = fair()
    w.columns["lost"] = w.columns["treatment"] == "A"
    return w


def cluster_trial() -> World:
    """Services were randomised whole, three to each arm."""
    w = fair(3000, services=9, therapists=90)
    number = np.array([int(x[1:]) for x in w.columns["service"]])
    w.columns["treatment"] = np.array(["A", "B", "C"])[number % 3]
    w.assignment = Assignment.RANDOMISED
    return w


def two_trials_apart() -> World:
    """A against C in one trial, B against D in another: A against B was never randomised."""
    w = fair()
    first = np.array([int(x[1:]) < 3 for x in w.columns["service"]])
    put(w, "treatment", first & (w.columns["treatment"] == "B"), "C")
    put(w, "treatment", ~first & (w.columns["treatment"] == "A"), "B")
    put(w, "treatment", ~first & (w.columns["treatment"] == "C"), "D")
    w.columns["service"] = np.where(first, "trial 1", "trial 2")
    w.assignment = Assignment.RANDOMISED
    return w


CASES = (
    Case("fair routine", fair, AB, YES, None),
    Case("fair routine, one problem", lambda: fair(6000), AB_P, YES, None),
    Case("perfect trial", trial, AB, YES, None),
    Case("perfect trial, one problem", lambda: trial(3000), AB_P, YES, None),
    Case("small trial", small_trial, AB, NO, "precise enough"),
    Case("cluster trial", cluster_trial, Question(treatments=("A",), reference="B", worthwhile=2.5), YES, None),
    Case("two trials apart", two_trials_apart, AB, NO, "connected", identified=False),
    Case("nested therapists, shared services", nested_therapists, AB, MODEL, "connected", identified=False),
    Case("nested therapists, one service", nested_therapists_one_service, AB, NO, "connected", identified=False),
    Case("nested services", nested_services, AB, NO, "connected", identified=False),
    Case("nested services, wrong sign", nested_services_wrong_sign, AB, NO, "connected", False, True),
    Case("alias of service", alias_of_service, AB, NO, "connected", identified=False),
    Case("alias of year", alias_of_year, AB, NO, "connected", identified=False),
    Case("one bridging therapist", one_bridge, AB, MODEL, "connected", identified=False),
    Case("one bridging service", one_bridging_service, AB, MODEL, "connected", identified=False),
    Case("islands joined by C", two_islands_joined_by_c, AB, MODEL, "overlapping"),
    Case("no overlap for P", no_overlap_for_p, Question(treatments=("A",), reference="B", problem="P", worthwhile=2.0),
         MODEL, "overlapping", identified=False),
    Case("no overlap for P, asked of Q", no_overlap_for_p,
         Question(treatments=("A",), reference="B", problem="Q", worthwhile=2.0), YES, None),
    Case("neither for P", neither_for_p, AB_P, NO, "overlapping", identified=False),
    Case("treatment is problem", treatment_is_problem, AB, NO, "connected", identified=False),
    Case("apart within P", apart_within_p, AB_P, MODEL, "overlapping", identified=False),
    Case("diagnoses by code", by_code, AB_P, MODEL, "verified"),
    Case("diagnoses by code, no problem asked", by_code, AB, YES, None),
    Case("a fifth interviewed", by_code_with_interviews, AB_P, YES, None),
    Case("nobody says how diagnosed", nobody_says_how, AB_P, MODEL, "verified"),
    Case("completers only", completers_only, AB, MODEL, "followed up", identified=False),
    Case("dropouts lost, wrong sign", dropouts_lost, AB, MODEL, "followed up", False, True),
    Case("a few lost at random", a_few_lost, AB, YES, None),
    Case("tiny cells", tiny_cells, AB_P, NO, "overlapping"),
    Case("tiny everywhere", tiny_everywhere, AB, NO, "overlapping"),
    Case("rare problem", rare_problem, Question(treatments=("A",), reference="B", problem="P", worthwhile=1.5), MODEL,
         "precise enough"),
    Case("no overlap in severity, wrong sign", severe_get_a, AB, MODEL, "overlapping", False, True),
    Case("confounded with overlap, wrong sign", severe_get_a_more_often, AB, YES, None, True, True),
    Case("Simpson by service, wrong sign", hard_services_give_a_more_often, AB, YES, None, True, True),
    Case("nobody recorded", nobody_recorded, AB, MODEL, "connected", identified=False),
    Case("nobody recorded, wrong sign", nobody_recorded_wrong_sign, AB, MODEL, "connected", False, True),
    Case("no therapist recorded", no_therapist, AB, YES, None),
    Case("no therapist recorded, asked of one", no_therapist,
         Question(treatments=("A",), reference="B", therapist="T00"), NO, "identifiable", identified=False),
    Case("no problem field, asked of one", no_problem_field, AB_P, NO, "identifiable", identified=False),
    Case("a problem that never occurs", fair, Question(treatments=("A",), reference="B", problem="Z"), NO,
         "identifiable", identified=False),
    Case("a treatment that never occurs", fair, Question(treatments=("Z",), reference="B"), NO, "identifiable",
         identified=False),
    Case("a client field that is not recorded", fair,
         Question(treatments=("A",), reference="B", client={"iq": 100}), NO, "identifiable", identified=False),
    Case("vague treatment", vague, Question(treatments=("Other therapy",), reference="B"), NO, "identifiable",
         identified=False),
    Case("one treatment", one_treatment, Question(), NO, "identifiable", identified=False),
    Case("no outcome of A", no_outcome_of_a, AB, NO, "identifiable", identified=False),
    Case("one therapist with few courses", fair, Question(treatments=("A",), reference="B", therapist="T00"), MODEL,
         "overlapping"),
)  # fmt: skip


def test_there_are_enough_worlds() -> None:
    assert len(CASES) >= 30
    assert sum(not c.identified for c in CASES) >= 15
    assert sum(c.wrong_sign for c in CASES) >= 4


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_the_verdict_is_the_known_one(case: Case) -> None:
    verdict = om.audit(case.make().data()).verdict(case.question)
    first = verdict.first_failing
    assert verdict.answerable is case.answer, repr(verdict)
    assert (None if first is None else first.name) == case.gate, repr(verdict)
    if not case.identified:
        assert verdict.answerable is not YES
    assert first is None or verdict.by_how_much
    assert verdict.answerable is NO or verdict.assumptions


@pytest.mark.parametrize("case", [c for c in CASES if c.wrong_sign], ids=lambda c: c.name)
def test_the_naive_answer_is_wrong_there(case: Case) -> None:
    world = case.make()
    assert np.sign(world.naive()) == -np.sign(world.effect)


@pytest.mark.sampling
@pytest.mark.parametrize("case", [c for c in CASES if c.wrong_sign and c.identified], ids=lambda c: c.name)
def test_where_it_is_answerable_the_fitted_answer_has_the_right_sign(case: Case) -> None:
    world = case.make()
    fit = om.fit(world.data(), outcome="end", batches=["treatment", "therapist", "service"], progress=False)
    answer = om.ask(fit, case.question)
    found = next(t for t in answer.treatments if t.treatment == "A")
    assert np.sign(found.contrast) == np.sign(world.effect)
    assert found.contrast_low <= world.effect <= found.contrast_high


@pytest.mark.parametrize("seed", range(2))
def test_no_false_answerable_under_other_draws(seed: int) -> None:
    for case in CASES:
        if not case.identified:
            verdict = om.audit(case.make().data(seed + 10, noise=2.0)).verdict(case.question)
            assert verdict.answerable is not YES, case.name
