"""The order of a benchmark run: core, peer, core, peer … in rounds, resumable, under a budget of time.

Every peer is run between two runs of the core, so that a busy minute meets both. A round takes every case and entrant
once; a repeat has a seed of its own. What a results file holds is not run again: a command that names more entrants
runs those, between new runs of the core. An entrant that cannot express a case, stopped, or is not there is asked
once in a command; one that was cut off is asked again only when it is given more time.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from outcomemodels.benchmarking.cases import Case
from outcomemodels.benchmarking.entrants import CORE, Entrant
from outcomemodels.benchmarking.environments import Ready, prepare
from outcomemodels.benchmarking.execute import Run, Settings, execute, write_problem
from outcomemodels.benchmarking.lines import add_line, read_lines
from outcomemodels.benchmarking.machine import machine
from outcomemodels.benchmarking.measure import Measured, measure
from outcomemodels.errors import OutcomeModelsError

SEEDS = (90_001, 90_002, 90_003, 90_004, 90_005, 90_006, 90_007, 90_008, 90_009)
"""Seeds of the repeats; not used while the engines were made."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be run.

    Parameters
    ----------
    cases : sequence of Case
    entrants : sequence of Entrant
        The core among them, or it is left out.
    repeats : int
    limit : float
        Seconds one run may take, compilation included; then it is *not finished*.
    total : float
        Seconds after which nothing new is started.
    draws, tune, chains : int
        For samplers.
    """

    cases: Sequence[Case]
    entrants: Sequence[Entrant]
    repeats: int = 3
    limit: float = 300.0
    total: float = 3600.0
    draws: int = 500
    tune: int = 500
    chains: int = 2


@dataclass(frozen=True)
class Record:
    """One line of the results: which run, and what came of it.

    ``position`` numbers the runs of a case in one round; runs side by side have positions that follow each other.
    """

    case: str
    entrant: str
    repeat: int
    position: int
    at: str
    measured: Measured
    machine: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """One line of JSON."""
        return json.dumps({**self.__dict__, "measured": self.measured.to_dict()})

    @classmethod
    def from_line(cls, line: str) -> Record:
        """Inverse of :meth:`line`."""
        raw: dict[str, Any] = json.loads(line)
        return cls(**{**raw, "measured": Measured.from_dict(raw["measured"])})


def read_records(path: Path) -> list[Record]:
    """Records of a results file."""
    return read_lines(path, Record.from_line)


def forget(results: Path, cache: Path, cases: Sequence[str], entrants: Sequence[str]) -> None:
    """Take some entrants' runs of some cases out of a results file, and the cases' data out of the cache.

    Runs of the core go with the last peer they stood beside. The file is never left half-written.
    """
    kept = [r for r in read_records(results) if r.case not in cases or r.entrant == CORE or r.entrant not in entrants]
    beside = {r.case for r in kept if r.entrant != CORE}
    kept = [r for r in kept if r.case not in cases or r.case in beside]
    if results.is_file():
        other = results.with_suffix(".new")
        other.write_text("".join(r.line() + "\n" for r in kept), encoding="utf-8")
        other.replace(results)
    for case in cases:
        shutil.rmtree(cache / "problems" / case, ignore_errors=True)


def to_run(plan: Plan, case: str, repeat: int, records: Sequence[Record]) -> list[tuple[Entrant, int]]:
    """What a round still lacks at one case, with positions: the core before every peer and after the last.

    A peer that the core did not follow yet, since the run was stopped there, is followed by it first.
    """
    here = sorted((r for r in records if r.case == case and r.repeat == repeat), key=lambda r: r.position)
    over = _over(records, plan.limit)
    core = [e for e in plan.entrants if e.name == CORE and (case, e.name) not in over]
    ran = {r.entrant for r in here if not _short(r, plan.limit)}
    peers = [e for e in plan.entrants if e.name not in {CORE, *ran} and (case, e.name) not in over]
    unfollowed = bool(here) and here[-1].entrant != CORE and here[-1].measured.status == "done"
    alone = CORE not in ran or unfollowed
    order = [e for peer in peers for e in (*core, peer)] + (core if peers or alone else [])
    first = 0 if not here else here[-1].position + (1 if unfollowed else 2)
    return [(entrant, first + i) for i, entrant in enumerate(order)]


def _short(record: Record, limit: float) -> bool:
    """Whether a run was cut off after less time than there is now."""
    return record.measured.status == "not finished" and record.measured.seconds.get("process", math.inf) < limit - 1


def _over(records: Sequence[Record], limit: float) -> set[tuple[str, str]]:
    """Cases and entrants that gave nothing once, and are not asked again."""
    return {(r.case, r.entrant) for r in records if r.measured.status != "done" and not _short(r, limit)}


def run_plan(plan: Plan, results: Path, cache: Path, say: Callable[[str], None]) -> list[Record]:
    """Run what is not in the results file yet, adding a line for each run as it ends.

    Parameters
    ----------
    plan : Plan
    results : path
        A file of JSON lines; what it holds already is not run again.
    cache : path
    say : callable
        Told what is being done.
    """
    records = [
        r for r in read_records(results) if r.measured.status in ("done", "not finished")
    ]  # others may be mended
    ready: dict[str, Ready] = {}
    problems: dict[str, Path | str] = {}
    begin = monotonic()
    for repeat, case in ((repeat, case) for repeat in range(plan.repeats) for case in plan.cases):
        for entrant, position in to_run(plan, case.name, repeat, records):
            if (case.name, entrant.name) in _over(records, plan.limit):
                continue
            left = plan.total - (monotonic() - begin)
            if left <= 0:
                say(f"the time in all ({plan.total:.0f} s) is used up; the same command goes on from here")
                return records
            if entrant.name not in ready:
                say(f"environment of {entrant.name}")
                ready[entrant.name] = prepare(entrant, cache)
            folder = _problem(case, cache, problems, say)
            settings = Settings(
                seed=SEEDS[repeat % len(SEEDS)] + 1000 * position,
                draws=plan.draws,
                tune=plan.tune,
                chains=plan.chains,
                option=entrant.option,
            )
            if isinstance(folder, str):
                run = Run(status="missing", why=folder)
            else:
                run = execute(ready[entrant.name], folder, settings, min(plan.limit, max(left, 1.0)))
                if run.status == "not finished" and left < plan.limit:  # cut off by the end of all time, not by its own
                    say(f"the time in all ({plan.total:.0f} s) is used up; the same command goes on from here")
                    return records
            record = Record(
                case.name,
                entrant.name,
                repeat,
                position,
                datetime.now(UTC).isoformat(timespec="seconds"),
                measure(run, folder if isinstance(folder, Path) else None, kind=entrant.kind),
                machine(),
                asdict(settings),
            )
            records.append(record)
            add_line(results, record.line())
            say(f"round {repeat + 1} {case.name} {entrant.name}: {record.measured.sentence()}")
    return records


def _problem(case: Case, cache: Path, problems: dict[str, Path | str], say: Callable[[str], None]) -> Path | str:
    """Folder of the written problem, or why there is none."""
    if case.name not in problems:
        folder = cache / "problems" / case.name
        try:
            if not (folder / "complete").is_file():
                say(f"data of {case.name}")
                write_problem(case.problem(), folder)
            problems[case.name] = folder
        except OutcomeModelsError as error:
            problems[case.name] = error.found
    return problems[case.name]
