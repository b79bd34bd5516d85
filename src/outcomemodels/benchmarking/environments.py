"""An environment for each set of requirements, made once in the user's cache folder, so that pins never fight."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from outcomemodels.benchmarking.entrants import Entrant

INSTALL_SECONDS = 600


@dataclass(frozen=True)
class Ready:
    """How to start an entrant: the words before its arguments, or why it cannot be started."""

    command: tuple[str, ...]
    missing: str = ""


def cache_folder() -> Path:
    """Where environments, problems and draws are kept; ``OUTCOMEMODELS_BENCH`` names another."""
    named = os.environ.get("OUTCOMEMODELS_BENCH")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "outcomemodels" / "bench"


def prepare(entrant: Entrant, cache: Path) -> Ready:
    """Make the environment of an entrant if it is not there, and say how to start it."""
    if not entrant.script.is_file():
        return Ready((), f"its script {entrant.script.name} is not there")
    if entrant.language == "r":
        return _r(entrant)
    if entrant.here:
        return Ready((sys.executable, str(entrant.script)))
    digest = hashlib.sha256("\n".join((sys.version, *sorted(entrant.requirements))).encode()).hexdigest()[:12]
    folder = cache / "environments" / digest
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "complete").is_file():
        trouble = _install(folder, python, entrant.requirements)
        if trouble:
            return Ready((), trouble)
        (folder / "complete").write_text("\n".join(entrant.requirements), encoding="utf-8")
    return Ready((str(python), str(entrant.script)))


def _install(folder: Path, python: Path, requirements: tuple[str, ...]) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    uv = [shutil.which("uv") or ""] if shutil.which("uv") else [sys.executable, "-m", "uv"]
    has_uv = subprocess.run([*uv, "--version"], capture_output=True, check=False).returncode == 0
    if not has_uv and sys.prefix != sys.base_prefix:  # an environment without uv may have been made by one beside it
        outer = [str(Path(sys.base_prefix) / "bin" / "python3"), "-m", "uv"]
        has_uv = subprocess.run([*outer, "--version"], capture_output=True, check=False).returncode == 0
        uv = outer
    wanted = ["numpy>=2.2", *requirements]
    if has_uv:
        steps = [
            [*uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
            [*uv, "pip", "install", "--quiet", "--python", str(python), *wanted],
        ]
    else:
        steps = [[sys.executable, "-m", "venv", str(folder)], [str(python), "-m", "pip", "install", "-q", *wanted]]
    for step in steps:
        try:
            done = subprocess.run(step, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"its environment could not be made: {type(error).__name__}"
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            return f"its environment could not be made: {' '.join(last)[:200]}"
    return ""


def _r(entrant: Entrant) -> Ready:
    """R packages are not installed for the user: they are looked for, and reported when absent."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return Ready((), "R is not installed")
    check = "; ".join(f"if (!requireNamespace('{p}', quietly = TRUE)) quit(status = 1)" for p in entrant.requirements)
    if subprocess.run([rscript, "-e", check], capture_output=True, check=False).returncode:
        return Ready((), f"the R packages {', '.join(entrant.requirements)} are not installed")
    helper = Path(__file__).parent / "scripts" / "bench_io.R"
    return Ready((rscript, "-e", f"source('{helper}'); source('{entrant.script}')"))
