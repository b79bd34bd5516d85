"""What a simulated world came out as, beside the published numbers it is meant to resemble."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.data.nhs_simulation.codes import ARMS, MEASURE, WSAS_ITEMS
from outcomemodels.data.nhs_simulation.flags import Columns
from outcomemodels.data.nhs_simulation.parameters import Anchor, Parameters
from outcomemodels.data.nhs_simulation.scores import Scores
from outcomemodels.data.nhs_simulation.spells import ASSESSED_ONLY, Spells
from outcomemodels.data.nhs_simulation.truth_tables import After
from outcomemodels.data.nhs_simulation.world import HIGH

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One published number and the simulated one; ``simulated`` is NaN when nothing could be counted."""

    anchor: Anchor
    simulated: float
    n: int

    @property
    def within(self) -> bool:
        """Whether the simulated number lies within the tolerance."""
        return bool(abs(self.simulated - self.anchor.value) <= self.anchor.tolerance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Simulated beside published numbers.

    Parameters
    ----------
    lines : tuple of Line
    further : mapping of str to float
        Counted without a published number to hold it against.
    """

    lines: tuple[Line, ...]
    further: Mapping[str, float] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Line:
        return next(line for line in self.lines if line.anchor.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {
            "lines": [
                {
                    "name": x.anchor.name,
                    "what": x.anchor.what,
                    "simulated": None if np.isnan(x.simulated) else x.simulated,
                    "published": x.anchor.value,
                    "tolerance": x.anchor.tolerance,
                    "unit": x.anchor.unit,
                    "n": x.n,
                    "within": x.within,
                    "tag": x.anchor.tag,
                    "source": x.anchor.source,
                }
                for x in self.lines
            ],
            "further": dict(self.further),
        }

    def __str__(self) -> str:
        head = ("", "simulated", "published", "", "tag", "source")
        rows = [head]
        for x in self.lines:
            a = x.anchor
            near = f"{a.value:g} ± {a.tolerance:g} {a.unit}".strip()
            rows.append((a.what, f"{x.simulated:.3g}", near, "" if x.within else "outside", a.tag, a.source))
        widths = [max(len(r[i]) for r in rows) for i in range(len(head))]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows)


class Tally:
    """Gathers the few columns the calibration needs, batch by batch."""

    def __init__(self) -> None:
        self._parts: list[dict[str, NDArray[np.generic]]] = []

    def add(
        self,
        spells: Spells,
        scores: Scores,
        flags: Columns,
        after: After,
    ) -> None:
        """Keep what is needed of one batch."""
        wsas = _wsas(scores, spells.n)
        names = ("treatment_contacts", "finished", "paired", "wait_to_treatment")
        self._parts.append(
            {k: flags[k] for k in names}
            | {k: flags[k].astype(np.float32) for k in ("phq9_first", "phq9_last", "gad7_first", "gad7_last")}
            | {k: (flags[k] == "yes") for k in ("at_caseness", "recovered", "reliable_recovery")}
            | {
                "not_case": flags["at_caseness"] == "no",
                "improved": flags["reliable"] == "improved",
                "deteriorated": flags["reliable"] == "deteriorated",
                "once": flags["disposition_by_contacts"] == "treated_once",
                "only": flags["disposition_by_contacts"] == "assessed_only",
                "refusal": spells.refusal.astype(np.int8),
                "decile": spells.people.decile.astype(np.int8),
                "white": spells.people.white,
                "therapist": np.where(spells.arm[1] >= 0, spells.therapist[1], spells.therapist[0]).astype(np.int32),
                "service": spells.people.service.astype(np.int32),
                "first_arm": spells.arm[0].astype(np.int8),
                "second_arm": spells.arm[1].astype(np.int8),
                "dropped": spells.dropped.any(axis=0),
                "relapse": after.relapse,
                "unspecified": flags["problem_recorded"] == "Unspecified problem",
                "wsas_first": wsas[0],
                "wsas_last": wsas[1],
                "online": flags["internet_sessions"],
            }
        )

    def calibration(self, p: Parameters) -> Calibration:
        """Count."""
        c = {k: np.concatenate([part[k] for part in self._parts]) for k in self._parts[0]}
        found, further = _quantities(c)
        lines = tuple(
            Line(anchor=a, simulated=found[a.name][0], n=found[a.name][1]) for a in p.anchors if a.name in found
        )
        return Calibration(lines=lines, further=further)


def _wsas(scores: Scores, n: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """First and last sum of the four WSAS items everybody has, scaled to five; NaN without two."""
    total = np.zeros(scores.n)
    items = [MEASURE[f"wsas_{i}"] for i in WSAS_ITEMS if i != "work"]
    rows = np.flatnonzero(np.isin(scores.measure, items) & scores.outcome)
    key = scores.referral[rows] * 100_000 + scores.day[rows]
    when, of = np.unique(key, return_inverse=True)
    total = np.bincount(of, weights=scores.value[rows]) * 5 / 4
    who = when // 100_000
    first, last = np.full(n, np.nan, dtype=np.float32), np.full(n, np.nan, dtype=np.float32)
    first[who[::-1]], last[who] = total[::-1], total
    last[np.bincount(who, minlength=n) < 2] = np.nan
    return first, last


def _quantities(c: Mapping[str, NDArray[Any]]) -> tuple[dict[str, tuple[float, int]], dict[str, float]]:
    entered, done, once = c["treatment_contacts"] > 0, c["finished"], c["once"]
    out: dict[str, tuple[float, int]] = {}

    def share(name: str, events: NDArray[np.bool_], of: NDArray[np.bool_]) -> None:
        n = int(of.sum())
        out[name] = (100 * float((events & of).sum()) / n if n else float("nan"), n)

    share("entered_of_referred", entered, np.ones(len(done), dtype=bool))
    share("finished_of_entered", done, entered)
    share("once_of_entered", once, entered)
    for name, refusal in (("declined", 0), ("unsuitable", 1), ("advice", 2)):
        share(f"{name}_of_assessed_only", c["refusal"] == refusal, c["only"])
    assert ASSESSED_ONLY[:3] == ("declined", "unsuitable", "advice_only")
    out["sessions"] = (_mean(c["treatment_contacts"][done]), int(done.sum()))
    share("within_6_weeks", c["wait_to_treatment"] <= 42, entered)
    share("within_18_weeks", c["wait_to_treatment"] <= 126, entered)
    share("caseness", c["at_caseness"], done)
    share("paired", c["paired"], done)
    eligible = done & ~c["not_case"]
    share("recovery", c["recovered"], eligible)
    share("reliable_recovery", c["reliable_recovery"], eligible)
    share("improvement", c["improved"], done)
    share("deterioration", c["deteriorated"], done)
    share("recovery_most_deprived", c["recovered"], eligible & (c["decile"] == 1))
    share("recovery_least_deprived", c["recovered"], eligible & (c["decile"] == 10))
    share("recovery_white", c["recovered"], eligible & c["white"])
    share("recovery_minority", c["recovered"], eligible & ~c["white"])
    gap = out["recovery_least_deprived"][0] - out["recovery_most_deprived"][0]
    out["deprivation_gap"] = (gap, out["recovery_most_deprived"][1])
    high = np.append(HIGH, False)  # position -1: no such step
    low_first, steps = ~HIGH[c["first_arm"]], c["second_arm"] >= 0
    share("low_only", low_first & ~high[c["second_arm"]], done)
    share("stepped_up", low_first & high[c["second_arm"]], done)
    share("unspecified", c["unspecified"], done)
    share("unspecified_entered", c["unspecified"], entered)
    relapsed = (c["relapse"] >= 0) & done
    share("relapse_12", c["relapse"] <= 365, relapsed)
    share("relapse_6_of_12", c["relapse"] <= 182, relapsed & (c["relapse"] <= 365))
    pairs = done & c["paired"]
    _sizes(out, c, pairs)
    _variances(out, c, pairs)
    further = {
        "online sessions per finisher of a computer treatment": _mean(
            c["online"][done & np.array([a.online for a in ARMS])[c["first_arm"]]]
        ),
        "dropped out, of two sessions or more (%)": _pct(c["dropped"], entered & (c["treatment_contacts"] >= 2)),
        "stepped down, of finishers (%)": _pct(steps & ~low_first, done),
        "still in treatment, of entered (%)": _pct(~done & ~once, entered),
        "sessions, low intensity only": _mean(c["treatment_contacts"][done & low_first & ~steps]),
        "sessions, high intensity only": _mean(c["treatment_contacts"][done & ~low_first & ~steps]),
    }
    return out, further


def _pct(events: NDArray[np.bool_], of: NDArray[np.bool_]) -> float:
    return 100 * float((events & of).sum()) / max(int(of.sum()), 1)


def _sizes(out: dict[str, tuple[float, int]], c: Mapping[str, NDArray[Any]], pairs: NDArray[np.bool_]) -> None:
    """Means, effect sizes with the SD before treatment, and what sessions go with."""
    for name in ("phq9", "gad7", "wsas"):
        first, last = c[f"{name}_first"].astype(float), c[f"{name}_last"].astype(float)
        rows = pairs & np.isfinite(first) & np.isfinite(last)
        n, sd = int(rows.sum()), _sd(first[rows])
        out[f"d_{name}"] = (_mean(first[rows] - last[rows]) / sd, n)
        out[f"{name}_first"] = (_mean(first[rows]), n)
        out[f"{name}_first_sd"], out[f"{name}_last_sd"] = (sd, n), (_sd(last[rows]), n)
    change = (c["phq9_first"] - c["phq9_last"]).astype(float)
    high = pairs & HIGH[c["first_arm"]]  # the source saw high-intensity courses
    gap = _mean(change[high & ~c["dropped"]]) - _mean(change[high & c["dropped"]])
    out["noncompleter_change"] = (gap, int(high.sum()))
    enough = int(high.sum()) >= 10
    both = float(np.corrcoef(c["phq9_first"][pairs], c["gad7_first"][pairs])[0, 1]) if enough else float("nan")
    out["correlation_start"] = (both, int(pairs.sum()))
    x = np.column_stack([np.ones(high.sum()), c["phq9_first"][high], c["treatment_contacts"][high]]).astype(float)
    slope = float(np.linalg.lstsq(x, change[high], rcond=None)[0][2]) if enough else float("nan")
    out["points_per_session"] = (slope, int(high.sum()))


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _sd(values: NDArray[Any]) -> float:
    return float(values.std()) if len(values) > 1 else float("nan")


def _variances(out: dict[str, tuple[float, int]], c: Mapping[str, NDArray[Any]], pairs: NDArray[np.bool_]) -> None:
    """Shares of the variance of the last PHQ-9 given the first, by moments (nested, unequal sizes)."""
    first, last = c["phq9_first"][pairs].astype(float), c["phq9_last"][pairs].astype(float)
    x = np.column_stack(
        [np.ones(len(first)), first, c["decile"][pairs], HIGH[c["first_arm"][pairs]], c["second_arm"][pairs] >= 0]
    ).astype(float)
    rest = last - x @ np.linalg.lstsq(x, last, rcond=None)[0]
    therapist, service = c["therapist"][pairs], c["service"][pairs]
    _, t = np.unique(therapist, return_inverse=True)
    n_t = np.bincount(t)
    mean_t = np.bincount(t, rest) / n_t
    s_of_t = np.zeros(len(n_t), dtype=np.int64)
    s_of_t[t] = np.unique(service, return_inverse=True)[1]
    n_s = np.bincount(s_of_t, n_t)
    mean_s = np.bincount(s_of_t, n_t * mean_t) / n_s
    total, k_t, k_s = len(rest), len(n_t), len(n_s)
    if k_t <= k_s or k_s < 2 or total <= k_t:
        return
    within = float(((rest - mean_t[t]) ** 2).sum()) / (total - k_t)
    ss_t = float((n_t * (mean_t - mean_s[s_of_t]) ** 2).sum())
    inner = np.bincount(s_of_t, n_t.astype(float) ** 2) / n_s
    var_t = max(0.0, (ss_t / (k_t - k_s) - within) / ((total - inner.sum()) / (k_t - k_s)))
    ss_s = float((n_s * (mean_s - rest.mean()) ** 2).sum())
    t_part = (inner.sum() - (n_t.astype(float) ** 2).sum() / total) / (k_s - 1)
    s_part = (total - (n_s**2).sum() / total) / (k_s - 1)
    var_s = max(0.0, (ss_s / (k_s - 1) - within - t_part * var_t) / s_part)
    everything = within + var_t + var_s
    out["therapist_variance"] = (100 * var_t / everything, k_t)
    out["service_variance"] = (100 * var_s / everything, k_s)
