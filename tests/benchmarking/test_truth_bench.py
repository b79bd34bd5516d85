"""The truth bench: an oracle scores perfectly, a coin does not, and a model that stops does not stop the bench."""

from __future__ import annotations

import numpy as np

from outcomemodels.benchmarking.truth import KINDS, Candidate, Said, World, run_truth, truth_table
from outcomemodels.benchmarking.truth_models import baselines


def oracle(world: World) -> Said:
    true = world.effects()
    labels = tuple(
        tuple("data-informed" if world.halves[t] == world.halves[world.treatments[0]] else "not estimable"
              for t in world.treatments)
        for _ in world.problems
    )  # fmt: skip
    return Said(true, true - 1, true + 1, labels)


def wrong(world: World) -> Said:
    true = world.effects()
    return Said(-true, -true - 0.01, -true + 0.01, tuple(("data-informed",) * len(world.treatments) for _ in true))


def broken(world: World) -> Said:
    raise RuntimeError("no such model")


def test_scores_tell_an_oracle_from_its_opposite() -> None:
    candidates = [Candidate("oracle", oracle), Candidate("wrong", wrong), Candidate("broken", broken)]
    scores = {(s.kind, s.name): s for s in run_truth(candidates, worlds=2, kinds=list(KINDS), say=lambda text: None)}
    for kind in KINDS:
        best = scores[kind, "oracle"]
        assert (best.coverage, best.rmse, best.regret, best.honest) == (1.0, 0.0, 0.0, 1.0)
        assert scores[kind, "wrong"].coverage < 0.2
        assert scores[kind, "wrong"].regret > 0.5
        assert "no such model" in scores[kind, "broken"].failure
    assert scores["disconnected", "oracle"].missed == 0.0
    assert scores["disconnected", "wrong"].missed == 1.0
    assert scores["disconnected", "oracle"].false_alarms == 0.0
    assert np.isnan(scores["crossed", "oracle"].missed)


def test_baselines_are_near_the_truth_and_cover() -> None:
    scores = {s.name: s for s in run_truth(baselines(), worlds=8, kinds=["crossed"], say=lambda text: None)}
    assert 0.65 < scores["no pooling"].coverage < 0.95
    assert scores["no pooling"].rmse < scores["raw means"].rmse
    assert scores["best single treatment"].coverage < scores["no pooling"].coverage  # it ignores the problem
    assert "| crossed | no pooling |" in truth_table(list(scores.values()))
