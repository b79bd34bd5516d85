"""Priors as values: serialisable, evaluable without PyMC, turned into PyMC variables only while a model builds.

Floor 2. Scales are in the units of the parameter. ``pc`` is the penalised-complexity prior of a standard
deviation, P(sd > u) = a (Simpson et al. 2017, doi 10.1214/16-STS576), an exponential with rate -log(a)/u.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.errors import SpecError

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "normal": ("mean", "sd"),
    "student_t": ("df", "mean", "scale"),
    "half_normal": ("scale",),
    "half_student_t": ("df", "scale"),
    "exponential": ("rate",),
    "pc": ("upper", "tail"),
    "lkj": ("eta",),
    "constant": ("value",),
}


@dataclass(frozen=True, slots=True)
class Prior:
    """A distribution by name, with its parameters in the order of :data:`PARAMETERS`.

    Use the constructors: ``Prior.normal(0, 1)``, ``Prior.half_normal(2.5)``, ``Prior.pc(upper=3, tail=0.05)``.
    """

    name: str
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.name not in PARAMETERS:
            raise SpecError(f"unknown prior {self.name!r}", accepted=", ".join(PARAMETERS))
        wanted = PARAMETERS[self.name]
        if len(self.values) != len(wanted) or not all(np.isfinite(self.values)):
            raise SpecError(
                f"prior {self.name!r} got {self.values}", accepted=f"finite numbers for {', '.join(wanted)}"
            )
        positive = {"sd", "scale", "rate", "upper", "tail", "df", "eta"}
        for key, value in zip(wanted, self.values, strict=True):
            if key in positive and value <= 0:
                raise SpecError(f"prior {self.name!r}: {key} = {value}", accepted=f"{key} above zero")

    @classmethod
    def normal(cls, mean: float, sd: float) -> Prior:
        """Normal(mean, sd)."""
        return cls("normal", (float(mean), float(sd)))

    @classmethod
    def student_t(cls, df: float, mean: float, scale: float) -> Prior:
        """Student-t with location and scale."""
        return cls("student_t", (float(df), float(mean), float(scale)))

    @classmethod
    def half_normal(cls, scale: float) -> Prior:
        """Half-normal with the scale of its parent normal."""
        return cls("half_normal", (float(scale),))

    @classmethod
    def half_student_t(cls, df: float, scale: float) -> Prior:
        """Half-Student-t."""
        return cls("half_student_t", (float(df), float(scale)))

    @classmethod
    def exponential(cls, rate: float) -> Prior:
        """Exponential with rate, mean 1/rate."""
        return cls("exponential", (float(rate),))

    @classmethod
    def pc(cls, upper: float, tail: float) -> Prior:
        """Penalised complexity: P(sd > upper) = tail."""
        return cls("pc", (float(upper), float(tail)))

    @classmethod
    def lkj(cls, eta: float) -> Prior:
        """LKJ over a correlation matrix."""
        return cls("lkj", (float(eta),))

    @classmethod
    def constant(cls, value: float) -> Prior:
        """A known value; it is not estimated."""
        return cls("constant", (float(value),))

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={v:.4g}" for k, v in zip(PARAMETERS[self.name], self.values, strict=True))
        return f"{self.name}({inside})"

    def to_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return {"prior": self.name, **dict(zip(PARAMETERS[self.name], self.values, strict=True))}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Prior:
        """Build from the dict of :meth:`to_dict`."""
        name = str(raw.get("prior"))
        if name not in PARAMETERS:
            raise SpecError(f"unknown prior {name!r}", accepted=", ".join(PARAMETERS))
        extra = set(raw) - {"prior", *PARAMETERS[name]}
        missing = set(PARAMETERS[name]) - set(raw)
        if extra or missing:
            raise SpecError(
                f"prior {name!r} has keys {sorted(set(raw) - {'prior'})}",
                accepted=", ".join(PARAMETERS[name]),
            )
        return cls(name, tuple(float(raw[k]) for k in PARAMETERS[name]))

    @property
    def rate(self) -> float:
        """Rate of the exponential family members (exponential, pc)."""
        if self.name == "exponential":
            return self.values[0]
        if self.name == "pc":
            upper, tail = self.values
            return float(-np.log(tail) / upper)
        raise SpecError(f"prior {self.name!r} has no rate")

    def _frozen(self) -> Any:
        from scipy import stats

        match self.name:
            case "normal":
                return stats.norm(self.values[0], self.values[1])
            case "student_t":
                return stats.t(self.values[0], loc=self.values[1], scale=self.values[2])
            case "half_normal":
                return stats.halfnorm(scale=self.values[0])
            case "half_student_t":
                return _HalfT(*self.values)
            case "exponential" | "pc":
                return stats.expon(scale=1 / self.rate)
            case _:
                raise SpecError(f"prior {self.name!r} has no one-dimensional density")

    def logpdf(self, x: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Log density at ``x``; the common scale families in closed form, since engines ask thousands of times."""
        at = np.asarray(x, dtype=float)
        if self.name == "half_normal":
            scale = self.values[0]
            inside = 0.5 * np.log(2 / np.pi) - np.log(scale) - 0.5 * (at / scale) ** 2
            return np.asarray(np.where(at < 0, -np.inf, inside), dtype=float)
        if self.name in ("exponential", "pc"):
            return np.asarray(np.where(at < 0, -np.inf, np.log(self.rate) - self.rate * at), dtype=float)
        return np.asarray(self._frozen().logpdf(x), dtype=float)

    def cdf(self, x: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Distribution function at ``x``."""
        return np.asarray(self._frozen().cdf(x), dtype=float)

    def ppf(self, q: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Quantile function at ``q``."""
        return np.asarray(self._frozen().ppf(q), dtype=float)

    def draw(self, rng: np.random.Generator, size: int | tuple[int, ...]) -> NDArray[np.float64]:
        """Independent draws by inversion."""
        if self.name == "constant":
            return np.full(size, self.values[0])
        return np.asarray(self.ppf(rng.uniform(size=size)), dtype=float)

    @property
    def spread(self) -> float:
        """Standard deviation of the prior; the yardstick of prior-to-posterior contraction."""
        if self.name == "constant":
            return 0.0
        return float(self._frozen().std())

    def create(self, name: str, *, dims: str | tuple[str, ...] | None = None) -> Any:
        """Create the PyMC variable ``name`` in the model being built.

        Raises
        ------
        SpecError
            For ``lkj``, which has no variable of its own here.
        """
        import pymc as pm

        match self.name:
            case "normal":
                return pm.Normal(name, self.values[0], self.values[1], dims=dims)
            case "student_t":
                return pm.StudentT(name, nu=self.values[0], mu=self.values[1], sigma=self.values[2], dims=dims)
            case "half_normal":
                return pm.HalfNormal(name, self.values[0], dims=dims)
            case "half_student_t":
                return pm.HalfStudentT(name, nu=self.values[0], sigma=self.values[1], dims=dims)
            case "exponential" | "pc":
                return pm.Exponential(name, self.rate, dims=dims)
            case "constant":
                if dims is not None:
                    raise SpecError("a constant prior has no dims")
                return pm.Deterministic(name, pm.math.stack([self.values[0]])[0])
            case _:
                raise SpecError(f"prior {self.name!r} cannot be created on its own")


@dataclass(frozen=True, slots=True)
class _HalfT:
    """Half-Student-t on scipy's t; the few methods a prior needs."""

    df: float
    scale: float

    def _t(self) -> Any:
        from scipy import stats

        return stats.t(self.df, scale=self.scale)

    def logpdf(self, x: NDArray[np.float64] | float) -> NDArray[np.float64]:
        x = np.asarray(x, dtype=float)
        return np.asarray(np.where(x < 0, -np.inf, np.log(2) + self._t().logpdf(x)), dtype=float)

    def cdf(self, x: NDArray[np.float64] | float) -> NDArray[np.float64]:
        return np.asarray(np.maximum(0.0, 2 * np.asarray(self._t().cdf(x)) - 1), dtype=float)

    def ppf(self, q: NDArray[np.float64] | float) -> NDArray[np.float64]:
        return np.asarray(self._t().ppf((1 + np.asarray(q)) / 2), dtype=float)

    def std(self) -> float:
        from scipy.special import gammaln

        if self.df <= 2:  # infinite variance: quartile range stands in
            return float(self.ppf(0.75) - self.ppf(0.25))
        mean = 2 * self.scale * np.sqrt(self.df / np.pi) / (self.df - 1)
        mean *= np.exp(gammaln((self.df + 1) / 2) - gammaln(self.df / 2))
        return float(np.sqrt(self.scale**2 * self.df / (self.df - 2) - mean**2))


Priors = Mapping[str, Prior]


def priors_to_dict(priors: Priors) -> dict[str, dict[str, Any]]:
    """Plain nested dict for JSON, names kept in order."""
    return {name: prior.to_dict() for name, prior in priors.items()}


def priors_from_dict(raw: Mapping[str, Mapping[str, Any]]) -> dict[str, Prior]:
    """Inverse of :func:`priors_to_dict`."""
    return {name: Prior.from_dict(value) for name, value in raw.items()}
