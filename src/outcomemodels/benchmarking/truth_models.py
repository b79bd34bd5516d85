"""Candidates of the truth bench: any installed model, simple baselines, and peers in environments of their own."""

from __future__ import annotations

import csv
import json
import subprocess
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from outcomemodels.benchmarking.entrants import SCRIPTS, Entrant
from outcomemodels.benchmarking.environments import prepare
from outcomemodels.benchmarking.truth_worlds import PROBABILITY, Candidate, FloatArray, Said, World
from outcomemodels.design import NEW, Design, build_design
from outcomemodels.errors import DependencyError, FitError
from outcomemodels.estimands import Question
from outcomemodels.plugin import OutcomeModel
from outcomemodels.spec import ModelSpec
from outcomemodels.workflow import ask, audit, fit

PEERS: tuple[Entrant, ...] = (
    Entrant("bambi", SCRIPTS / "truth_bambi.py", ("bambi>=0.21", "nutpie>=0.16.11")),
    Entrant("lme4 + BLUP", SCRIPTS / "truth_lme4.R", ("lme4",), kind="point"),
    Entrant("random forest", SCRIPTS / "truth_forest.py", ("scikit-learn>=1.5",), kind="point"),
)


def of_model(model: str | OutcomeModel, name: str = "") -> Candidate:
    """A model of this library, installed or passed, asked in the ordinary way."""

    def answer(world: World) -> Said:
        accepted = [f.name for f in audit(world.data).findings]  # the labels are judged, not the audit
        fitted = fit(world.data, outcome="end", model=model, seed=1, draws=500, accept=accepted, progress=False)
        said = _nothing(world)
        labels = []
        for i, problem in enumerate(world.problems):
            question = Question(
                problem=problem, treatments=world.treatments, reference=world.treatments[0], therapist=NEW, setting=NEW
            )
            found = {t.treatment: t for t in ask(fitted, question, probability=PROBABILITY).treatments}
            for j, treatment in enumerate(world.treatments):
                each = found[treatment]
                said.effect[i, j], said.low[i, j] = each.contrast, each.contrast_low
                said.high[i, j] = each.contrast_high
            labels.append(tuple(str(found[t].label) for t in world.treatments))
        return Said(said.effect, said.low, said.high, tuple(labels))

    return Candidate(name or (model if isinstance(model, str) else model.info.name), answer)


def baselines() -> tuple[Candidate, ...]:
    """Raw means, no pooling, and the best single treatment for everybody."""
    return (
        Candidate("raw means", _raw_means),
        Candidate("no pooling", _no_pooling),
        Candidate("best single treatment", _single),
    )


def peers(cache: Path) -> tuple[Candidate, ...]:
    """Bambi, lme4 with BLUPs, and a forest; each says why it is missing when it is asked."""
    return tuple(Candidate(e.name, partial(_peer, e, cache), steady=True) for e in PEERS)


def _columns(world: World) -> tuple[FloatArray, FloatArray, NDArray[np.int64], NDArray[np.int64], Design]:
    """Outcome, start score less its mean, and positions of treatment and problem among the world's."""
    design = build_design(world.data, ModelSpec(outcome="end"))
    assert design.response is not None

    def positions(name: str, labels: tuple[str, ...]) -> NDArray[np.int64]:
        factor = design.factor(name)
        return np.array([labels.index(level) for level in factor.levels])[factor.codes]

    start = design.numbers["start"].values
    treatment, problem = positions("treatment", world.treatments), positions("problem", world.problems)
    return design.response.y, start - start.mean(), treatment, problem, design


def _nothing(world: World) -> Said:
    shape = (len(world.problems), len(world.treatments))
    return Said(np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan))


def _raw_means(world: World) -> Said:
    """Differences of the means of the last score, Welch intervals."""
    y, _, treatment, problem, _ = _columns(world)
    said = _nothing(world)
    for i in range(len(world.problems)):
        first = y[(problem == i) & (treatment == 0)]
        for j in range(len(world.treatments)):
            other = y[(problem == i) & (treatment == j)]
            if len(other) < 2 or len(first) < 2:
                continue
            found = stats.ttest_ind(other, first, equal_var=False).confidence_interval(PROBABILITY)
            said.effect[i, j], said.low[i, j], said.high[i, j] = other.mean() - first.mean(), found.low, found.high
    return said


