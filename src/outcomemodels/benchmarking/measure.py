"""What is kept of one run: seconds, memory, effective sizes, and the moments the gate needs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from outcomemodels.benchmarking.execute import Run, Status
from outcomemodels.benchmarking.gate import Moments
from outcomemodels.benchmarking.lines import finite_or_null


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run in numbers.

    Parameters
    ----------
    seconds : mapping
        compile, sample, post, process.
    ess_variance, ess_fixed : float
        Smallest effective size over the variance parameters and over the fixed columns: bulk ESS of chains, the
        smaller of Kish and replicate size for weights. NaN where there are none.
    rhat : float
        Largest over both.
    moments : mapping of quantity to (mean, sd, error of the mean, error of the sd)
    """

    status: Status
    kind: Literal["posterior", "point"]
    why: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    memory: float = math.nan
    ess_variance: float = math.nan
    ess_fixed: float = math.nan
    rhat: float = math.nan
    moments: Mapping[str, tuple[float, float, float, float]] = field(default_factory=dict)
    estimates: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    load: float = math.nan

    @property
    def working(self) -> float:
        """Seconds of sampling and what follows it, compilation left out."""
        return self.seconds.get("sample", math.nan) + self.seconds.get("post", 0.0)

    def rate(self, which: Literal["variance", "fixed"], *, compiled: bool = False) -> float:
        """Effective draws a second; with ``compiled`` the compilation counts too."""
        ess = self.ess_variance if which == "variance" else self.ess_fixed
        return ess / (self.working + (self.seconds.get("compile", 0.0) if compiled else 0.0))

    def sentence(self) -> str:
        """One line for the terminal; no times, since the gate has not spoken."""
        if self.status != "done":
            return self.why or self.status
        if self.kind == "point":
            return "done (point estimates)"
        return f"done, ESS {self.ess_variance:.0f} / {self.ess_fixed:.0f}, R-hat {self.rhat:.3f}"

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON; what is not finite becomes null."""
        return asdict(self, dict_factory=finite_or_null)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Measured:
        """Inverse of :meth:`to_dict`."""
        values: dict[str, Any] = {k: math.nan if v is None else v for k, v in raw.items()}
        values["moments"] = {name: tuple(m) for name, m in values["moments"].items()}
        return cls(**values)


def measure(run: Run, folder: Path | None, *, kind: Literal["posterior", "point"]) -> Measured:
    """Numbers of a run on the problem in ``folder``."""
    same: dict[str, Any] = {
        "status": run.status,
        "kind": kind,
        "why": run.why,
        "seconds": dict(run.seconds),
        "memory": run.memory,
        "estimates": dict(run.estimates),
        "versions": dict(run.versions),
        "note": run.note,
        "load": run.load,
    }
    if run.status != "done" or folder is None or kind == "point":
        return Measured(**same)
    words = json.loads((folder / "problem.json").read_text(encoding="utf-8"))
    sizes = {name: _sizes(run, name) for name in (*words["variance"], *words["fixed"]) if name in run.draws}
    variance, fixed = (_least(sizes, words[group], run) for group in ("variance", "fixed"))
    if "variance" in run.ess:
        variance = run.ess["variance"]
    moments: dict[str, tuple[float, float, float, float]] = {}
    for name, values in run.draws.items():
        if name in run.moments:
            moments[name] = run.moments[name]
        elif name in sizes:
            moments[name] = (float(values.mean()), float(values.std()), sizes[name][2], sizes[name][3])
    rhat = max((s[1] for s in sizes.values()), default=math.nan)
    return Measured(**same, ess_variance=variance, ess_fixed=fixed, rhat=rhat, moments=moments)


def _sizes(run: Run, name: str) -> tuple[float, float, float, float]:
    """Bulk ESS, R-hat, Monte Carlo errors of mean and SD."""
    import arviz_stats as azs

    draws = run.draws[name]
    if not np.isfinite(draws).all() or draws.std() == 0:
        return 0.0, math.inf, math.inf, math.inf
    rhat = float(azs.rhat(draws)) if draws.shape[0] > 1 else math.nan
    ess = float(azs.ess(draws, method="bulk"))
    return ess, rhat, float(azs.mcse(draws, method="mean")), float(azs.mcse(draws, method="sd"))


def _least(sizes: Mapping[str, tuple[float, float, float, float]], names: Sequence[str], run: Run) -> float:
    """Smallest bulk ESS, never more than there are draws."""
    found = [min(sizes[name][0], float(run.draws[name].size)) for name in names if name in sizes]
    return min(found, default=math.nan)


def pool_moments(runs: Sequence[Measured]) -> dict[str, Moments]:
    """Moments of an entrant over its repeats: means weighted by what each knows of the mean."""
    names = set.intersection(*(set(r.moments) for r in runs)) if runs else set()
    out = {}
    for name in names:
        each = np.array([r.moments[name] for r in runs])
        if not np.isfinite(each).all():
            out[name] = Moments(math.nan, math.nan, math.inf, math.inf)
            continue
        weight = 1 / np.maximum(each[:, 2], 1e-300) ** 2
        weight = weight / weight.sum()
        mean = float(weight @ each[:, 0])
        within = float(weight @ each[:, 1] ** 2)
        between = float(weight @ (each[:, 0] - mean) ** 2) if len(runs) > 1 else 0.0
        of_mean, of_sd = (float(np.sqrt((weight**2) @ each[:, i] ** 2)) for i in (2, 3))
        out[name] = Moments(mean, float(np.sqrt(within + between)), of_mean, of_sd)
    return out
