"""Write the module table of ARCHITECTURE.md from the first line of each module.

Run ``python docs/architecture_table.py`` after adding a module; a test fails until then.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "outcomemodels"
BEGIN, END = "<!-- modules -->", "<!-- end of modules -->"


def rows() -> list[str]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        if path.name == "__init__.py" and path.parent != SOURCE:
            continue
        line = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0]
        first = re.sub(r"\s+", " ", line).strip().replace("|", "\\|")
        found.append(f"| `{path.relative_to(SOURCE)}` | {first} |")
    return found


def main() -> None:
    path = ROOT / "ARCHITECTURE.md"
    text = path.read_text()
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    table = "\n".join(["", "| module | what it is |", "|---|---|", *rows(), ""])
    path.write_text(head + BEGIN + table + END + tail)


if __name__ == "__main__":
    main()
