"""Files of JSON lines, to which each result is added as it ends; what is not finite, which JSON lacks, is null."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from outcomemodels.errors import FileError


def finite_or_null(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Factory of dicts for :func:`dataclasses.asdict`."""
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in pairs}


def read_lines[T](path: Path, make: Callable[[str], T]) -> list[T]:
    """What the lines of a file hold, nothing where there is no file; a last line cut off by a kill is dropped.

    Raises
    ------
    FileError
        For any other line that cannot be read: it may be of another version, and is not to be lost.
    """
    found: list[T] = []
    if not path.is_file():
        return found
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    for number, line in enumerate(lines, start=1):
        try:
            found.append(make(line))
        except (ValueError, TypeError, KeyError) as error:
            if number == len(lines) and not line.endswith("\n"):
                break
            raise FileError(
                f"line {number} of {path.name} is not one of these results: {line.strip()[:60]}",
                accepted="a line of JSON as this version writes it",
                mend="take the line out, or write into another folder with --out",
            ) from error
    return found


def add_line(path: Path, line: str) -> None:
    """Add a line, making the folder where it is not there; what a kill left of a last line is taken off first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        file.seek(0)
        whole = file.read()
        end = whole.rfind(b"\n") + 1
        try:
            between = "\n" if end < len(whole) and json.loads(whole[end:]) else ""
        except ValueError:
            file.truncate(end)
            between = ""
        file.write((between + line + "\n").encode())
