"""Settings of an engine, checked before anything is compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from outcomemodels.errors import SpecError

Engine = Literal["auto", "nuts", "collapsed"]
ENGINES: tuple[Engine, ...] = ("auto", "nuts", "collapsed")

Sampler = Literal["nutpie", "pymc", "numpyro"]
SAMPLERS: tuple[Sampler, ...] = ("nutpie", "pymc", "numpyro")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to sample.

    Parameters
    ----------
    engine : {"auto", "nuts", "collapsed"}
    draws, tune, chains : int
        Draws kept and warm-up draws per chain; ``tune`` is not used by the collapsed engine.
    seed : int
        Every random number follows from it.
    target_accept : float
        For NUTS.
    sampler : {"nutpie", "pymc", "numpyro"}
        Which implementation of NUTS; ``"numpyro"`` needs the extra of that name.
    progress : bool
        Whether to show progress on standard error.
    """

    engine: Engine = "auto"
    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    seed: int = 1
    target_accept: float = 0.9
    sampler: Sampler = "nutpie"
    progress: bool = True

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise SpecError(f"unknown engine {self.engine!r}", accepted=", ".join(ENGINES))
        if self.sampler not in SAMPLERS:
            raise SpecError(f"unknown sampler {self.sampler!r}", accepted=", ".join(SAMPLERS))
        for name, least in (("draws", 10), ("tune", 0), ("chains", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise SpecError(f"{name}={value!r}", accepted=f"a whole number of at least {least}")
        if not 0.5 <= self.target_accept < 1:
            raise SpecError(f"target_accept={self.target_accept}", accepted="a number from 0.5 to below 1")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise SpecError(f"seed={self.seed!r}", accepted="a whole number, zero or more")
