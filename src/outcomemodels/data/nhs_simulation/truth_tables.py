"""The truth as tables: what each client is, what each treatment would have brought, and what came after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.benefit import arrived
from outcomemodels.data.nhs_simulation.codes import ARM_LABELS, PROBLEM_LABELS, UNSPECIFIED
from outcomemodels.data.nhs_simulation.flags import Columns
from outcomemodels.data.nhs_simulation.parameters import Parameters
from outcomemodels.data.nhs_simulation.records import Descriptors
from outcomemodels.data.nhs_simulation.spells import Spells, relapse_days
from outcomemodels.data.nhs_simulation.tables import Offsets, Table, dates, number, provider, words
from outcomemodels.data.nhs_simulation.visits import Ending
from outcomemodels.data.nhs_simulation.world import HIGH, ROLES, STATES, World

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """After discharge, dims (referral,).

    ``discharge``: day, -1 open; ``relapse``: days from discharge to relapse of those who recovered, -1 for all others;
    ``level``: true level at the last session in PHQ-9 points, before rounding and error; NaN without treatment.
    """

    discharge: IntArray
    relapse: IntArray
    level: FloatArray


def after_discharge(p: Parameters, spells: Spells, ending: Ending, flags: Columns, rng: np.random.Generator) -> After:
    """Let those who recovered relapse, or not."""
    n, total = spells.n, spells.attended.sum(0)
    step = (spells.arm[1] >= 0).astype(np.int64)
    cols = np.arange(n)
    share = arrived(p, spells.attended[step, cols], HIGH[spells.arm[step, cols]])
    gain = spells.size[step, cols] * share + spells.kept * (step == 1)
    level = spells.people.phq9 + spells.noise.state[np.minimum(total, len(spells.noise.state) - 1), cols] - gain
    recovered = (flags["recovered"] == "yes") & flags["finished"].astype(bool)
    last = flags["phq9_last"].astype(float)
    days = relapse_days(p, last >= 5, rng)
    return After(
        discharge=ending.day,
        relapse=np.where(recovered, days, -1),
        level=np.where(total > 0, level, np.nan),
    )


def client_truth(
    p: Parameters,
    world: World,
    spells: Spells,
    ending: Ending,
    descriptors: Descriptors,
    flags: Columns,
    after: After,
    at: Offsets,
) -> dict[str, Table]:
    """``clients`` (one row per referral), ``flags`` and ``potential`` (one column per treatment and quantity)."""
    people, n = spells.people, spells.n
    who = {
        "ServiceRequestId": number("SR", at.referral + np.arange(n)),
        "PathwayID": number("PW", at.referral + np.arange(n)),
        "Person_ID": number("P", people.person),
    }
    seconds = spells.arm[1] >= 0
    cost = np.where(HIGH[spells.arm], p["cost.session_high"], p["cost.session_low"]) * spells.attended
    clients = {
        **who,
        "service": provider(people.service, world.n_services),
        "therapist": pa.array(spells.therapist[0]),
        "therapist_2": pa.array(np.where(seconds, spells.therapist[1], -1)),
        "problem": words(PROBLEM_LABELS, people.problem),
        "second_problem": words(PROBLEM_LABELS, people.second),
        "problem_recorded": words(PROBLEM_LABELS, descriptors.last),
        "unspecified": pa.array(descriptors.last == UNSPECIFIED),
        "phq9_level": pa.array(people.phq9),
        "gad7_level": pa.array(people.gad7),
        "state": pa.array(spells.noise.state[0].astype(float)),
        "response": pa.array(people.response),
        "age": pa.array(people.age),
        "imd_decile": pa.array(people.decile),
        "gender": pa.array(people.gender),
        "white": pa.array(people.white),
        "long_term": pa.array(people.long_term >= 0),
        "personality": pa.array(people.personality),
        "neurodevelopmental": pa.array(people.neurodevelopmental),
        "previous": pa.array(people.previous),
        "enters": pa.array(spells.enters),
        "treatment": words(ARM_LABELS, spells.arm[0]),
        "treatment_2": words(ARM_LABELS, spells.arm[1]),
        "sessions": pa.array(spells.attended[0]),
        "sessions_2": pa.array(spells.attended[1]),
        "dropped": pa.array(spells.dropped.any(axis=0)),
        "wait_treatment": pa.array(spells.wait_treatment),
        "end_level": pa.array(after.level),
        "discharge": dates(ending.day, ~ending.open),
        "relapse_days": pa.array(np.where(after.relapse < 0, 0, after.relapse), mask=after.relapse < 0),
        "untreated": pa.array(spells.potential.untreated),
        "cost": pa.array(cost.sum(axis=0)),
    }
    potential: Table = dict(who)
    one = spells.potential
    for a in range(len(ARM_LABELS)):
        potential |= {
            f"propensity_{a}": pa.array(one.propensity[a].astype(np.float32)),
            f"completed_{a}": pa.array(one.completed[a]),
            f"last_phq9_{a}": pa.array(one.last_phq9[a]),
            f"last_gad7_{a}": pa.array(one.last_gad7[a]),
            f"attended_{a}": pa.array(one.attended[a]),
            f"dropped_{a}": pa.array(one.dropped[a]),
        }
    return {"clients": clients, "flags": who | {k: pa.array(v) for k, v in flags.items()}, "potential": potential}


def staff_truth(world: World) -> dict[str, Table]:
    """``therapists`` and ``services`` with their effects."""
    who = np.arange(len(world.therapist_service))
    first = np.searchsorted(world.therapist_service, np.arange(world.n_services))
    local = who - first[world.therapist_service]
    return {
        "therapists": {
            "therapist": pa.array(who),
            "service": provider(world.therapist_service, world.n_services),
            "CarePersLocalId": number("T", local),
            "role": words(ROLES, world.therapist_role),
            "state": words(STATES, world.therapist_state),
            "effect": pa.array(world.therapist_effect),
        },
        "services": {
            "service": provider(np.arange(world.n_services), world.n_services),
            "effect": pa.array(world.effect),
            "log_wait": pa.array(world.wait),
            "unspecified_logit": pa.array(world.unspecified),
            "accuracy_logit": pa.array(world.accuracy),
        },
    }
