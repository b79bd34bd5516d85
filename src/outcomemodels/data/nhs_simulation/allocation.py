"""Who is given what: propensities of every treatment, known exactly, and the draw from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.codes import ARM_LABELS, PROBLEM_LABELS
from outcomemodels.data.nhs_simulation.parameters import Parameters
from outcomemodels.data.nhs_simulation.people import People
from outcomemodels.data.nhs_simulation.world import HIGH, World

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.int64]


def propensities(p: Parameters, world: World, people: People, phq9: FloatArray) -> FloatArray:
    """Probability of each treatment as first step, dims (treatment, client); 0 where the service has none.

    High or low intensity first, by severity at assessment, true disorder, personality difficulty, earlier episode and
    service; then the treatment within it, by true disorder.
    """
    logit = p["allocation.high"] + p["allocation.severity"] * (phq9 - 14) / 6
    logit = logit + p.by("allocation.high_by_problem", PROBLEM_LABELS)[people.problem] + world.lean[people.service]
    logit = logit + p["allocation.personality"] * (people.personality - p["client.personality"])
    logit = logit + p["allocation.previous"] * people.previous
    high = 1 / (1 + np.exp(-logit))
    log = p.by("allocation.arm", ARM_LABELS)[:, None]
    log = log + p.pairs("allocation.arm_by_problem", ARM_LABELS, PROBLEM_LABELS)
    weight = np.exp(log)[:, people.problem] * (world.count[people.service] > 0).T
    out = np.empty_like(weight)
    for rows, share in ((HIGH, high), (~HIGH, 1 - high)):
        out[rows] = share * weight[rows] / weight[rows].sum(0)
    return out


def draw_treatment(propensity: FloatArray, u: FloatArray) -> IntArray:
    """Treatment of each client from propensities, dims (treatment, client), and a uniform draw."""
    edges = np.cumsum(propensity, axis=0)
    return np.asarray(np.minimum((u * edges[-1] >= edges).sum(0), len(edges) - 1))
