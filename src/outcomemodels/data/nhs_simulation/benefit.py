"""What works for whom: the benefit of every treatment for every client, and how it arrives session by session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from outcomemodels.data.nhs_simulation.codes import ARM_LABELS, ARMS
from outcomemodels.data.nhs_simulation.parameters import Parameters
from outcomemodels.data.nhs_simulation.people import People
from outcomemodels.data.nhs_simulation.world import World

FloatArray = NDArray[np.floating[Any]]
Matrix = NDArray[np.float32]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

LOW_MOST, HIGH_MOST = 9, 20
SESSIONS = LOW_MOST + HIGH_MOST
"""Most sessions of a low- and of a high-intensity course, and of both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What chance brings to each client at each session, the same whatever the treatment; dims (session, client).

    Session 0 is the first assessment. ``state``: passing elevation, points. ``phq9`` and ``gad7``: what the
    questionnaires would say without treatment, not yet rounded. ``drop``: logit of a uniform draw. ``early``: a
    uniform draw. ``dose``: dims (client,), a standard normal draw that makes courses longer or shorter.
    """

    state: Matrix
    phq9: Matrix
    gad7: Matrix
    drop: Matrix
    early: Matrix
    dose: FloatArray


def draw_noise(p: Parameters, people: People, rng: np.random.Generator) -> Noise:
    """Draw the noise of one referral of each person."""
    n, t = people.n, SESSIONS + 1
    rho, sd = np.float32(p["severity.state_correlation"]), np.float32(p["severity.state_sd"])
    step = rng.standard_normal((t, n), dtype=np.float32)
    state = np.empty((t, n), dtype=np.float32)
    state[0] = p["severity.state_shift"] + sd * step[0]
    scale = sd * np.sqrt(1 - rho * rho)
    for k in range(1, t):
        state[k] = rho * state[k - 1] + scale * step[k]
    error = rng.standard_normal((t, n), dtype=np.float32)
    phq9 = people.phq9.astype(np.float32) + state + np.float32(p["severity.phq9_error"]) * error
    error = rng.standard_normal((t, n), dtype=np.float32)
    gad7 = people.gad7.astype(np.float32) + np.float32(0.8) * state + np.float32(p["severity.gad7_error"]) * error
    bias = np.float32(p["severity.self_report_bias"])
    if bias:
        learnt = bias * arrived(p, np.arange(t), True).astype(np.float32)[:, None]
        phq9, gad7 = phq9 - learnt, gad7 - np.float32(0.8) * learnt
    u = rng.random((t, n), dtype=np.float32) * np.float32(0.999998) + np.float32(1e-6)
    return Noise(
        state=state,
        phq9=phq9,
        gad7=gad7,
        drop=np.log(u / (1 - u)),
        early=rng.random((t, n), dtype=np.float32),
        dose=rng.standard_normal(n),
    )


def arrived(p: Parameters, sessions: NDArray[np.integer], high: BoolArray | bool) -> FloatArray:
    """Share of a treatment's benefit that has arrived when the questionnaire of session 1, 2, … is filled in."""
    tau = np.where(high, p["dose.tau_high"], p["dose.tau_low"])
    return np.asarray(1 - np.exp(-np.maximum(sessions - 1.0, 0.0) / tau))


def planned(p: Parameters, noise: Noise, arm: int) -> IntArray:
    """Sessions a course of a treatment is planned for, dims (client,)."""
    if ARMS[arm].high:
        mean, spread, least, most = p["dose.high_sessions"], 3.5, 6, HIGH_MOST
    else:
        mean, spread, least, most = p["dose.low_sessions"], 1.2, 3, LOW_MOST
    return np.clip(np.rint(mean + spread * noise.dose), least, most).astype(np.int64)


def benefit(p: Parameters, world: World, people: People, wait: FloatArray, arm: int) -> FloatArray:
    """Benefit of an unending course with a therapist and service at the population mean, points, dims (client,)."""
    over = people.phq9 - p["severity.phq9_mean"]
    pd = people.personality - p["client.personality"]
    label = [ARM_LABELS[arm]]
    out = p["benefit.mean"] + world.crossing[arm, people.problem]
    slope = p["benefit.severity"] + p.by("benefit.severity_by_arm", label)[0]
    out = out + (slope + p["benefit.severity_responders"] * people.responds) * over
    out += (p["benefit.personality"] + p.by("benefit.personality_by_arm", label)[0]) * pd
    out += p.by("benefit.age", label)[0] * (people.age - 40) / 10
    out += p["benefit.neurodevelopmental"] * people.neurodevelopmental
    out += p["benefit.long_term"] * (people.long_term >= 0)
    out += p["benefit.deprivation"] * (people.decile - 5.5)
    out += p["benefit.minority"] * ~people.white
    out += p["benefit.wait"] * np.log2(np.maximum(wait, 3.5) / 14)
    return np.asarray(out + people.response + people.response_by_arm[arm])


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One treatment given to every client from session 1 on; dims (client,) unless said otherwise.

    Parameters
    ----------
    path : ndarray of int8, dims (session, client)
        PHQ-9 at sessions 1, 2, …, whether or not the client still attends.
    size : ndarray of float
        Benefit of an unending course, the client's therapist and service included, points.
    planned, attended : ndarray of int
        Sessions.
    dropped : ndarray of bool
        Whether the client stopped before the course was complete.
    """

    path: NDArray[np.int8]
    size: FloatArray
    planned: IntArray
    attended: IntArray
    dropped: BoolArray


def leaving(p: Parameters, people: People) -> FloatArray:
    """Client's part of the logit of stopping, dims (client,)."""
    out = p["dose.drop_deprivation"] * (people.decile - 5.5) + p["dose.drop_young"] * (people.age < 26)
    return np.asarray(out + p["dose.drop_minority"] * ~people.white)


