"""Answers against simulated worlds with known truth: coverage, closed form, new therapists, disconnection."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from exact_posterior import designed, exact_posterior, known_priors
from gibbs import gibbs_posterior
from outcomemodels.data.simulate import SDS, Truth, cells_world, crossed_world, disconnected_world
from outcomemodels.design import NEW, UNKNOWN, Design
from outcomemodels.estimands import Answer, Label, Question, answer_from
from outcomemodels.inference.predict import predict_linear
from outcomemodels.models.paul import Paul
from outcomemodels.plugin import Prior, Priors

CLIENTS, WORLDS = 300, 150


def asked(
    design: Design, priors: Priors, question: Question, *, seed: int, draws: int = 2000, probability: float = 0.95
) -> Answer:
    posterior = exact_posterior(Paul().linear(design, priors), draws=draws, seed=seed)
    counterfactual = question.counterfactual(design)
    structure = Paul().linear(counterfactual, priors)
    expected = predict_linear(structure, counterfactual, posterior, seed=seed)
    return answer_from(
        question, counterfactual, expected, structure=structure, posterior=posterior, probability=probability
    )


def covered(worlds: int, *, therapist: object, probability: float) -> tuple[int, int, int, int]:
    """Intervals of expected outcomes and of contrasts that hold the truth, and how many there were."""
    question = Question(problem="P1", therapist=therapist, setting=NEW, client={"start": 20.0})  # type: ignore[arg-type]
    hit = [0, 0]
    count = [0, 0]
    for seed in range(worlds):
        data, truth = crossed_world(seed, clients=CLIENTS, therapists=8, services=4, treatments=4)
        design = designed(data, SDS)
        answer = asked(
            design, known_priors(design, SDS, truth.noise), question, seed=seed, draws=1000, probability=probability
        )
        rows = [
            {"treatment": t.treatment, "problem": "P1", "therapist": therapist, "start": 20.0}
            for t in answer.treatments
        ]
        true = truth.expected(rows, rng=np.random.default_rng(10_000 + seed))
        reference = true[[t.is_reference for t in answer.treatments].index(True)]
        for i, t in enumerate(answer.treatments):
            hit[0] += t.low <= true[i] <= t.high
            count[0] += 1
            if not t.is_reference:
                hit[1] += t.contrast_low <= true[i] - reference <= t.contrast_high
                count[1] += 1
    return hit[0], count[0], hit[1], count[1]


def within(hits: int, count: int, probability: float, *, clusters: int) -> bool:
    """Whether a coverage is within 3.5 standard errors; intervals of one world move together."""
    return abs(hits / count - probability) < 3.5 * np.sqrt(probability * (1 - probability) / clusters)


@pytest.mark.parametrize("therapist", [NEW, "H3"])
def test_intervals_cover_at_their_rate(therapist: object) -> None:
    levels, n_levels, contrasts, n_contrasts = covered(WORLDS, therapist=therapist, probability=0.8)
    assert (n_levels, n_contrasts) == (600, 450)
    assert within(levels, n_levels, 0.8, clusters=WORLDS), f"{levels} of {n_levels} expected outcomes"
    assert within(contrasts, n_contrasts, 0.8, clusters=WORLDS), f"{contrasts} of {n_contrasts} contrasts"


@pytest.mark.calibration
@pytest.mark.parametrize("probability", [0.5, 0.95])
def test_intervals_cover_at_their_rate_over_many_worlds(probability: float) -> None:
    levels, n_levels, contrasts, n_contrasts = covered(2000, therapist=NEW, probability=probability)
    assert within(levels, n_levels, probability, clusters=2000), f"{levels} of {n_levels} expected outcomes"
    assert within(contrasts, n_contrasts, probability, clusters=2000), f"{contrasts} of {n_contrasts} contrasts"


def covered_with_unknown_sds(worlds: int, *, probability: float) -> tuple[int, int, int, int]:
    """As :func:`covered`, everything estimated: SDs and noise drawn from their priors, once a world."""
    scales = {"treatment": 3.0, "problem": 2.0, "therapist": 2.0, "treatment:problem": 1.5}
    question = Question(problem="P1", therapist=NEW, client={"start": 20.0})
    hit, count = [0, 0], [0, 0]
    for seed in range(worlds):
        rng = np.random.default_rng(20_000 + seed)
        sds = {name: float(abs(rng.normal(0, scale))) for name, scale in scales.items()}
        data, truth = crossed_world(
            seed, clients=CLIENTS, therapists=12, services=4, treatments=4, sds=sds, noise=abs(rng.normal(0, 5.0)) + 0.1
        )
        design = designed(data, sds)
        priors = dict(Paul().default_priors(design))
        priors |= {f"sd_{b.id}": Prior.half_normal(scales[b.name]) for b in design.batches}
        priors["noise"] = Prior.half_normal(5.0)
        posterior = gibbs_posterior(Paul().linear(design, priors), draws=1500, warm=200, seed=seed)
        counterfactual = question.counterfactual(design)
        structure = Paul().linear(counterfactual, priors)
        expected = predict_linear(structure, counterfactual, posterior, seed=seed)
        answer = answer_from(
            question, counterfactual, expected, structure=structure, posterior=posterior, probability=probability
        )
        rows = [{"treatment": t.treatment, "problem": "P1", "start": 20.0} for t in answer.treatments]
        true = truth.expected(rows, rng=rng)
        reference = true[[t.is_reference for t in answer.treatments].index(True)]
        for i, t in enumerate(answer.treatments):
            hit[0] += t.low <= true[i] <= t.high
            count[0] += 1
            if not t.is_reference:
                hit[1] += t.contrast_low <= true[i] - reference <= t.contrast_high
                count[1] += 1
    return hit[0], count[0], hit[1], count[1]


@pytest.mark.calibration
def test_intervals_cover_when_the_sds_are_estimated_too() -> None:
    levels, n_levels, contrasts, n_contrasts = covered_with_unknown_sds(300, probability=0.8)
    assert (n_levels, n_contrasts) == (1200, 900)
    assert within(levels, n_levels, 0.8, clusters=300), f"{levels} of {n_levels} expected outcomes"
    assert within(contrasts, n_contrasts, 0.8, clusters=300), f"{contrasts} of {n_contrasts} contrasts"


def balanced(rng: np.random.Generator, sizes: tuple[int, int]) -> tuple[Design, Priors, np.ndarray]:
    """Two treatments, one batch, known SDs: the posterior of the contrast is known on paper."""
    from outcomemodels.data.columns import from_columns
    from outcomemodels.schema import Direction, Facet, Field, Grain, Kind, Schema

    treatment = np.repeat(["A", "B"], sizes).astype(object)
    y = rng.normal(10, 4, len(treatment)) + 3.0 * (treatment == "B")
    fields = (
        Field(name="treatment", facet=Facet.TREATMENT, kind=Kind.CATEGORICAL),
        Field(
            name="end", facet=Facet.OUTCOME, kind=Kind.CONTINUOUS, units="points", direction=Direction.LOWER_IS_BETTER
        ),
    )
    data = from_columns(Schema(name="two", grain=Grain.EPISODE, fields=fields), {"treatment": treatment, "end": y})
    sds = {"treatment": 2.0}
    design = designed(data, sds, covariates=())
    return design, known_priors(design, sds, 4.0), y


def test_contrasts_match_the_closed_form() -> None:
    sizes = (40, 25)
    design, priors, y = balanced(np.random.default_rng(3), sizes)
    answer = asked(design, priors, Question(), seed=1, draws=40_000)
    # by hand: y_j | mu, tau_j ~ N(mu + tau_j, 16 / n_j); mu ~ its prior; tau ~ N(0, 4)
    mean, sd = priors["intercept"].values
    prior = np.full((2, 2), sd**2) + np.eye(2) * 4.0
    observed = prior + np.diag([16 / n for n in sizes])
    means = np.array([y[: sizes[0]].mean(), y[sizes[0] :].mean()])
    gain = prior @ np.linalg.inv(observed)
    centre, covariance = mean + gain @ (means - mean), prior - gain @ prior
    contrast = np.array([-1.0, 1.0])
    exact_mean, exact_sd = contrast @ centre, np.sqrt(contrast @ covariance @ contrast)
    b = answer["B"]
    error = exact_sd / np.sqrt(40_000)
    assert b.contrast == pytest.approx(exact_mean, abs=4 * error)
    low, high = stats.norm(exact_mean, exact_sd).ppf([0.025, 0.975])
    assert b.contrast_low == pytest.approx(low, abs=12 * error)
    assert b.contrast_high == pytest.approx(high, abs=12 * error)
    assert b.p_beneficial == pytest.approx(stats.norm(exact_mean, exact_sd).cdf(0), abs=0.01)
    assert b.contraction == pytest.approx(1 - exact_sd**2 / 8.0, abs=0.005)
    expected_loss = exact_mean * stats.norm.cdf(exact_mean / exact_sd) + exact_sd * stats.norm.pdf(
        exact_mean / exact_sd
    )
    assert b.regret == pytest.approx(expected_loss, abs=5 * error)


def test_a_new_therapist_widens_by_the_therapist_sd() -> None:
    sds = {**SDS, "therapist": 3.0}
    data, truth = crossed_world(2, clients=2000, therapists=60, sds=sds)
    design = designed(data, sds)
    priors = known_priors(design, sds, truth.noise)
    there = {"problem": "P0", "setting": "S1"}
    new = asked(design, priors, Question(therapist=NEW, **there), seed=4, draws=20_000)  # type: ignore[arg-type]
    posterior = exact_posterior(Paul().linear(design, priors), draws=20_000, seed=4)
    average = design.at([{"treatment": t.treatment, "problem": "P0", "service": "S1"} for t in new.treatments])
    alike = posterior.assign(sd_therapist=posterior["sd_therapist"] * 0)  # new therapists at the population mean
    without = predict_linear(Paul().linear(average, priors), average, alike, seed=4)
    for i, t in enumerate(new.treatments):
        assert t.sd**2 - without[:, i].var() == pytest.approx(9.0, rel=0.05)
    known = asked(design, priors, Question(therapist="H7", **there), seed=4, draws=20_000)  # type: ignore[arg-type]
    assert all(k.sd < n.sd for k, n in zip(known.treatments, new.treatments, strict=True))
    contrast = [t.contrast_high - t.contrast_low for t in new.treatments]
    same = [t.contrast_high - t.contrast_low for t in known.treatments]
    assert contrast == pytest.approx(same, rel=0.02)  # the same therapist in both arms: contrasts do not widen


def test_an_unnamed_therapist_of_the_data_is_between_the_two() -> None:
    data, truth = crossed_world(2, clients=2000)
    design = designed(data, SDS)
    priors = known_priors(design, SDS, truth.noise)
    sd = {
        str(who): asked(design, priors, Question(problem="P0", setting="S1", therapist=who), seed=4)["T0"].sd
        for who in (UNKNOWN, "H1")
    }
    assert sd["H1"] < sd[str(UNKNOWN)]


def test_disconnected_halves_are_not_estimable_whatever_the_prior_gives() -> None:
    data, truth = disconnected_world(5, clients=1500)
    design = designed(data, SDS)
    answer = asked(design, known_priors(design, SDS, truth.noise), Question(problem="P0", reference="T0"), seed=1)
    assert [t.label for t in answer.treatments][1] is Label.DATA_INFORMED
    for name in ("T2", "T3"):
        found = answer[name]
        assert found.label is Label.NOT_ESTIMABLE
        assert found.contraction is not None
        assert "service" in found.reason
        assert found.p_best is None
        assert found.sucra is None
        assert found.regret is None
    assert answer["T0"].p_best is not None
    assert answer["T1"].p_best is not None
    assert answer["T0"].p_best + answer["T1"].p_best == pytest.approx(1)
    assert any("T2, T3" in w for w in answer.warnings)


def test_cells_answer_as_their_rows_would() -> None:
    sds = {b: s for b, s in SDS.items() if b != "therapist"}
    data, truth = cells_world(1)
    design = designed(data, sds, covariates=())
    answer = asked(design, known_priors(design, sds, truth.noise), Question(problem="P0"), seed=1)
    assert sum(t.n_comparable for t in answer.treatments) == pytest.approx(
        data.values("end_n")[data.strings("problem") == "P0"].sum()
    )
    assert {t.n_therapists for t in answer.treatments} == {None}
    assert {t.n_settings for t in answer.treatments} == {12}
    assert {t.label for t in answer.treatments} == {Label.DATA_INFORMED}
    true = truth.expected([{"treatment": t.treatment, "problem": "P0"} for t in answer.treatments])
    for t, value in zip(answer.treatments, true - true[0], strict=True):
        assert t.is_reference or abs(t.contrast - value) < t.contrast_high - t.contrast_low  # within 3.9 SDs


def test_truth_draws_one_new_therapist_for_all_rows() -> None:
    truth = Truth(intercept=1, slope=0, start=0, noise=1, sds={"therapist": 2.0}, effects={"therapist": {"H0": 0.5}})
    rows = [{"therapist": "H0"}, {"therapist": NEW}, {"therapist": NEW}]
    assert truth.expected(rows).tolist() == [1.5, 1.0, 1.0]
    drawn = truth.expected(rows, rng=np.random.default_rng(1))
    assert drawn[1] == drawn[2] != 1.0
