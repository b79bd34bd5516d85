"""The truth bench: an oracle scores perfectly, a coin does not, and a model that stops does not stop the bench."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from outcomemodels.benchmarking.page import markdown
from outcomemodels.benchmarking.truth import run_truth
from outcomemodels.benchmarking.truth_models import baselines
from outcomemodels.benchmarking.truth_scores import Score, Scored, read_scores
from outcomemodels.benchmarking.truth_worlds import KINDS, Candidate, Said, World


def oracle(world: World) -> Said:
    true = world.effects().mean(axis=0)
    labels = tuple(
        tuple("data-informed" if world.halves[t] == world.halves[world.treatments[0]] else "not estimable"
              for t in world.treatments)
        for _ in world.problems
    )  # fmt: skip
    return Said(true, true - 1, true + 1, labels)


def wrong(world: World) -> Said:
    true = world.effects().mean(axis=0)
    return Said(-true, -true - 0.01, -true + 0.01, tuple(("data-informed",) * len(world.treatments) for _ in true))


def broken(world: World) -> Said:
    raise RuntimeError("no such model")


def test_scores_tell_an_oracle_from_its_opposite() -> None:
    candidates = [Candidate("oracle", oracle), Candidate("wrong", wrong), Candidate("broken", broken)]
    scores = {(s.kind, s.name): s for s in run_truth(candidates, worlds=2, kinds=list(KINDS), say=lambda text: None)}
    for kind in set(KINDS) - {"varying"}:
        best = scores[kind, "oracle"]
        found = [s.value for s in (best.coverage, best.rmse, best.regret, best.honest)]
        assert found == pytest.approx([1.0, 0.0, 0.0, 1.0], abs=1e-12)
        assert scores[kind, "wrong"].coverage.value < 0.2
        assert scores[kind, "wrong"].regret.value > 0.5
        assert "no such model" in scores[kind, "broken"].failure
    assert scores["disconnected", "oracle"].missed.value == 0.0
    assert scores["disconnected", "wrong"].missed.value == 1.0
    assert scores["disconnected", "oracle"].false_alarms.value == 0.0
    assert np.isnan(scores["crossed", "oracle"].missed.value)


def test_newcomers_differ_only_where_effects_vary_between_people() -> None:
    for kind, make in KINDS.items():
        true = make(5).effects()
        assert (true[:, :, 0] == 0).all()
        assert (np.ptp(true, axis=0).max() > 1) == (kind == "varying")
    true = np.concatenate([KINDS["varying"](seed).effects() for seed in range(30)])[:, 0, 1:]
    within = np.mean([KINDS["varying"](seed).effects()[:, 0, 1:].var(axis=0, ddof=1) for seed in range(30)])
    assert within == pytest.approx(4.0, rel=0.1)  # two treatments, each varying by 1 + 1
    assert true.var() > within


def test_baselines_are_near_the_truth_and_cover() -> None:
    scores = {s.name: s for s in run_truth(baselines(), worlds=8, kinds=["crossed"], say=lambda text: None)}
    assert 0.65 < scores["no pooling"].coverage.value < 0.95
    assert scores["no pooling"].rmse.value < scores["raw means"].rmse.value
    assert (
        scores["best single treatment"].coverage.value < scores["no pooling"].coverage.value
    )  # it ignores the problem
    text = markdown([], list(scores.values()), made="today", where=("a machine",))
    assert "| no pooling | crossed |" in text
    assert " ± " in text


def test_a_steady_candidate_is_scored_once_and_a_model_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def counting(name: str, *, steady: bool) -> Candidate:
        return Candidate(name, lambda world: (asked.append(name), oracle(world))[1], steady=steady)

    candidates = [counting("peer", steady=True), counting("model", steady=False)]
    for _ in range(2):
        run_truth(candidates, worlds=2, kinds=["sparse"], say=lambda text: None, results=tmp_path / "truth.jsonl")
    assert asked == ["peer", "peer", "model", "model", "model", "model"]
    assert [s.name for s in read_scores(tmp_path / "truth.jsonl")] == ["peer", "model"]


def test_a_failure_is_kept_and_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    for candidate in (Candidate("peer", broken, steady=True), Candidate("peer", oracle, steady=True)):
        run_truth([candidate], worlds=1, kinds=["crossed"], say=lambda text: None, results=path)
    (score,) = read_scores(path)
    assert not score.failure
    assert score.coverage.value == 1.0


def test_scores_survive_writing(tmp_path: Path) -> None:
    score = Score("a", "crossed", 3, coverage=Scored(0.8, 0.1), rmse=Scored.of([[1.0], [], [4.0, 4.0]], root=True))
    assert score.rmse.value == 2.5**0.5
    assert score.rmse.error == pytest.approx(1.5 / (2 * 2.5**0.5))
    (tmp_path / "truth.jsonl").write_text(score.line() + "\n" + score.line()[:40])
    (read,) = read_scores(tmp_path / "truth.jsonl")
    assert (read.coverage, read.rmse) == (score.coverage, score.rmse)
    assert np.isnan(read.regret.value)
