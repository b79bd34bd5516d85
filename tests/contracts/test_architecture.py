"""ARCHITECTURE.md is true: every module has its row, and every row its module."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "outcomemodels"


def modules() -> set[str]:
    found = set()
    for path in SOURCE.rglob("*.py"):
        if path.name == "__init__.py" and path.parent != SOURCE:
            continue
        found.add(str(path.relative_to(SOURCE)))
    return found


def test_module_table_is_true() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rows = set(re.findall(r"^\| `([\w/]+\.py)` \|", text, flags=re.M))
    assert rows - modules() == set(), "rows without a module"
    assert modules() - rows == set(), "modules without a row"
