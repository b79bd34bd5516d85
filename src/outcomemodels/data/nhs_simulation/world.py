"""Services and therapists of a simulated world, and the treatment effects all of them share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.codes import ARM_LABELS, ARMS, PROBLEM_LABELS
from outcomemodels.data.nhs_simulation.parameters import Parameters

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

PWP, CBT, COUNSELLOR, DUAL = range(4)
ROLES = ("PWP", "CBT therapist", "counsellor", "dual")
HIGH = np.array([a.high for a in ARMS])
QUALIFIED, IN_TRAINING, NEITHER, MISSING = range(4)
STATES = ("qualified", "in_training", "neither", "missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What does not differ between clients.

    Parameters
    ----------
    weight, effect, wait, lean, unspecified, accuracy, tilt : ndarray, dims (service,)
        Share of referrals; points of benefit; log waiting time; logit of high intensity; logits added to an unspecified
        and to a right descriptor; tilt of deprivation.
    therapist_service, therapist_role, therapist_state : ndarray of int, dims (therapist,)
    therapist_effect : ndarray, dims (therapist,)
        Points of benefit of a whole course.
    members : ndarray of int
        Therapists by service and treatment, flat; ``offset`` and ``count``, dims (service, treatment), say where.
    crossing : ndarray, dims (treatment, problem)
        Points of benefit of a treatment for a disorder, less CBT's over all disorders.
    """

    weight: FloatArray
    effect: FloatArray
    wait: FloatArray
    lean: FloatArray
    unspecified: FloatArray
    accuracy: FloatArray
    tilt: FloatArray
    therapist_service: IntArray
    therapist_role: IntArray
    therapist_state: IntArray
    therapist_effect: FloatArray
    members: IntArray
    offset: IntArray
    count: IntArray
    crossing: FloatArray

    @property
    def n_services(self) -> int:
        """Number of services."""
        return len(self.weight)

    def pick(self, service: IntArray, arm: IntArray, u: FloatArray) -> IntArray:
        """The therapist a client would see for a treatment, dims (client,); -1 where the service has none."""
        n = self.count[service, arm]
        at = self.offset[service, arm] + np.minimum((u * n).astype(np.int64), np.maximum(n - 1, 0))
        return np.where(n > 0, self.members[np.minimum(at, len(self.members) - 1)], -1)

    def benefit_of(self, therapist: IntArray) -> FloatArray:
        """Effect of a therapist, dims of ``therapist``; 0 for -1, a therapist at the population mean."""
        return np.where(therapist >= 0, self.therapist_effect[np.maximum(therapist, 0)], 0.0)


def build_world(p: Parameters, referrals: int, rng: np.random.Generator) -> World:
    """Draw services, therapists and treatment effects for a world of so many referrals."""
    n = max(int(p["size.fewest_services"]), round(referrals / p["size.referrals_per_service"]))
    weight = np.exp(rng.normal(0, p["size.service_size_sd"], n))
    weight /= weight.sum()
    service, role, state, effect, gives = _therapists(p, weight * referrals, rng)
    counts = np.zeros((n, len(ARMS)), dtype=np.int64)
    members: list[IntArray] = []
    offset = np.zeros_like(counts)
    at = 0
    for s in range(n):
        mine = np.flatnonzero(service == s)
        for a in range(len(ARMS)):
            who = mine[gives[mine, a]]
            offset[s, a], counts[s, a] = at, len(who)
            members.append(who)
            at += len(who)
    crossing = p.by("benefit.by_arm", ARM_LABELS)[:, None]
    crossing = crossing + p.pairs("benefit.by_arm_and_problem", ARM_LABELS, PROBLEM_LABELS)
    crossing = crossing + rng.normal(0, p["benefit.crossing_sd"], crossing.shape)
    return World(
        weight=weight,
        effect=_around_zero(rng.normal(0, p["service.sd"], n), weight),
        wait=_around_zero(rng.normal(0, p["service.wait_sd"], n), weight),
        lean=_around_zero(rng.normal(0, p["service.lean_sd"], n), weight),
        unspecified=_around_zero(rng.normal(0, p["service.descriptor_sd"], n), weight),
        accuracy=rng.normal(0, p["service.accuracy_sd"], n),
        tilt=_around_zero(rng.normal(0, p["service.deprivation_sd"], n), weight),
        therapist_service=service,
        therapist_role=role,
        therapist_state=state,
        therapist_effect=effect,
        members=np.concatenate(members),
        offset=offset,
        count=counts,
        crossing=crossing,
    )


def _therapists(
    p: Parameters, referrals: FloatArray, rng: np.random.Generator
) -> tuple[IntArray, IntArray, IntArray, FloatArray, BoolArray]:
    """Service, role, qualification, effect and treatments given of every therapist."""
    wanted = np.maximum(6, np.round(0.69 * referrals / p["size.treated_per_therapist"])).astype(np.int64)
    service = np.repeat(np.arange(len(wanted)), wanted)
    n = len(service)
    pwp, counsellor, dual = (p[f"therapist.{k}_share"] for k in ("pwp", "counsellor", "dual"))
    role = np.select(
        [(u := rng.random(n)) < pwp, u < pwp + counsellor, u < pwp + counsellor + dual], [PWP, COUNSELLOR, DUAL], CBT
    )
    first = np.cumsum(wanted) - wanted  # every service has two PWPs, two CBT therapists and a counsellor
    for k, r in enumerate((PWP, PWP, CBT, CBT, COUNSELLOR)):
        role[first + k] = r
    trainee = rng.random(n) < p["therapist.trainee_share"]
    state = np.where(trainee, IN_TRAINING, np.select([(v := rng.random(n)) < 0.04, v < 0.12], [NEITHER, MISSING], 0))
    sd = np.where(role == PWP, p["therapist.sd_low"], p["therapist.sd_high"])
    effect = _around_zero(rng.normal(0, sd), np.ones(n)) + trainee * p["therapist.trainee_effect"]
    further = rng.random((n, len(ARMS))) < p["therapist.extra_trained"]
    gives = np.zeros((n, len(ARMS)), dtype=bool)
    gives[:, ~HIGH] = np.isin(role, (PWP, DUAL))[:, None]
    for label, roles, some in (
        ("CBT", (CBT, DUAL), False),
        ("Applied relaxation", (CBT,), True),
        ("Mindfulness", (CBT,), True),
        ("Other high intensity", (CBT, COUNSELLOR), True),
        ("Counselling for depression", (COUNSELLOR,), False),
        ("IPT", (COUNSELLOR, CBT), True),
        ("Brief psychodynamic (DIT)", (COUNSELLOR,), True),
        ("Couple therapy for depression", (COUNSELLOR,), True),
    ):
        a = ARM_LABELS.index(label)
        gives[:, a] = np.isin(role, roles) & (further[:, a] | (not some))
    gives[:, ARM_LABELS.index("EMDR")] = (role == CBT) & (rng.random(n) < p["therapist.emdr_trained"])
    return service, role.astype(np.int64), state.astype(np.int64), effect, gives


def _around_zero(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Deviations from the mean of this world, so that a world of few services has the totals of one of many."""
    return np.asarray(values - np.average(values, weights=weight))
