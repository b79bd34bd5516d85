"""Cases: data, model and priors under one name, and what question each answers. Outsiders add theirs by entry point.

A package registers a case under ``outcomemodels.bench_cases``: the name, and a :class:`Case` or a function that
returns one. Listing reads names and imports nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING

from outcomemodels.benchmarking import worlds
from outcomemodels.benchmarking.problem import Problem
from outcomemodels.benchmarking.reference import Reference, load_reference
from outcomemodels.benchmarking.registered import Registered
from outcomemodels.errors import PluginError
from outcomemodels.plugin import LinearStructure, Prior
from outcomemodels.spec import ModelSpec

if TYPE_CHECKING:
    from outcomemodels.data.dataset import PaulDataset

GROUP = "outcomemodels.bench_cases"
DATA_SEED = 20261
"""Seed of the simulated cases; not used while the engines were made."""


@dataclass(frozen=True)
class Case:
    """One case of the benchmark.

    Parameters
    ----------
    name : str
    question : str
        What it answers, in one line.
    make : callable returning LinearStructure
        The data and the model, made or read when called.
    needs : str
        Name of the data set that must be at hand; empty for simulated cases.
    quick : bool
        Whether it is part of the quick run.
    reference : path, optional
        File of its reference posterior, as ``bench reference`` writes it; those of built-in cases lie in the package.
    """

    name: str
    question: str
    make: Callable[[], LinearStructure]
    needs: str = ""
    quick: bool = False
    reference: Path | None = None

    def problem(self) -> Problem:
        """The case with its data in memory.

        Raises
        ------
        FileError
            If its data set is not at hand.
        """
        return Problem(self.name, self.make())


def _data(
    name: str,
    *,
    outcome: str = "",
    formula: str = "",
    where: tuple[tuple[str, str], ...] = (),
    priors: tuple[tuple[str, Prior], ...] = (),
) -> LinearStructure:
    """The flagship model on a data set known by name."""
    from outcomemodels.data.embedded import load

    data = load(name)
    if where:
        data = data.where(**{field: [label] for field, label in where})
    return _structure(data, ModelSpec(outcome=outcome or data.outcomes[0], formula=formula), priors)


def _structure(data: PaulDataset, spec: ModelSpec, priors: tuple[tuple[str, Prior], ...] = ()) -> LinearStructure:
    from outcomemodels.design import build_design
    from outcomemodels.models.paul import Paul
    from outcomemodels.plugin import resolve_priors

    design, model = build_design(data, spec), Paul()
    return model.linear(design, resolve_priors(model, design, dict(priors)))


def _records(referrals: int) -> LinearStructure:
    """The flagship model on made-up NHS records: simulated as tables, read back, finished courses kept."""
    from tempfile import TemporaryDirectory

    from outcomemodels.data.nhs_dataset.read import read_nhs_dataset
    from outcomemodels.data.nhs_simulation.simulate import simulate_nhs

    with TemporaryDirectory() as folder:
        made = Path(folder) / "records"
        simulate_nhs(made, referrals=referrals, seed=DATA_SEED)
        data = read_nhs_dataset(made).where(finished=["yes"])
        return _structure(data, ModelSpec(outcome="phq9_end", batches=RECORD_BATCHES))


RECORD_BATCHES = ("treatment", "problem", "therapist", "provider", "treatment:problem", "phq9_start|treatment")
"""Terms of the case of simulated records, named so that the case stays what it is."""


def _wide(*names: str, scale: float) -> tuple[tuple[str, Prior], ...]:
    return tuple((name, Prior.half_student_t(3, scale)) for name in names)


def _crossed(rows: int, text: str, *, quick: bool = False) -> Case:
    name = f"crossed-1e{len(str(rows)) - 1}"
    return Case(name, text, partial(worlds.crossed, rows, DATA_SEED), quick=quick)


BUILT_IN: tuple[Case, ...] = (
    Case(
        "sleepstudy",
        "18 people, correlated slopes: the textbook case, where every program should agree",
        partial(
            _data,
            "sleepstudy",
            formula="reaction ~ days + (1 + days | client)",
            priors=_wide("sd_days_by_client[1]", "sd_days_by_client[days]", "noise", scale=50.0),
        ),
        needs="sleepstudy",
        quick=True,
    ),
    Case(
        "enrichd",
        "557 clients in CBT, 7,117 visits: correlated slopes with many rows a client",
        partial(_data, "enrichd_bdi", formula="bdi ~ weeks + (1 + weeks | client)"),
        needs="enrichd_bdi",
    ),
    Case(
        "nhs-2023-24",
        "published provider cells of one year, eight crossed batches: means and SDs in place of rows",
        partial(_data, "nhs_tt_proms", outcome="phq9_end", where=(("year", "2023-24"),)),
        needs="nhs_tt_proms",
    ),
    Case(
        "insteval",
        "73,421 rows, 3 crossed factors, 4,114 effects: the classic large crossed case",
        partial(
            _data,
            "inst_eval",
            formula="rating ~ service + (1 | client) + (1 | therapist) + (1 | setting)",
            priors=_wide("sd_client", "sd_therapist", "sd_setting", "noise", scale=1.0),
        ),
        needs="inst_eval",
    ),
    Case(
        "nhs-records",
        "simulated NHS records, 5,000 referrals read from their tables: courses finished, therapists in providers",
        partial(_records, 5_000),
    ),
    _crossed(1_000, "20 therapists: few levels, variance parameters near zero", quick=True),
    _crossed(10_000, "150 therapists in 10 services: a middling service"),
    _crossed(100_000, "1,000 therapists in 50 services: a region"),
    _crossed(1_000_000, "10,000 therapists in 200 services: a nation's year"),
    _crossed(10_000_000, "the same with ten years of rows; the statistics no longer grow"),
    Case(
        "zero-variance",
        "therapists do not differ at all: an SD at its boundary",
        partial(worlds.crossed, 2_000, DATA_SEED, therapist_sd=0.0),
    ),
    Case(
        "singletons",
        "log-normal caseloads: most therapists with one or two courses, a few with hundreds",
        partial(worlds.lognormal_caseloads, DATA_SEED),
    ),
    Case(
        "near-disconnected",
        "two networks joined by three courses: effects that only priors hold apart",
        partial(worlds.nearly_disconnected, DATA_SEED),
    ),
    Case(
        "strong-correlation",
        "starting points and slopes correlated -0.9, six visits or fewer",
        partial(worlds.strong_correlation, DATA_SEED),
    ),
    Case(
        "crossed-binomial-1e3",
        "recovered or not, 1,000 courses: for engines that fit yes and no",
        partial(worlds.crossed, 1_000, DATA_SEED, counted=True),
    ),
    Case(
        "crossed-binomial-1e4",
        "recovered or not, 10,000 courses",
        partial(worlds.crossed, 10_000, DATA_SEED, counted=True),
    ),
)


CASES = Registered(group=GROUP, kind=Case, noun="case", built_in=BUILT_IN)


def available_cases(points: Iterable[EntryPoint] | None = None) -> tuple[str, ...]:
    """Names of the built-in and the registered cases, without importing the latter."""
    return CASES.names(points)


def load_case(name: str, points: Iterable[EntryPoint] | None = None) -> Case:
    """A case by name.

    Raises
    ------
    PluginError
        For a name there is none of, or a registered case that cannot be loaded.
    """
    return CASES.load(name, points)


def reference_of(name: str, points: Iterable[EntryPoint] | None = None) -> Reference | None:
    """The reference posterior of a case: its own file, or that kept with the package; None where there is none.

    Raises
    ------
    FileError
        If the file that a registered case names is absent or of another format.
    """
    try:
        file = load_case(name, points).reference
    except PluginError:  # results may outlive the package that registered a case
        return None
    return Reference.load(file) if file else load_reference(name)
