"""The correctness gate: no time is printed for an entrant whose posterior is not the reference's.

For every variance parameter and fixed column, |z| = |difference of means| / combined Monte Carlo error must be at most
3 and the ratio of SDs within 0.95 to 1.05. A ratio outside by less than three times its own Monte Carlo error is
*unresolved*: too few draws to say; its time is printed with a mark. Point estimators have no posterior to hold against
another: their estimates must lie within half a posterior SD, which says *near*, not *right*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from outcomemodels.benchmarking.reference import Reference

MAX_Z = 3.0
SD_RATIO = (0.95, 1.05)
NEAR = 0.5
"""Posterior SDs an estimate of maximum likelihood may lie from the posterior mean."""
Verdict = Literal["passed", "unresolved", "failed", "near", "far", "no reference"]


@dataclass(frozen=True)
class Moments:
    """What an entrant says of one quantity: mean, SD, and the Monte Carlo errors of both."""

    mean: float
    sd: float
    mcse_mean: float
    mcse_sd: float


@dataclass(frozen=True)
class Agreement:
    """One quantity of an entrant beside the reference's."""

    quantity: str
    z: float
    sd_ratio: float
    sd_ratio_error: float

    @property
    def off(self) -> bool:
        """Whether it fails for certain."""
        low, high = SD_RATIO
        slack = 3 * self.sd_ratio_error
        wide = self.sd_ratio < low - slack or self.sd_ratio > high + slack
        return not abs(self.z) <= MAX_Z or wide or not np.isfinite(self.sd_ratio)

    @property
    def shown(self) -> bool:
        """Whether it is shown to be within the bounds."""
        return abs(self.z) <= MAX_Z and SD_RATIO[0] <= self.sd_ratio <= SD_RATIO[1]


@dataclass(frozen=True)
class Gate:
    """The verdict on one entrant and one case, with every comparison it rests on."""

    verdict: Verdict
    agreements: tuple[Agreement, ...] = ()
    missing: tuple[str, ...] = ()
    reason: str = ""

    @property
    def open(self) -> bool:
        """Whether times may be printed."""
        return self.verdict not in ("failed", "far")

    @property
    def largest_z(self) -> float:
        """Largest |z|; NaN without comparisons."""
        return max((abs(a.z) for a in self.agreements), default=float("nan"))

    @property
    def sd_ratios(self) -> tuple[float, float]:
        """Smallest and largest ratio of SDs; NaN without comparisons."""
        ratios = [a.sd_ratio for a in self.agreements]
        return (min(ratios), max(ratios)) if ratios else (float("nan"), float("nan"))


def judge(found: Mapping[str, Moments], reference: Reference | None, needed: Sequence[str]) -> Gate:
    """Hold a posterior against the reference.

    Parameters
    ----------
    found : mapping of quantity to Moments
        Pooled over the repeats of the entrant.
    reference : Reference or None
    needed : sequence of str
        Quantities that must be there: variance parameters and fixed columns.
    """
    if reference is None:
        return Gate("no reference", reason="no reference posterior is kept for this case")
    missing = tuple(name for name in needed if name not in found)
    if missing:
        return Gate("failed", missing=missing, reason=f"no draws of {', '.join(missing[:5])}")
    agreements = tuple(_agreement(name, found[name], reference) for name in needed if name in reference.summaries)
    off = [a for a in agreements if a.off]
    if off:
        worst = max(off, key=lambda a: abs(a.z) if np.isfinite(a.z) else np.inf)
        return Gate(
            "failed",
            agreements,
            reason=f"{len(off)} of {len(agreements)} quantities disagree; "
            f"{worst.quantity}: z {worst.z:.1f}, SD ratio {worst.sd_ratio:.2f}",
        )
    if all(a.shown for a in agreements):
        return Gate("passed", agreements)
    least, most = (f(a.sd_ratio for a in agreements) for f in (min, max))
    return Gate("unresolved", agreements, reason=f"SD ratios {least:.2f} to {most:.2f}, too few draws to tell")


def _agreement(name: str, found: Moments, reference: Reference) -> Agreement:
    ref = reference.summaries[name]
    error = float(np.hypot(found.mcse_mean, ref.mcse_mean))
    ratio = found.sd / ref.sd
    spread = ratio * float(np.hypot(found.mcse_sd / max(found.sd, 1e-300), ref.mcse_sd / ref.sd))
    return Agreement(name, (found.mean - ref.mean) / error if error > 0 else np.inf, ratio, spread)


def judge_estimates(found: Mapping[str, float], reference: Reference | None, fixed: Sequence[str]) -> Gate:
    """Hold point estimates of the fixed columns against posterior means, in posterior SDs.

    The intercept is left out: with exchangeable batches beside it, a shrunken posterior mean and a maximum-likelihood
    estimate differ by design.
    """
    if reference is None:
        return Gate("no reference", reason="no reference posterior is kept for this case")
    agreements = []
    for name in fixed:
        if name in found and name in reference.summaries and name != "beta[intercept]":
            ref = reference.summaries[name]
            agreements.append(Agreement(name, (found[name] - ref.mean) / ref.sd, 1.0, 0.0))
    if not agreements:
        return Gate("no reference", reason="no fixed column to compare")
    far = [a for a in agreements if not abs(a.z) <= NEAR]
    if far:
        return Gate("far", tuple(agreements), reason=f"{far[0].quantity} is {far[0].z:+.1f} posterior SDs away")
    return Gate("near", tuple(agreements))
