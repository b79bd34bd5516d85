"""Crossed worlds for the engine's benchmarks: six columns, five crossed batches, severity slopes by treatment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from outcomemodels.plugin import Block, LinearStructure, Response
from outcomemodels.priors import Prior

SIZES = {1_000: (20, 4), 10_000: (150, 10), 100_000: (1_000, 50), 1_000_000: (10_000, 200)}
"""Therapists and services at each number of episodes."""


def crossed(n: int, therapists: int, services: int, *, seed: int) -> LinearStructure:
    """Make episodes by 15 problems, 10 treatments and their cells; 5 % of a therapist's are in a second service.

    All true SDs are positive: therapist 0.2, service 0.15, problem 0.2, treatment 0.1, cell 0.1, slope 0.05, noise 1.
    """
    rng = np.random.default_rng(seed)
    home = rng.integers(0, services, therapists)
    codes = {"therapist": rng.integers(0, therapists, n).astype(np.int32)}
    service = home[codes["therapist"]]
    codes["service"] = np.where(rng.random(n) < 0.05, rng.integers(0, services, n), service).astype(np.int32)
    codes["problem"] = rng.integers(0, 15, n).astype(np.int32)
    codes["treatment"] = rng.integers(0, 10, n).astype(np.int32)
    codes["cell"] = (codes["treatment"] * 15 + codes["problem"]).astype(np.int32)
    levels = {"therapist": therapists, "service": services, "problem": 15, "treatment": 10, "cell": 150}
    sds = {"therapist": 0.2, "service": 0.15, "problem": 0.2, "treatment": 0.1, "cell": 0.1}
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 5))])
    y = X @ np.array([0.5, 0.4, -0.2, 0.1, 0.0, 0.3]) + rng.normal(size=n)
    one = np.ones((n, 1))
    blocks = []
    for name, size in levels.items():
        y += rng.normal(0, sds[name], size)[codes[name]]
        blocks.append(_block(name, codes[name], size, one))
    y += rng.normal(0, 0.05, 10)[codes["treatment"]] * X[:, 1]
    blocks.append(_block("treatment", codes["treatment"], 10, X[:, [1]], slope=True))
    return LinearStructure(
        family="gaussian",
        columns=tuple(f"x{i}" for i in range(6)),
        X=X,
        column_priors=(Prior.normal(0, 1),) * 6,
        blocks=tuple(blocks),
        response=Response("rows", y, np.ones(n), np.full(n, np.nan)),
        noise=(Prior.half_normal(1.0),),
        noise_codes=np.zeros(n, dtype=np.int32),
    )


def _block(
    name: str, codes: NDArray[np.int32], size: int, values: NDArray[np.float64], *, slope: bool = False
) -> Block:
    return Block(
        id=f"severity_by_{name}" if slope else name,
        by=(name,),
        levels=tuple(f"{name}{i}" for i in range(size)),
        codes=codes,
        columns=("severity",) if slope else ("1",),
        values=values,
        sds=(Prior.half_normal(0.5),),
    )
