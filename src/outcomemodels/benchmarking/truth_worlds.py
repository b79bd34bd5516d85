"""Worlds of the truth bench, in which every treatment's expected outcome is known, and what a model says of one.

Asked in every world, for each problem: by how much does each treatment differ from the first, for a new therapist in
a new service?
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.dataset import PaulDataset
from outcomemodels.data.simulate import SDS, Truth, crossed_world, disconnected_world

PROBABILITY = 0.8
"""Of the intervals asked for."""
NEWCOMERS = 20
"""New therapists in new services of whom each answer has to be true, drawn from the population of the world."""
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
    seed : int
        Of the newcomers.
    """

    kind: str
    data: PaulDataset
    truth: Truth
    problems: tuple[str, ...]
    treatments: tuple[str, ...]
    halves: Mapping[str, int]
    seed: int = 0

    def effects(self) -> FloatArray:
        """True expected outcome minus that of the first treatment, dims (newcomer, problem, treatment).

        Newcomers differ only where the world lets a treatment's effect vary between therapists or services.
        """
        rows = [{"problem": p, "treatment": t} for p in self.problems for t in self.treatments]
        shape = (len(self.problems), len(self.treatments))
        streams = np.random.default_rng(self.seed).spawn(NEWCOMERS)
        mean = np.stack([self.truth.expected(rows, rng=rng).reshape(shape) for rng in streams])
        return np.asarray(mean - mean[:, :, :1])


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
    """A model in the truth bench: its name, and what it says of a world.

    A ``steady`` one says the same in every run, so that a score that was kept can stand.
    """

    name: str
    answer: Callable[[World], Said]
    steady: bool = False


def _clear(seed: int) -> World:
    return _world("crossed", seed, *crossed_world(seed, clients=600, treatments=5, problems=4))


def _sparse(seed: int) -> World:
    made = crossed_world(seed, clients=200, treatments=6, problems=5, therapists=30, services=6)
    return _world("sparse", seed, *made)


def _varying(seed: int) -> World:
    sds = {**SDS, "therapist:treatment": 1.0, "service:treatment": 1.0}
    made = crossed_world(seed, clients=1000, treatments=4, problems=3, therapists=40, services=8, sds=sds)
    return _world("varying", seed, *made)


def _apart(seed: int) -> World:
    return _world("disconnected", seed, *disconnected_world(seed), {"T0": 0, "T1": 0, "T2": 1, "T3": 1})


KINDS: Mapping[str, Callable[[int], World]] = {
    "crossed": _clear,
    "sparse": _sparse,
    "varying": _varying,
    "disconnected": _apart,
}


def _world(kind: str, seed: int, data: PaulDataset, truth: Truth, halves: Mapping[str, int] | None = None) -> World:
    treatments, problems = (tuple(truth.effects[name]) for name in ("treatment", "problem"))
    return World(kind, data, truth, problems, treatments, halves or dict.fromkeys(treatments, 0), seed)
