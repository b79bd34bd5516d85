"""Small hand-made datasets for tests of designs, graphs and predictions."""

from __future__ import annotations

import numpy as np

from outcomemodels.data.columns import from_columns
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Assignment, Direction, Facet, Field, Grain, Kind, Occasion, Schema, Statistic


def schema(*extra: Field) -> Schema:
    return Schema(
        name="small",
        grain=Grain.EPISODE,
        assignment=Assignment.ROUTINE,
        fields=(
            Field(name="client", facet=Facet.CLIENT, kind=Kind.IDENTIFIER, key=True, required=True),
            Field(name="treatment", facet=Facet.TREATMENT, kind=Kind.CATEGORICAL),
            Field(name="problem", facet=Facet.PROBLEM, kind=Kind.CATEGORICAL),
            Field(name="therapist", facet=Facet.THERAPIST, kind=Kind.IDENTIFIER),
            Field(name="service", facet=Facet.SETTING, kind=Kind.IDENTIFIER),
            Field(name="age", facet=Facet.CLIENT, kind=Kind.CONTINUOUS, units="years"),
            Field(
                name="phq9_start", facet=Facet.OUTCOME, kind=Kind.CONTINUOUS, measure="phq9", occasion=Occasion.START
            ),
            Field(
                name="phq9_end",
                facet=Facet.OUTCOME,
                kind=Kind.CONTINUOUS,
                measure="phq9",
                occasion=Occasion.END,
                direction=Direction.LOWER_IS_BETTER,
            ),
            *extra,
        ),
    )


def columns(n: int = 240, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    therapist = rng.integers(0, 12, n)
    start = rng.normal(15, 5, n).clip(0, 27)
    treatment = rng.integers(0, 3, n)
    return {
        "client": np.array([f"c{i}" for i in range(n)], dtype=object),
        "treatment": np.array(["CBT", "IPT", "BA"], dtype=object)[treatment],
        "problem": np.array(["Depression", "PTSD"], dtype=object)[rng.integers(0, 2, n)],
        "therapist": np.array([f"t{i:02d}" for i in therapist], dtype=object),
        "service": np.array([f"s{i % 3}" for i in therapist], dtype=object),
        "age": rng.normal(40, 12, n).clip(18, 80),
        "phq9_start": start,
        "phq9_end": (2 + 0.5 * start + treatment + rng.normal(0, 1, 12)[therapist] + rng.normal(0, 3, n)).clip(0, 27),
    }


def episodes(n: int = 240, seed: int = 0) -> PaulDataset:
    return from_columns(schema(), columns(n, seed))


def cells_of(y: np.ndarray, service: np.ndarray, treatment: np.ndarray) -> PaulDataset:
    """The cells (n, mean, SD) of rows."""
    keys = sorted(set(zip(service.tolist(), treatment.tolist(), strict=True)))
    masks = [(service == s) & (treatment == t) for s, t in keys]
    made = Schema(
        name="cells",
        grain=Grain.CELL,
        fields=(
            Field(name="service", facet=Facet.SETTING, kind=Kind.IDENTIFIER, key=True),
            Field(name="treatment", facet=Facet.TREATMENT, kind=Kind.CATEGORICAL, key=True),
            Field(name="end", facet=Facet.OUTCOME, kind=Kind.CONTINUOUS, statistic=Statistic.MEAN),
            Field(name="end_n", facet=Facet.OUTCOME, kind=Kind.COUNT, statistic=Statistic.N, of="end"),
            Field(name="end_sd", facet=Facet.OUTCOME, kind=Kind.CONTINUOUS, statistic=Statistic.SD, of="end"),
        ),
    )
    return from_columns(
        made,
        {
            "service": np.array([s for s, _ in keys], dtype=object),
            "treatment": np.array([t for _, t in keys], dtype=object),
            "end": np.array([y[m].mean() for m in masks]),
            "end_n": np.array([m.sum() for m in masks], dtype=float),
            "end_sd": np.array([y[m].std(ddof=1) if m.sum() > 1 else np.nan for m in masks]),
        },
    )
