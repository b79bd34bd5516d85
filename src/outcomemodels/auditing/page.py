"""The audit as one self-contained HTML page: no scripts, no request to anywhere, no fit needed."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from outcomemodels.auditing.show import html_of
from outcomemodels.auditing.show_verdict import html_of_verdict
from outcomemodels.errors import FileError

if TYPE_CHECKING:
    from outcomemodels.auditing.report import AuditReport
    from outcomemodels.auditing.verdict import QuestionVerdict
    from outcomemodels.outcomes.suppression import Disclosure

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#1d2a35;max-width:76rem;margin:2rem auto;padding:0 1.2rem}
table{border-collapse:collapse;margin:1rem 0;font-size:.88rem;width:100%}
caption{text-align:left;font-weight:600;padding:.3rem 0}
th,td{border-bottom:1px solid #dfe4e8;padding:.35rem .6rem .35rem 0;text-align:left;vertical-align:top}
figure{margin:1.5rem 0}figcaption,.note{color:#55626e;font-size:.88rem}summary{cursor:pointer;font-weight:600}
li.block strong{color:#8c1d18}.verdict{border-left:4px solid #0b5d69;padding-left:1rem;margin:1.5rem 0}
"""


def page_of(
    report: AuditReport,
    *,
    verdicts: Sequence[QuestionVerdict] = (),
    outcome: str = "",
    disclosure: Disclosure | None = None,
) -> str:
    """The page as text: the five columns first, then the lattice, verdicts, findings and every number."""
    plain = report.full_dict(outcome=outcome)
    judged = [v.to_dict() for v in verdicts]
    if disclosure is not None:
        plain = {**disclosure.plain(plain), "suppression": disclosure.note}
        judged = [disclosure.plain(v) for v in judged]
    title = html.escape(f"Audit of {report.title or report.name}")
    questions = "".join(html_of_verdict(v) for v in judged)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style></head><body><h1>{title}</h1>"
        f"{'<h2>The question</h2>' + questions if questions else ''}<h2>The data</h2>{html_of(plain)}</body></html>"
    )


def write_page(
    report: AuditReport,
    path: str | Path,
    *,
    verdicts: Sequence[QuestionVerdict] = (),
    outcome: str = "",
    disclosure: Disclosure | None = None,
) -> Path:
    """Write :func:`page_of` to a file.

    Raises
    ------
    FileError
        If the path does not end in ``.html`` or its folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise FileError(f"cannot write {path.name!r}", accepted="a path ending in .html")
    if not path.parent.is_dir():
        raise FileError(f"no folder {str(path.parent)!r}", mend="make the folder first")
    path.write_text(page_of(report, verdicts=verdicts, outcome=outcome, disclosure=disclosure), encoding="utf-8")
    return path
