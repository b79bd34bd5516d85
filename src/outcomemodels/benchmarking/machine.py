"""The machine that results are of, in words and without its name."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("outcomemodels", "numpy", "scipy", "numba")


@cache
def machine() -> str:
    """Cores, processor, system, Python, and versions of the packages that the core's speed rests on."""
    processor = _processor() or platform.machine()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{os.cpu_count() or 1} cores, {processor}, {platform.system()}, Python {platform.python_version()}, {packages}"
    )


def _processor() -> str:
    """Name of the processor, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
