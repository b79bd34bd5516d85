"""Simulated worlds of the benchmark: crossed courses of care of any size, and the shapes that break samplers.

Every world is data and model at once, a :class:`LinearStructure` with its priors; the seed is of the data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcomemodels.plugin import Block, LinearStructure, Prior, Response

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]

SIZES = {1_000: (20, 4), 10_000: (150, 10), 100_000: (1_000, 50), 1_000_000: (10_000, 200), 10_000_000: (10_000, 200)}
"""Therapists and services of the crossed world by rows."""
PROBLEMS, TREATMENTS = 15, 10
BETA = np.array([0.5, 0.4, -0.2, 0.1, 0.0, 0.3])
SDS = {"therapist": 0.2, "service": 0.15, "problem": 0.15, "treatment": 0.1, "treatment_x_problem": 0.1}
SLOPE_SD = 0.08


def crossed(rows: int, seed: int, *, therapist_sd: float = SDS["therapist"], counted: bool = False) -> LinearStructure:
    """Therapists in services, problems, treatments, their crossing, and slopes of severity by treatment.

    y = X beta + u_therapist + u_service + u_problem + u_treatment + u_(treatment x problem) + severity s_treatment
    (+ noise 1); X has 6 columns; one course in twenty takes place in the therapist's second service.

    Parameters
    ----------
    rows : int
        Courses; one of the sizes listed, or any other with about 70 courses a therapist.
    seed : int
    therapist_sd : float
        0 makes therapists interchangeable.
    counted : bool
        Whether the outcome is yes or no (binomial family, logit link).
    """
    rng = np.random.default_rng(seed)
    therapists, services = SIZES.get(rows, (max(rows // 70, 5), max(rows // 1000, 3)))
    caseload = rng.lognormal(0.0, 0.7, therapists)
    therapist = rng.choice(therapists, rows, p=caseload / caseload.sum())
    home, second = rng.integers(0, services, (2, therapists))
    service = np.where(rng.random(rows) < 0.05, second[therapist], home[therapist])
    problem = rng.choice(PROBLEMS, rows, p=_falling(PROBLEMS))
    treatment = rng.choice(TREATMENTS, rows, p=_falling(TREATMENTS))
    codes = {
        "therapist": (therapist, therapists),
        "service": (service, services),
        "problem": (problem, PROBLEMS),
        "treatment": (treatment, TREATMENTS),
        "treatment_x_problem": (treatment * PROBLEMS + problem, TREATMENTS * PROBLEMS),
    }
    X = np.column_stack([np.ones(rows), rng.normal(size=(rows, 5))])
    linear = X @ BETA
    blocks = []
    for name, (code, levels) in codes.items():
        sd = therapist_sd if name == "therapist" else SDS[name]
        linear += rng.normal(0, sd, levels)[code] if sd > 0 else 0.0
        blocks.append(block(name, code, levels))
    linear += rng.normal(0, SLOPE_SD, TREATMENTS)[treatment] * X[:, 1]
    blocks.append(block("severity_by_treatment", treatment, TREATMENTS, by="treatment", values=X[:, [1]]))
    return _structure(X, linear, tuple(blocks), rng, counted=counted)


def lognormal_caseloads(seed: int, *, rows: int = 3_000, therapists: int = 900) -> LinearStructure:
    """Most therapists with one or two courses, a few with hundreds."""
    rng = np.random.default_rng(seed)
    caseload = rng.lognormal(0.0, 2.0, therapists)
    therapist = np.concatenate(
        [np.arange(therapists), rng.choice(therapists, rows - therapists, p=caseload / caseload.sum())]
    )
    treatment = rng.integers(0, 6, rows)
    X = np.column_stack([np.ones(rows), rng.normal(size=rows)])
    linear = X @ np.array([0.2, 0.4]) + rng.normal(0, 0.3, therapists)[therapist] + rng.normal(0, 0.2, 6)[treatment]
    blocks = (block("therapist", therapist, therapists), block("treatment", treatment, 6))
    return _structure(X, linear, blocks, rng)


def nearly_disconnected(seed: int, *, rows: int = 2_000, bridges: int = 3) -> LinearStructure:
    """Two halves of a service network, each with its own treatments, joined by a handful of courses."""
    rng = np.random.default_rng(seed)
    half = rng.integers(0, 2, rows)
    therapist = rng.integers(0, 30, rows) + 30 * half
    treatment = rng.integers(0, 4, rows) + 4 * half
    treatment[:bridges] = (treatment[:bridges] + 4) % 8
    X = np.column_stack([np.ones(rows), rng.normal(size=rows)])
    linear = X @ np.array([0.0, 0.3]) + rng.normal(0, 0.4, 60)[therapist] + rng.normal(0, 0.3, 8)[treatment]
    linear += np.where(half == 1, 0.5, 0.0)
    blocks = (block("therapist", therapist, 60), block("treatment", treatment, 8), block("network", half, 2))
    return _structure(X, linear, blocks, rng)


def strong_correlation(seed: int, *, clients: int = 250, visits: int = 6) -> LinearStructure:
    """Clients' starting points and slopes correlated -0.9, courses of a few visits."""
    rng = np.random.default_rng(seed)
    client = np.repeat(np.arange(clients), visits)
    time = np.tile(np.arange(visits, dtype=float), clients)
    keep = rng.random(len(client)) > 0.2
    client, time = client[keep], time[keep]
    covariance = np.array([[1.0, -0.9 * 0.3], [-0.9 * 0.3, 0.09]])
    effects = rng.multivariate_normal(np.zeros(2), covariance, clients)
    X = np.column_stack([np.ones(len(time)), time])
    linear = X @ np.array([2.0, -0.3]) + effects[client, 0] + effects[client, 1] * time
    slopes = Block(
        id="time_by_client",
        by=("client",),
        levels=_levels("client", clients),
        codes=client.astype(np.int32),
        columns=("1", "time"),
        values=X,
        sds=(Prior.half_normal(1.0), Prior.half_normal(0.5)),
        correlation=Prior.lkj(2.0),
    )
    return _structure(X, linear, (slopes,), rng)