def _no_pooling(world: World) -> Said:
    """Least squares with one column for each cell of treatment and problem."""
    y, start, treatment, problem, _ = _columns(world)
    cells = problem * len(world.treatments) + treatment
    used, position = np.unique(cells, return_inverse=True)
    mean, covariance, df = _least_squares(y, np.column_stack([np.eye(len(used))[position], start]))
    said = _nothing(world)
    place = {int(c): k for k, c in enumerate(used)}
    for i in range(len(world.problems)):
        for j in range(len(world.treatments)):
            a, b = place.get(i * len(world.treatments) + j), place.get(i * len(world.treatments))
            if a is not None and b is not None:
                _put(said, i, j, mean[a] - mean[b], covariance[a, a] + covariance[b, b] - 2 * covariance[a, b], df)
    return said


def _single(world: World) -> Said:
    """One effect a treatment, the same for every problem."""
    y, start, treatment, problem, _ = _columns(world)
    dummies = np.eye(len(world.treatments))[treatment]
    others = np.eye(len(world.problems))[problem][:, 1:]
    mean, covariance, df = _least_squares(y, np.column_stack([dummies, others, start]))
    said = _nothing(world)
    for i in range(len(world.problems)):
        for j in range(len(world.treatments)):
            _put(said, i, j, mean[j] - mean[0], covariance[j, j] + covariance[0, 0] - 2 * covariance[j, 0], df)
    return said


def _least_squares(y: FloatArray, X: FloatArray) -> tuple[FloatArray, FloatArray, int]:
    inverse = np.linalg.pinv(X.T @ X)
    mean = inverse @ X.T @ y
    df = len(y) - int(np.linalg.matrix_rank(X))
    return mean, inverse * float(((y - X @ mean) ** 2).sum()) / max(df, 1), df


def _put(said: Said, i: int, j: int, effect: float, variance: float, df: int) -> None:
    half = float(stats.t.ppf(0.5 + PROBABILITY / 2, max(df, 1))) * max(variance, 0.0) ** 0.5
    said.effect[i, j], said.low[i, j], said.high[i, j] = effect, effect - half, effect + half


def _peer(entrant: Entrant, cache: Path, world: World) -> Said:
    """Ask a script: train.csv and ask.csv in, answer.csv out (effect, low, high for each row asked)."""
    ready = prepare(entrant, cache)
    if ready.missing:
        raise DependencyError(ready.missing, mend="install it, or leave it out")
    y, start, treatment, problem, design = _columns(world)
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        therapist, service = design.factor("therapist").codes, design.factor("service").codes
        with (folder / "train.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["end", "start", "treatment", "problem", "therapist", "service"])
            rows = zip(y, start, treatment, problem, therapist, service, strict=True)
            writer.writerows([e, s, f"T{t}", f"P{p}", f"H{h}", f"S{v}"] for e, s, t, p, h, v in rows)
        with (folder / "ask.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["start", "treatment", "problem"])
            pairs = [(i, j) for i in range(len(world.problems)) for j in range(len(world.treatments))]
            writer.writerows([0.0, f"T{j}", f"P{i}"] for i, j in pairs)
        words = [*ready.command, str(folder), str(folder), json.dumps({"probability": PROBABILITY})]
        done = subprocess.run(words, capture_output=True, text=True, timeout=600, check=False)
        if not (folder / "answer.csv").is_file():
            last = (done.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
            raise FitError(f"{entrant.name} gave no answer: {last[:150]}")
        table = np.genfromtxt(folder / "answer.csv", delimiter=",", skip_header=1, ndmin=2)
    shape = (len(world.problems), len(world.treatments))
    effect, low, high = (table[:, k].reshape(shape) for k in range(3))
    return Said(effect, low, high)
