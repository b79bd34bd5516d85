"""Reference posteriors: made once by long NUTS runs on the rows, kept as small summaries.

A summary says mean, SD and quantiles of each quantity with Monte Carlo errors and effective sizes, how it was made, and
which checks it passed. ``outcomemodels bench reference CASE`` makes it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from outcomemodels.errors import FileError

FORMAT = "outcomemodels.reference/1"
WANTED_ESS = 10_000
MAX_RHAT = 1.01
MAX_SD_ERROR = 0.05 / 3
"""Largest Monte Carlo error of an SD, as a share of it: a third of what the gate allows between two SDs.

Chains that swing from side to side know means far better than SDs; bulk ESS alone does not show it.
"""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FOLDER = "references"


@dataclass(frozen=True)
class Summary:
    """One quantity: mean, SD, their Monte Carlo errors, quantiles, effective sizes and R-hat."""

    mean: float
    sd: float
    mcse_mean: float
    mcse_sd: float
    quantiles: tuple[float, ...]
    ess_bulk: float
    ess_tail: float
    rhat: float


@dataclass(frozen=True)
class Reference:
    """A reference posterior.

    Parameters
    ----------
    case : str
    summaries : mapping of quantity to Summary
    made : mapping
        Sampler, parametrisation, seeds, chains, draws, divergences, versions, date.
    checks : mapping of check to bool
        ``ess`` (every bulk ESS of variance parameters and fixed columns at least 10,000), ``sds`` (error of every SD at
        most a sixtieth of it), ``rhat``, ``divergences``.
    """

    case: str
    summaries: Mapping[str, Summary]
    made: Mapping[str, Any]
    checks: Mapping[str, bool]

    @property
    def passed(self) -> bool:
        """Whether every check was passed."""
        return all(self.checks.values())

    def save(self, path: Path) -> None:
        """Write JSON with numbers to seven digits."""
        words = {
            "format": FORMAT,
            "case": self.case,
            "made": dict(self.made),
            "checks": dict(self.checks),
            "quantiles_at": list(QUANTILES),
            "quantities": {name: _words(s) for name, s in self.summaries.items()},
        }
        path.write_text(json.dumps(words, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Reference:
        """Read what :meth:`save` wrote.

        Raises
        ------
        FileError
            If it is absent or of another format.
        """
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise FileError(f"no reference posterior: {error}", mend="outcomemodels bench reference CASE") from error
        if raw.get("format") != FORMAT:
            raise FileError(f"the reference has format {raw.get('format')!r}", accepted=FORMAT)
        found = {
            name: Summary(**{**values, "quantiles": tuple(values["quantiles"])})
            for name, values in raw["quantities"].items()
        }
        return cls(raw["case"], found, raw["made"], raw["checks"])


def _words(summary: Summary) -> dict[str, Any]:
    raw = dict(summary.__dict__)
    return {k: [_short(v) for v in x] if isinstance(x, tuple) else _short(x) for k, x in raw.items()}


def _short(value: float) -> float:
    return float(f"{value:.7g}")


@cache
def load_reference(case: str) -> Reference | None:
    """The reference kept with the package, or None."""
    path = Path(str(files("outcomemodels.benchmarking") / FOLDER / f"{case}.json"))
    return Reference.load(path) if path.is_file() else None


def summarise(draws: NDArray[np.float64]) -> Summary:
    """Summary of draws, dims (chain, draw), by ArviZ."""
    import arviz_stats as azs

    return Summary(
        mean=float(draws.mean()),
        sd=float(draws.std()),
        mcse_mean=float(azs.mcse(draws, method="mean")),
        mcse_sd=float(azs.mcse(draws, method="sd")),
        quantiles=tuple(float(q) for q in np.quantile(draws, QUANTILES)),
        ess_bulk=float(azs.ess(draws, method="bulk")),
        ess_tail=float(azs.ess(draws, method="tail", prob=(0.05, 0.95))),
        rhat=float(azs.rhat(draws)),
    )


def pool(
    case: str, pieces: Sequence[Mapping[str, NDArray[np.float64]]], made: Mapping[str, Any], needed: Sequence[str]
) -> Reference:
    """One reference from the chains of several runs with different seeds.

    Parameters
    ----------
    case : str
    pieces : sequence of mapping of quantity to draws, dims (chain, draw)
    made : mapping
    needed : sequence of str
        Quantities whose effective size must reach 10,000: variance parameters and fixed columns.
    """
    summaries = {name: summarise(np.concatenate([piece[name] for piece in pieces])) for name in pieces[0]}
    return Reference(
        case,
        summaries,
        made,
        {
            "ess": bool(min(summaries[name].ess_bulk for name in needed) >= WANTED_ESS),
            "sds": bool(max(summaries[name].mcse_sd / summaries[name].sd for name in needed) <= MAX_SD_ERROR),
            "rhat": bool(max(summaries[name].rhat for name in needed) <= MAX_RHAT),
            "divergences": int(made.get("divergences", 0)) == 0,
        },
    )
