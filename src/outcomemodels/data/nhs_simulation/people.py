"""People of a simulated world: who they are, what they suffer from, and how much of it lasts."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.codes import ARMS, ETHNICITY, LONG_TERM, PROBLEM_LABELS
from outcomemodels.data.nhs_simulation.parameters import Parameters
from outcomemodels.data.nhs_simulation.world import World

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """One row per person, all arrays of dims (person,) unless said otherwise.

    Parameters
    ----------
    person, service : ndarray of int
        Number of the person in the world; position of the service.
    age, decile : ndarray
        Years at referral; deprivation decile, 1 most deprived.
    gender : ndarray of int
        1 male, 2 female, 9 indeterminate.
    ethnicity, long_term : ndarray of int
        Positions in ``ETHNICITY`` and ``LONG_TERM`` (-1 none).
    white, personality, neurodevelopmental, medication, previous, never : ndarray of bool
        ``personality`` is in no record; ``never`` fills in no questionnaire.
    employment : ndarray of int
        Position in ``EMPLOYMENT``.
    problem, second : ndarray of int
        True main and second disorder, positions in ``PROBLEMS``; second -1 when there is none.
    phq9, gad7 : ndarray of float
        Lasting level, points.
    responds : ndarray of bool
    response : ndarray of float
        Whether treatment helps the client to remission; a client's own response to any treatment, points.
    response_by_arm : ndarray of float, dims (treatment, person)
    wsas : ndarray of float
        WSAS over and above what PHQ-9 says, points.
    """

    person: IntArray
    service: IntArray
    age: FloatArray
    decile: IntArray
    gender: IntArray
    ethnicity: IntArray
    white: BoolArray
    long_term: IntArray
    personality: BoolArray
    neurodevelopmental: BoolArray
    medication: BoolArray
    previous: BoolArray
    never: BoolArray
    employment: IntArray
    problem: IntArray
    second: IntArray
    phq9: FloatArray
    gad7: FloatArray
    responds: BoolArray
    response: FloatArray
    response_by_arm: FloatArray
    wsas: FloatArray

    @property
    def n(self) -> int:
        """Number of people."""
        return len(self.person)

    def take(self, rows: IntArray) -> People:
        """These rows, in this order."""
        return People(**{f.name: getattr(self, f.name)[..., rows] for f in fields(self)})


def draw_people(p: Parameters, world: World, first: int, n: int, rng: np.random.Generator) -> People:
    """Draw ``n`` people, numbered from ``first``."""
    service = rng.choice(world.n_services, n, p=world.weight)
    decile = _deciles(world, service, rng)
    age = np.clip(16 + rng.gamma(1.9, (p["client.median_age"] - 16) / 1.58, n), 16, 95)
    u = rng.random(n)
    gender = np.where(u < 0.003, 9, np.where(u < 0.003 + p["client.female"], 2, 1))
    white = rng.random(n) < p["client.white"]
    ethnicity = np.where(
        white,
        rng.choice(3, n, p=[0.93, 0.01, 0.06]),
        rng.choice(np.arange(3, len(ETHNICITY)), n, p=_minority()),
    )
    has_ltc = rng.random(n) < np.clip(p["client.long_term"] + (age - 40) * 0.006, 0.02, 0.9)
    personality = rng.random(n) < p["client.personality"]
    share = p.by("problem.share", PROBLEM_LABELS)
    problem = rng.choice(len(share), n, p=share / share.sum())
    second = rng.choice(len(share), n, p=share / share.sum())
    second = np.where((rng.random(n) < p["problem.second"]) & (second != problem), second, -1)
    r = p["severity.correlation"]
    z = rng.normal(size=(2, n))
    common = p["severity.deprivation"] * (decile - 5.5)
    common = common + p["severity.personality"] * (personality - p["client.personality"])
    common = common + 0.6 * ((second >= 0) - p["problem.second"])
    phq9 = p["severity.phq9_mean"] + p.by("severity.phq9_by_problem", PROBLEM_LABELS)[problem] + common
    gad7 = p["severity.gad7_mean"] + p.by("severity.gad7_by_problem", PROBLEM_LABELS)[problem] + 0.7 * common
    employed = rng.random(n) < p["client.employed"] + 0.02 * (decile - 5.5)
    other = rng.choice(np.arange(1, 9), n, p=[0.27, 0.17, 0.22, 0.12, 0.06, 0.02, 0.1, 0.04])
    share_responding = p["benefit.responders"]
    responds = rng.random(n) < share_responding
    return People(
        person=first + np.arange(n),
        service=service,
        age=age,
        decile=decile,
        gender=gender,
        ethnicity=ethnicity,
        white=white,
        long_term=np.where(has_ltc, rng.integers(0, len(LONG_TERM), n), -1),
        personality=personality,
        neurodevelopmental=rng.random(n) < p["client.neurodevelopmental"],
        medication=rng.random(n) < p["client.medication"],
        previous=rng.random(n) < p["client.previous"],
        never=rng.random(n) < p["measure.never"],
        employment=np.where(employed, 0, other),
        problem=problem,
        second=second,
        phq9=phq9 + p["severity.phq9_sd"] * z[0],
        gad7=gad7 + p["severity.gad7_sd"] * (r * z[0] + np.sqrt(1 - r * r) * z[1]),
        responds=responds,
        response=rng.normal(0, p["benefit.response_sd"], n)
        + p["benefit.responder_gap"] * (responds - share_responding),
        response_by_arm=rng.normal(0, p["benefit.response_by_arm_sd"], (len(ARMS), n)),
        wsas=rng.normal(0, p["measure.wsas_sd"], n),
    )


def _deciles(world: World, service: IntArray, rng: np.random.Generator) -> IntArray:
    """Deprivation decile, 1 to 10; services tilt towards one end."""
    step = (np.arange(10) - 4.5) / 4.5
    share = np.exp(world.tilt[:, None] * step)
    edges = np.cumsum(share / share.sum(1, keepdims=True), axis=1)
    return 1 + (rng.random(len(service))[:, None] > edges[service, :9]).sum(1)


def _minority() -> FloatArray:
    share = np.array([1.2, 0.4, 0.8, 1.2, 2.6, 2.0, 0.9, 1.6, 1.6, 1.8, 0.9, 0.5, 1.8, 2.0, 1.2])
    return np.asarray(share / share.sum())
