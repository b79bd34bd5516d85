"""``import outcomemodels`` is quick and brings neither PyMC nor matplotlib."""

from __future__ import annotations

import subprocess
import sys

CEILING = 0.5
HEAVY = ("pymc", "pytensor", "matplotlib", "arviz", "nutpie", "numba", "pandas", "scipy.stats")


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.strip()


def test_import_stays_light() -> None:
    code = f"import sys, outcomemodels; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert run(code) == "[]"


def test_import_stays_quick() -> None:
    code = "import time; t = time.perf_counter(); import outcomemodels; print(time.perf_counter() - t)"
    assert min(float(run(code)) for _ in range(3)) < CEILING


def test_listing_models_imports_none() -> None:
    code = (
        "import sys; from outcomemodels.registry import available; "
        "names = [e.name for e in available()]; "
        "print('paul' in names, 'outcomemodels.models.paul' in sys.modules, 'pymc' in sys.modules)"
    )
    assert run(code) == "True False False"
