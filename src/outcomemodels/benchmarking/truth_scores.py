"""Scores of the truth bench: coverage, error, regret and honesty of labels, with what the worlds leave uncertain."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from outcomemodels.benchmarking.lines import finite_or_null, read_lines
from outcomemodels.benchmarking.truth_worlds import FloatArray, Said, World


@dataclass(frozen=True)
class Scored:
    """A mean over worlds and its standard error; NaN where nothing could be scored, or of one world."""

    value: float = math.nan
    error: float = math.nan

    @classmethod
    def of(cls, worlds: Sequence[Sequence[float]], *, root: bool = False) -> Scored:
        """From what was counted in each world; worlds without count are left out, ``root`` takes the square root."""
        means = np.array([np.mean(values) for values in worlds if len(values)])
        if not len(means):
            return cls()
        value = float(means.mean())
        error = float(means.std(ddof=1) / math.sqrt(len(means))) if len(means) > 1 else math.nan
        if not root:
            return cls(value, error)
        return cls(math.sqrt(value), error / (2 * math.sqrt(value)) if value > 0 else 0.0)


@dataclass(frozen=True)
class Score:
    """One row of the truth bench, over the worlds of one kind.

    Parameters
    ----------
    coverage : Scored
        Share of 80 % intervals that hold the true effect; NaN without intervals.
    rmse : Scored
        Root mean squared error of the effects, points.
    regret : Scored
        Mean loss of the treatment recommended against the best one, points.
    honest : Scored
        Of contrasts labelled "data-informed", the share whose interval holds the truth; NaN without labels.
    missed : Scored
        Of contrasts no comparison links, the share not labelled "not estimable"; NaN where there are none or no labels.
    false_alarms : Scored
        Of linked contrasts, the share labelled "not estimable".
    worlds : int
    failure : str
        Why it stopped.
    at, machine : str
        When and on what it was scored.
    """

    name: str
    kind: str
    worlds: int
    coverage: Scored = Scored()
    rmse: Scored = Scored()
    regret: Scored = Scored()
    honest: Scored = Scored()
    missed: Scored = Scored()
    false_alarms: Scored = Scored()
    failure: str = ""
    at: str = ""
    machine: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes a score the same score."""
        return self.kind, self.name, self.worlds

    def line(self) -> str:
        """One line of JSON; NaN becomes null."""
        return json.dumps(asdict(self, dict_factory=finite_or_null))

    @classmethod
    def from_line(cls, line: str) -> Score:
        """Inverse of :meth:`line`."""
        raw: dict[str, Any] = json.loads(line)
        values: dict[str, Any] = {k: _scored(v) if isinstance(v, dict) else v for k, v in raw.items()}
        return cls(**values)


def _scored(raw: Mapping[str, float | None]) -> Scored:
    return Scored(**{name: math.nan if value is None else value for name, value in raw.items()})


def read_scores(path: Path) -> list[Score]:
    """Scores of a file; of two of the same, the later."""
    return list({score.key: score for score in read_lines(path, Score.from_line)}.values())


@dataclass
class Tally:
    """What was counted in each world, for one candidate."""

    inside: list[list[float]] = field(default_factory=list)
    squares: list[list[float]] = field(default_factory=list)
    regrets: list[list[float]] = field(default_factory=list)
    honest: list[list[float]] = field(default_factory=list)
    missed: list[list[float]] = field(default_factory=list)
    alarms: list[list[float]] = field(default_factory=list)

    def add(self, world: World, said: Said) -> None:
        """Count one world."""
        for each in (self.inside, self.squares, self.regrets, self.honest, self.missed, self.alarms):
            each.append([])
        for true in world.effects():
            self._add(world, said, true)

    def _add(self, world: World, said: Said, true: FloatArray) -> None:
        """Count what was said against one newcomer's truth, dims (problem, treatment)."""
        for i in range(len(world.problems)):
            guess = np.where(np.isfinite(said.effect[i]), said.effect[i], np.inf)
            guess[0] = 0.0
            self.regrets[-1].append(float(true[i, int(np.argmin(guess))] - true[i].min()))
            for j in range(1, len(world.treatments)):
                linked = world.halves[world.treatments[j]] == world.halves[world.treatments[0]]
                if np.isfinite(said.effect[i, j]):
                    self.squares[-1].append(float(said.effect[i, j] - true[i, j]) ** 2)
                held = float(said.low[i, j] <= true[i, j] <= said.high[i, j])
                if np.isfinite(said.low[i, j]):
                    self.inside[-1].append(held)
                if said.labels:
                    label = said.labels[i][j]
                    if label == "data-informed":
                        self.honest[-1].append(held)
                    counted = self.alarms if linked else self.missed
                    counted[-1].append(float((label == "not estimable") == linked))

    def score(self, name: str, kind: str, worlds: int, *, at: str = "", machine: str = "") -> Score:
        """Means over worlds of what was counted."""
        return Score(
            name,
            kind,
            worlds,
            coverage=Scored.of(self.inside),
            rmse=Scored.of(self.squares, root=True),
            regret=Scored.of(self.regrets),
            honest=Scored.of(self.honest),
            missed=Scored.of(self.missed),
            false_alarms=Scored.of(self.alarms),
            at=at,
            machine=machine,
        )
