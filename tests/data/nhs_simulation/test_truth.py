"""The truth answers exactly: against replication, against a randomised world, against the draws themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from outcomemodels.data.nhs_simulation.benefit import benefit, draw_noise, expected_end, expected_score, give, planned
from outcomemodels.data.nhs_simulation.codes import ARM_LABELS, ARMS
from outcomemodels.data.nhs_simulation.parameters import parameters
from outcomemodels.data.nhs_simulation.people import draw_people
from outcomemodels.data.nhs_simulation.simulate import simulate_nhs
from outcomemodels.data.nhs_simulation.truth import NhsTruth, load_truth
from outcomemodels.data.nhs_simulation.world import build_world
from outcomemodels.errors import FileError, QuestionError
from outcomemodels.schema.typologies import load_typology

RANDOMISED = {
    **dict.fromkeys(("allocation.severity", "allocation.personality", "allocation.previous", "service.lean_sd"), 0.0),
    **{
        f"allocation.high_by_problem[{q}]": 0.0
        for q in (
            *("PTSD", "Obsessive-compulsive disorder", "Social phobia", "Body dysmorphic disorder"),
            *("Health anxiety", "Generalised anxiety disorder"),
        )
    },
    **{f"allocation.arm_by_problem[{k}]": 0.0 for k in parameters().parameters["allocation.arm_by_problem"].value},
    **{"dose.drop_first": -30.0, "dose.drop_later": -30.0, "dose.early_finish": 0.0, "size.follow_months": 24.0},
    **{"allocation.step_up": -30.0, "allocation.step_down": 0.0, "measure.missed_visit": 0.0, "measure.recorded": 1.0},
    **{"measure.never": 0.0, "therapist.extra_trained": 1.0, "therapist.emdr_trained": 1.0, "contact.missed": 0.0},
}
"""No dependence of treatment on the client, nobody stops early, one step only."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> NhsTruth:
    out = tmp_path_factory.mktemp("truth") / "w"
    simulate_nhs(out, referrals=8000, seed=11)
    return load_truth(out)


def test_labels_and_codes_are_those_of_the_typology() -> None:
    tree = load_typology("treatment")
    assert [tree.canonical(f"snomed:{a.snomed}") for a in ARMS] == list(ARM_LABELS)


def test_expected_score_is_the_mean_of_rounded_and_cut_scores() -> None:
    rng = np.random.default_rng(1)
    for mean in (-2.0, 0.7, 9.3, 26.0, 31.0):
        drawn = np.clip(np.rint(rng.normal(mean, 3.2, 400_000)), 0, 27)
        assert expected_score(np.array([mean]), 3.2)[0] == pytest.approx(drawn.mean(), abs=5 * 3.2 / 400_000**0.5)


@pytest.mark.parametrize("arm", [0, 5])
def test_expected_end_is_the_mean_over_replications(arm: int) -> None:
    p, rng = parameters(), np.random.default_rng(2)
    world = build_world(p, 2000, rng)
    people = draw_people(p, world, 0, 200, rng)
    noise = draw_noise(p, people, rng)
    size, plan = benefit(p, world, people, np.full(200, 14.0), arm), planned(p, noise, arm)
    wanted = expected_end(p, people, noise, size, plan, ARMS[arm].high)
    again = 300
    many = people.take(np.tile(np.arange(200), again))
    fresh = draw_noise(p, many, rng)
    # the same state at assessment: shift what a fresh start would have left
    rho = p["severity.state_correlation"] ** np.arange(len(fresh.state))[:, None]
    fresh = replace(fresh, phq9=fresh.phq9 + rho * (np.tile(noise.state[0], again) - fresh.state[0]))
    course = give(p, fresh, np.tile(size, again), np.tile(plan, again), np.zeros(many.n), ARMS[arm].high)
    at_end = course.path[np.tile(plan, again) - 1, np.arange(many.n)].reshape(again, 200)
    z = (at_end.mean(0) - wanted) / (at_end.std(0, ddof=1) / again**0.5 + 1e-9)
    assert np.abs(z[at_end.std(0) > 0.3]).max() < 4.5
    assert abs(z[at_end.std(0) > 0.3].mean()) < 4 / 200**0.5


