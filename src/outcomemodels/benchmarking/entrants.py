"""Entrants: a script in an environment of its own, which reads a problem and writes draws.

A package registers an entrant under ``outcomemodels.bench_entrants``: the name, and an :class:`Entrant` or a function
that returns one. Listing reads names and imports nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Literal

from outcomemodels.benchmarking.registered import Registered

GROUP = "outcomemodels.bench_entrants"
SCRIPTS = Path(__file__).parent / "scripts"


@dataclass(frozen=True)
class Entrant:
    """One program or setting of a program.

    Parameters
    ----------
    name : str
    script : path
        Python, or R when it ends in ``.R``. It is called with FOLDER OUT SETTINGS; ``bench_io`` can be imported.
    requirements : tuple of str
        What is installed into the environment made for it, as pip understands it; R packages for R scripts.
    kind : {"posterior", "point"}
        Point estimators are timed beside the others, and never by effective draws.
    option : str
        Passed to the script: a parametrisation, for instance.
    here : bool
        Run in the environment of outcomemodels itself.
    note : str
    """

    name: str
    script: Path
    requirements: tuple[str, ...] = ()
    kind: Literal["posterior", "point"] = "posterior"
    option: str = ""
    here: bool = False
    note: str = ""

    @property
    def language(self) -> Literal["python", "r"]:
        """Which interpreter runs the script."""
        return "r" if self.script.suffix == ".R" else "python"


NUTPIE = ("nutpie>=0.16.11", "pymc>=6.4,<7")


def _entrant(name: str, script: str, *requirements: str, option: str = "", note: str = "") -> Entrant:
    return Entrant(name, SCRIPTS / script, requirements, option=option, note=note)


def _point(name: str, script: str, *requirements: str, note: str = "") -> Entrant:
    return Entrant(name, SCRIPTS / script, requirements, kind="point", note=note)


CORE = "collapsed"
"""The entrant the others are held beside."""

BUILT_IN: tuple[Entrant, ...] = (
    Entrant(CORE, SCRIPTS / "ours.py", here=True, option="collapsed", note="this library, exact engine"),
    Entrant("nuts", SCRIPTS / "ours.py", here=True, option="nuts", note="this library, NUTS engine"),
    _entrant("nutpie-centred", "nutpie_rows.py", *NUTPIE, option="centred"),
    _entrant("nutpie-noncentred", "nutpie_rows.py", *NUTPIE, option="noncentred"),
    _entrant("nutpie-lowrank", "nutpie_rows.py", *NUTPIE, option="low_rank", note="centred, low-rank mass matrix"),
    _entrant("pymc", "pymc_rows.py", "pymc>=6.4,<7", option="centred"),
    _entrant("numpyro", "numpyro_rows.py", "numpyro>=0.22", "jax>=0.6", option="noncentred"),
    _entrant("bambi", "bambi_rows.py", "bambi>=0.21", "nutpie>=0.16.11", note="sampled by nutpie"),
    _point("statsmodels", "statsmodels_rows.py", "statsmodels>=0.14.5", "pandas", note="MixedLM, REML"),
    _point("lme4", "lme4.R", "lme4", note="lmer, ML or glmer"),
    _point("glmmTMB", "glmmtmb.R", "glmmTMB"),
    _entrant(
        "rstanarm", "rstanarm.R", "rstanarm", note="stan_lmer with its own nearest priors: fails the gate by design"
    ),
)


ENTRANTS = Registered(group=GROUP, kind=Entrant, noun="entrant", built_in=BUILT_IN)


def available_entrants(points: Iterable[EntryPoint] | None = None) -> tuple[str, ...]:
    """Names of the built-in and the registered entrants, without importing the latter."""
    return ENTRANTS.names(points)


def load_entrant(name: str, points: Iterable[EntryPoint] | None = None) -> Entrant:
    """An entrant by name.

    Raises
    ------
    PluginError
        For a name there is none of, or a registered entrant that cannot be loaded.
    """
    return ENTRANTS.load(name, points)
