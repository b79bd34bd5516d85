"""Whether the importance sample of the variance parameters can be used, stage by stage.

======================  =========  =====================================================================
number                  passes     meaning
======================  =========  =====================================================================
k-hat, last stage       <= 0.7     weights have finite moments enough for means (Vehtari et al. 2024)
Kish ESS, last stage    >= 400     effective independent points of the variance parameters
replicate error         <= 0.15    SD of posterior means over independent scrambles, in posterior SDs,
                                   divided by the root of the number of scrambles
======================  =========  =====================================================================

Weights of the last stage are computed against the mixture of every stage, and nothing is resampled between stages, so a
poor early stage cannot hide; the numbers of every stage, with all points so far and by itself, are kept in the tree's
``diagnostics``. When a gate fails, NUTS over the variance parameters takes over.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from outcomemodels.inference.collapsed.theta import ThetaSample

MAX_KHAT = 0.7
MIN_KISH = 400.0
MAX_REPLICATE_ERROR = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """Numbers and faults of a sample; it passed when there are no faults."""

    khat: float
    kish: float
    replicate_error: float
    faults: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate was passed."""
        return not self.faults


def judge(sample: ThetaSample) -> Gates:
    """Judge an importance sample."""
    error = replicate_error(sample)
    faults = []
    if sample.method == "importance":
        if not sample.khat <= MAX_KHAT:
            faults.append(f"k-hat {sample.khat:.2f} is above {MAX_KHAT}")
        if not sample.kish >= MIN_KISH:
            faults.append(f"Kish effective size {sample.kish:.0f} is below {MIN_KISH:.0f}")
        if not error <= MAX_REPLICATE_ERROR:
            faults.append(f"replicates differ by {error:.2f} posterior SDs, more than {MAX_REPLICATE_ERROR}")
    return Gates(khat=sample.khat, kish=sample.kish, replicate_error=error, faults=tuple(faults))


def replicate_error(sample: ThetaSample) -> float:
    """Largest standard error of a posterior mean over scrambles, in posterior SDs; 0 when there is one scramble."""
    groups = np.unique(sample.scramble)
    if sample.points.shape[1] == 0 or len(groups) < 2:
        return 0.0
    means = []
    for g in groups:
        w = sample.weights[sample.scramble == g]
        if w.sum() <= 0:
            return float("inf")
        means.append(w @ sample.points[sample.scramble == g] / w.sum())
    sd = np.sqrt(np.maximum(np.diag(sample.covariance), 1e-300))
    return float((np.std(means, axis=0, ddof=1) / np.sqrt(len(groups)) / sd).max())


def report(sample: ThetaSample, gates: Gates, first: Gates | None) -> dict[str, Any]:
    """Everything said about the run, for the tree's attributes; ``first`` are the gates that led to the fallback."""
    return {
        "method": sample.method,
        "khat": _number(gates.khat),
        "kish_ess": _number(gates.kish),
        "replicate_error": _number(gates.replicate_error),
        "stages": [{k: _number(v) for k, v in asdict(stage).items()} for stage in sample.stages],
        "evaluations": sample.evaluations,
        "log_evidence": _number(sample.log_evidence),
        "thresholds": {"khat": MAX_KHAT, "kish_ess": MIN_KISH, "replicate_error": MAX_REPLICATE_ERROR},
        "faults": list(gates.faults),
        "fallback_because": list(first.faults) if first is not None else [],
    }


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value
