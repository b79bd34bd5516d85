"""One run of one entrant: a process with a time limit, its peak memory, and what it wrote."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from outcomemodels.benchmarking.entrants import SCRIPTS
from outcomemodels.benchmarking.environments import Ready
from outcomemodels.benchmarking.problem import Problem

Status = Literal["done", "not finished", "cannot", "stopped", "missing"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an entrant is asked for; point estimators use none of it."""

    seed: int
    draws: int = 500
    tune: int = 500
    chains: int = 2
    cores: int = 2
    target_accept: float = 0.9
    option: str = ""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one process did.

    Parameters
    ----------
    status : {"done", "not finished", "cannot", "stopped", "missing"}
    why : str
        Why there is no result.
    seconds : mapping
        ``compile``, ``sample`` and ``post`` as the entrant measured them; ``process`` from start to end.
    memory : float
        Peak resident memory of the largest of its processes, MB.
    draws : mapping of quantity to array, dims (chain, draw)
    estimates, ess : mapping of str to float
    moments : mapping of quantity to (mean, sd, error of the mean, error of the sd)
    load : float
        Load of the machine at the start, one-minute average.
    """

    status: Status
    why: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    memory: float = float("nan")
    draws: Mapping[str, NDArray[np.float64]] = field(default_factory=dict, repr=False)
    estimates: Mapping[str, float] = field(default_factory=dict)
    ess: Mapping[str, float] = field(default_factory=dict)
    moments: Mapping[str, tuple[float, float, float, float]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    load: float = float("nan")


def write_problem(problem: Problem, folder: Path) -> None:
    """Write a problem for any language: the two files, and a table with words for those that read no npz."""
    if (folder / "complete").is_file():
        return
    shutil.rmtree(folder, ignore_errors=True)
    problem.save(folder)
    s = problem.structure
    words = json.loads((folder / "problem.json").read_text(encoding="utf-8"))
    means = " ".join(str(p.values[0]) for p in s.column_priors)
    sds = " ".join(str(p.values[-1]) for p in s.column_priors)
    lines = [f"formula={words['formula']}", f"family={s.family}", f"kind={words['kind']}", f"means={means}"]
    (folder / "words.txt").write_text("\n".join([*lines, f"sds={sds}"]) + "\n", encoding="utf-8")
    rows: list[tuple[str, str]] = [(f"x{i}", f"beta[{c}]") for i, c in enumerate(s.columns)]
    for k, block in enumerate(s.blocks):
        for a, column in enumerate(block.columns):
            name = f"sd[{block.id},{column}]" if len(block.columns) > 1 else f"sd[{block.id}]"
            rows.append((f"g{k}|z{k}_{a}", name))
            if block.correlation is None and bool((block.values[:, a] == 1).all()):
                rows.append((f"g{k}|(Intercept)", name))
    rows.append(("noise", "noise"))
    with (folder / "names.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("key", "quantity"), *rows])
    _write_frame(problem, folder / "frame.csv")
    (folder / "complete").write_text("", encoding="utf-8")


def _write_frame(problem: Problem, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.csv as pacsv

    s = problem.structure
    assert s.response is not None
    columns: dict[str, NDArray[Any]] = {"y": s.response.y}
    columns |= {f"x{i}": s.X[:, i] for i in range(s.X.shape[1])}
    for k, block in enumerate(s.blocks):
        columns |= {f"z{k}_{a}": block.values[:, a] for a in range(len(block.columns))}
        columns[f"g{k}"] = block.codes
    pacsv.write_csv(pa.table(columns), path)


def execute(ready: Ready, folder: Path, settings: Settings, limit: float) -> Run:
    """Run an entrant on a problem that was written, for ``limit`` seconds at most.

    A run that is cut off is *not finished*: nothing is said about how much longer it would have taken.
    """
    if ready.missing:
        return Run(status="missing", why=ready.missing)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        out = Path(temporary)
        environment = {
            **os.environ,
            "PYTHONPATH": str(SCRIPTS),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONWARNINGS": "ignore",
        }
        words = [*ready.command, str(folder), str(out), json.dumps(asdict(settings))]
        begin = monotonic()
        with (out / "log").open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log, env=environment, start_new_session=True)
            code, memory = _wait(process, begin + limit)
        elapsed = monotonic() - begin
        if code is None:
            return Run(
                status="not finished", why=f"not finished in {limit:.0f} s", memory=memory, load=load,
                seconds={"process": elapsed},
            )  # fmt: skip
        if not (out / "result.json").is_file():
            return Run(status="stopped", why=_last_words(out / "log"), seconds={"process": elapsed}, load=load)
        return _result(out, elapsed, memory, load)


def _wait(process: subprocess.Popen[bytes], until: float) -> tuple[int | None, float]:
    """Exit code (None when cut off) and peak memory in MB; the whole group is ended when time is up."""
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage.ru_maxrss / 1024
        if monotonic() > until:
            os.killpg(process.pid, signal.SIGKILL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            return None, usage.ru_maxrss / 1024
        sleep(0.02)


def _result(out: Path, elapsed: float, memory: float, load: float) -> Run:
    raw = json.loads((out / "result.json").read_text(encoding="utf-8"))
    if "cannot" in raw:
        return Run(status="cannot", why=raw["cannot"], load=load)
    draws: dict[str, NDArray[np.float64]] = {}
    if (out / "draws.npz").is_file():
        with np.load(out / "draws.npz") as arrays:
            draws = {name: np.asarray(arrays[name], dtype=float) for name in arrays.files}
    elif (out / "draws.txt").is_file():
        for i, name in enumerate((out / "draws.txt").read_text(encoding="utf-8").splitlines(), start=1):
            draws[name] = np.loadtxt(out / f"{i}.draws.csv", delimiter=",", ndmin=2).T
    return Run(
        status="done",
        seconds={**raw["seconds"], "process": elapsed},
        memory=memory,
        draws=draws,
        estimates=raw["estimates"],
        ess=raw["ess"],
        moments={name: (m[0], m[1], m[2], m[3]) for name, m in raw["moments"].items()},
        versions=raw["versions"],
        note=raw["note"],
        load=load,
    )


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line or "error" in line]
    return (telling or lines or ["it wrote nothing"])[-1][:200]
