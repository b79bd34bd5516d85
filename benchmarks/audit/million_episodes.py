"""How long does the audit of a million episodes take, and how much memory: layers, lattice, costs and a verdict?"""

from __future__ import annotations

import resource
import time

import numpy as np

import outcomemodels as om
from outcomemodels.data.columns import from_columns
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Assignment, Direction, Established, Facet, Field, Grain, Kind, Occasion, Schema

N = 1_000_000
THERAPISTS, SERVICES, TREATMENTS, PROBLEMS = 4000, 150, 8, 10


def episodes(seed: int = 1) -> PaulDataset:
    """A million made-up episodes: every therapist in one service, treatment chosen at random."""
    rng = np.random.default_rng(seed)
    therapist = rng.integers(0, THERAPISTS, N)
    start = rng.normal(15, 5, N)
    score = {"facet": Facet.OUTCOME, "kind": Kind.CONTINUOUS, "measure": "symptoms", "units": "points"}
    schema = Schema(
        name="million",
        grain=Grain.EPISODE,
        assignment=Assignment.ROUTINE,
        fields=(
            Field(name="client", facet=Facet.CLIENT, kind=Kind.IDENTIFIER, key=True, required=True),
            Field(name="treatment", facet=Facet.TREATMENT, kind=Kind.CATEGORICAL),
            Field(name="problem", facet=Facet.PROBLEM, kind=Kind.CATEGORICAL, established=Established.SERVICE_CODE),
            Field(name="therapist", facet=Facet.THERAPIST, kind=Kind.IDENTIFIER),
            Field(name="service", facet=Facet.SETTING, kind=Kind.IDENTIFIER),
            Field(name="age", facet=Facet.CLIENT, kind=Kind.CONTINUOUS, units="years"),
            Field(name="start", occasion=Occasion.START, **score),
            Field(name="end", occasion=Occasion.END, direction=Direction.LOWER_IS_BETTER, **score),
        ),
    )
    end = 0.5 * start + rng.normal(0, 1, THERAPISTS)[therapist] + rng.normal(0, 4, N)
    end[rng.uniform(size=N) < 0.3] = np.nan
    columns = {
        "client": np.arange(N).astype(str).astype(object),
        "treatment": np.array([f"T{i}" for i in range(TREATMENTS)], dtype=object)[rng.integers(0, TREATMENTS, N)],
        "problem": np.array([f"P{i}" for i in range(PROBLEMS)], dtype=object)[rng.integers(0, PROBLEMS, N)],
        "therapist": np.array([f"H{i}" for i in range(THERAPISTS)], dtype=object)[therapist],
        "service": np.array([f"S{i % SERVICES}" for i in range(THERAPISTS)], dtype=object)[therapist],
        "age": rng.integers(18, 90, N).astype(float),
        "start": start,
        "end": end,
    }
    return from_columns(schema, columns)


def gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    data = episodes()
    before = gigabytes()
    busy, clock = time.process_time(), [time.perf_counter()]
    report = om.audit(data)
    clock.append(time.perf_counter())
    report.lattice()
    clock.append(time.perf_counter())
    report.costs()
    clock.append(time.perf_counter())
    report.verdict(om.Question(problem="P0", treatments=("T0",), reference="T1"))
    clock.append(time.perf_counter())
    busy = time.process_time() - busy
    steps = ", ".join(f"{n} {b - a:.1f} s" for n, a, b in zip(
        ("layers", "lattice", "costs", "verdict"), clock, clock[1:], strict=False))  # fmt: skip
    took = f"{clock[-1] - clock[0]:.1f} s, {busy:.1f} s of processor time"
    print(f"{N:,} episodes, {THERAPISTS:,} therapists: {took} ({steps})")
    print(f"peak memory {gigabytes():.2f} GB, of which {before:.2f} GB to make and hold the data")


if __name__ == "__main__":
    main()
