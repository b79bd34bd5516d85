"""Run the benchmark scripts, all or those whose path contains a word: ``python -m benchmarks [WORD …]``."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent


def main(words: list[str]) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("outcomemodels", "numpy", "scipy", "numba"))
    print(f"{platform.platform()}, Python {platform.python_version()}, {packages}")
    for script in sorted(p for p in HERE.glob("*/*.py") if not p.name.startswith(("test_", "worlds"))):
        name = str(script.relative_to(HERE))
        if not words or any(word in name for word in words):
            print(f"\n== {name}", flush=True)
            done = subprocess.run([sys.executable, str(script)], check=False)  # as a person would start it
            if done.returncode:
                print(f"{name} stopped with exit code {done.returncode}")


if __name__ == "__main__":
    main(sys.argv[1:])
