"""A model's graph seen from outside: draws from the prior, its log density, its expected outcomes.

Compiled without C code and nearly without rewriting: at a handful of points, compiling well costs more than it saves.
A *point* is a mapping of free variable to value on its natural scale (an SD is an SD, not its logarithm).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from outcomemodels.posterior import EXPECTED, OUTCOME

if TYPE_CHECKING:
    import pymc as pm

FloatArray = NDArray[np.float64]
Point = Mapping[str, NDArray[Any]]


def quick_mode() -> Any:
    """A way to compile in milliseconds: no C, and only the rewrite that spares copies of random generators."""
    from pytensor.compile.mode import Mode
    from pytensor.graph.rewriting.db import RewriteDatabaseQuery

    return Mode(linker="py", optimizer=RewriteDatabaseQuery(include=["random_make_inplace"]))


@dataclass(frozen=True, eq=False)
class Probe:
    """A graph, and functions of it compiled when first asked for.

    Parameters
    ----------
    model : pymc.Model
    """

    model: pm.Model

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the free variables."""
        return tuple(v.name for v in self.model.free_RVs)

    @property
    def named(self) -> tuple[str, ...]:
        """Names of free variables and deterministics, ``expected`` left out."""
        found = [*self.model.free_RVs, *self.model.deterministics]
        return tuple(v.name for v in found if not is_reserved(v.name, EXPECTED))

    @property
    def expectations(self) -> tuple[str, ...]:
        """``expected``, or ``expected_<response>`` for models of several responses."""
        return tuple(v.name for v in self.model.deterministics if is_reserved(v.name, EXPECTED))

    @property
    def outcomes(self) -> tuple[str, ...]:
        """``outcome``, or ``outcome_<response>`` for models of several responses."""
        return tuple(v.name for v in self.model.observed_RVs if is_reserved(v.name, OUTCOME))

    def dims(self, name: str) -> tuple[str, ...]:
        """Named dims of a variable; empty when it has none."""
        return tuple(str(d) for d in self.model.named_vars_to_dims.get(name, ()))

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a variable."""
        return tuple(int(n) for n in self.model[name].shape.eval(mode=quick_mode()))

    def labels(self, dim: str) -> list[str]:
        """Coordinate labels of a dim, as text."""
        return [str(v) for v in (self.model.coords.get(dim) or ())]

    # -- from the prior ------------------------------------------------------------------------------------------

    def prior(self, size: int, *, seed: int) -> dict[str, NDArray[Any]]:
        """Joint draws of every named variable, of ``expected`` and of ``outcome``; dims (draw, …)."""
        import pymc as pm

        names = [*self.named, *self.expectations, *self.outcomes]
        draw = pm.compile([], [self.model[n] for n in names], random_seed=seed, mode=quick_mode())
        drawn = [draw() for _ in range(size)]
        return {n: np.stack([np.asarray(d[i]) for d in drawn]) for i, n in enumerate(names)}

    def points(self, size: int, *, seed: int) -> list[dict[str, NDArray[Any]]]:
        """Draws of the named variables from the prior, one mapping a draw."""
        drawn = self.prior(size, seed=seed)
        return [{n: drawn[n][i] for n in self.named} for i in range(size)]

    def as_posterior(self, drawn: Mapping[str, NDArray[Any]]) -> xr.Dataset:
        """Draws of :meth:`prior` as an engine would return them, dims (chain, draw, …), one chain."""
        out: dict[str, Any] = {}
        coords: dict[str, Any] = {}
        for name in self.named:
            values = drawn[name][None]
            dims = self.dims(name)
            if len(dims) != values.ndim - 2:
                dims = tuple(f"{name}_dim_{i}" for i in range(values.ndim - 2))
            out[name] = (("chain", "draw", *dims), values)
            coords |= {
                d: self.labels(d)
                for d in dims
                if len(self.labels(d)) == dict(zip(dims, values.shape[2:], strict=True))[d]
            }
        return xr.Dataset(out, coords=coords)

    # -- at a point ----------------------------------------------------------------------------------------------

    def values(self, point: Point) -> dict[str, NDArray[Any]]:
        """The point on the scale the sampler works on."""
        found = self._forward(*[point[n] for n in self.free])
        names = [self.model.rvs_to_values[v].name for v in self.model.free_RVs]
        return {n: np.asarray(v) for n, v in zip(names, found, strict=True)}

    def log_density(self, point: Point) -> float:
        """Log density with the Jacobian of the sampler's scale."""
        return float(self._density(self.values(point)))

    def log_density_at(self, values: Mapping[str, NDArray[Any]]) -> float:
        """Log density at a point on the sampler's scale."""
        return float(self._density(values))

    def log_prior_at(self, values: Mapping[str, NDArray[Any]]) -> float:
        """Log density of the free variables and potentials alone, at a point on the sampler's scale."""
        return float(self._prior_density(values))

    def log_prior(self, point: Point) -> float:
        """Log density of the free variables and potentials alone."""
        return self.log_prior_at(self.values(point))

    def gradient(self, point: Point) -> FloatArray:
        """Gradient of the log density on the sampler's scale, flat."""
        return np.asarray(self._gradient(self.values(point)), dtype=float)

    def expected(self, point: Point, *, through: Sequence[str] = ()) -> FloatArray:
        """Expected outcomes at a point, dims (obs,) or (response and obs,) flat for several responses.

        Parameters
        ----------
        point : mapping of variable to value
        through : sequence of str
            Names held at their values in ``point``; the free variables when empty. With deterministics among them
            it does not matter how the graph is parametrised behind these.
        """
        names = tuple(through) or self.free
        if names not in self._expected:
            self._expected[names] = self._compile_expected(names)
        found = self._expected[names](*[point[n] for n in names])
        return np.concatenate([np.asarray(v, dtype=float).reshape(-1) for v in found])

    def simulate(self, point: Point, size: int, *, seed: int) -> list[NDArray[Any]]:
        """Outcomes simulated at a point, one array a response, dims (replicate, obs)."""
        import pymc as pm

        function = pm.compile(
            list(self.model.free_RVs),
            [self.model[n] for n in self.outcomes],
            random_seed=seed,
            mode=quick_mode(),
            on_unused_input="ignore",
        )
        drawn = [function(*[point[n] for n in self.free]) for _ in range(size)]
        return [np.stack([np.asarray(d[i]) for d in drawn]) for i in range(len(self.outcomes))]

    # -- compiled once -------------------------------------------------------------------------------------------

    @cached_property
    def _expected(self) -> dict[tuple[str, ...], Any]:
        return {}

    def _compile_expected(self, names: tuple[str, ...]) -> Any:
        import pymc as pm

        return pm.compile(
            [self.model[n] for n in names],
            [self.model[n] for n in self.expectations],
            mode=quick_mode(),
            on_unused_input="ignore",
        )

    @cached_property
    def _forward(self) -> Any:
        import pymc as pm

        free = list(self.model.free_RVs)
        transforms = [self.model.rvs_to_transforms[v] for v in free]
        outputs = [v if t is None else t.forward(v, *v.owner.inputs) for v, t in zip(free, transforms, strict=True)]
        return pm.compile(free, outputs, mode=quick_mode(), on_unused_input="ignore")

    def _compiled(self, output: Any) -> Any:
        inputs = self.model.value_vars
        return self.model.compile_fn(output, inputs=inputs, mode=quick_mode(), on_unused_input="ignore")

    @cached_property
    def _density(self) -> Any:
        return self._compiled(self.model.logp())

    @cached_property
    def _prior_density(self) -> Any:
        terms = [*self.model.free_RVs, *self.model.potentials]
        return self._compiled(self.model.logp(vars=terms))

    @cached_property
    def _gradient(self) -> Any:
        return self._compiled(self.model.dlogp())


def is_reserved(name: str, stem: str) -> bool:
    """Whether a name is ``stem`` or ``stem_<response>``."""
    return name == stem or name.startswith(f"{stem}_")


def carried(point: Point, source: Probe, target: Probe) -> dict[str, NDArray[Any]]:
    """A point of one graph for another that names the same levels in another order.

    Raises
    ------
    KeyError
        If a variable of the target is not in the point.
    """
    out: dict[str, NDArray[Any]] = {}
    for name in target.free:
        value = np.asarray(point[name])
        for axis, dim in enumerate(target.dims(name)):
            ours, theirs = source.labels(dim), target.labels(dim)
            if ours != theirs and sorted(ours) == sorted(theirs) and value.shape[axis] == len(ours):
                value = np.take(value, [ours.index(label) for label in theirs], axis=axis)
        out[name] = value
    return out
