"""Write the tables of docs/reference/checks.md: every check, and what each was seen to catch.

Run ``python docs/checks_table.py`` after adding a check or a wrong model; a test fails until then.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "checks.md"


def tables() -> dict[str, list[str]]:
    sys.path.insert(0, str(ROOT / "tests"))
    from outcomemodels.testing import CHECKS
    from testing.wrong_plugins import catalogue as wrong

    checks: list[str] = []
    for tier in dict.fromkeys(c.tier for c in CHECKS):
        checks += ["", f"## {tier.capitalize()}", ""]
        for c in CHECKS:
            if c.tier == tier:
                checks += [f"`{c.name}`", f": {c.says.replace('``', '`')}", ""]
    caught = ["| mistake | caught by |", "|---|---|"]
    for kind, check in (*wrong.CATCHES, *wrong.BY_FITTING, *wrong.ALSO_BY_FITTING):
        mistake = re.sub(r"\s+", " ", (kind.__doc__ or "").split("\n")[0]).replace("``", "`")
        caught.append(f"| {mistake} (`{kind.__name__}`) | `{check}` |")
    return {"checks": checks, "wrong": caught}


def page(text: str) -> str:
    for name, rows in tables().items():
        head, rest = text.split(f"<!-- {name} -->")
        tail = rest.split(f"<!-- end of {name} -->")[1]
        text = head + f"<!-- {name} -->\n" + "\n".join(rows) + f"\n<!-- end of {name} -->" + tail
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