def block(
    name: str, codes: NDArray[np.integer], levels: int, *, by: str = "", values: FloatArray | None = None
) -> Block:
    """A batch of effects with one column, SD ~ HalfNormal(0.5)."""
    return Block(
        id=name,
        by=(by or name,),
        levels=_levels(by or name, levels),
        codes=codes.astype(np.int32),
        columns=("1",) if values is None else ("severity",),
        values=np.ones((len(codes), 1)) if values is None else values,
        sds=(Prior.half_normal(0.5),),
    )


def _structure(
    X: FloatArray, linear: FloatArray, blocks: tuple[Block, ...], rng: np.random.Generator, *, counted: bool = False
) -> LinearStructure:
    n = len(linear)
    y = (rng.random(n) < 1 / (1 + np.exp(-linear))).astype(float) if counted else linear + rng.normal(size=n)
    return LinearStructure(
        family="binomial" if counted else "gaussian",
        columns=("intercept", "severity", *(f"x{i}" for i in range(2, X.shape[1])))[: X.shape[1]],
        X=X,
        column_priors=(Prior.normal(0, 1),) * X.shape[1],
        blocks=blocks,
        response=Response("counts" if counted else "rows", y, np.ones(n), np.full(n, np.nan)),
        noise=() if counted else (Prior.half_normal(1.0),),
        noise_codes=np.zeros(n, dtype=np.int32),
    )


def _falling(levels: int) -> FloatArray:
    share = 1.0 / np.arange(1, levels + 1) ** 0.7
    return np.asarray(share / share.sum())


def _levels(name: str, levels: int) -> tuple[str, ...]:
    return tuple(f"{name} {i}" for i in range(levels))
