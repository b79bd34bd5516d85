"""Simulated worlds of the engine's benchmarks: episodes of therapists in services, by problem and treatment."""

from __future__ import annotations

import numpy as np

from outcomemodels.plugin import Block, LinearStructure, Response
from outcomemodels.priors import Prior

SIZES = {1_000: (20, 4), 10_000: (150, 10), 100_000: (1_000, 50), 1_000_000: (10_000, 200)}
"""Therapists and services by number of episodes."""
PROBLEMS, TREATMENTS = 15, 10


def episodes(n: int, seed: int, therapists: int, services: int) -> LinearStructure:
    """Six fixed columns, five factors, severity slopes by treatment: seven variance parameters.

    One in twenty episodes of a therapist happens in a second service.
    """
    rng = np.random.default_rng(seed)
    therapist = rng.integers(0, therapists, n).astype(np.int32)
    home, away = rng.integers(0, services, (2, therapists)).astype(np.int32)
    service = np.where(rng.random(n) < 0.05, away[therapist], home[therapist]).astype(np.int32)
    problem = rng.integers(0, PROBLEMS, n).astype(np.int32)
    treatment = rng.integers(0, TREATMENTS, n).astype(np.int32)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 5))])
    y = X @ np.array([0.5, 0.4, -0.2, 0.1, 0.0, 0.3]) + rng.normal(size=n)
    ones = np.ones((n, 1))
    blocks = []
    factors = (
        ("therapist", therapist, therapists, 0.25),
        ("service", service, services, 0.2),
        ("problem", problem, PROBLEMS, 0.2),
        ("treatment", treatment, TREATMENTS, 0.15),
        ("cell", treatment * np.int32(PROBLEMS) + problem, PROBLEMS * TREATMENTS, 0.1),
    )
    for name, codes, size, sd in factors:
        y += rng.normal(0, sd, size)[codes]
        blocks.append(_block(name, name, codes, size, ones))
    y += rng.normal(0, 0.1, TREATMENTS)[treatment] * X[:, 1]
    blocks.append(_block("severity_by_treatment", "treatment", treatment, TREATMENTS, X[:, [1]], column="severity"))
    return LinearStructure(
        family="gaussian",
        columns=("1", "severity", "x2", "x3", "x4", "x5"),
        X=X,
        column_priors=(Prior.normal(0, 1),) * 6,
        blocks=tuple(blocks),
        response=Response("rows", y, np.ones(n), np.full(n, np.nan)),
        noise=(Prior.half_normal(1.0),),
        noise_codes=np.zeros(n, dtype=np.int32),
    )


def sized(n: int, seed: int) -> LinearStructure:
    """The world of ``SIZES`` with ``n`` episodes."""
    return episodes(n, seed, *SIZES[n])


def _block(name: str, by: str, codes: np.ndarray, size: int, values: np.ndarray, column: str = "1") -> Block:
    return Block(
        id=name,
        by=(by,),
        levels=tuple(f"{by}{i}" for i in range(size)),
        codes=codes,
        columns=(column,),
        values=values,
        sds=(Prior.half_normal(0.5),),
    )