def test_treatment_follows_its_propensity(world: NhsTruth) -> None:
    share = world.propensity()
    np.testing.assert_allclose(share.sum(1), 1, atol=1e-5)
    given = world.clients()["treatment"].to_numpy()
    for a in (0, 1, 5, 6):
        taken = given == ARM_LABELS[a]
        for low, high in ((0.01, 0.15), (0.15, 0.3), (0.3, 0.6)):
            rows = (share[:, a] >= low) & (share[:, a] < high)
            if rows.sum() > 100:
                sd = np.sqrt((share[rows, a] * (1 - share[rows, a])).sum())
                assert abs(taken[rows].sum() - share[rows, a].sum()) < 4 * sd


def test_what_happened_is_what_would_have_happened(world: NhsTruth) -> None:
    """Consistency: the last score on the treatment given is the potential one, for those without a second step."""
    clients, flags = world.clients(), world.flags()
    arm = np.array([ARM_LABELS.index(t) for t in clients["treatment"]])
    attended = np.stack([world._column("potential", f"attended_{a}") for a in range(len(ARMS))])
    taken = attended[arm, np.arange(len(arm))]
    entered = clients["enters"].to_numpy()
    assert (taken[entered] == clients["sessions"].to_numpy()[entered]).all()
    last = np.stack([world._column("potential", f"last_phq9_{a}") for a in range(len(ARMS))])[arm, np.arange(len(arm))]
    whole = entered & clients["treatment_2"].isna().to_numpy() & clients["discharge"].notna().to_numpy()
    whole &= flags["treatment_contacts"].to_numpy() == taken
    same = flags["phq9_last"].to_numpy() == last
    assert (
        same[whole & (taken >= 2)].mean() > 0.9
    )  # the rest: last questionnaire missed, or filled in at a missed visit


def test_a_randomised_world_shows_the_truth(tmp_path: Path) -> None:
    simulate_nhs(tmp_path / "w", referrals=12_000, seed=4, values=RANDOMISED)
    truth = load_truth(tmp_path / "w")
    clients, flags = truth.clients(), truth.flags()
    rows = clients["enters"].to_numpy() & (flags["phq9_count"].to_numpy() >= 2) & flags["finished"].to_numpy()
    seen = flags[rows].groupby(clients["treatment"][rows])["phq9_last"].agg(["mean", "std", "count"])
    z = []
    for label, row in seen[seen["count"] >= 150].iterrows():
        if label == "CBT":
            continue
        base = seen.loc["CBT"]
        true = truth.contrast(str(label), "CBT", quantity="last_phq9", among="entered")
        se = np.hypot(row["std"] / row["count"] ** 0.5, base["std"] / base["count"] ** 0.5)
        # therapists differ, so clients of one treatment are not independent: their effects add to the error
        z.append((row["mean"] - base["mean"] - true) / np.hypot(se, 0.25))
    assert len(z) >= 6
    assert np.abs(z).max() < 4
    assert np.mean(np.square(z)) < 2.5


def test_groups_and_problems_can_be_asked(world: NhsTruth) -> None:
    table = world.expected(problem="icd10:F431", quantity="last_phq9", among="finishers")
    assert list(table.index) == list(ARM_LABELS)
    assert world.contrast("EMDR", "Counselling for depression", problem="PTSD") < -1.5
    cate = world.cate("Guided self-help (computer)", "CBT", by=("age_band",))
    assert cate["effect"]["65+"] > cate["effect"]["<26"]
    whole = world.cate("IPT", "CBT", by=("problem",))
    weighted = np.average(whole["effect"], weights=whole["n"])
    assert weighted == pytest.approx(world.contrast("IPT", "CBT"), abs=1e-4)
    old = world.expected(where={"age": (65, 120)})
    assert old["n"].iloc[0] == cate["n"]["65+"]


def test_what_it_does_not_know_is_said(world: NhsTruth, tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match="no treatment"):
        world.contrast("Psychoanalysis", "CBT")
    with pytest.raises(QuestionError, match="no group"):
        world.cate("IPT", "CBT", by=("shoe_size",))
    with pytest.raises(QuestionError, match="quantity"):
        world.expected(quantity="happiness")  # type: ignore[arg-type]
    with pytest.raises(FileError, match="no truth"):
        load_truth(tmp_path)
