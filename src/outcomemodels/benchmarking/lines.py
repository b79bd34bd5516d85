"""Files of JSON lines, to which each result is added as it ends; what is not finite, which JSON lacks, is null."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def finite_or_null(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Factory of dicts for :func:`dataclasses.asdict`."""
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in pairs}


def read_lines[T](path: Path, make: Callable[[str], T]) -> list[T]:
    """What the lines of a file hold, nothing where there is no file; a last line cut off by a kill is dropped."""
    found = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                found.append(make(line))
            except (ValueError, TypeError, KeyError):
                continue
    return found


def add_line(path: Path, line: str) -> None:
    """Add a line, making the folder where it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
