"""The truth bench: models against worlds with potential outcomes, where every treatment's expected outcome is known.

Asked in every world, for each problem: by how much does each treatment differ from the first, for a new therapist in
a new service? Scored: coverage of the intervals, error of the effects, regret of the treatment recommended, and whether
the labels are honest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.simulate import Truth, crossed_world, disconnected_world

PROBABILITY = 0.8
"""Of the intervals asked for."""
FIRST_SEED = 70_001
"""Seed of the first world; not used while the models were made."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Data, the truth behind them, and which treatments no comparison links.

    Parameters
    ----------
    kind : str
    data : PaulDataset
        Outcome ``end``, lower is better.
    truth : Truth
    problems, treatments : tuple of str
    halves : mapping of treatment to int
        Treatments of different halves share no therapist and no service.
    """

    kind: str
    data: PaulDataset
    truth: Truth
    problems: tuple[str, ...]
    treatments: tuple[str, ...]
    halves: Mapping[str, int]

    def effects(self) -> FloatArray:
        """True expected outcome minus that of the first treatment, dims (problem, treatment)."""
        rows = [{"problem": p, "treatment": t} for p in self.problems for t in self.treatments]
        mean = self.truth.expected(rows).reshape(len(self.problems), len(self.treatments))
        return np.asarray(mean - mean[:, :1])


@dataclass(frozen=True)
class Said:
    """What a model says of one world; dims (problem, treatment), contrasts with the first treatment.

    Parameters
    ----------
    effect : array
        NaN where the model declines.
    low, high : array
        80 % intervals; NaN where it gives none.
    labels : tuple of tuple of str
        Evidence labels, empty for models without.
    """

    effect: FloatArray
    low: FloatArray
    high: FloatArray
    labels: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A model in the truth bench: its name, and what it says of a world."""

    name: str
    answer: Callable[[World], Said]


@dataclass(frozen=True)
class Score:
    """One row of the truth bench, over the worlds of one kind.

    Parameters
    ----------
    coverage : float
        Share of 80 % intervals that hold the true effect; NaN without intervals.
    rmse : float
        Root mean squared error of the effects, points.
    regret : float
        Mean loss of the treatment recommended against the best one, points.
    honest : float
        Of contrasts labelled "data-informed", the share whose interval holds the truth; NaN without labels.
    missed : float
        Of contrasts no comparison links, the share not labelled "not estimable"; NaN where there are none or no labels.
    false_alarms : float
        Of linked contrasts, the share labelled "not estimable".
    worlds : int
    failure : str
        Why it stopped.
    """

    name: str
    kind: str
    coverage: float = math.nan
    rmse: float = math.nan
    regret: float = math.nan
    honest: float = math.nan
    missed: float = math.nan
    false_alarms: float = math.nan
    worlds: int = 0
    failure: str = ""


def _clear(seed: int) -> World:
    data, truth = crossed_world(seed, clients=600, treatments=5, problems=4)
    return _world("crossed", data, truth, {})


def _sparse(seed: int) -> World:
    data, truth = crossed_world(seed, clients=200, treatments=6, problems=5, therapists=30, services=6)
    return _world("sparse", data, truth, {})


def _apart(seed: int) -> World:
    data, truth = disconnected_world(seed)
    return _world("disconnected", data, truth, {"T0": 0, "T1": 0, "T2": 1, "T3": 1})


KINDS: Mapping[str, Callable[[int], World]] = {"crossed": _clear, "sparse": _sparse, "disconnected": _apart}


def _world(kind: str, data: PaulDataset, truth: Truth, halves: Mapping[str, int]) -> World:
    treatments, problems = (tuple(truth.effects[name]) for name in ("treatment", "problem"))
    return World(kind, data, truth, problems, treatments, halves or dict.fromkeys(treatments, 0))


@dataclass
class _Tally:
    """Sums over worlds for one candidate."""

    inside: list[float] = field(default_factory=list)
    squares: list[float] = field(default_factory=list)
    regrets: list[float] = field(default_factory=list)
    honest: list[float] = field(default_factory=list)
    missed: list[float] = field(default_factory=list)
    alarms: list[float] = field(default_factory=list)

    def add(self, world: World, said: Said) -> None:
        """Count one world."""
        true = world.effects()
        for i in range(len(world.problems)):
            guess = np.where(np.isfinite(said.effect[i]), said.effect[i], np.inf)
            guess[0] = 0.0
            self.regrets.append(float(true[i, int(np.argmin(guess))] - true[i].min()))
            for j in range(1, len(world.treatments)):
                linked = world.halves[world.treatments[j]] == world.halves[world.treatments[0]]
                if np.isfinite(said.effect[i, j]):
                    self.squares.append(float(said.effect[i, j] - true[i, j]) ** 2)
                held = float(said.low[i, j] <= true[i, j] <= said.high[i, j])
                if np.isfinite(said.low[i, j]):
                    self.inside.append(held)
                if said.labels:
                    label = said.labels[i][j]
                    if label == "data-informed":
                        self.honest.append(held)
                    (self.alarms if linked else self.missed).append(float((label == "not estimable") == linked))

    def score(self, name: str, kind: str, worlds: int) -> Score:
        """Means of what was counted."""

        def mean(values: Sequence[float]) -> float:
            return float(np.mean(values)) if values else math.nan

        return Score(
            name, kind, mean(self.inside), mean(self.squares) ** 0.5, mean(self.regrets), mean(self.honest),
            mean(self.missed), mean(self.alarms), worlds,
        )  # fmt: skip


def run_truth(
    candidates: Sequence[Candidate], *, worlds: int, kinds: Sequence[str], say: Callable[[str], None]
) -> list[Score]:
    """Put every candidate before the same worlds.

    Parameters
    ----------
    candidates : sequence of Candidate
    worlds : int
        Of each kind.
    kinds : sequence of str
        Names in :data:`KINDS`.
    say : callable
        Told what is being done.

    Returns
    -------
    list of Score
        By kind then candidate. One that stops in a world has no scores there and says why.
    """
    out = []
    for kind in kinds:
        made = [KINDS[kind](FIRST_SEED + i) for i in range(worlds)]
        for candidate in candidates:
            tally = _Tally()
            failure = ""
            for i, world in enumerate(made):
                try:
                    tally.add(world, candidate.answer(world))
                except Exception as error:  # an outsider's model may raise anything; the bench goes on
                    failure = f"world {i + 1}: {type(error).__name__}: {str(error).splitlines()[0][:120]}"
                    break
            out.append(
                Score(candidate.name, kind, failure=failure) if failure else tally.score(candidate.name, kind, worlds)
            )
            say(f"{kind}: {candidate.name} {failure or 'done'}")
    return out


def truth_table(scores: Sequence[Score]) -> str:
    """The scores as Markdown."""
    heads = (
        "world", "model", "coverage of 80 % intervals", "RMSE of effects", "regret", "coverage where “data-informed”",
        "“not estimable” missed", "said in vain", "worlds",
    )  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for s in scores:
        numbers = [s.coverage, s.rmse, s.regret, s.honest, s.missed, s.false_alarms]
        words = [f"{v:.2f}" if math.isfinite(v) else "–" for v in numbers]
        lines.append(f"| {s.kind} | {s.name} | {' | '.join(words)} | {s.worlds or s.failure} |")
    return "\n".join(lines) + "\n"