def give(
    p: Parameters,
    noise: Noise,
    size: FloatArray,
    plan: IntArray,
    leave: FloatArray,
    high: BoolArray | bool,
    *,
    before: FloatArray | None = None,
    start: IntArray | None = None,
    first: bool = True,
) -> Course:
    """Give a course: scores at every session, and where the client stops.

    Parameters
    ----------
    p : Parameters
    noise : Noise
    size, plan, leave : ndarray, dims (client,)
        Benefit in points, planned sessions, client's part of the logit of stopping.
    high : bool or ndarray of bool, dims (client,)
        Whether the treatment is high intensity: its benefit arrives more slowly.
    before : ndarray, optional
        Benefit kept from an earlier step, points.
    start : ndarray of int, optional
        Sessions attended in an earlier step; the noise goes on from there.
    first : bool
        Whether session 1 is the first of the referral, at which many stop.
    """
    most = int(plan.max(initial=1))
    t = np.arange(1, most + 1)
    if start is None:
        raw, drop, early = noise.phq9[1 : most + 1], noise.drop[1 : most + 1], noise.early[1 : most + 1]
    else:
        at = np.minimum(start[None, :] + t[:, None], SESSIONS)
        raw, drop, early = (np.take_along_axis(m, at, axis=0) for m in (noise.phq9, noise.drop, noise.early))
    size32 = size.astype(np.float32)
    raw = raw - arrived(p, t[:, None], high).astype(np.float32) * size32
    if before is not None:
        raw = raw - before.astype(np.float32)
    path = np.clip(np.rint(raw), 0, 27).astype(np.int8)
    base = np.full(most, p["dose.drop_later"], dtype=np.float32)
    if first:
        base[0] = p["dose.drop_first"]
    slope = np.float32(p["dose.drop_score"] / 6)
    gone = drop < base[:, None] + slope * (path.astype(np.float32) - 12) + leave.astype(np.float32)
    enough = (path < 5) & (early < p["dose.early_finish"]) & (t >= 4)[:, None]
    stop = gone | enough | (t[:, None] >= plan)
    at_stop = stop.argmax(axis=0)
    cols = np.arange(len(plan))
    dropped = gone[at_stop, cols] & (at_stop + 1 < plan)
    return Course(path=path, size=size, planned=plan, attended=at_stop + 1, dropped=dropped)


def gad7_more(p: Parameters, people: People) -> FloatArray:
    """GAD-7 points of benefit over and above what follows from PHQ-9: responders' own anxiety falls too."""
    own = people.gad7 - p["severity.gad7_mean"] - p["benefit.gad7_ratio"] * (people.phq9 - p["severity.phq9_mean"])
    return np.asarray(p["benefit.severity_responders"] * own * people.responds)


def last_gad7(p: Parameters, noise: Noise, course: Course, more: FloatArray, high: bool) -> NDArray[np.int8]:
    """GAD-7 at the last session attended of a first course, dims (client,)."""
    at = course.attended
    size = p["benefit.gad7_ratio"] * course.size + more
    raw = noise.gad7[at, np.arange(len(at))] - size * arrived(p, at, high)
    return np.clip(np.rint(raw), 0, 21).astype(np.int8)


def expected_end(
    p: Parameters, people: People, noise: Noise, size: FloatArray, plan: IntArray, high: bool
) -> FloatArray:
    """Expected PHQ-9 at the last planned session, if the course is completed; dims (client,), exact.

    Expectation over the passing state after the first assessment and over measurement error, of the score as
    recorded: whole points between 0 and 27.
    """
    rho = p["severity.state_correlation"]
    mean = people.phq9 + rho**plan * noise.state[0] - size * arrived(p, plan, high)
    mean = mean - p["severity.self_report_bias"] * arrived(p, plan, True)
    out = np.empty(len(plan))
    for k in np.unique(plan):
        rows = plan == k
        sd = np.sqrt(p["severity.state_sd"] ** 2 * (1 - rho ** (2 * k)) + p["severity.phq9_error"] ** 2)
        out[rows] = expected_score(mean[rows], float(sd))
    return out


def expected_score(mean: FloatArray, sd: float, *, most: int = 27) -> FloatArray:
    """Mean of a normal variable that is rounded and cut at 0 and ``most``; interpolated, error below 1e-4."""
    grid = np.arange(-40, 60, 0.05)
    cuts = np.arange(most) + 0.5
    table = ndtr((grid[:, None] - cuts) / sd).sum(1)
    return np.interp(mean, grid, table)
