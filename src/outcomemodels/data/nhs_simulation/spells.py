"""Referrals: waiting, assessment, treatment step by step, what would have happened otherwise, ending, relapse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.allocation import draw_treatment, propensities
from outcomemodels.data.nhs_simulation.benefit import (
    SESSIONS,
    Course,
    Noise,
    arrived,
    benefit,
    draw_noise,
    expected_end,
    gad7_more,
    give,
    last_gad7,
    leaving,
    planned,
)
from outcomemodels.data.nhs_simulation.codes import ARMS
from outcomemodels.data.nhs_simulation.parameters import Parameters
from outcomemodels.data.nhs_simulation.people import People
from outcomemodels.data.nhs_simulation.world import HIGH, World

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

ASSESSED_ONLY = (
    "declined",
    "unsuitable",
    "advice_only",
    "referred_on",
    "assessment_dropout",
    "unknown_pre",
    "deceased",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Potential:
    """What each treatment alone, from the first session on, would bring; dims (treatment, client).

    ``propensity``; ``completed``: expected PHQ-9 at the planned end, if completed, with therapist and service at the
    population mean; ``last_phq9``, ``last_gad7``, ``attended``, ``dropped``: what would happen, drop-out included, with
    the client's own service and the therapist the client would see there; ``untreated``, dims (client,): expected PHQ-9
    after as many sessions' time as a course of CBT takes, without any treatment.
    """

    propensity: FloatArray
    completed: NDArray[np.float32]
    last_phq9: NDArray[np.int8]
    last_gad7: NDArray[np.int8]
    attended: NDArray[np.int8]
    dropped: BoolArray
    untreated: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Spells:
    """One referral of each of some people; dims (referral,) unless said otherwise.

    Days count from 1970-01-01. ``arm``, ``attended``, ``therapist`` and ``dropped`` have dims (step, referral), step 0
    or 1; arm -1 where there is no such step, attended 0 where nobody entered.
    """

    people: People
    day: IntArray
    wait_assessment: IntArray
    wait_treatment: IntArray
    seen: BoolArray
    combined: BoolArray
    enters: BoolArray
    refusal: IntArray
    noise: Noise
    potential: Potential
    arm: IntArray
    therapist: IntArray
    size: FloatArray
    kept: FloatArray
    attended: IntArray
    dropped: NDArray[np.bool_]
    path: NDArray[np.int8]

    @property
    def n(self) -> int:
        """Number of referrals."""
        return len(self.day)


def draw_spells(p: Parameters, world: World, people: People, day: IntArray, rng: np.random.Generator) -> Spells:
    """Let one referral of each person take its course."""
    n = people.n
    noise = draw_noise(p, people, rng)
    log_wait = np.log(p["wait.assessment_median"]) + world.wait[people.service]
    wait = np.maximum(1, np.rint(np.exp(log_wait + p["wait.log_sd"] * rng.standard_normal(n)))).astype(np.int64)
    combined = rng.random(n) < p["funnel.combined_visit"]
    first = combined.astype(np.int64), np.arange(n)  # who is treated at the first visit is assessed at that visit
    start9 = np.clip(np.rint(noise.phq9[first]), 0, 27)
    start7 = np.clip(np.rint(noise.gad7[first]), 0, 21)
    further = np.exp(np.log(p["wait.treatment_median"]) + p["wait.log_sd"] * rng.standard_normal(n))
    until = wait + np.where(combined, 0, np.maximum(2, np.rint(further))).astype(np.int64)

    seen = _true(p["funnel.assessed"] + p["funnel.assessed_deprivation"] * (people.decile - 5.5), rng)
    case = (start9 >= 10) | (start7 >= 8)
    enters = seen & _true(np.where(case, p["funnel.enter_case"], p["funnel.enter_not_case"]), rng)
    share = p.by("funnel.assessed_only", ASSESSED_ONLY)
    refusal = rng.choice(len(share), n, p=share / share.sum())

    propensity = propensities(p, world, people, start9)
    arm = draw_treatment(propensity, rng.random(n))
    potential, course, therapist = _every_treatment(p, world, people, noise, propensity, arm, until * 1.0, rng)
    return _further(
        p,
        world,
        rng,
        course,
        therapist,
        Spells(
            people=people,
            day=day,
            wait_assessment=wait,
            wait_treatment=until,
            seen=seen,
            combined=combined,
            enters=enters,
            refusal=refusal,
            noise=noise,
            potential=potential,
            arm=np.stack([arm, np.full(n, -1)]),
            therapist=np.zeros((2, n), dtype=np.int64),
            size=np.zeros((2, n)),
            kept=np.zeros(n),
            attended=np.zeros((2, n), dtype=np.int64),
            dropped=np.zeros((2, n), dtype=bool),
            path=np.zeros((SESSIONS, n), dtype=np.int8),
        ),
    )


def _every_treatment(
    p: Parameters,
    world: World,
    people: People,
    noise: Noise,
    propensity: FloatArray,
    arm: IntArray,
    wait: FloatArray,
    rng: np.random.Generator,
) -> tuple[Potential, Course, IntArray]:
    """Give every treatment to every client; return what would happen, and the course of the one given."""
    n, k = people.n, len(ARMS)
    completed = np.empty((k, n), dtype=np.float32)
    last9, last7, attended = (np.empty((k, n), dtype=np.int8) for _ in range(3))
    dropped = np.empty((k, n), dtype=bool)
    path = np.zeros((SESSIONS, n), dtype=np.int8)
    size_given, plan_given, who_given = np.empty(n), np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    leave, more, u = leaving(p, people), gad7_more(p, people), rng.random(n)
    cols = np.arange(n)
    for a in range(k):
        plan = planned(p, noise, a)
        size = benefit(p, world, people, wait, a)
        completed[a] = expected_end(p, people, noise, size, plan, bool(HIGH[a]))
        who = world.pick(people.service, np.full(n, a), u)
        delivered = size + world.benefit_of(who) + world.effect[people.service]
        course = give(p, noise, delivered, plan, leave, bool(HIGH[a]))
        last9[a] = course.path[course.attended - 1, cols]
        last7[a] = last_gad7(p, noise, course, more, bool(HIGH[a]))
        attended[a], dropped[a] = course.attended, course.dropped
        mine = np.flatnonzero(arm == a)
        path[: len(course.path), mine] = course.path[:, mine]
        size_given[mine], plan_given[mine], who_given[mine] = delivered[mine], plan[mine], who[mine]
    untreated = expected_end(p, people, noise, np.zeros(n), np.full(n, round(p["dose.high_sessions"])), True)
    given = Course(
        path=path,
        size=size_given,
        planned=plan_given,
        attended=attended[arm, cols].astype(np.int64),
        dropped=dropped[arm, cols],
    )
    potential = Potential(
        propensity=propensity,
        completed=completed,
        last_phq9=last9,
        last_gad7=last7,
        attended=attended,
        dropped=dropped,
        untreated=untreated,
    )
    return potential, given, who_given


def _further(
    p: Parameters, world: World, rng: np.random.Generator, first: Course, who: IntArray, spells: Spells
) -> Spells:
    """Second steps: up to high intensity when still a case, down to low intensity rarely."""
    n, people, noise = spells.n, spells.people, spells.noise
    cols = np.arange(n)
    arm = spells.arm.copy()
    at_end = first.path[first.attended - 1, cols]
    high = HIGH[arm[0]]
    done = spells.enters & ~first.dropped & (first.attended >= 2)
    up = done & ~high & (at_end >= 10) & _true(np.full(n, p["allocation.step_up"]), rng)
    down = done & high & (rng.random(n) < p["allocation.step_down"])
    share = spells.potential.propensity.copy()
    share[~HIGH] *= down
    share[HIGH] *= up
    u, v = rng.random(n), rng.random(n)
    rows = np.flatnonzero(up | down)
    arm[1, rows] = draw_treatment(share[:, rows], u[rows])
    sub, sub_noise = people.take(rows), _columns(noise, rows)
    size, plan = np.zeros(len(rows)), np.ones(len(rows), dtype=np.int64)
    therapist = world.pick(sub.service, np.maximum(arm[1, rows], 0), v[rows])
    for a in np.unique(arm[1, rows]):
        mine = np.flatnonzero(arm[1, rows] == a)
        one = sub.take(mine)
        size[mine] = benefit(p, world, one, spells.wait_treatment[rows][mine] * 1.0, int(a))
        plan[mine] = planned(p, _columns(sub_noise, mine), int(a))
    plan = np.where(down[rows], np.minimum(plan, 3), plan)
    size = p["benefit.step_gain"] * (size + world.benefit_of(therapist) + world.effect[sub.service])
    kept = p["benefit.step_keep"] * first.size[rows] * arrived(p, first.attended[rows], high[rows])
    second = give(
        p,
        sub_noise,
        size,
        plan,
        leaving(p, sub),
        HIGH[arm[1, rows]],
        before=kept,
        start=first.attended[rows],
        first=False,
    )
    path = first.path.copy()
    for j in range(len(second.path)):
        at = first.attended[rows] + j
        ok = at < SESSIONS
        path[at[ok], rows[ok]] = second.path[j, ok]

    def both(a: NDArray[np.generic], b: NDArray[np.generic]) -> NDArray[np.generic]:
        out = np.zeros((2, n), dtype=a.dtype)
        out[0] = a
        out[1, rows] = b
        return out

    arm[:, ~spells.enters] = np.where(np.arange(2)[:, None] == 0, arm[:, ~spells.enters], -1)
    full = np.zeros(n)
    full[rows] = kept
    return _replace(
        spells,
        arm=arm,
        therapist=both(who, therapist),
        size=both(first.size, size),
        kept=full,
        attended=both(np.where(spells.enters, first.attended, 0), second.attended),
        dropped=both(first.dropped & spells.enters, second.dropped),
        path=path,
    )


def _replace(spells: Spells, **changes: object) -> Spells:
    from dataclasses import replace

    return replace(spells, **changes)  # type: ignore[arg-type]


def _columns(noise: Noise, rows: IntArray) -> Noise:
    return Noise(
        state=noise.state[:, rows],
        phq9=noise.phq9[:, rows],
        gad7=noise.gad7[:, rows],
        drop=noise.drop[:, rows],
        early=noise.early[:, rows],
        dose=noise.dose[rows],
    )


def _true(logit: FloatArray, rng: np.random.Generator) -> BoolArray:
    return np.asarray(rng.random(len(logit)) < 1 / (1 + np.exp(-logit)))


def relapse_days(p: Parameters, residual: BoolArray, rng: np.random.Generator) -> IntArray:
    """Days from discharge to relapse of those who recovered, Weibull; ``residual``: PHQ-9 5 to 9 at the end."""
    hazard = p["relapse.hazard_12"] * np.where(residual, p["relapse.residual_ratio"], 1.0)
    years = (rng.exponential(size=len(residual)) / hazard) ** (1 / p["relapse.shape"])
    return np.minimum(np.ceil(years * 365.25), 100_000).astype(np.int64)
