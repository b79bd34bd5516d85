"""The linear part of a graph, taken out exactly: given the variance parameters everything else is one Gaussian.

Curvatures come from differences of gradients, which are exact for a quadratic, so nothing is approximated and nothing
depends on how the graph is parametrised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.plugin import LinearStructure
from outcomemodels.posterior import corr_name, effect_name, sd_name
from outcomemodels.testing.probe import Point, Probe, quick_mode
from outcomemodels.testing.results import CheckFailedError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Moments:
    """A Gaussian over coefficients then effects: its mean, covariance, and the log of what it integrates to."""

    mean: FloatArray
    covariance: FloatArray
    log_mass: float


@dataclass(frozen=True, eq=False)
class LinearPart:
    """The graph of a linear model, split into variance parameters and all that is Gaussian given them.

    Parameters
    ----------
    probe : Probe
    structure : LinearStructure
    """

    probe: Probe
    structure: LinearStructure

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """Names of coefficients and effects, in the order of the structure's layout: effects, then coefficients.

        Raises
        ------
        CheckFailedError
            If the graph lacks one of the names the linear form promises.
        """
        effects = tuple(effect_name(b.id) for b in self.structure.blocks)
        names = (*effects, *(("beta",) if self.structure.columns else ()))
        wanted = (*names, *self.spreads)
        missing = [n for n in wanted if n not in self.probe.named]
        if missing:
            raise CheckFailedError(f"the linear form promises variables the graph lacks: {', '.join(missing)}")
        return names

    @cached_property
    def spreads(self) -> tuple[str, ...]:
        """Names of the variance parameters."""
        sds = [sd_name(b.id) for b in self.structure.blocks]
        corrs = [corr_name(b.id) for b in self.structure.blocks if b.correlation is not None]
        return (*sds, *corrs, *(("noise",) if self.structure.noise else ()))

    @cached_property
    def linear(self) -> tuple[str, ...]:
        """Free variables that are Gaussian given the variance parameters."""
        from pytensor.graph.traversal import ancestors

        model = self.probe.model
        variances = set(ancestors([model[n] for n in self.spreads]))
        return tuple(v.name for v in model.free_RVs if v not in variances)

    @cached_property
    def variances(self) -> tuple[str, ...]:
        """The other free variables."""
        return tuple(n for n in self.probe.free if n not in self.linear)

    # -- functions of the Gaussian variables ----------------------------------------------------------------------

    def prior(self, point: Point) -> Moments:
        """Prior of effects and coefficients given the variance parameters of a point."""
        return self._moments(point, self._prior)

    def posterior(self, point: Point) -> Moments:
        """Their posterior given the same; ``log_mass`` is the marginal density of data and variance parameters."""
        return self._moments(point, self._joint)

    def log_prior_of_variances(self, point: Point) -> float:
        """Log prior of the variance parameters on their natural scale."""
        return float(self._variances(self.probe.values(point)))

    def log_likelihood(self, point: Point) -> float:
        """Log density of the outcomes, potentials included."""
        return float(self._likelihood(self.probe.values(point)))

    def _moments(self, point: Point, functions: tuple[Any, Any]) -> Moments:
        density, gradient = functions
        values = self.probe.values(point)
        at, spread = self._flat(values), self._flatten_of(values)
        slope = np.asarray(gradient(spread(at)))
        identity = np.eye(len(at))
        step = 1.0
        hessian = np.stack([np.asarray(gradient(spread(at + step * e))) - slope for e in identity]) / step
        precision = -(hessian + hessian.T) / 2
        mode = at + np.linalg.solve(precision, slope)
        left = float(np.max(np.abs(np.asarray(gradient(spread(mode)))))) / max(float(np.max(np.abs(slope))), 1e-12)
        if left > 1e-5:
            raise CheckFailedError(
                "given the variance parameters the graph is not Gaussian in effects and coefficients"
            )
        sign, logdet = np.linalg.slogdet(precision)
        if sign <= 0:
            raise CheckFailedError("the graph's density does not fall off in effects and coefficients")
        covariance = np.linalg.inv(precision)
        base = self._named(spread(mode), values)
        turn = np.stack([self._named(spread(mode + e), values) - base for e in identity], axis=1)
        mass = float(density(spread(mode))) + 0.5 * len(at) * float(np.log(2 * np.pi)) - 0.5 * float(logdet)
        return Moments(base, turn @ covariance @ turn.T, mass)

    def _named(self, values: Mapping[str, Any], _: Mapping[str, Any]) -> FloatArray:
        found = self._targets(values)
        return np.concatenate([np.asarray(v, dtype=float).reshape(-1) for v in found])

    def _value_names(self, names: tuple[str, ...]) -> list[str]:
        model = self.probe.model
        return [model.rvs_to_values[model[n]].name for n in names]

    def _flat(self, values: Mapping[str, NDArray[Any]]) -> FloatArray:
        parts = [np.asarray(values[n], dtype=float).reshape(-1) for n in self._value_names(self.linear)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _flatten_of(self, values: Mapping[str, NDArray[Any]]) -> Callable[[FloatArray], dict[str, NDArray[Any]]]:
        names = self._value_names(self.linear)

        def spread(flat: FloatArray) -> dict[str, NDArray[Any]]:
            out, at = dict(values), 0
            for name in names:
                shape = np.shape(values[name])
                size = int(np.prod(shape))
                out[name] = flat[at : at + size].reshape(shape)
                at += size
            return out

        return spread

    # -- compiled once -------------------------------------------------------------------------------------------

    def _compiled(self, output: Any) -> Any:
        model = self.probe.model
        return model.compile_fn(output, inputs=model.value_vars, mode=quick_mode(), on_unused_input="ignore")

    @cached_property
    def _joint(self) -> tuple[Any, Any]:
        model = self.probe.model
        terms = [model[n] for n in self.linear]
        return self._compiled(model.logp(jacobian=False)), self._compiled(model.dlogp(vars=terms, jacobian=False))

    @cached_property
    def _prior(self) -> tuple[Any, Any]:
        import pytensor.tensor as pt

        model = self.probe.model
        terms = [model[n] for n in self.linear]
        density = model.logp(vars=terms, jacobian=False)
        wrt = [model.rvs_to_values[v] for v in terms]
        gradient = pt.concatenate([pt.grad(density, w).flatten() for w in wrt])
        return self._compiled(density), self._compiled(gradient)

    @cached_property
    def _variances(self) -> Any:
        model = self.probe.model
        terms = [model[n] for n in self.variances]
        return self._compiled(model.logp(vars=terms, jacobian=False)) if terms else (lambda _: 0.0)

    @cached_property
    def _likelihood(self) -> Any:
        model = self.probe.model
        return self._compiled(model.logp(vars=[*model.observed_RVs, *model.potentials], jacobian=False))

    @cached_property
    def _targets(self) -> Any:
        model = self.probe.model
        outputs = model.replace_rvs_by_values([model[n] for n in self.targets])
        return self._compiled(outputs)
