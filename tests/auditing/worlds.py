"""Constructed worlds whose answer is known: routine or trial records in which something is wrong on purpose."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from outcomemodels.data.columns import from_columns
from outcomemodels.data.dataset import PaulDataset
from outcomemodels.schema import Assignment, Direction, Established, Facet, Field, Grain, Kind, Occasion, Schema

KEEP = {
    "treatment": (Facet.TREATMENT, Kind.CATEGORICAL),
    "problem": (Facet.PROBLEM, Kind.CATEGORICAL),
    "therapist": (Facet.THERAPIST, Kind.IDENTIFIER),
    "service": (Facet.SETTING, Kind.IDENTIFIER),
    "year": (Facet.TIME, Kind.CATEGORICAL),
    "ended": (Facet.DISPOSITION, Kind.CATEGORICAL),
    "sex": (Facet.CLIENT, Kind.CATEGORICAL),
}


@dataclass
class World:
    """Columns to be changed before the dataset is made; ``effect`` is the true difference of A and B."""

    columns: dict[str, np.ndarray]
    effect: float = 2.0
    assignment: Assignment = Assignment.ROUTINE
    problem_by: Established = Established.CLINICIAN_DIAGNOSIS
    bias: np.ndarray = field(default_factory=lambda: np.zeros(0))
    drop: tuple[str, ...] = ()

    def data(self, seed: int = 0, noise: float = 4.0) -> PaulDataset:
        rng = np.random.default_rng(seed)
        c = dict(self.columns)
        n = len(c["treatment"])
        start = c["start"]
        fate = self.effect * (c["treatment"] == "A") + 0.5 * start + (self.bias if len(self.bias) else 0)
        end = fate + rng.normal(0, noise, n)
        end = np.where(c.pop("lost", np.zeros(n, dtype=bool)), np.nan, end)
        fields = [Field(name="client", facet=Facet.CLIENT, kind=Kind.IDENTIFIER, key=True, required=True)]
        raw: dict[str, Any] = {"client": np.array([f"C{i}" for i in range(n)], dtype=object)}
        for name, (facet, kind) in KEEP.items():
            if name not in c or name in self.drop:
                continue
            by = {"established": self.problem_by} if name == "problem" else {}
            fields.append(Field(name=name, facet=facet, kind=kind, **by))
            raw[name] = c[name].astype(object)
        for name in ("age",):
            if name in c and name not in self.drop:
                fields.append(Field(name=name, facet=Facet.CLIENT, kind=Kind.CONTINUOUS, units="years"))
                raw[name] = c[name]
        if "problem_by" in c:
            fields.append(Field(name="problem_by", facet=Facet.PROBLEM, kind=Kind.CATEGORICAL, of="problem"))
            raw["problem_by"] = c["problem_by"].astype(object)
        score = {"facet": Facet.OUTCOME, "kind": Kind.CONTINUOUS, "measure": "symptoms", "units": "points"}
        if "start" not in self.drop:
            fields.append(Field(name="start", occasion=Occasion.START, **score))
            raw["start"] = start
        fields.append(Field(name="end", occasion=Occasion.END, direction=Direction.LOWER_IS_BETTER, **score))
        raw["end"] = end
        made = Schema(name="world", grain=Grain.EPISODE, assignment=self.assignment, fields=tuple(fields))
        return from_columns(made, raw)

    def naive(self, seed: int = 0) -> float:
        """Difference of the means, A minus B, of those with an outcome."""
        d = self.data(seed)
        t, y = d.strings("treatment"), d.values("end")
        return float(np.nanmean(y[t == "A"]) - np.nanmean(y[t == "B"]))


def fair(n: int = 3000, seed: int = 0, *, therapists: int = 60, services: int = 6) -> World:
    """Everybody gives everything to everyone."""
    rng = np.random.default_rng(seed)
    therapist = rng.integers(0, therapists, n)
    return World(
        columns={
            "treatment": np.array(["A", "B", "C"])[rng.integers(0, 3, n)],
            "problem": np.array(["P", "Q", "R"])[rng.integers(0, 3, n)],
            "therapist": np.array([f"T{i:02d}" for i in therapist]),
            "service": np.array([f"S{i % services}" for i in therapist]),
            "year": np.array(["2022", "2023", "2024"])[rng.integers(0, 3, n)],
            "start": rng.normal(16, 5, n),
            "age": rng.normal(40, 12, n).clip(18, 90),
            "sex": np.array(["f", "m"])[rng.integers(0, 2, n)],
        },
        bias=rng.normal(0, 1, therapists)[therapist],
    )


def put(world: World, name: str, where: np.ndarray, value: Any) -> World:
    """Overwrite a column where a mask is true."""
    column = world.columns[name].astype(object)
    column[where] = value[where] if isinstance(value, np.ndarray) else value
    world.columns[name] = column.astype(str)
    return world
