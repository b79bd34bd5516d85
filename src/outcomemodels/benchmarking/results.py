"""From records to rows: the gate first, then what may be printed, with the spread over repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from outcomemodels.benchmarking.cases import reference_of
from outcomemodels.benchmarking.entrants import CORE
from outcomemodels.benchmarking.gate import Gate, judge, judge_estimates
from outcomemodels.benchmarking.measure import Measured, pool_moments
from outcomemodels.benchmarking.reference import Reference, Summary
from outcomemodels.benchmarking.schedule import Record

Which = Literal["variance", "fixed"]


@dataclass(frozen=True)
class Spread:
    """Median, least and most over repeats; NaN when nothing was measured."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Spread of what is finite."""
        finite = [v for v in values if math.isfinite(v)]
        if not finite:
            return cls(math.nan, math.nan, math.nan)
        return cls(float(np.median(finite)), min(finite), max(finite))


@dataclass(frozen=True)
class Row:
    """One entrant at one case.

    ``compile``, ``sample``, ``post`` and rates are NaN where the gate is closed. Rates count sampling and what follows
    it. ``ratio`` is the core's effective draws a second over the entrant's, each repeat against the two core runs
    around it.
    """

    case: str
    entrant: str
    kind: str
    status: str
    gate: Gate
    repeats: int
    compile: Spread
    sample: Spread
    post: Spread
    memory: float
    ess_variance: float
    ess_fixed: float
    rate_variance: Spread
    rate_fixed: Spread
    rate_compiled: Spread
    ratio_variance: Spread
    ratio_fixed: Spread
    note: str
    versions: str


def rows_of(records: Sequence[Record], references: dict[str, Reference | None] | None = None) -> list[Row]:
    """Rows by case then entrant, in the order they were first run.

    Parameters
    ----------
    records : sequence of Record
    references : dict, optional
        By case; those of the cases when absent.
    """
    out = []
    for case in dict.fromkeys(r.case for r in records):
        reference = reference_of(case) if references is None else references.get(case)
        here = [r for r in records if r.case == case]
        for entrant in sorted(dict.fromkeys(r.entrant for r in here), key=lambda name: name != CORE):
            out.append(_row(case, entrant, here, reference))
    return out


def needed(reference: Reference) -> tuple[str, ...]:
    """Quantities the gate looks at: all but single effects."""
    return tuple(name for name in reference.summaries if not name.startswith("effect["))


def _row(case: str, entrant: str, here: Sequence[Record], reference: Reference | None) -> Row:
    mine = [r for r in here if r.entrant == entrant]
    done = [r for r in mine if r.measured.status == "done"]
    last = mine[-1].measured
    gate = Gate("no reference", reason=last.why)
    if done:
        core = [r.measured for r in here if r.entrant == CORE and r.measured.status == "done"]
        stand_in = reference is None and entrant != CORE and bool(core)
        gate = _gate([r.measured for r in done], _from_core(case, core) if stand_in else reference)
        if stand_in:
            gate = replace(gate, reason=f"held against the core, for want of a reference; {gate.reason}".rstrip("; "))
    shown = done if gate.open else []
    nothing = Spread.of([])

    def over(values: Sequence[float]) -> Spread:
        return Spread.of(values) if shown else nothing

    posterior = last.kind == "posterior"
    return Row(
        case=case,
        entrant=entrant,
        kind=last.kind,
        status="done" if done else (last.why or last.status),
        gate=gate,
        repeats=len(done),
        compile=over([r.measured.seconds.get("compile", math.nan) for r in shown]),
        sample=over([r.measured.seconds.get("sample", math.nan) for r in shown]),
        post=over([r.measured.seconds.get("post", 0.0) for r in shown]),
        memory=max((r.measured.memory for r in done), default=math.nan),
        ess_variance=Spread.of([r.measured.ess_variance for r in done]).median,
        ess_fixed=Spread.of([r.measured.ess_fixed for r in done]).median,
        rate_variance=over([r.measured.rate("variance") for r in shown]),
        rate_fixed=over([r.measured.rate("fixed") for r in shown]),
        rate_compiled=over([r.measured.rate("variance", compiled=True) for r in shown]),
        ratio_variance=over(_ratios(shown, here, "variance")) if posterior else nothing,
        ratio_fixed=over(_ratios(shown, here, "fixed")) if posterior else nothing,
        note="; ".join(n for n in (_cut(mine) if done else "", _asked(done), last.note) if n),
        versions=", ".join(f"{k} {v}" for k, v in (done[-1].measured.versions if done else {}).items()),
    )


def _cut(mine: Sequence[Record]) -> str:
    """Rounds in which a run gave nothing and none was made instead, beside others that ended."""
    ended = {r.repeat for r in mine if r.measured.status == "done"}
    lost = {r.repeat: r.measured.why for r in mine if r.repeat not in ended}
    return ", ".join(f"round {repeat + 1}: {why}" for repeat, why in lost.items())


def _asked(done: Sequence[Record]) -> str:
    """What samplers were asked for, where it is known."""
    asked = [r.settings for r in done if r.settings and r.measured.kind == "posterior"]
    return " and ".join(dict.fromkeys(f"{s['chains']} × {s['draws']:,} draws after {s['tune']:,}" for s in asked))


def _from_core(case: str, core: Sequence[Measured]) -> Reference:
    """The core's own posterior in place of a reference: agreement of two programs, not proof of either."""
    found = {
        name: Summary(m.mean, m.sd, m.mcse_mean, m.mcse_sd, (), math.nan, math.nan, math.nan)
        for name, m in pool_moments(core).items()
    }
    return Reference(case, found, {"by": "the core"}, {})


def _gate(done: Sequence[Measured], reference: Reference | None) -> Gate:
    if done[0].kind == "point":
        fixed = () if reference is None else tuple(n for n in needed(reference) if n.startswith("beta["))
        return judge_estimates(done[-1].estimates, reference, fixed)
    return judge(pool_moments(done), reference, () if reference is None else needed(reference))


def _ratios(mine: Sequence[Record], here: Sequence[Record], which: Which) -> list[float]:
    """Core's rate over the entrant's: the geometric mean of the core runs just before and just after."""
    core = {(r.repeat, r.position): r.measured for r in here if r.entrant == CORE and r.measured.status == "done"}
    out = []
    for r in mine:
        if r.entrant == CORE:
            continue
        beside = [core[r.repeat, p].rate(which) for p in (r.position - 1, r.position + 1) if (r.repeat, p) in core]
        if beside:
            out.append(float(np.exp(np.mean(np.log(beside)))) / r.measured.rate(which))
    return out
