"""What is written down about a referral: problem descriptors right and wrong, end codes right and wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.codes import PROBLEM_LABELS, PROBLEMS, UNSPECIFIED
from outcomemodels.data.nhs_simulation.parameters import Parameters
from outcomemodels.data.nhs_simulation.spells import ASSESSED_ONLY, Spells
from outcomemodels.data.nhs_simulation.visits import Ending
from outcomemodels.data.nhs_simulation.world import World

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


LATER = 30
"""Days from the first visit to a changed descriptor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptors:
    """Problem descriptors, dims (referral,): positions in ``PROBLEMS``, -1 unspecified.

    ``first`` as described at assessment; ``last`` the one that counts; ``code``: which of the problem's codes it is
    written as; ``changed``: written anew during treatment; ``broken``: a later row is invalid and does not count;
    ``second``: a secondary descriptor, -1 none; ``blank``: unspecified by an invalid row rather than by none.
    """

    first: IntArray
    last: IntArray
    code: IntArray
    changed: BoolArray
    broken: BoolArray
    second: IntArray
    blank: BoolArray


def confusion(p: Parameters) -> FloatArray:
    """Probability of each descriptor given the true disorder, at the median service; dims (true, recorded)."""
    right = p.by("problem.accuracy", PROBLEM_LABELS)
    wrong = np.tile(p.by("problem.mistaken_for", PROBLEM_LABELS), (len(PROBLEMS), 1))
    np.fill_diagonal(wrong, 0.0)
    out = (1 - right)[:, None] * wrong / wrong.sum(1, keepdims=True)
    return np.asarray(out + np.diag(right))


def describe(p: Parameters, world: World, spells: Spells, end: int, rng: np.random.Generator) -> Descriptors:
    """Write descriptors for those seen by ``end``: confused, and unspecified at a rate that differs by service."""
    people, n = spells.people, spells.n
    first = _confused(p, world, people.problem, people.service, rng)
    day = spells.day + spells.wait_assessment
    seen, later = spells.seen & (day <= end), day + LATER <= end
    total = spells.attended.sum(0)
    share = np.select(
        [total >= 2, total == 1], [p["problem.unspecified_finished"], p["problem.unspecified_once"]],
        p["problem.unspecified_seen"],
    )  # fmt: skip
    logit = np.log(share / (1 - share)) + world.unspecified[people.service]
    no = ~seen | (rng.random(n) < 1 / (1 + np.exp(-logit)))
    again = _confused(p, world, people.problem, people.service, rng)
    changed = ~no & later & (total >= 3) & (rng.random(n) < p["problem.changed"])
    first = np.where(no, UNSPECIFIED, first)
    second = _confused(p, world, np.maximum(people.second, 0), people.service, rng)
    has = ~no & later & (people.second >= 0) & (rng.random(n) < p["problem.secondary"] / p["problem.second"])
    return Descriptors(
        first=first,
        last=np.where(changed, again, first),
        code=rng.integers(0, 12, n),
        changed=changed,
        broken=~no & later & ~changed & (rng.random(n) < 0.02),
        second=np.where(has, second, UNSPECIFIED),
        blank=no & seen & (rng.random(n) < 0.4),
    )


def _confused(p: Parameters, world: World, true: IntArray, service: IntArray, rng: np.random.Generator) -> IntArray:
    matrix = confusion(p)
    right = np.clip(np.diag(matrix)[true], 1e-6, 1 - 1e-6)
    here = 1 / (1 + np.exp(-(np.log(right / (1 - right)) + world.accuracy[service])))
    off = matrix.copy()
    np.fill_diagonal(off, 0.0)
    edges = np.cumsum(off / np.maximum(off.sum(1, keepdims=True), 1e-12), axis=1)
    wrong = (rng.random(len(true))[:, None] > edges[true][:, :-1]).sum(1)
    return np.where(rng.random(len(true)) < here, true, wrong)


DISPOSITIONS = (*ASSESSED_ONLY, "not_assessed", "dropped_out", "completed", "service_ended_early", "open")
_CODES = {
    "declined": ("14",),
    "unsuitable": ("10", "11"),
    "advice_only": ("12",),
    "referred_on": ("13",),
    "assessment_dropout": ("16",),
    "unknown_pre": ("95",),
    "deceased": ("17",),
    "not_assessed": ("50",),
    "dropped_out": ("47",),
    "completed": ("46",),
    "service_ended_early": ("48",),
}


def dispose(p: Parameters, spells: Spells, ending: Ending, rng: np.random.Generator) -> tuple[IntArray, list[str]]:
    """What became of each referral (position in ``DISPOSITIONS``), and the end code written ("" when open)."""
    n = spells.n
    at = {name: i for i, name in enumerate(DISPOSITIONS)}
    total, dropped = spells.attended.sum(0), spells.dropped.any(axis=0)
    by_service = ~dropped & (rng.random(n) < 0.04)
    what = np.select(
        [ending.open, ~spells.seen, ~spells.enters, dropped | (total < 2), by_service],
        [at["open"], at["not_assessed"], spells.refusal, at["dropped_out"], at["service_ended_early"]],
        at["completed"],
    )
    table = np.array([[(c := _CODES.get(d, ("",)))[0], c[-1]] for d in DISPOSITIONS])
    code = table[what, rng.integers(0, 2, n)]
    unknown = spells.enters & (rng.random(n) < p["funnel.end_code_unknown"])
    code = np.where(unknown & ~ending.open, "96", code)
    wrong = ~ending.open & (rng.random(n) < p["funnel.end_code_wrong"])
    code = np.where(wrong, rng.choice(["46", "47", "48", "14", "16", "95", "13", "50"], n), code)
    return what, code.tolist()
