"""NUTS over the variance parameters alone, when importance sampling fails a gate; exact like it, only slower."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from outcomemodels.errors import FitError
from outcomemodels.inference.collapsed.batch import Batch
from outcomemodels.inference.collapsed.collapse import Collapsed
from outcomemodels.inference.collapsed.layout import FloatArray
from outcomemodels.inference.collapsed.parameters import Parameters
from outcomemodels.inference.collapsed.theta import Stage, ThetaSample

MAX_RHAT = 1.01


def nuts_theta(
    parameters: Parameters,
    engine: Collapsed | Batch,
    failed: ThetaSample,
    *,
    seed: int,
    draws: int = 500,
    tune: int = 300,
) -> ThetaSample:
    """Sample the whitened parameters with nutpie, four chains; the failed sample gives centre and scale.

    Raises
    ------
    FitError
        If the sampler stops.
    """
    import nutpie

    d = len(parameters.coordinates)
    value, axes = np.linalg.eigh(failed.covariance + 1e-6 * np.eye(d))
    root = axes * np.sqrt(np.maximum(value, 1e-10))
    centre = failed.mode
    evaluations = 0

    def make_logp() -> Any:
        def logp(x: FloatArray) -> tuple[float, FloatArray]:
            nonlocal evaluations
            evaluations += 1
            density, slope = parameters.gradient(engine, np.clip(centre + root @ x, -30, 30))
            return (density, root.T @ slope) if np.isfinite(density) else (-1e300, np.zeros(d))

        return logp

    def make_expand(*_: Any) -> Any:
        def expand(x: FloatArray) -> dict[str, FloatArray]:
            return {"eta": np.clip(centre + root @ np.asarray(x), -30, 30)}

        return expand

    compiled = nutpie.compiled_pyfunc.from_pyfunc(
        ndim=d,
        make_logp_fn=make_logp,
        make_expand_fn=make_expand,
        expanded_dtypes=[np.dtype("float64")],
        expanded_shapes=[(d,)],
        expanded_names=["eta"],
    )
    try:
        tree: Any = nutpie.sample(compiled, draws=draws, tune=tune, chains=4, cores=1, seed=seed, progress_bar=False)
    except RuntimeError as error:
        raise FitError(f"NUTS over the variance parameters stopped: {error}") from error
    posterior = tree["posterior"] if isinstance(tree, xr.DataTree) else tree.posterior
    chains = np.asarray(posterior["eta"].values, dtype=float)
    from arviz_stats.base import array_stats

    ess = min(float(array_stats.ess(chains[:, :, i], method="bulk")) for i in range(d))
    rhat = max(float(array_stats.rhat(chains[:, :, i])) for i in range(d))
    points = chains.reshape(-1, d)
    stage = Stage(f"NUTS over the variance parameters, R-hat {rhat:.3f}", len(points), -np.inf, ess)
    return ThetaSample(
        points=points,
        weights=np.full(len(points), 1 / len(points)),
        scramble=np.zeros(len(points), int),
        khat=-np.inf,
        kish=ess,
        stages=(*failed.stages, stage),
        evaluations=failed.evaluations + 3 * evaluations,
        log_evidence=failed.log_evidence,
        method="nuts",
        mode=failed.mode,
        covariance=np.cov(points.T).reshape(d, d),
    )
